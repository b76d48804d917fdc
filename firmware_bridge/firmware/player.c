#include "player.h"

#include "edge_frame.h"

static bool rewind(void *self)
{
    player *record = self;
    record->next = 0;
    for (uint8_t lead = 0; lead < record->leads; lead++) {
        record->contact[lead] = EDGE_CONTACT_UNKNOWN;
    }
    return record->samples > 0;
}

static bool ready(void *self)
{
    (void)self;
    return true;
}

static bool read(void *self, edge_sample *sample)
{
    player *record = self;
    const int32_t *now = &record->nanovolts[record->next * record->leads];
    for (uint8_t lead = 0; lead < record->leads; lead++) {
        bool off = now[lead] == PLAYER_INVALID;
        sample->nanovolts[lead] = off ? 0 : now[lead];
        if (off) {
            record->contact[lead] = EDGE_LEAD_ON;
        }
        sample->status[lead] = off ? EDGE_LEAD_OFF : record->contact[lead];
    }
    record->next = record->next + 1 == record->samples ? 0 : record->next + 1;
    return true;
}

edge_front_end player_front_end(player *record, uint32_t millihertz, const char *const *names)
{
    edge_front_end front_end = {
        .reset = rewind,
        .configure = ready,
        .start = ready,
        .read = read,
        .self = record,
        .millihertz = millihertz,
        .leads = record->leads,
        .names = names,
    };
    return front_end;
}
