/* The ring between two threads, for the thread sanitizer: each sample comes once, whole, in order. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "../ring.h"

enum { SAMPLES = 200000 };

static edge_ring ring;

static void *produce(void *unused)
{
    for (uint32_t i = 0; i < SAMPLES;) {
        edge_sample sample = {.index = i, .time_us = ~i, .nanovolts = {(int32_t)i}};
        if (edge_ring_push(&ring, &sample)) {
            i++;
        } else {
            (void)sched_yield(); /* to the other thread, where both have one core */
        }
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    uint32_t expected = 0, wrong = 0;
    edge_ring_init(&ring);
    if (pthread_create(&thread, NULL, produce, NULL) != 0) {
        return 2;
    }
    while (expected < SAMPLES) {
        uint32_t n = edge_ring_waiting(&ring);
        for (uint32_t i = 0; i < n; i++, expected++) {
            const edge_sample *sample = edge_ring_at(&ring, i);
            wrong += sample->index != expected || sample->time_us != ~expected ||
                     sample->nanovolts[0] != (int32_t)expected;
        }
        edge_ring_drop(&ring, n);
        if (n == 0) {
            (void)sched_yield();
        }
    }
    (void)pthread_join(thread, NULL);
    (void)printf("%lu samples, %lu wrong\n", (unsigned long)expected, (unsigned long)wrong);
    return wrong != 0;
}
