#include "../ads1292r.h"

#include "../edge_frame.h"
#include "check.h"

/* The chip as its data sheet describes it, at the other end of the bus. */
typedef struct {
    uint8_t id;
    uint8_t registers[12];
    bool converting, streaming;
    bool deaf;    /* takes no register writes */
    bool timely;  /* the waits that the data sheet asks for were kept */
    uint32_t now_us, reset_us, reference_us;
    uint8_t status[3];
    int32_t codes[2];
} fake;

static void fake_reset(fake *chip)
{
    static const uint8_t defaults[12] = {0, 0x02, 0x80, 0x10, 0, 0, 0, 0, 0, 0, 0x02, 0x0C};
    for (size_t i = 1; i < sizeof defaults; i++) {
        chip->registers[i] = defaults[i];
    }
    chip->registers[0] = chip->id;
    chip->converting = false;
    chip->streaming = true;
    chip->reset_us = chip->now_us;
}

static void fake_transfer(void *context, const uint8_t *out, uint8_t *in, uint8_t n)
{
    fake *chip = context;
    for (uint8_t i = 0; i < n; i++) {
        in[i] = 0;
    }
    if (chip->now_us - chip->reset_us < 36) { /* 18 cycles of 512 kHz */
        chip->timely = false;
    }
    if (n == 9 && out[0] == 0) {
        for (uint8_t i = 0; chip->streaming && chip->converting && i < 9; i++) {
            uint32_t code = (uint32_t)chip->codes[i >= 6] >> 8 * (2 - i % 3);
            in[i] = i < 3 ? chip->status[i] : (uint8_t)(code & 0xFF);
        }
        return;
    }
    if (out[0] == 0x11) {
        chip->streaming = false;
    }
    if (chip->streaming) {
        return; /* hears nothing else */
    }
    uint8_t first = out[0] & 0x1F;
    switch (out[0] & 0xE0) {
    case 0x00:
        if (out[0] == 0x06) {
            fake_reset(chip);
        } else if (out[0] == 0x08) {
            chip->converting = true;
            if (chip->now_us - chip->reference_us < 150000) {
                chip->timely = false;
            }
        } else if (out[0] == 0x10) {
            chip->streaming = true;
        }
        break;
    case 0x20:
        CHECK(n == out[1] + 3 && first + out[1] < 12);
        for (uint8_t i = 0; i <= out[1]; i++) {
            in[2 + i] = chip->registers[first + i];
        }
        break;
    case 0x40:
        CHECK(n == out[1] + 3 && first + out[1] < 12 && first > 0);
        for (uint8_t i = 0; !chip->deaf && i <= out[1]; i++) {
            if (first + i != 0x08) {
                chip->registers[first + i] = out[2 + i];
            }
        }
        chip->reference_us = chip->now_us;
        break;
    default:
        CHECK(false);
    }
}

static void fake_wait(void *context, uint32_t us)
{
    ((fake *)context)->now_us += us;
}

static fake chip_side;
static const ads1292r_bus bus = {fake_transfer, fake_wait, &chip_side};
static const char *const names[] = {"I", "II"};

static ads1292r powered(uint8_t id)
{
    ads1292r driver = {&bus, ADS1292R_VREF_2V42, 500, {6, 12}};
    fake fresh = {.id = id, .timely = true};
    chip_side = fresh;
    chip_side.now_us = 1000;
    fake_reset(&chip_side);
    chip_side.converting = true; /* a start pin tied high, or a host that began again */
    return driver;
}

static void settings_reach_the_chip(void)
{
    static const uint8_t expected[12] = {0x73, 0x02, 0xE0, 0x10, 0x00, 0x60,
                                         0x2C, 0x0F, 0x00, 0x02, 0x03, 0x0C};
    ads1292r driver = powered(0x73);
    edge_front_end front_end = ads1292r_front_end(&driver, names);
    CHECK(front_end.millihertz == 500000 && front_end.leads == 2);
    CHECK(front_end.reset(front_end.self));
    CHECK(front_end.configure(front_end.self));
    for (size_t i = 0; i < sizeof expected; i++) {
        CHECK(chip_side.registers[i] == expected[i]);
    }
    CHECK(front_end.start(front_end.self));
    CHECK(chip_side.converting && chip_side.streaming && chip_side.timely);
    CHECK(chip_side.now_us > 1000000); /* the power-up was waited for */
}

static void every_setting_has_its_bits(void)
{
    static const uint8_t gains[][2] = {{6, 0}, {2, 2}, {3, 3}, {4, 4}, {8, 5}, {12, 6}};
    static const uint16_t rates[] = {125, 250, 500, 1000};
    for (uint8_t i = 0; i < 6; i++) {
        for (uint8_t k = 0; k < 4; k++) {
            ads1292r driver = powered(0x53);
            edge_front_end front_end;
            driver.gain[0] = gains[i][0];
            driver.hertz = rates[k];
            driver.vref = ADS1292R_VREF_4V033;
            front_end = ads1292r_front_end(&driver, names);
            CHECK(front_end.reset(front_end.self) && front_end.configure(front_end.self));
            CHECK(chip_side.registers[1] == k && chip_side.registers[2] == 0xF0);
            CHECK(chip_side.registers[4] == gains[i][1] << 4);
        }
    }
}

static void a_chip_that_is_not_there_or_not_right_is_refused(void)
{
    ads1292r driver = powered(0x00);
    edge_front_end front_end = ads1292r_front_end(&driver, names);
    CHECK(!front_end.reset(front_end.self));
    driver = powered(0x73);
    chip_side.deaf = true;
    CHECK(front_end.reset(front_end.self));
    CHECK(!front_end.configure(front_end.self));
}

static void settings_that_do_not_exist_are_refused(void)
{
    static const ads1292r wrong[] = {
        {&bus, ADS1292R_VREF_2V42, 360, {6, 6}},
        {&bus, ADS1292R_VREF_2V42, 2000, {6, 6}},
        {&bus, ADS1292R_VREF_2V42, 500, {1, 6}},
        {&bus, ADS1292R_VREF_2V42, 500, {6, 5}},
        {&bus, 2400000000u, 500, {6, 6}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ads1292r driver = powered(0x73);
        driver = wrong[i];
        edge_front_end front_end = ads1292r_front_end(&driver, names);
        CHECK(front_end.reset(front_end.self));
        CHECK(!front_end.configure(front_end.self));
    }
}

static void words_become_samples(void)
{
    ads1292r driver = powered(0x73);
    edge_front_end front_end = ads1292r_front_end(&driver, names);
    edge_sample sample;
    CHECK(front_end.reset(front_end.self) && front_end.configure(front_end.self));
    CHECK(!front_end.read(front_end.self, &sample)); /* not started: the line is silent */
    CHECK(front_end.start(front_end.self));

    chip_side.status[0] = 0xC0;
    chip_side.codes[0] = -1;
    chip_side.codes[1] = 1000000;
    CHECK(front_end.read(front_end.self, &sample));
    CHECK(sample.nanovolts[0] == -48 && sample.nanovolts[1] == 24040543);
    CHECK(sample.status[0] == EDGE_LEAD_ON && sample.status[1] == EDGE_LEAD_ON);

    chip_side.codes[0] = 0x7FFFFF;
    chip_side.codes[1] = -0x800000;
    CHECK(front_end.read(front_end.self, &sample));
    CHECK(sample.nanovolts[0] == 403333333 && sample.nanovolts[1] == -201666691);
    CHECK(sample.status[0] == (EDGE_LEAD_ON | EDGE_SATURATED));
    CHECK(sample.status[1] == (EDGE_LEAD_ON | EDGE_SATURATED));
}

static void each_electrode_has_its_bit(void)
{
    /* 1P is the highest bit of the second byte; 1N, 2P, 2N and the right leg follow upwards. */
    static const uint8_t off[5][2] = {{1, 0}, {1, 0}, {0, 1}, {0, 1}, {0, 0}};
    ads1292r driver = powered(0x73);
    edge_front_end front_end = ads1292r_front_end(&driver, names);
    CHECK(front_end.reset(front_end.self) && front_end.configure(front_end.self) &&
          front_end.start(front_end.self));
    for (uint32_t bit = 0; bit < 5; bit++) {
        uint32_t word = 0xC00000u | 0x8000u << bit | 0x6000u; /* both pins high besides */
        edge_sample sample;
        chip_side.status[0] = (uint8_t)(word >> 16);
        chip_side.status[1] = (uint8_t)(word >> 8 & 0xFF);
        CHECK(front_end.read(front_end.self, &sample));
        CHECK(sample.status[0] == (off[bit][0] ? EDGE_LEAD_OFF : EDGE_LEAD_ON));
        CHECK(sample.status[1] == (off[bit][1] ? EDGE_LEAD_OFF : EDGE_LEAD_ON));
    }
}

static void a_loose_wire_is_no_sample(void)
{
    static const uint8_t words[][3] = {
        {0, 0, 0}, {0xFF, 0xFF, 0xFF}, {0x80, 0, 0}, {0xC0, 0, 1}, {0xC0, 0x10, 0}, {0xE0, 0, 0}};
    ads1292r driver = powered(0x73);
    edge_front_end front_end = ads1292r_front_end(&driver, names);
    CHECK(front_end.reset(front_end.self) && front_end.configure(front_end.self) &&
          front_end.start(front_end.self));
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        edge_sample sample;
        for (size_t k = 0; k < 3; k++) {
            chip_side.status[k] = words[i][k];
        }
        CHECK(!front_end.read(front_end.self, &sample));
    }
}

static void halves_go_away_from_zero(void)
{
    /* One step is Vref / gain / (2^23 - 1): a made-up reference gives exact halves. */
    uint32_t vref = 0x7FFFFFu * 5u;
    CHECK(ads1292r_nanovolts(1, vref, 2) == 3);
    CHECK(ads1292r_nanovolts(-1, vref, 2) == -3);
    CHECK(ads1292r_nanovolts(3, vref, 2) == 8);
    CHECK(ads1292r_nanovolts(0, vref, 2) == 0);
}

void test_ads1292r(void)
{
    settings_reach_the_chip();
    every_setting_has_its_bits();
    a_chip_that_is_not_there_or_not_right_is_refused();
    settings_that_do_not_exist_are_refused();
    words_become_samples();
    each_electrode_has_its_bit();
    a_loose_wire_is_no_sample();
    halves_go_away_from_zero();
}
