/* weights_match.h - a weight file and a Graph, and how the layers of the one go to the other. */
#ifndef GRAFT_WEIGHTS_MATCH_H
#define GRAFT_WEIGHTS_MATCH_H

#include "compiler/weights/weights.h"

typedef struct Match {
    Ctx *ctx;
    const Graph *graph;
    const WeightFile *file;
    const Rename *rename; /* the spec's own names, applied first */
    uint32_t n_rename;
    Node **to;       /* by layer of the file: the node it goes to, NULL none */
    const char *way; /* "" names as they are, "counters", or the table's era */
    uint32_t score;  /* layers that fit whole */
    StrMap *by_name;
} Match;

typedef enum { FIT_WHOLE, FIT_SHAPE_DIFFERS, FIT_ARRAY_MISSING } LayerFit;

/* Chooses the way that fits most layers. */
void weights_match(Match *match);
/* How a layer of a file fits a node; *which: the parameter that does not. */
LayerFit weights_fit(const WeightLayer *layer, const Node *node, uint32_t *which);
/* The node's parameters point to the layer's data; it fits whole. */
void weights_take(Node *node, const WeightLayer *layer);

#endif
