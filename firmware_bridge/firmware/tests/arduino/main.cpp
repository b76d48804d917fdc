/* Ten seconds of a sketch. */
#include "SPI.h"

SerialPort Serial;
SPIPort SPI;
uint32_t now_us;

int main()
{
    setup();
    while (now_us < 10000000) {
        loop();
    }
}
