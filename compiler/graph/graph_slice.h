/* graph_slice.h - which layers of a backbone are kept, and in which order. */
#ifndef GRAFT_GRAPH_SLICE_H
#define GRAFT_GRAPH_SLICE_H

#include "compiler/graph/graph.h"

/* A backbone's layers as a graph: indices into backbone->layers. */
typedef struct LayerInputs {
    uint32_t n;
    uint32_t *at; /* BACKBONE_INPUT: what enters the backbone */
} LayerInputs;
#define BACKBONE_INPUT UINT32_MAX

typedef struct Slice {
    const Backbone *backbone;
    LayerInputs *inputs; /* by layer */
    uint32_t last;       /* the layer that the slice ends with */
    uint32_t *order;     /* the kept layers in Keras's order of model.layers */
    uint32_t n_kept;
} Slice;

/* Keeps what the layer named by spec->slice depends on, without one what the last layer depends on.
 * An unknown name is an error at spec->slice_loc: false. A note says when a branch was dropped. */
bool graph_slice(Ctx *ctx, const Spec *spec, const Backbone *backbone, Slice *out);

#endif
