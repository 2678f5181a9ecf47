/* graph_plot.h - the Graph as a picture: layers gathered to boxes, boxes as DOT. */
#ifndef GRAFT_GRAPH_PLOT_H
#define GRAFT_GRAPH_PLOT_H

#include "compiler/graph/graph.h"

/* A layer of the picture: a node of the Graph, or a layer of the backbone that the slice dropped. */
typedef struct PlotLayer {
    LayerKind kind;
    const char *name;
    const LayerAttrs *attrs;
    const Node *node; /* NULL: dropped */
    Part part;
    ARR(uint32_t) inputs; /* layers before it */
    uint32_t n_users;
    uint32_t box;
} PlotLayer;

/* Layers that are drawn as one. Those of a box are all kept or all dropped. */
typedef struct PlotBox {
    ARR(uint32_t) layers;
    bool block;            /* its layers are branches that meet again */
    const char *signature; /* equal: the same layers in the same way, but for names */
    uint32_t root;         /* the box that stands for this one and its repetitions; itself: drawn */
    uint32_t n;            /* how often it stands for the like, itself included */
    uint32_t last;         /* of these */
} PlotBox;

typedef struct Plot {
    const Graph *graph;
    ARR(PlotLayer) layers; /* inputs before their users; the head last */
    ARR(PlotBox) boxes;
    uint32_t head; /* the first layer of the head */
} Plot;

/* Gathers what belongs together: normalisation and activation to the layer before them, the layers
 * between two places that everything passes to a block, equal blocks in a row to one box. full: every
 * layer a box of its own. */
Plot *graph_plot(Ctx *ctx, const Graph *graph, bool full);
/* The same in the language of Graphviz. */
void graph_plot_dot(Ctx *ctx, const Graph *graph, bool full, Buf *out);

#endif
