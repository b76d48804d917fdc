/* As much of Arduino as the examples use, to compile and run them on this machine: what is written
   to Serial goes to standard output, and each look at the clock takes 100 us. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <cstddef>
#include <cstdint>
#include <cstdio>

enum { LOW, HIGH, INPUT, OUTPUT, FALLING, A0 };

struct SerialPort {
    void begin(long) {}
    size_t write(const uint8_t *bytes, size_t n) { return fwrite(bytes, 1, n, stdout); }
};

extern SerialPort Serial;
extern uint32_t now_us;

inline uint32_t micros() { return now_us += 100; }
inline void delay(unsigned long ms) { now_us += 1000 * (uint32_t)ms; }
inline void delayMicroseconds(unsigned int us) { now_us += us; }
inline int analogRead(uint8_t) { return (int)(now_us / 4000 % 1024); } /* a saw tooth */
inline int digitalRead(uint8_t) { return now_us / 1000000 == 3; }      /* off in the fourth second */
inline void digitalWrite(uint8_t, uint8_t) {}
inline void pinMode(uint8_t, uint8_t) {}
inline int digitalPinToInterrupt(int pin) { return pin; }
inline void attachInterrupt(int, void (*)(), int) {}

void setup();
void loop();

#endif
