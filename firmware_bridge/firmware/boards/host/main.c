/* The same stream as a board's, on standard output: `play SAMPLES`, by a clock that ticks exactly. */
#include <stdio.h>
#include <stdlib.h>

#include "../../player.h"
#include "../../stream.h"
#include "record.h"

static void write_out(void *context, const uint8_t *bytes, size_t n)
{
    (void)fwrite(bytes, 1, n, context);
}

int main(int argc, char **argv)
{
    static edge_stream stream;
    player record = {&record_nv[0][0], record_contact, RECORD_SAMPLES, 0, RECORD_LEADS};
    edge_front_end front_end = player_front_end(&record, RECORD_MILLIHERTZ, record_names);
    unsigned long samples = argc > 1 ? strtoul(argv[1], NULL, 10) : RECORD_SAMPLES;
    if (!edge_stream_start(&stream, &front_end, write_out, stdout)) {
        return 1;
    }
    for (unsigned long i = 0; i < samples; i++) {
        edge_stream_data_ready(&stream, (uint32_t)(i * 1000000000ull / RECORD_MILLIHERTZ));
        while (edge_stream_poll(&stream)) {
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
