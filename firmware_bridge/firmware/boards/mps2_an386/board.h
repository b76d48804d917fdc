/* What the programs for this board share. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_HZ 25000000u /* of the processor, its timer and the UART */

/* SysTick (Armv7-M architecture reference manual, B3.3): counts down, 24 bits. */
#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)
enum { SYST_ON = 5, SYST_INTERRUPT = 2 }; /* on, by the processor's clock */
#define SYST_MOST 0xFFFFFFu

void uart_write(void *context, const uint8_t *bytes, size_t n); /* waits for room; an edge_write */

int main(void);

#endif
