/* From a front end to the wire: the interrupt collects, the main loop sends. */
#ifndef EDGE_STREAM_H
#define EDGE_STREAM_H

#include "edge_frame.h"
#include "front_end.h"
#include "ring.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const edge_front_end *front_end;
    edge_encoder encoder;
    edge_ring ring;
    uint32_t converted; /* conversions since the start; the interrupt's alone */
    uint32_t hello_due; /* index of the sample before which the next HELLO goes */
    uint8_t frame;      /* samples a frame */
} edge_stream;

/* Resets, configures and starts the front end, and sends the first HELLO. False: it does not
   answer, or its leads or names do not fit; try again, or show it on a lamp. */
bool edge_stream_start(edge_stream *stream, const edge_front_end *front_end, edge_write *write,
                       void *context);

/* From the data-ready interrupt: reads one conversion; `time_us` is the board's free-running clock.
   What cannot be read, or finds no room, is lost, and the frames tell. */
void edge_stream_data_ready(edge_stream *stream, uint32_t time_us);

/* From the main loop: sends one frame if one is complete; false if there was none. */
bool edge_stream_poll(edge_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
