/* graph_diff.h - what a change of a spec does: layers, sizes, and what of an older run still holds.
 */
#ifndef GRAFT_GRAPH_DIFF_H
#define GRAFT_GRAPH_DIFF_H

#include "compiler/diff/spec_diff.h"
#include "compiler/plan/plan.h"

/* One side, compiled without weight files (plan_sizes). */
typedef struct DiffSide {
    const char *label; /* as the user named it */
    const Spec *spec;
    const Graph *graph; /* NULL: what it names is gone; compare takes such sides, diff does not */
    const Plan *plan;
    SpecValues values; /* `file` is where a path leads in the file system */
} DiffSide;

/* Layers by name. */
typedef ARR(const Node *) NodeList;
typedef struct LayerDiff {
    NodeList gone, added;            /* of a; of b */
    NodeList now_trains, now_frozen; /* of b: those that have weights on both sides */
    NodeList reshaped_a, reshaped_b; /* same name, but another kind or other parameters */
    NodeList rebuilt;                /* of b's backbone: other arguments or inputs */
} LayerDiff;
LayerDiff layer_diff(Ctx *ctx, const Graph *a, const Graph *b);
/* Same kind, same arguments. */
bool layers_alike(const Node *a, const Node *b);

/* What a model costs. The rows of SIZES (graph_diff.c) name the fields. */
typedef struct Sizes {
    int64_t layers, params, trainable;
    int64_t prefix_macs;      /* an image, in the frozen prefix */
    int64_t step_macs;        /* a training step: forward, backward and update behind the prefix */
    int64_t features;         /* bytes that the prefix hands on, an image */
    int64_t block, constants; /* bytes of the program's memory; of constants in its file */
} Sizes;
Sizes sizes_of(const Graph *graph, const Plan *plan);
typedef enum { UNIT_COUNT, UNIT_MACS, UNIT_BYTES } SizeUnit;
typedef struct SizeDesc {
    const char *key;   /* in JSON */
    const char *title; /* for people */
    const char *brief; /* head of a column; NULL: has none */
    SizeUnit unit;
    size_t offset; /* in Sizes */
} SizeDesc;
extern const SizeDesc SIZES[];
extern const size_t N_SIZES;
static inline int64_t size_value(const Sizes *sizes, const SizeDesc *desc)
{
    return *(const int64_t *)((const char *)sizes + desc->offset);
}
/* 26215818 as 26,215,818; multiply-adds as 78.7 M; bytes as 12.3 MiB. */
const char *size_text(Arena *arena, SizeUnit unit, int64_t value);

/* What a run of a left behind, under b. */
typedef enum { HOLDS, HOLDS_PERHAPS, HOLDS_NOT } Holds;
extern const char *const HOLDS_WORDS[]; /* valid, unsure, invalid */
typedef struct Verdict {
    Holds holds;
    const char *why; /* NULL: nothing to say */
} Verdict;

typedef struct Kept {
    uint32_t kept, added, gone; /* kernels, by what they compute */
} Kept;

typedef struct Diff {
    const DiffSide *a, *b;
    bool same; /* neither a value nor a layer of a backbone's file differs */
    Changes changes;
    LayerDiff layers;
    Sizes sizes_a, sizes_b;
    Verdict checkpoint, cache;
    Kept kernels;
} Diff;
Diff diff_sides(Ctx *ctx, const DiffSide *a, const DiffSide *b);

/* verdict.c */
Verdict checkpoint_verdict(Ctx *ctx, const DiffSide *a, const DiffSide *b);
Verdict cache_verdict(Ctx *ctx, const DiffSide *a, const DiffSide *b, const Changes *changes);
Kept kernels_kept(const Plan *a, const Plan *b);

#endif
