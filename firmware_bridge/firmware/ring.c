#include "ring.h"

/* A count is told to the other side only after the slots that it speaks of have been written, or
   read, for good. C99 has no word for that; GCC, Clang and Arm's compiler have these two. */
#if defined(__GNUC__)
#define ACQUIRE(count) __atomic_load_n((count), __ATOMIC_ACQUIRE)
#define RELEASE(count, value) __atomic_store_n((count), (value), __ATOMIC_RELEASE)
#else
#error "give ACQUIRE and RELEASE for this compiler"
#endif

typedef char edge_ring_can_be_counted[EDGE_RING <= ((edge_count)-1) / 2 + 1 ? 1 : -1];
typedef char edge_ring_is_a_power_of_two[EDGE_RING > 0 && (EDGE_RING & (EDGE_RING - 1)) == 0 ? 1
                                                                                            : -1];

void edge_ring_init(edge_ring *ring)
{
    ring->pushed = 0;
    ring->popped = 0;
}

bool edge_ring_push(edge_ring *ring, const edge_sample *sample)
{
    edge_count pushed = ring->pushed;
    if ((edge_count)(pushed - ACQUIRE(&ring->popped)) == EDGE_RING) {
        return false;
    }
    ring->slots[pushed % EDGE_RING] = *sample;
    RELEASE(&ring->pushed, (edge_count)(pushed + 1));
    return true;
}

uint32_t edge_ring_waiting(const edge_ring *ring)
{
    return (edge_count)(ACQUIRE(&ring->pushed) - ring->popped);
}

const edge_sample *edge_ring_at(const edge_ring *ring, uint32_t i)
{
    return &ring->slots[(ring->popped + i) % EDGE_RING];
}

void edge_ring_drop(edge_ring *ring, uint32_t n)
{
    RELEASE(&ring->popped, (edge_count)(ring->popped + n));
}
