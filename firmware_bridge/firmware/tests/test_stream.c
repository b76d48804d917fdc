#include "../edge_stream.h"
#include "check.h"

/* A front end that does what the test says, and counts. */
typedef struct {
    uint32_t calls; /* reset, configure, start: a digit each, in the order of the calls */
    uint32_t refuses;
    uint32_t reads;
    uint32_t bad_from, bad_to; /* conversions that cannot be read */
    uint32_t off_from, off_to; /* lead 1 is off */
    uint32_t saturated;        /* this one is at the rail, on lead 0 */
} script;

static bool step(void *self, uint32_t number)
{
    script *s = self;
    s->calls = 10 * s->calls + number;
    return s->refuses != number;
}

static bool reset(void *self)
{
    return step(self, 1);
}

static bool configure(void *self)
{
    return step(self, 2);
}

static bool start(void *self)
{
    return step(self, 3);
}

static bool read(void *self, edge_sample *sample)
{
    script *s = self;
    uint32_t now = s->reads++;
    sample->nanovolts[0] = (int32_t)now;
    sample->nanovolts[1] = -(int32_t)now;
    sample->status[0] = now == s->saturated ? EDGE_LEAD_ON | EDGE_SATURATED : EDGE_LEAD_ON;
    sample->status[1] = now >= s->off_from && now < s->off_to ? EDGE_LEAD_OFF : EDGE_LEAD_ON;
    return now < s->bad_from || now >= s->bad_to;
}

static const char *const names[] = {"I", "II"};
static wire got;
static edge_stream stream;

static edge_front_end scripted(script *s)
{
    edge_front_end front_end = {reset, configure, start, read, s, 360000, 2, names};
    return front_end;
}

static void starts_in_order_or_not_at_all(void)
{
    for (uint32_t refuses = 0; refuses <= 3; refuses++) {
        static const uint32_t calls[] = {123, 1, 12, 123};
        script s = {.refuses = refuses};
        edge_front_end front_end = scripted(&s);
        got.n = 0;
        CHECK(edge_stream_start(&stream, &front_end, wire_write, &got) == (refuses == 0));
        CHECK(s.calls == calls[refuses]);
    }
    script s = {0};
    edge_front_end front_end = scripted(&s);
    front_end.leads = EDGE_LEADS + 1;
    CHECK(!edge_stream_start(&stream, &front_end, wire_write, &got));
    front_end.leads = 2;
    front_end.millihertz = 0;
    CHECK(!edge_stream_start(&stream, &front_end, wire_write, &got));
}

/* Plays `conversions`; the main loop polls after each unless it is `away`. */
static void play(script *s, uint32_t conversions, uint32_t away_from, uint32_t away_to)
{
    edge_front_end front_end = scripted(s);
    got.n = 0;
    CHECK(edge_stream_start(&stream, &front_end, wire_write, &got));
    for (uint32_t i = 0; i < conversions; i++) {
        edge_stream_data_ready(&stream, 1000 * i);
        if (i < away_from || i >= away_to) {
            while (edge_stream_poll(&stream)) {
            }
        }
    }
}

typedef struct {
    uint32_t samples, hellos, gaps, lost, off, saturated_frames, most;
} told;

/* Reads all frames back; checks each sample against its index, and times and HELLOs on the way. */
static told read_back(void)
{
    told t = {0};
    frame f;
    uint32_t expected = 0, hello_at = 0;
    for (size_t at = 0; wire_frame(&got, &at, &f);) {
        if (f.body[0] == 0x11) {
            CHECK(f.n == 11 && u32_at(&f.body[1]) == 360000 && f.body[5] == 2);
            CHECK(f.body[6] == 1 && f.body[7] == 'I' && f.body[8] == 2 && f.body[10] == 'I');
            hello_at = expected;
            t.hellos++;
            continue;
        }
        uint32_t first = u32_at(&f.body[1]), n = f.body[9];
        CHECK(f.body[0] == 0x12 && n > 0 && f.n == 12 + 8 * n);
        CHECK(u32_at(&f.body[5]) == 1000 * first);
        CHECK(first >= expected);
        CHECK(first < hello_at + 360 + 12);
        t.gaps += first != expected;
        t.lost += first - expected;
        for (uint32_t i = 0; i < n; i++) {
            CHECK(u32_at(&f.body[12 + 8 * i]) == first + i);
            CHECK(u32_at(&f.body[16 + 8 * i]) == 0u - (first + i));
        }
        CHECK((f.body[10] & EDGE_CONTACT) == EDGE_LEAD_ON);
        t.saturated_frames += (f.body[10] & EDGE_SATURATED) != 0;
        CHECK((f.body[11] & EDGE_SATURATED) == 0);
        t.off += f.body[11] == EDGE_LEAD_OFF ? n : 0;
        t.samples += n;
        t.most = n > t.most ? n : t.most;
        expected = first + n;
    }
    return t;
}

static void every_sample_once(void)
{
    script s = {.saturated = 500, .off_from = 100, .off_to = 113};
    play(&s, 1200, 0, 0);
    told t = read_back();
    CHECK(t.samples >= 1200 - 12 && t.samples <= 1200);
    CHECK(t.hellos == 4 && t.gaps == 0 && t.most == 12);
    CHECK(t.off == 13 && t.saturated_frames == 1);
}

static void what_cannot_be_read_is_missing(void)
{
    script s = {.saturated = UINT32_MAX, .bad_from = 50, .bad_to = 53};
    play(&s, 600, 0, 0);
    told t = read_back();
    CHECK(t.gaps == 1 && t.lost == 3);
    CHECK(t.samples >= 600 - 3 - 12);
}

static void a_main_loop_that_is_away_loses_what_the_ring_does_not_hold(void)
{
    script s = {.saturated = UINT32_MAX};
    play(&s, 600, 120, 120 + EDGE_RING + 19); /* one more comes before the next poll */
    told t = read_back();
    CHECK(t.gaps == 1 && t.lost == 20);
}

static void a_slow_front_end_sends_every_sample_at_once(void)
{
    script s = {.saturated = UINT32_MAX};
    edge_front_end front_end = scripted(&s);
    front_end.millihertz = 10000;
    got.n = 0;
    CHECK(edge_stream_start(&stream, &front_end, wire_write, &got));
    CHECK(!edge_stream_poll(&stream));
    edge_stream_data_ready(&stream, 0);
    CHECK(edge_stream_poll(&stream));
    CHECK(!edge_stream_poll(&stream));
}

void test_stream(void)
{
    starts_in_order_or_not_at_all();
    every_sample_once();
    what_cannot_be_read_is_missing();
    a_main_loop_that_is_away_loses_what_the_ring_does_not_hold();
    a_slow_front_end_sends_every_sample_at_once();
}
