/* graph_limits.h - how large a model may be. */
#ifndef GRAFT_GRAPH_LIMITS_H
#define GRAFT_GRAPH_LIMITS_H

#include "compiler/graph/graph.h"

/* Elements of one tensor of one image, and of all parameters: 8 GiB of float32. */
extern const int64_t GRAPH_MAX_ELEMENTS;

/* The whole is not too large for a program: weights, memory and work. Shapes, parameters and what
 * trains must be known, each tensor and parameter within GRAPH_MAX_ELEMENTS. false after an error
 * at the layer that is one too many. */
bool graph_check_limits(Ctx *ctx, const Graph *graph);

#endif
