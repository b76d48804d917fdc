#!/bin/sh
# avr.sh SKETCH.ino BUILD ARDUINO: compiles and links a sketch for an Uno, with Arduino's own core.
set -eu
sketch=$1 build=$2 avr=$3/hardware/arduino/avr
here=$(dirname "$0")/..
mkdir -p "$build"
# DECIMAL_DIG: the core asks for a newer avr-gcc than Debian's.
flags="-mmcu=atmega328p -DF_CPU=16000000L -DARDUINO=10819 -DARDUINO_AVR_UNO -DARDUINO_ARCH_AVR
    -DDECIMAL_DIG=17 -Os -ffunction-sections -fdata-sections -I$avr/cores/arduino
    -I$avr/variants/standard -I$avr/libraries/SPI/src -I$here"
cpp="-std=gnu++11 -fpermissive -fno-exceptions -fno-threadsafe-statics"
for file in ads1292r edge_frame edge_stream player ring; do
    avr-gcc $flags -std=gnu11 -Wall -Wextra -Werror -c "$here/$file.c" -o "$build/$file.o"
done
avr-g++ $flags $cpp -Wall -Wextra -Werror -include Arduino.h -x c++ -c "$sketch" -o "$build/sketch.o"
for file in "$avr"/cores/arduino/*.c; do
    avr-gcc $flags -std=gnu11 -w -c "$file" -o "$build/$(basename "$file").o"
done
for file in "$avr"/cores/arduino/*.cpp "$avr"/libraries/SPI/src/*.cpp; do
    avr-g++ $flags $cpp -w -c "$file" -o "$build/$(basename "$file").o"
done
avr-gcc -mmcu=atmega328p -Os -Wl,--gc-sections "$build"/*.o -o "$build/sketch.elf" -lm
avr-size "$build/sketch.elf"
