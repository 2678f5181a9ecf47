/* graph_advice.h - what can be built, but hardly was meant. */
#ifndef GRAFT_GRAPH_ADVICE_H
#define GRAFT_GRAPH_ADVICE_H

#include "compiler/graph/graph.h"

/* Notes and warnings about a graph without mistakes: preprocessing that is not the weights', a
 * softmax that is not the last, an unusual learning rate, a head whose classes are not the data's
 * (where the data is there). Nothing of the graph changes. */
void graph_advise(Ctx *ctx, const Graph *graph);

#endif
