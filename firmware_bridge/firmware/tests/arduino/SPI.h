/* As much of Arduino's SPI as the example uses; nothing is connected. */
#ifndef ARDUINO_SPI_H
#define ARDUINO_SPI_H

#include "Arduino.h"

enum { MSBFIRST, SPI_MODE1 };

struct SPISettings {
    SPISettings(uint32_t, int, int) {}
};

struct SPIPort {
    void begin() {}
    void beginTransaction(const SPISettings &) {}
    void endTransaction() {}
    uint8_t transfer(uint8_t) { return 0; }
};

extern SPIPort SPI;

#endif
