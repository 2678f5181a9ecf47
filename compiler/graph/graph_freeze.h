/* graph_freeze.h - which layers train. */
#ifndef GRAFT_GRAPH_FREEZE_H
#define GRAFT_GRAPH_FREEZE_H

#include "compiler/graph/graph.h"

/* Sets node->trainable from spec->frozen and its rules. Parameters must be known. A rule that
 * matches no layer of the backbone is an error at its place. */
void graph_freeze(Ctx *ctx, Graph *graph);

#endif
