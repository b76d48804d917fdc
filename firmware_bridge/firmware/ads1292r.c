#include "ads1292r.h"

#include "edge_frame.h"

#if EDGE_LEADS < 2
#error "the ADS1292R has two channels: EDGE_LEADS must be 2 or more"
#endif

enum { RESET = 0x06, START = 0x08, RDATAC = 0x10, SDATAC = 0x11, RREG = 0x20, WREG = 0x40 };

enum { ID = 0x00, CONFIG1 = 0x01, LOFF_STAT = 0x08, RESP2 = 0x0A };
enum { SETTINGS = RESP2 - CONFIG1 + 1 }; /* all registers from CONFIG1 to RESP2 */
enum { ID_ADS1292R = 0x73, ID_ADS1292 = 0x53 };

enum { POWER_UP_US = 1000000, RESET_US = 100, REFERENCE_US = 150000 };

enum { CODE_MAX = 0x7FFFFF, CODE_MIN = -0x800000 };

static void command(const ads1292r *chip, uint8_t code)
{
    uint8_t answer;
    chip->bus->transfer(chip->bus->context, &code, &answer, 1);
    chip->bus->wait_us(chip->bus->context, 10); /* 4 cycles of the chip's 512 kHz */
}

/* Writes, or with `code` RREG reads, n registers; `values` holds what was there, or comes to. */
static void registers(const ads1292r *chip, uint8_t code, uint8_t first, uint8_t *values, uint8_t n)
{
    uint8_t out[2 + SETTINGS] = {0}, in[2 + SETTINGS];
    out[0] = (uint8_t)(code | first);
    out[1] = (uint8_t)(n - 1);
    for (uint8_t i = 0; i < n; i++) {
        out[2 + i] = code == WREG ? values[i] : 0;
    }
    chip->bus->transfer(chip->bus->context, out, in, (uint8_t)(2 + n));
    chip->bus->wait_us(chip->bus->context, 10);
    for (uint8_t i = 0; code == RREG && i < n; i++) {
        values[i] = in[2 + i];
    }
}

static bool reset(void *self)
{
    const ads1292r *chip = self;
    uint8_t id = 0;
    chip->bus->wait_us(chip->bus->context, POWER_UP_US);
    command(chip, SDATAC); /* a chip that streams would not hear the next command */
    command(chip, RESET);
    chip->bus->wait_us(chip->bus->context, RESET_US);
    command(chip, SDATAC); /* it streams after a reset */
    registers(chip, RREG, ID, &id, 1);
    return id == ID_ADS1292R || id == ID_ADS1292;
}

/* The three bits of a gain in CHnSET, or 8 where the chip has no such gain or the frame no room. */
static uint8_t gain_code(uint8_t gain)
{
    switch (gain) {
    case 6: return 0;
    case 2: return 2;
    case 3: return 3;
    case 4: return 4;
    case 8: return 5;
    case 12: return 6;
    default: return 8;
    }
}

static bool configure(void *self)
{
    const ads1292r *chip = self;
    uint8_t rate = 0;
    while (rate < 4 && (125u << rate) != chip->hertz) {
        rate++;
    }
    uint8_t gain1 = gain_code(chip->gain[0]), gain2 = gain_code(chip->gain[1]);
    bool vref_4v = chip->vref == ADS1292R_VREF_4V033;
    if (rate == 4 || gain1 == 8 || gain2 == 8 || !(vref_4v || chip->vref == ADS1292R_VREF_2V42)) {
        return false;
    }
    const uint8_t wanted[SETTINGS] = {
        rate,                            /* CONFIG1: continuous */
        (uint8_t)(vref_4v ? 0xF0 : 0xE0), /* CONFIG2: lead-off comparators and reference on */
        0x10,                            /* LOFF: 6 nA of direct current; off beyond 95 % and 5 % */
        (uint8_t)(gain1 << 4),           /* CH1SET: the electrodes */
        (uint8_t)(gain2 << 4),           /* CH2SET */
        0x2C,                            /* RLD_SENS: right leg driven from channel 2 */
        0x0F,                            /* LOFF_SENS: both electrodes of both channels */
        0x00,                            /* LOFF_STAT: read, not set */
        0x02,                            /* RESP1: no respiration */
        0x03,                            /* RESP2: the right leg's reference inside */
    };
    uint8_t values[SETTINGS];
    for (uint8_t i = 0; i < SETTINGS; i++) {
        values[i] = wanted[i];
    }
    registers(chip, WREG, CONFIG1, values, SETTINGS);
    chip->bus->wait_us(chip->bus->context, REFERENCE_US);
    registers(chip, RREG, CONFIG1, values, SETTINGS);
    for (uint8_t i = 0; i < SETTINGS; i++) {
        if (values[i] != wanted[i] && i != LOFF_STAT - CONFIG1) {
            return false;
        }
    }
    return true;
}

static bool start(void *self)
{
    command(self, START);
    command(self, RDATAC);
    return true;
}

int32_t ads1292r_nanovolts(int32_t code, uint32_t vref, uint8_t gain)
{
    /* At most 2^23 * 2^32: room enough. */
    int64_t full = (int64_t)gain * CODE_MAX;
    int64_t scaled = (int64_t)code * vref;
    return (int32_t)((scaled + (scaled < 0 ? -full : full) / 2) / full);
}

static int32_t sign_extended(const uint8_t *bytes)
{
    int32_t code = (int32_t)((uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2]);
    return code > CODE_MAX ? code - 0x1000000 : code;
}

static bool read(void *self, edge_sample *sample)
{
    const ads1292r *chip = self;
    const uint8_t nothing[9] = {0};
    uint8_t in[9];
    chip->bus->transfer(chip->bus->context, nothing, in, sizeof in);
    /* 1100, right leg, 2N, 2P, 1N, 1P off, two pins, then zeros: a loose wire reads otherwise. */
    uint32_t word = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
    if ((word & 0xF01FFF) != 0xC00000) {
        return false;
    }
    for (uint8_t channel = 0; channel < 2; channel++) {
        int32_t code = sign_extended(&in[3 + 3 * channel]);
        bool off = (word >> (15 + 2 * channel)) & 3;
        bool saturated = code == CODE_MAX || code == CODE_MIN;
        sample->nanovolts[channel] = ads1292r_nanovolts(code, chip->vref, chip->gain[channel]);
        sample->status[channel] = (uint8_t)((off ? EDGE_LEAD_OFF : EDGE_LEAD_ON) |
                                            (saturated ? EDGE_SATURATED : 0));
    }
    return true;
}

edge_front_end ads1292r_front_end(ads1292r *chip, const char *const *names)
{
    edge_front_end front_end = {
        .reset = reset,
        .configure = configure,
        .start = start,
        .read = read,
        .self = chip,
        .millihertz = 1000u * chip->hertz,
        .leads = 2,
        .names = names,
    };
    return front_end;
}
