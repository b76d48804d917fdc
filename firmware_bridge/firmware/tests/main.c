#include "check.h"

int main(void)
{
    test_frame();
    test_ring();
    test_stream();
    test_ads1292r();
    return !all_passed();
}
