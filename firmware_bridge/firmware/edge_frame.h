/* The edge frame, version 1 (docs/frame.md), written block by block.

   A frame of any size passes through one COBS block of 255 bytes: no frame buffer, no allocation.
   Nothing here may be called from an interrupt while the main loop is inside it. */
#ifndef EDGE_FRAME_H
#define EDGE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { EDGE_MOST_LEADS = 16, EDGE_LONGEST_NAME = 16, EDGE_MOST_SAMPLES = 255 };

/* The status byte of a lead: one contact, and saturation. */
enum {
    EDGE_CONTACT_UNKNOWN = 0,
    EDGE_LEAD_ON = 1,
    EDGE_LEAD_OFF = 2,
    EDGE_CONTACT = 3, /* the bits of the three above */
    EDGE_SATURATED = 4
};

/* Takes n bytes (1 to 255) for the wire; returns when `bytes` may be overwritten. */
typedef void edge_write(void *context, const uint8_t *bytes, size_t n);

typedef struct {
    edge_write *write;
    void *context;
    uint16_t crc;
    uint8_t used; /* bytes of `block`, its code byte included */
    uint8_t block[255];
} edge_encoder;

/* Call once; sends one zero, which ends whatever was on the line before. */
void edge_encoder_init(edge_encoder *encoder, edge_write *write, void *context);

/* Sends rate and lead names (UTF-8, printable, no two alike: the caller's care). False, and nothing
   is sent, where the rate is 0, or there are not 1 to 16 leads with names of 1 to 16 bytes. */
bool edge_hello(edge_encoder *encoder, uint32_t millihertz, uint8_t leads,
                const char *const *names);

/* A data frame: begin, then exactly n (1 to 255) samples of all leads (1 to 16), then end. */
void edge_data_begin(edge_encoder *encoder, uint32_t first_sample, uint32_t time_us, uint8_t n,
                     uint8_t leads, const uint8_t *status);
void edge_data_sample(edge_encoder *encoder, uint8_t leads, const int32_t *nanovolts);
void edge_data_end(edge_encoder *encoder);

#ifdef __cplusplus
}
#endif

#endif
