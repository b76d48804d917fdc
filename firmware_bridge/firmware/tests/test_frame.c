#include "../edge_frame.h"
#include "check.h"
#include "vectors.h"

static wire got;

static void vectors_hold(void)
{
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const vector *v = &vectors[i];
        edge_encoder encoder;
        edge_encoder_init(&encoder, wire_write, &got);
        got.n = 0;
        if (v->names) {
            CHECK(edge_hello(&encoder, v->first, v->leads, v->names));
        } else {
            edge_data_begin(&encoder, v->first, v->time_us, v->n, v->leads, v->status);
            for (size_t k = 0; k < v->n; k++) {
                edge_data_sample(&encoder, v->leads, &v->nanovolts[k * v->leads]);
            }
            edge_data_end(&encoder);
        }
        CHECK(wire_is(&got, v->wire, v->bytes));
    }
}

static void the_line_is_cleared_first(void)
{
    static const uint8_t zero = 0;
    edge_encoder encoder;
    got.n = 0;
    edge_encoder_init(&encoder, wire_write, &got);
    CHECK(wire_is(&got, &zero, 1));
}

static void impossible_hellos_are_refused(void)
{
    static const char *const good[17] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                         "j", "k", "l", "m", "n", "o", "p", "q"};
    static const char *const empty[] = {"I", ""};
    static const char *const longest[] = {"1234567890123456"};
    static const char *const longer[] = {"12345678901234567"};
    edge_encoder encoder;
    edge_encoder_init(&encoder, wire_write, &got);
    got.n = 0;
    CHECK(!edge_hello(&encoder, 0, 1, good));
    CHECK(!edge_hello(&encoder, 250000, 0, good));
    CHECK(!edge_hello(&encoder, 250000, 17, good));
    CHECK(!edge_hello(&encoder, 250000, 2, empty));
    CHECK(!edge_hello(&encoder, 250000, 1, longer));
    CHECK(got.n == 0);
    CHECK(edge_hello(&encoder, 250000, 1, longest));
    CHECK(edge_hello(&encoder, 250000, 16, good));
}

void test_frame(void)
{
    vectors_hold();
    the_line_is_cleared_first();
    impossible_hellos_are_refused();
}
