#include "play.h"

#include "../player.h"
#include "../edge_stream.h"
#include "record.h"

bool play(edge_write *write, void *context)
{
    static edge_stream stream;
    player record = {&record_nv[0][0], RECORD_SAMPLES, 0, RECORD_LEADS, {0}};
    edge_front_end front_end = player_front_end(&record, RECORD_MILLIHERTZ, record_names);
    if (!edge_stream_start(&stream, &front_end, write, context)) {
        return false;
    }
    for (uint32_t i = 0; i < RECORD_SAMPLES; i++) {
        edge_stream_data_ready(&stream, (uint32_t)(i * 1000000000ull / RECORD_MILLIHERTZ));
        while (edge_stream_poll(&stream)) {
        }
    }
    return true;
}
