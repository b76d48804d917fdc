#include <stdio.h>

#include "../../tests/play.h"

static void write_out(void *context, const uint8_t *bytes, size_t n)
{
    (void)fwrite(bytes, 1, n, context);
}

int main(void)
{
    return !(play(write_out, stdout) && fflush(stdout) == 0);
}
