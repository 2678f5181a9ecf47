/* graph.h - the layers of the experiment with shapes and parameters.
 *
 * Made by graph_build.c from the Spec and a backbone file; nodes stand in topological order and every
 * node is needed. Conventions, stated once: shapes are per image, (height, width, channels); kernels
 * of Conv2D are HWIO, of Dense (in, out), as in Keras. After graph_build returns without errors no
 * mistake of the user's is left, but for weights. */
#ifndef GRAFT_GRAPH_H
#define GRAFT_GRAPH_H

#include "compiler/spec/spec.h"

typedef uint32_t NodeId;
#define NODE_NONE UINT32_MAX

typedef enum { PART_INPUT, PART_UPSAMPLING, PART_BACKBONE, PART_HEAD } Part;

typedef struct Param {
    const char *name;    /* kernel, bias, gamma, beta, moving_mean, moving_variance */
    uint32_t rank;
    int64_t dims[4];
    Initializer init;
    int64_t fan_in, fan_out;
    bool statistic;      /* moving statistics: never touched by the optimizer */
    const float *data;   /* loaded values in Keras's order, or NULL: initialised at start by init */
} Param;
int64_t param_size(const Param *param);

typedef struct Node {
    NodeId id;
    LayerKind kind;
    const char *name;
    Loc loc;
    Part part;
    LayerAttrs attrs;
    ARR(NodeId) inputs;
    Shape shape;          /* of the output */
    ARR(Param) params;
    bool trainable;       /* has weights and none of the freezing rules covers it */
    bool loaded;          /* its weights came from a file */
} Node;

typedef struct Graph {
    const Spec *spec;
    ARR(Node) nodes;
    NodeId backbone_input; /* the node that enters the backbone (input or last upsampling) */
    NodeId head_input;     /* the node that enters the head */
    NodeId output;
    int64_t n_classes;
    uint32_t n_dropped;    /* layers of the backbone that the slice dropped */
    const struct Backbone *backbone;
} Graph;

/* What a backbone file says besides its layers (backbone.c). */
typedef struct NameMap {
    const char *era;       /* "keras-2016" */
    const char *note;      /* for who loads such a file, or NULL */
    ARR(Rename) names;     /* file's layer name -> layer name */
} NameMap;
typedef struct Backbone {
    const char *name;
    const char *preprocessing; /* word of input.preprocessing its ImageNet weights were trained with */
    int64_t min_height, min_width;
    LayerSpecs layers;         /* expanded; every layer named */
    ARR(NameMap) maps;
    const char *counter_names; /* "keras": unnamed weights are matched by creation order (conv2d_17) */
} Backbone;

/* Embedded backbone or a user's file; NULL after errors (reported at ref_loc or in the file). */
const Backbone *backbone_read(Ctx *ctx, const char *name_or_path, const char *beside, Loc ref_loc);
/* Names of the embedded backbones, NULL-terminated. */
const char *const *backbone_names(void);

/* Layers, slice, freezing, shapes, parameters. NULL after errors. */
Graph *graph_build(Ctx *ctx, const Spec *spec);
Param *graph_add_param(Ctx *ctx, Node *node, const char *name, Initializer init, uint32_t rank,
                       const int64_t *dims);
/* Invariants of a finished Graph; bug() when one is broken. */
void graph_verify(const Graph *graph);
void graph_print(const Graph *graph, Buf *out);
/* ` key=value` for each argument of a layer. */
void graph_print_attrs(LayerKind kind, const LayerAttrs *attrs, Buf *out);

static inline const Node *graph_input(const Graph *g, const Node *n, uint32_t i)
{
    return &g->nodes.at[n->inputs.at[i]];
}
/* Parameter of a node by name or NULL. */
const Param *node_param(const Node *node, const char *name);
/* Multiply-adds an image: nominal, and without those that meet only padding (graph_cost.c). */
int64_t node_macs(const Graph *graph, const Node *node, bool live_only);

/* Layer is a function of the image alone: nothing trainable or random at or before it (graph_cost.c).
 * One flag a node, in the arena. */
const bool *graph_frozen_prefix(Ctx *ctx, const Graph *graph);

#endif
