/* plan.h - the static plan: steps, buffers at offsets, read-only data. Every byte is decided here.
 *
 * Activations of 4-D tensors lie as (height, width, batch, channels), "HWNC": the samples of a
 * batch stand side by side at every pixel, so a convolution is a matrix product over the live taps
 * of each output pixel and padding costs nothing. A flat tensor (batch, channels) is the case of
 * one pixel. Matrices (kernels of Conv2D and Dense) lie in panels of `panel` columns: see GrtParam
 * in grt.h. */
#ifndef GRAFT_PLAN_H
#define GRAFT_PLAN_H

#include "compiler/graph/graph.h"
#include "compiler/kernel/kir.h"
#include "runtime/grt.h"

typedef uint32_t BufId;
#define BUF_NONE UINT32_MAX

typedef enum {
    BUF_SCRATCH, /* lives from its first to its last step of one phase */
    BUF_STATE,   /* lives through the whole run: weights, optimizer state, inputs and outputs */
    BUF_RODATA   /* constant, in the program */
} BufKind;
extern const char *const PLAN_BUFFER_KINDS[]; /* by BufKind */

typedef struct PlanBuffer {
    const char *name;
    BufKind kind;
    KElem elem;
    int64_t n;
    int phase;            /* of BUF_SCRATCH */
    uint32_t first, last; /* steps of its life, inclusive */
    uint64_t offset;      /* in the block, or in rodata */
    const void *data;     /* BUF_RODATA */
} PlanBuffer;

typedef struct PlanStep {
    const char *name;
    const Kernel *kernel;
    BufId args[K_MAX_BUFFERS];
    uint64_t macs; /* live multiply-adds of one run */
} PlanStep;

typedef struct PlanPhase {
    const char *name;
    int64_t batch;
    ARR(PlanStep) steps;
} PlanPhase;

typedef struct Target {
    const char *cpu;      /* LLVM's name: x86-64-v3, x86-64-v4 ... as resolved */
    const char *needs;    /* all that is used beyond the first processors: "avx avx2", grt.h's */
    const char *features; /* the same, as LLVM takes it: "+avx,+avx2" */
    const char *triple;
    int lanes;     /* float32 lanes of a vector register: 16, 8 or 4 */
    int registers; /* vector registers */
    bool dot_bfloat16; /* it has instructions for DOT2 and to round; results do not depend on it */
} Target;

typedef struct Plan {
    const Graph *graph;
    Target target;
    PlanPhase phases[GRT_N_PHASES];
    const bool *prefix; /* by node of the graph: computed by the phase prefix */
    ARR(PlanBuffer) buffers;
    ARR(Kernel *) kernels; /* distinct */
    ARR(GrtParam) params;  /* not frozen */
    ARR(BufId) param_data; /* by parameter: loaded start values, BUF_NONE none */
    GrtIo io;
    int64_t feature_size, head_input_size;
    uint64_t block_bytes, rodata_bytes;
    uint64_t stream_offset, stream_bytes; /* the prefix's part of the block: grt.h */
    bool valued;          /* constants have their values; without: sizes only, data is NULL */
    char prefix_hash[17]; /* without values: of the constants' names and sizes in their place */
} Plan;

/* Graph with weights -> Plan (plan_build.c): cuts the frozen prefix, lowers the layers of each
 * phase (lower.h), lays the buffers out (plan_memory.c). */
Plan *plan_build(Ctx *ctx, const Graph *graph, Target target);
/* The same steps, kernels and sizes without the values of the constants, in a fraction of the time:
 * nothing can be made of it, only said. Layers count as loaded where node->loaded says so. */
Plan *plan_sizes(Ctx *ctx, const Graph *graph, Target target);
void plan_layout(Ctx *ctx, Plan *plan); /* plan_memory.c */
/* No two live buffers overlap; every step's arguments fit its kernel; bug() when broken. */
void plan_verify(const Plan *plan);
void plan_print(const Plan *plan, Buf *out);
/* Why a layer that reads values of the prefix is not of it itself ("trains"); NULL for others. */
const char *plan_prefix_end(const Plan *plan, NodeId reader);

#endif
