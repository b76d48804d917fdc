#include "../ring.h"
#include "check.h"

static edge_ring ring;

static edge_sample numbered(uint32_t index)
{
    edge_sample sample = {.index = index};
    return sample;
}

/* Also where the counts wrap: they are set to just before. */
static void fills_and_drains_in_order(uint32_t begin)
{
    edge_ring_init(&ring);
    ring.pushed = ring.popped = begin;
    for (uint32_t round = 0; round < 5; round++) {
        edge_sample sample;
        for (uint32_t i = 0; i < EDGE_RING; i++) {
            CHECK(edge_ring_waiting(&ring) == i);
            sample = numbered(1000 * round + i);
            CHECK(edge_ring_push(&ring, &sample));
        }
        sample = numbered(7);
        CHECK(!edge_ring_push(&ring, &sample));
        CHECK(edge_ring_waiting(&ring) == EDGE_RING);
        CHECK(edge_ring_at(&ring, EDGE_RING - 1)->index == 1000 * round + EDGE_RING - 1);
        for (uint32_t i = 0; i < EDGE_RING; i += 3) {
            uint32_t n = i + 3 > EDGE_RING ? EDGE_RING - i : 3;
            CHECK(edge_ring_at(&ring, 0)->index == 1000 * round + i);
            edge_ring_drop(&ring, n);
        }
        CHECK(edge_ring_waiting(&ring) == 0);
    }
}

void test_ring(void)
{
    fills_and_drains_in_order(0);
    fills_and_drains_in_order(UINT32_MAX - EDGE_RING - 10);
}
