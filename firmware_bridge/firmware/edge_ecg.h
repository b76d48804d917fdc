/* All that a board needs, for one #include. */
#ifndef EDGE_ECG_H
#define EDGE_ECG_H

#include "ads1292r.h"
#include "edge_frame.h"
#include "edge_stream.h"
#include "front_end.h"
#include "ring.h"

#endif
