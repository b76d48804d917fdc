/* Vectors, memory, UART: all that stands between reset and main. */
#include "board.h"

/* CMSDK APB UART (Arm DDI 0479, 4.3). */
typedef struct {
    volatile uint32_t data, state, control, interrupt, divider;
} uart;
#define UART0 ((uart *)0x40004000u)
enum { UART_FULL = 1, UART_TX_ON = 1, BAUD = 115200 };

extern uint32_t stack_top[], data_load[], data_start[], data_end[], bss_start[], bss_end[];

void uart_write(void *context, const uint8_t *bytes, size_t n)
{
    (void)context;
    for (size_t i = 0; i < n; i++) {
        while (UART0->state & UART_FULL) {
        }
        UART0->data = bytes[i];
    }
}

/* The compiler may call these two even where there is no C library. */
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int value, size_t n);

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    while (n--) {
        *t++ = *f++;
    }
    return to;
}

void *memset(void *to, int value, size_t n)
{
    uint8_t *t = to;
    while (n--) {
        *t++ = (uint8_t)value;
    }
    return to;
}

static void stop(void)
{
    for (;;) {
    }
}

/* Semihosting's SYS_EXIT_EXTENDED, which ends QEMU; without a debugger it stops here all the same. */
static void leave(int code)
{
    const int32_t block[2] = {0x20026, code}; /* ADP_Stopped_ApplicationExit */
    register uint32_t operation __asm__("r0") = 0x20;
    register const int32_t *argument __asm__("r1") = block;
    __asm__ volatile("bkpt 0xAB" : "+r"(operation) : "r"(argument) : "memory");
    stop();
}

void reset_handler(void);
void systick_handler(void);

void reset_handler(void)
{
    const uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = bss_start; to < bss_end; to++) {
        *to = 0;
    }
    UART0->divider = CLOCK_HZ / BAUD;
    UART0->control = UART_TX_ON;
    leave(main());
}

__attribute__((weak)) void systick_handler(void)
{
}

typedef union {
    void *pointer;
    void (*handler)(void);
} vector;

__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    {.pointer = stack_top}, {.handler = reset_handler},
    {.handler = stop}, {.handler = stop}, {.handler = stop}, {.handler = stop}, {.handler = stop},
    {.handler = 0}, {.handler = 0}, {.handler = 0}, {.handler = 0},
    {.handler = stop}, {.handler = stop}, {.handler = 0}, {.handler = stop},
    {.handler = systick_handler},
};
