/* A front end without a chip: a recording compiled in, over and over. */
#ifndef EDGE_PLAYER_H
#define EDGE_PLAYER_H

#include "front_end.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLAYER_INVALID INT32_MIN /* a sample during which the electrode was off */

typedef struct {
    const int32_t *nanovolts; /* all leads of the first sample, then all of the second */
    uint32_t samples;
    uint32_t next;
    uint8_t leads;
    uint8_t contact[EDGE_LEADS]; /* of each where it is valid: unknown until it has been off once */
} player;

edge_front_end player_front_end(player *record, uint32_t millihertz, const char *const *names);

#ifdef __cplusplus
}
#endif

#endif
