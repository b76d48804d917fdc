#include "../../tests/check.h"
#include "board.h"

void print(const char *text)
{
    for (; *text; text++) {
        uart_write(0, (const uint8_t *)text, 1);
    }
}
