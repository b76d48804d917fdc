/* What a frame costs: run under `qemu -icount shift=0`, where each instruction takes 1 ns. QEMU
   knows no cycles: on the chip most instructions take one, loads and taken branches more. */
#include "../../ads1292r.h"
#include "../../edge_frame.h"
#include "../../edge_stream.h"
#include "../../tests/check.h"
#include "board.h"

enum { FRAMES = 1000, SAMPLES = 12, NS_A_TICK = 40 };

static edge_encoder encoder;
static edge_stream stream;
static const char *const names[] = {"I", "II"};
static int32_t nanovolts[SAMPLES][2];
static uint32_t wire_bytes;

static void nowhere(void *context, const uint8_t *bytes, size_t n)
{
    (void)context;
    (void)bytes;
    wire_bytes += n;
}

static void hello(void)
{
    (void)edge_hello(&encoder, 360000, 2, names);
}

static void data(void)
{
    static const uint8_t status[2] = {EDGE_LEAD_ON, EDGE_LEAD_ON};
    edge_data_begin(&encoder, 123456, 789012345, SAMPLES, 2, status);
    for (int i = 0; i < SAMPLES; i++) {
        edge_data_sample(&encoder, 2, nanovolts[i]);
    }
    edge_data_end(&encoder);
}

/* The chip's answers to a driver that has configured it: electrodes on, two voltages. */
static void answer(void *context, const uint8_t *out, uint8_t *in, uint8_t n)
{
    static const uint8_t words[9] = {0xC0, 0, 0, 0x01, 0x23, 0x45, 0xFE, 0xDC, 0xBA};
    (void)context;
    (void)out;
    for (uint8_t i = 0; i < n; i++) {
        in[i] = words[i];
    }
}

static const ads1292r_bus bus = {answer, 0, 0};
static ads1292r chip = {&bus, ADS1292R_VREF_2V42, 500, {6, 12}};
static edge_front_end front_end;

static void interrupt(void)
{
    edge_stream_data_ready(&stream, 0);
    edge_ring_drop(&stream.ring, edge_ring_waiting(&stream.ring));
}

static void line(const char *what, uint32_t number, const char *unit)
{
    print(what);
    print(": ");
    print_number(number);
    print(unit);
}

/* The stack that `work` touches: what lies below is painted, and looked at afterwards. */
__attribute__((noinline)) static uint32_t stack_of(void (*work)(void))
{
    enum { PAINTED = 1024, PAINT = 0xA5 };
    volatile uint8_t *top = __builtin_frame_address(0);
    uint32_t untouched = 0;
    top -= 64; /* this function's own */
    for (uint32_t i = 1; i <= PAINTED; i++) {
        top[-(int32_t)i] = PAINT;
    }
    work();
    while (untouched < PAINTED && top[(int32_t)untouched - PAINTED] == PAINT) {
        untouched++;
    }
    return PAINTED - untouched + 64;
}

static void measure(const char *what, void (*work)(void))
{
    wire_bytes = 0;
    SYST_CVR = 0;
    for (int i = 0; i < FRAMES; i++) {
        work();
    }
    uint32_t ns = (SYST_MOST - SYST_CVR) * NS_A_TICK;
    line(what, (ns + FRAMES / 2) / FRAMES, " instructions");
    line(", on the wire", wire_bytes / FRAMES, " bytes");
    line(", stack at most", stack_of(work), " bytes\n");
}

int main(void)
{
    for (int i = 0; i < SAMPLES; i++) {
        nanovolts[i][0] = 1000003 * (i - 5);
        nanovolts[i][1] = -70001 * i;
    }
    edge_encoder_init(&encoder, nowhere, 0);
    front_end = ads1292r_front_end(&chip, names);
    stream.front_end = &front_end;
    SYST_RVR = SYST_MOST;
    SYST_CSR = SYST_ON;
    line("RAM of an encoder", sizeof encoder, " bytes\n");
    line("RAM of a stream, its encoder and ring included", sizeof stream, " bytes\n");
    measure("hello, 2 leads", hello);
    measure("data, 2 leads of 12 samples", data);
    measure("interrupt, ADS1292R, its bus not counted", interrupt);
    return 0;
}
