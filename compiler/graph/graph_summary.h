/* graph_summary.h - the Graph for people and for programs. */
#ifndef GRAFT_GRAPH_SUMMARY_H
#define GRAFT_GRAPH_SUMMARY_H

#include "compiler/graph/graph.h"

/* Sums over the layers. Moving statistics count as parameters that do not train. */
typedef struct GraphTotals {
    int64_t params, trainable;
    int64_t macs, live_macs; /* multiply-adds an image */
} GraphTotals;
GraphTotals graph_totals(const Graph *graph);

/* Keras's table: name, kind, output shape, parameters, frozen, trains or dropped, multiply-adds,
 * those that do not meet padding (live), bytes of the parameters; totals. */
void graph_summary(const Graph *graph, Buf *out);
/* One JSON object: layers, dropped (names), total_params, trainable_params, macs, live_macs. Shapes
 * begin with null, the batch, as Keras's do. */
void graph_summary_json(const Graph *graph, Buf *out);

#endif
