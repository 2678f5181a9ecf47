/* lower.h - how layers become plan steps: the interface between plan_build.c and layer_*.c.
 *
 * plan_build.c walks the Graph once a phase and calls a layer's forward (and, in the train phase,
 * backward in reverse order). The layer asks for buffers of values and gradients and appends steps.
 */
#ifndef GRAFT_LOWER_H
#define GRAFT_LOWER_H

#include "compiler/kernel/kernel.h"
#include "compiler/plan/plan.h"

/* What the step of a convolution in the prefix takes in with it (layers/lower_fuse.c). */
typedef struct Fusion {
    bool inside;          /* this node is computed by the step of another */
    NodeId root;          /* this node ends a fused chain: the convolution whose step writes it */
    NodeId norm;          /* of a root: BatchNormalization folded into it, NODE_NONE none */
    NodeId add, residual; /* Add after it, and the Add's other operand */
    NodeId act;           /* activation after it */
    NodeId last;          /* the node whose output the step writes; itself when nothing is fused */
    NodeId source;        /* what the step reads: before padding and nearest upsampling */
    int64_t pad_t, pad_l; /* padding taken in */
    bool zero_pad;        /* there is such */
    int64_t up_h, up_w;   /* factors of upsampling taken in */
    int64_t live_h, live_w; /* only rows and columns of the node's output that are multiples of
                               these are read, computed and stored; of no use for a node inside */
} Fusion;

/* By node; only nodes of the prefix are fused. */
const Fusion *lower_fuse(Ctx *ctx, const Graph *graph, const bool *prefix);
/* Fills live_h and live_w, the rest being there (layers/lower_live.c). */
void lower_live(const Graph *graph, const bool *prefix, Fusion *fusion);

/* Parameters of a node that are not frozen, in memory. */
typedef struct NodeState {
    uint32_t first_param; /* in plan->params, UINT32_MAX: none */
    BufId saved[2];       /* of this phase: what forward keeps for backward */
} NodeState;

typedef struct Lower {
    Ctx *ctx;
    const Graph *graph;
    Plan *plan;
    int phase; /* GRT_PREFIX, GRT_TRAIN, GRT_EVAL */
    int64_t batch;
    KernelTarget target;
    KernelOptimizer optimizer;
    bool bfloat16;        /* the prefix keeps its values in bfloat16 where it can */
    BufId *value;         /* by node: its output in this phase, BUF_NONE not there yet */
    BufId *grad;          /* by node: gradient of the loss by its output, BUF_NONE none yet */
    const bool *prefix;   /* by node: computed in the prefix phase */
    bool *needs_grad;     /* by node: something trainable stands at or before it */
    NodeState *state;     /* by node, shared by the phases */
    const Fusion *fusion; /* by node */
    StrMap *rodata;       /* by name: read-only buffers made already */
    NodeId direct;        /* prefix: the node that writes the features itself, NODE_NONE none */
} Lower;

/* Shape of a node's output as it is in memory: without the pixels that nobody reads. */
Shape lower_shape(const Lower *lw, NodeId node);
/* Its elements in a whole batch. */
static inline int64_t lower_elems(const Lower *lw, const Node *node)
{
    return shape_size(lower_shape(lw, node->id)) * lw->batch;
}

BufId lower_value(Lower *lw, NodeId node);     /* output of a node that was lowered */
BufId lower_new_value(Lower *lw, NodeId node); /* its output buffer, to be written now */
BufId lower_scratch(Lower *lw, const char *name, int64_t n); /* float32, in this phase */
/* Constant data, made once a name: fill is called when the name is new and the plan has values. */
typedef void (*RodataFill)(float *data, void *arg);
BufId lower_rodata(Lower *lw, const char *name, int64_t n, RodataFill fill, void *arg);
/* The same rounded to bfloat16: fill still writes float32. */
BufId lower_rodata_bfloat16(Lower *lw, const char *name, int64_t n, RodataFill fill, void *arg);
BufId lower_state(Lower *lw, const char *name, KElem elem, int64_t n);
/* Gradient of a node's output, complete; BUF_NONE when nothing depends on it. */
BufId lower_grad(Lower *lw, NodeId node);
/* Where a consumer writes its share of the gradient of `node`; *accumulate: add to what is there.
 */
BufId lower_grad_target(Lower *lw, NodeId node, bool *accumulate);
bool lower_wants_grad(const Lower *lw, NodeId node);

/* The node gives its input's values on unchanged. */
void lower_alias(Lower *lw, NodeId node, NodeId input);
/* The last layer: its softmax is part of the loss, so its value is the logits. */
static inline bool lower_is_logits(const Lower *lw, const Node *node)
{
    return node->id == lw->graph->output && lw->phase != GRT_PREFIX;
}

/* Appends a step; the kernel is shared with an equal one of any phase. args in the kernel's order.
 * Where a buffer holds bfloat16 and the kernel was made for float32, it converts. */
void lower_step(Lower *lw, const char *name, Kernel *kernel, uint64_t macs, uint32_t n_args,
                const BufId *args);
#define lower_step_args(lw, name, kernel, macs, ...)                                           \
    lower_step((lw), (name), (kernel), (macs), sizeof((BufId[]){__VA_ARGS__}) / sizeof(BufId), \
               (const BufId[]){__VA_ARGS__})

/* Parameter of a node in memory: a matrix in panels (rows x cols) or a vector (panel 0), padded
 * with zeros. Frozen: rodata with the values; else a state buffer, registered in plan->params. */
typedef struct ParamRef {
    BufId value, slot[2];
    int64_t rows, cols, panel;
    bool trainable;
} ParamRef;
ParamRef lower_param(Lower *lw, const Node *node, const char *name);
/* Values of a parameter: as loaded, or start values drawn from the seed. Keras's order. In a plan
 * without values: a pointer that is not read. */
const float *lower_param_values(Lower *lw, const Node *node, const Param *param);
/* The same by name; NULL when the node has no such parameter. */
const float *lower_values(Lower *lw, const Node *node, const char *name);
/* rows x cols, row-major, into panels. */
void lower_pack_panels(float *out, const float *in, int64_t rows, int64_t cols, int64_t panel);
/* Arguments of an update step after the gradient: weights, hyper, slots. */
uint32_t lower_update_args(const Lower *lw, const ParamRef *param, BufId *args);

#endif
