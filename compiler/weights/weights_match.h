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
    Node **to;        /* by layer of the file: the node it goes to, NULL none */
    const char *way;  /* "" names as they are, "counters", or the table's era */
    const char *note; /* what the table says to who uses it, or NULL */
    bool *by_spec;    /* by layer of the file: the spec renames it */
    uint32_t score;   /* layers that fit whole */
    StrMap *by_name;
} Match;

typedef enum { FIT_WHOLE, FIT_SHAPE_DIFFERS, FIT_ARRAY_MISSING } LayerFit;

/* Chooses the way that fits most layers. */
void weights_match(Match *match);
/* How a layer of a file fits a node; *which: the parameter that does not. */
LayerFit weights_fit(const WeightLayer *layer, const Node *node, uint32_t *which);
/* The node's parameters point to the layer's data; it fits whole. True when it has no bias in the
 * file, and so one of zeros. */
bool weights_take(Ctx *ctx, Node *node, const WeightLayer *layer);
/* Gives the backbone's nodes to the layers of the same base and counter, less what the file's begin
 * with (weights_counters.c); what the spec renames stays. */
void weights_by_counters(const Match *match, Node **to);

#endif
