/* The tests' own words; `print` comes from the machine that they run on. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECK(holds) check((holds), __FILE__, __LINE__, #holds)

void check(bool holds, const char *file, int line, const char *text);
bool all_passed(void); /* prints how many did */
void print(const char *text);
void print_number(uint32_t number);

/* What an encoder wrote, in one piece. */
enum { WIRE_ROOM = 20000 };
typedef struct {
    uint8_t bytes[WIRE_ROOM];
    size_t n;
} wire;
void wire_write(void *context, const uint8_t *bytes, size_t n);
bool wire_is(const wire *got, const uint8_t *bytes, size_t n);

/* Each frame on the wire as its body, the CRC checked; false where there is none, or a wrong one. */
typedef struct {
    uint8_t body[512];
    size_t n;
} frame;
bool wire_frame(const wire *got, size_t *at, frame *out);
uint32_t u32_at(const uint8_t *bytes);

void test_frame(void);
void test_ring(void);
void test_stream(void);
void test_ads1292r(void);

#endif
