/* weights.h - fills the Graph's parameters from weight files, by layer name, and says what it did.
 *
 * Reads Keras's HDF5 layouts (weights and whole models, and .weights.h5) and safetensors.
 * weights_h5.c is the only file that includes <hdf5.h>. */
#ifndef GRAFT_WEIGHTS_H
#define GRAFT_WEIGHTS_H

#include "compiler/graph/graph.h"

/* One layer of a weight file: its arrays in the file's order. */
typedef struct WeightArray {
    const char *name; /* as in the file: "kernel:0" */
    bool turned;      /* PyTorch's OIHW or (out, in) in the file; dims and data are Keras's order */
    uint32_t rank;
    int64_t dims[8];
    const float *data;
} WeightArray;
typedef struct WeightLayer {
    const char *name;
    const char *inner; /* when it may be a model of one layer: that layer's name, else NULL */
    ARR(WeightArray) arrays;
} WeightLayer;
typedef struct WeightFile {
    const char *path;
    ARR(WeightLayer) layers; /* only those that have arrays, in the file's order */
} WeightFile;

/* fatal(EXIT_FILE / EXIT_WEIGHTS) with the reason when the file cannot be read or is no weight
 * file. Damaged files do not crash or hang it. */
const WeightFile *weights_open(Ctx *ctx, const char *path);

typedef struct WeightReport {
    uint32_t matched, renamed, missing, unused, shape_differs;
    const char *map;  /* table of names used, "" when the names were today's */
    const char *text; /* the report, lines for stderr */
} WeightReport;

/* Loads the backbone's and the whole model's weights into graph->nodes[].params[].data as the spec
 * says. Errors (nothing matched, a layer left without weights and not allowed to, a shape that
 * differs) are reported at the spec's place. */
void weights_load(Ctx *ctx, Graph *graph, WeightReport *report);

/* Layers and arrays of a file; with a graph (may be NULL) also what would match, by which names. */
void weights_inspect(Ctx *ctx, const char *path, const Graph *graph, Buf *out);

#endif
