/* The record compiled in, once, by a clock that ticks exactly: the same bytes on every machine. */
#ifndef PLAY_H
#define PLAY_H

#include "../edge_frame.h"

/* Writes all whole frames of the record; false where it cannot be sent. */
bool play(edge_write *write, void *context);

#endif
