/* Arm MPS2 with a Cortex-M4 (QEMU: mps2-an386): plays the record compiled in, at its rate. SysTick
   is the data-ready line. */
#include "../../player.h"
#include "../../edge_stream.h"
#include "board.h"
#include "record.h"

#define PERIOD ((CLOCK_HZ * 1000ull + RECORD_MILLIHERTZ / 2) / RECORD_MILLIHERTZ)
#define TICKS_A_US (CLOCK_HZ / 1000000u)

static edge_stream stream;

void systick_handler(void);

void systick_handler(void)
{
    static uint32_t time_us, ticks;
    edge_stream_data_ready(&stream, time_us);
    ticks += PERIOD;
    time_us += ticks / TICKS_A_US;
    ticks %= TICKS_A_US;
}

int main(void)
{
    static player record = {&record_nv[0][0], RECORD_SAMPLES, 0, RECORD_LEADS, {0}};
    edge_front_end front_end = player_front_end(&record, RECORD_MILLIHERTZ, record_names);
    if (!edge_stream_start(&stream, &front_end, uart_write, 0)) {
        return 1;
    }
    SYST_RVR = PERIOD - 1;
    SYST_CVR = 0;
    SYST_CSR = SYST_ON | SYST_INTERRUPT;
    for (;;) {
        while (edge_stream_poll(&stream)) {
        }
        __asm__ volatile("wfi");
    }
}
