/* Samples between one interrupt, which pushes, and one main loop, which pops; without a lock. */
#ifndef EDGE_RING_H
#define EDGE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "front_end.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Samples held; a power of two. The main loop may be away for so many. */
#ifndef EDGE_RING
#ifdef __AVR__
#define EDGE_RING 16 /* such a processor has 2 KB of memory */
#else
#define EDGE_RING 64
#endif
#endif

/* What the processor reads and writes at once. */
#ifdef __AVR__
typedef uint8_t edge_count;
#else
typedef uint32_t edge_count;
#endif

typedef struct {
    edge_sample slots[EDGE_RING];
    edge_count pushed; /* since the start, modulo what it holds; written by the interrupt alone */
    edge_count popped; /* the same; written by the main loop alone */
} edge_ring;

void edge_ring_init(edge_ring *ring);

/* The interrupt's side. False: full, and the sample is not taken. */
bool edge_ring_push(edge_ring *ring, const edge_sample *sample);

/* The main loop's side: how many wait; the i-th oldest of them; and the n oldest are done with. */
uint32_t edge_ring_waiting(const edge_ring *ring);
const edge_sample *edge_ring_at(const edge_ring *ring, uint32_t i);
void edge_ring_drop(edge_ring *ring, uint32_t n);

#ifdef __cplusplus
}
#endif

#endif
