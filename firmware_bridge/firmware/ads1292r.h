/* The ADS1292R and ADS1292 of Texas Instruments (data sheet SBAS502): two 24-bit channels. */
#ifndef EDGE_ADS1292R_H
#define EDGE_ADS1292R_H

#include "front_end.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Nanovolts of the reference: 2.42 V, or 4.033 V where the analog supply is 5 V. */
#define ADS1292R_VREF_2V42 2420000000u
#define ADS1292R_VREF_4V033 4033000000u

/* What the board gives. */
typedef struct {
    /* Exchanges n bytes with the chip, selected (CS low) from the first to the last. SPI mode 1;
       at 1 MHz at most, bytes are as far apart as the chip's commands need. */
    void (*transfer)(void *context, const uint8_t *out, uint8_t *in, uint8_t n);
    void (*wait_us)(void *context, uint32_t us); /* at least so long */
    void *context;
} ads1292r_bus;

typedef struct {
    const ads1292r_bus *bus;
    uint32_t vref;    /* one of the two above */
    uint16_t hertz;   /* 125, 250, 500 or 1000 */
    uint8_t gain[2];  /* of channels 1 and 2: 2, 3, 4, 6, 8 or 12; 1 exceeds the frame's range */
} ads1292r;

/* The front end behind which `chip` works; `names` are those of channels 1 and 2. */
edge_front_end ads1292r_front_end(ads1292r *chip, const char *const *names);

/* A 24-bit code in nanovolts, to the nearest, halves away from zero. */
int32_t ads1292r_nanovolts(int32_t code, uint32_t vref, uint8_t gain);

#ifdef __cplusplus
}
#endif

#endif
