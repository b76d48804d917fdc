#include "../../tests/play.h"
#include "board.h"

int main(void)
{
    return !play(uart_write, 0);
}
