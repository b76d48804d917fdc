#include "edge_stream.h"

enum { MILLIHERTZ_OF_FRAMES = 30000 }; /* cheap, and 33 ms of delay */

static uint8_t frame_size(uint32_t millihertz)
{
    uint32_t n = (millihertz + MILLIHERTZ_OF_FRAMES / 2) / MILLIHERTZ_OF_FRAMES;
    uint32_t most = EDGE_RING / 2; /* the other half is for while a frame is being sent */
    if (most > EDGE_MOST_SAMPLES) {
        most = EDGE_MOST_SAMPLES;
    }
    if (n > most) {
        n = most;
    }
    return (uint8_t)(n == 0 ? 1 : n);
}

static bool say_hello(edge_stream *stream, uint32_t index)
{
    const edge_front_end *front_end = stream->front_end;
    stream->hello_due = index + (front_end->millihertz + 999) / 1000;
    return edge_hello(&stream->encoder, front_end->millihertz, front_end->leads, front_end->names);
}

bool edge_stream_start(edge_stream *stream, const edge_front_end *front_end, edge_write *write,
                       void *context)
{
    if (front_end->leads > EDGE_LEADS) {
        return false;
    }
    stream->front_end = front_end;
    stream->converted = 0;
    stream->frame = frame_size(front_end->millihertz);
    edge_ring_init(&stream->ring);
    edge_encoder_init(&stream->encoder, write, context);
    return front_end->reset(front_end->self) && front_end->configure(front_end->self) &&
           say_hello(stream, 0) && front_end->start(front_end->self);
}

void edge_stream_data_ready(edge_stream *stream, uint32_t time_us)
{
    edge_sample sample;
    sample.index = stream->converted++;
    sample.time_us = time_us;
    if (stream->front_end->read(stream->front_end->self, &sample)) {
        (void)edge_ring_push(&stream->ring, &sample); /* full: its index will be missing */
    }
}

static bool same_contact(const edge_sample *a, const edge_sample *b, uint8_t leads)
{
    for (uint8_t lead = 0; lead < leads; lead++) {
        if ((a->status[lead] ^ b->status[lead]) & EDGE_CONTACT) {
            return false;
        }
    }
    return true;
}

bool edge_stream_poll(edge_stream *stream)
{
    const edge_ring *ring = &stream->ring;
    uint8_t leads = stream->front_end->leads;
    uint32_t waiting = edge_ring_waiting(ring);
    uint8_t status[EDGE_LEADS] = {0};
    uint8_t n = 0;
    if (waiting == 0) {
        return false;
    }
    const edge_sample *first = edge_ring_at(ring, 0);
    /* A frame ends early where samples are lost or an electrode's contact changes. */
    while (n < stream->frame && n < waiting) {
        const edge_sample *sample = edge_ring_at(ring, n);
        if (sample->index != first->index + n || !same_contact(sample, first, leads)) {
            break;
        }
        for (uint8_t lead = 0; lead < leads; lead++) {
            status[lead] |= sample->status[lead];
        }
        n++;
    }
    if (n == waiting && n < stream->frame) {
        return false;
    }
    if (first->index - stream->hello_due < UINT32_MAX / 2) {
        (void)say_hello(stream, first->index); /* its names did at the start */
    }
    edge_data_begin(&stream->encoder, first->index, first->time_us, n, leads, status);
    for (uint8_t i = 0; i < n; i++) {
        edge_data_sample(&stream->encoder, leads, edge_ring_at(ring, i)->nanovolts);
    }
    edge_data_end(&stream->encoder);
    edge_ring_drop(&stream->ring, n);
    return true;
}
