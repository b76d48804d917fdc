/* What every front end gives: samples in nanovolts with each electrode's state. */
#ifndef EDGE_FRONT_END_H
#define EDGE_FRONT_END_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Leads of this firmware; memory is laid out for so many. Set it to what the board has. */
#ifndef EDGE_LEADS
#define EDGE_LEADS 2
#endif

typedef struct {
    uint32_t index;   /* conversions since the start, lost ones counted; the stream fills it in */
    uint32_t time_us; /* the board's clock at the conversion; the stream fills it in */
    int32_t nanovolts[EDGE_LEADS];
    uint8_t status[EDGE_LEADS]; /* as in edge_frame.h */
} edge_sample;

/* In this order: reset, configure, start, then `read` for each conversion. False is a failure: the
   chip does not answer or does not keep its settings; or, of `read`, that this sample is lost. */
typedef struct {
    bool (*reset)(void *self);
    bool (*configure)(void *self);
    bool (*start)(void *self);
    bool (*read)(void *self, edge_sample *sample); /* called in the data-ready interrupt */
    void *self;
    uint32_t millihertz;
    uint8_t leads; /* 1 to EDGE_LEADS */
    const char *const *names;
} edge_front_end;

#ifdef __cplusplus
}
#endif

#endif
