#include "check.h"

static uint32_t passed, failed;

void print_number(uint32_t number)
{
    char digits[11];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    print(&digits[at]);
}

void check(bool holds, const char *file, int line, const char *text)
{
    if (holds) {
        passed++;
        return;
    }
    failed++;
    print(file);
    print(":");
    print_number((uint32_t)line);
    print(": ");
    print(text);
    print("\n");
}

void wire_write(void *context, const uint8_t *bytes, size_t n)
{
    wire *to = context;
    CHECK(n >= 1 && n <= 255);
    for (size_t i = 0; i < n && to->n < WIRE_ROOM; i++) {
        to->bytes[to->n++] = bytes[i];
    }
}

bool wire_is(const wire *got, const uint8_t *bytes, size_t n)
{
    bool same = got->n == n;
    for (size_t i = 0; same && i < n; i++) {
        same = got->bytes[i] == bytes[i];
    }
    return same;
}

/* Bit by bit, as the document defines it: another way than the encoder's. */
static uint16_t crc_of(const uint8_t *bytes, size_t n)
{
    uint32_t crc = 0xFFFF;
    for (size_t i = 0; i < 8 * n; i++) {
        uint32_t bit = (uint32_t)(bytes[i / 8] >> (7 - i % 8)) & 1;
        bool out = (crc >> 15 & 1) != bit;
        crc = (crc << 1 ^ (out ? 0x1021 : 0)) & 0xFFFF;
    }
    return (uint16_t)crc;
}

bool wire_frame(const wire *got, size_t *at, frame *out)
{
    size_t left = 0; /* bytes until the next code byte */
    bool zero = false;
    out->n = 0;
    while (*at < got->n && got->bytes[*at] == 0) {
        (*at)++;
    }
    for (; *at < got->n && got->bytes[*at] != 0; (*at)++) {
        uint8_t byte = got->bytes[*at];
        if (left > 0) {
            out->body[out->n++] = byte;
            left--;
        } else {
            if (zero) {
                out->body[out->n++] = 0;
            }
            left = byte - 1u;
            zero = byte != 255;
        }
        if (out->n + 1 >= sizeof out->body) {
            return false;
        }
    }
    if (out->n < 3 || left != 0) {
        return false;
    }
    out->n -= 2;
    return crc_of(out->body, out->n) == (out->body[out->n] << 8 | out->body[out->n + 1]);
}

uint32_t u32_at(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

bool all_passed(void)
{
    print_number(passed);
    print(" checks passed, ");
    print_number(failed);
    print(" failed\n");
    return failed == 0;
}
