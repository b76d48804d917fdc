/* A front end without a chip: a recording compiled in, over and over. */
#ifndef EDGE_PLAYER_H
#define EDGE_PLAYER_H

#include "front_end.h"

#define PLAYER_INVALID INT32_MIN /* a sample during which the electrode was off */

typedef struct {
    const int32_t *nanovolts; /* all leads of the first sample, then all of the second */
    const uint8_t *contact;   /* of each lead where it is valid: EDGE_CONTACT_UNKNOWN, or _LEAD_ON */
    uint32_t samples;
    uint32_t next;
    uint8_t leads;
} player;

edge_front_end player_front_end(player *record, uint32_t millihertz, const char *const *names);

#endif
