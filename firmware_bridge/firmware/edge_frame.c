#include "edge_frame.h"

enum { HELLO = 0x11, DATA = 0x12 };
enum { FULL = 255 };

/* COBS: the block's first byte says where the zero stands that the block replaces. */
static void end_block(edge_encoder *encoder)
{
    encoder->block[0] = encoder->used;
    encoder->write(encoder->context, encoder->block, encoder->used);
    encoder->used = 1;
}

static void stuff(edge_encoder *encoder, uint8_t byte)
{
    if (byte == 0) {
        end_block(encoder);
        return;
    }
    encoder->block[encoder->used++] = byte;
    if (encoder->used == FULL) { /* 254 bytes without a zero: the block stands for none */
        end_block(encoder);
    }
}

/* CRC-16/CCITT-FALSE, a byte at a time without a table. `x` is what leaves the register; the
   polynomial's x^12 term brings the upper half of it back before the byte is through. */
static void put(edge_encoder *encoder, uint8_t byte)
{
    unsigned crc = encoder->crc;
    unsigned x = (crc >> 8) ^ byte;
    x ^= x >> 4;
    encoder->crc = (uint16_t)((crc << 8) ^ (x << 12) ^ (x << 5) ^ x);
    stuff(encoder, byte);
}

static void put_u32(edge_encoder *encoder, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        put(encoder, (uint8_t)(value & 0xFF));
        value >>= 8;
    }
}

static void begin(edge_encoder *encoder, uint8_t type)
{
    encoder->crc = 0xFFFF;
    encoder->used = 1;
    put(encoder, type);
}

static void end(edge_encoder *encoder)
{
    static const uint8_t delimiter = 0;
    uint16_t crc = encoder->crc;
    stuff(encoder, (uint8_t)(crc >> 8));
    stuff(encoder, (uint8_t)(crc & 0xFF));
    end_block(encoder);
    encoder->write(encoder->context, &delimiter, 1);
}

static uint8_t name_length(const char *name)
{
    uint8_t n = 0;
    while (n <= EDGE_LONGEST_NAME && name[n] != '\0') {
        n++;
    }
    return n;
}

void edge_encoder_init(edge_encoder *encoder, edge_write *write, void *context)
{
    static const uint8_t delimiter = 0;
    encoder->write = write;
    encoder->context = context;
    encoder->crc = 0;
    encoder->used = 1;
    write(context, &delimiter, 1);
}

bool edge_hello(edge_encoder *encoder, uint32_t millihertz, uint8_t leads,
                const char *const *names)
{
    if (millihertz == 0 || leads == 0 || leads > EDGE_MOST_LEADS) {
        return false;
    }
    for (uint8_t lead = 0; lead < leads; lead++) {
        uint8_t n = name_length(names[lead]);
        if (n == 0 || n > EDGE_LONGEST_NAME) {
            return false;
        }
    }
    begin(encoder, HELLO);
    put_u32(encoder, millihertz);
    put(encoder, leads);
    for (uint8_t lead = 0; lead < leads; lead++) {
        uint8_t n = name_length(names[lead]);
        put(encoder, n);
        for (uint8_t i = 0; i < n; i++) {
            put(encoder, (uint8_t)names[lead][i]);
        }
    }
    end(encoder);
    return true;
}

void edge_data_begin(edge_encoder *encoder, uint32_t first_sample, uint32_t time_us, uint8_t n,
                     uint8_t leads, const uint8_t *status)
{
    begin(encoder, DATA);
    put_u32(encoder, first_sample);
    put_u32(encoder, time_us);
    put(encoder, n);
    for (uint8_t lead = 0; lead < leads; lead++) {
        put(encoder, status[lead]);
    }
}

void edge_data_sample(edge_encoder *encoder, uint8_t leads, const int32_t *nanovolts)
{
    for (uint8_t lead = 0; lead < leads; lead++) {
        put_u32(encoder, (uint32_t)nanovolts[lead]);
    }
}

void edge_data_end(edge_encoder *encoder)
{
    end(encoder);
}
