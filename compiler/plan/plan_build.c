/* plan_build.c - Graph -> Plan: cuts the frozen prefix off, lowers the layers of the three phases,
 * lays the buffers out. */
#include "compiler/base/base.h"
#include "compiler/plan/lower.h"

#include <xxhash.h>

enum {
    PREFIX_MIN_BATCH = 8,
    PREFIX_USUAL_BATCH = 16,
    PREFIX_MAX_BATCH = 64,
    PREFIX_MAX_BYTES = 8 << 20, /* of the largest layer's input and output together */
    READ_MACS = 10,             /* multiply-adds that take as long as reading a weight */
    READ_SHARE = 20             /* reading weights takes at most one in so many parts of the time */
};

/* Nodes whose values the prefix hands on, in order, and where in a feature row each stands. */
typedef struct Boundary {
    ARR(NodeId) nodes;
    int64_t size;
} Boundary;

static int64_t node_size(const Graph *graph, NodeId id)
{
    return shape_size(graph->nodes.at[id].shape);
}

static Boundary find_boundary(Ctx *ctx, const Graph *graph, const bool *prefix)
{
    Boundary b = {.size = 0};
    bool *seen = arena_array(ctx->arena, bool, graph->nodes.n);
    for (NodeId i = 0; i < graph->nodes.n; i++) {
        const Node *node = &graph->nodes.at[i];
        for (uint32_t k = 0; !prefix[i] && k < node->inputs.n; k++)
            if (prefix[node->inputs.at[k]])
                seen[node->inputs.at[k]] = true;
    }
    for (NodeId i = 0; i < graph->nodes.n; i++) {
        if (!seen[i])
            continue;
        *arr_push(ctx->arena, &b.nodes) = i;
        b.size += node_size(graph, i);
    }
    return b;
}

/* Bytes of a layer's inputs and output in the prefix, of one sample. */
static int64_t layer_bytes(const Graph *graph, NodeId id)
{
    const Node *node = &graph->nodes.at[id];
    bool bfloat16 = graph->spec->precision == PREC_BFLOAT16;
    int64_t size = node_size(graph, id);
    for (uint32_t k = 0; k < node->inputs.n; k++)
        size += node_size(graph, node->inputs.at[k]);
    return size * (int64_t)kelem_size(bfloat16 ? KE_BF16 : KE_F32);
}

/* Samples of a run of the prefix: enough to use each weight often while it is at hand, as far as
 * the values stay in the cache. Nothing behind the prefix counts, so that experiments that differ
 * there have the same one. */
static int64_t prefix_batch(const Graph *graph, const bool *prefix)
{
    int64_t largest = 0, weights = 0, macs = 0, batch = PREFIX_USUAL_BATCH;
    for (NodeId i = 0; i < graph->nodes.n; i++) {
        const Node *node = &graph->nodes.at[i];
        const Param *kernel = node_param(node, "kernel");
        if (!prefix[i])
            continue;
        int64_t bytes = layer_bytes(graph, i);
        largest = bytes > largest ? bytes : largest;
        weights += kernel ? param_size(kernel) : 0;
        macs += node_macs(graph, node, true);
    }
    while (batch < PREFIX_MAX_BATCH && weights * READ_MACS * READ_SHARE > macs * batch)
        batch *= 2;
    while (batch > PREFIX_MIN_BATCH && largest * batch > PREFIX_MAX_BYTES)
        batch /= 2;
    return batch;
}

static void begin_phase(Lower *lw, int phase, const char *name, int64_t batch)
{
    lw->phase = phase;
    lw->batch = batch;
    lw->plan->phases[phase].name = name;
    lw->plan->phases[phase].batch = batch;
    for (NodeId i = 0; i < lw->graph->nodes.n; i++)
        lw->value[i] = lw->grad[i] = BUF_NONE;
}

static void make_io(Lower *lw)
{
    const Graph *graph = lw->graph;
    const Spec *spec = graph->spec;
    Plan *plan = lw->plan;
    GrtIo *io = &plan->io;
    int64_t p = plan->phases[GRT_PREFIX].batch, t = spec->batch_size,
            e = spec->validation_batch_size;
    io->images = lower_state(lw, "images", KE_U8, p * spec->height * spec->width * spec->channels);
    io->features_out = lower_state(lw, "features", KE_F32, p * plan->feature_size);
    io->train_features = lower_state(lw, "train.features", KE_F32, t * plan->feature_size);
    io->train_labels = lower_state(lw, "train.labels", KE_I32, t);
    io->train_loss = lower_state(lw, "train.loss", KE_F32, t);
    io->train_correct = lower_state(lw, "train.correct", KE_F32, t);
    io->eval_features = lower_state(lw, "eval.features", KE_F32, e * plan->feature_size);
    io->eval_labels = lower_state(lw, "eval.labels", KE_I32, e);
    io->eval_loss = lower_state(lw, "eval.loss", KE_F32, e);
    io->eval_correct = lower_state(lw, "eval.correct", KE_F32, e);
    io->eval_probs = lower_state(lw, "eval.probs", KE_F32, e * graph->n_classes);
    io->hyper = lower_state(lw, "hyper", KE_F32, 8);
    io->counters = lower_state(lw, "counters", KE_I64, 8);
    io->prefix_head_input = io->eval_head_input = BUF_NONE;
}

/* (pixels, n, c) -> rows of `row_size` at `offset`. */
static void pack_step(Lower *lw, NodeId id, BufId out, int64_t row_size, int64_t offset)
{
    const Node *node = &lw->graph->nodes.at[id];
    Shape s = node->shape;
    Kernel *k = kernel_pack_rows(lw->ctx->arena, lw->target, s.h * s.w, lw->batch, s.c, row_size,
                                 offset, false);
    lower_step_args(lw, arena_printf(lw->ctx->arena, "%s.rows", node->name), k, 0,
                    lower_value(lw, id), out);
}

/* The features are what enters the head, row by row. */
static bool features_are_head_input(const Graph *graph, const Boundary *b)
{
    if (b->nodes.n != 1)
        return false;
    const Node *node = &graph->nodes.at[b->nodes.at[0]];
    bool is_flat_view = LAYER_KINDS[node->kind].flags & LF_VIEW;
    return node->id == graph->head_input ||
           (is_flat_view && node->inputs.at[0] == graph->head_input);
}

static void lower_prefix(Lower *lw, const Boundary *b)
{
    const Graph *graph = lw->graph;
    Plan *plan = lw->plan;
    for (NodeId i = 0; i < graph->nodes.n; i++) {
        const Fusion *f = &lw->fusion[i];
        if (!lw->prefix[i] || f->inside)
            continue;
        const Node *node = &graph->nodes.at[f->root == NODE_NONE ? i : f->root];
        LAYER_KINDS[node->kind].forward(lw, node);
    }
    int64_t offset = 0;
    for (uint32_t i = 0; i < b->nodes.n; i++) {
        if (b->nodes.at[i] != lw->direct)
            pack_step(lw, b->nodes.at[i], plan->io.features_out, b->size, offset);
        offset += node_size(graph, b->nodes.at[i]);
    }
    if (!lw->prefix[graph->head_input])
        return;
    plan->io.prefix_head_input = plan->io.features_out;
    if (features_are_head_input(graph, b))
        return;
    plan->io.prefix_head_input =
        lower_state(lw, "head_input", KE_F32, lw->batch * plan->head_input_size);
    pack_step(lw, graph->head_input, plan->io.prefix_head_input, plan->head_input_size, 0);
}

/* The boundary's values out of the feature rows. */
static void take_features(Lower *lw, const Boundary *b, BufId features)
{
    int64_t offset = 0;
    for (uint32_t i = 0; i < b->nodes.n; i++) {
        NodeId id = b->nodes.at[i];
        const Node *node = &lw->graph->nodes.at[id];
        Shape s = node->shape;
        if (b->nodes.n == 1 && s.h * s.w == 1) {
            lw->value[id] = features;
            return;
        }
        Kernel *k = kernel_unpack_rows(lw->ctx->arena, lw->target, s.h * s.w, lw->batch, s.c,
                                       b->size, offset, false);
        const char *name = arena_printf(lw->ctx->arena, "%s.take", node->name);
        lower_step_args(lw, name, k, 0, features, lower_new_value(lw, id));
        offset += shape_size(s);
    }
}

static void lower_forward(Lower *lw)
{
    for (NodeId i = 0; i < lw->graph->nodes.n; i++) {
        const Node *node = &lw->graph->nodes.at[i];
        if (!lw->prefix[i])
            LAYER_KINDS[node->kind].forward(lw, node);
    }
}

static void loss_step(Lower *lw, BufId labels, BufId loss, BufId correct, BufId out)
{
    const Graph *graph = lw->graph;
    bool train = lw->phase == GRT_TRAIN;
    Kernel *k = kernel_crossentropy(lw->ctx->arena, lw->target, lw->batch, graph->n_classes, train);
    lower_step_args(lw, "loss", k, 0, lower_value(lw, graph->output), labels, lw->plan->io.counters,
                    loss, correct, out);
}

static void lower_train(Lower *lw, const Boundary *b)
{
    const Graph *graph = lw->graph;
    GrtIo *io = &lw->plan->io;
    take_features(lw, b, io->train_features);
    lower_forward(lw);
    bool accumulate;
    BufId dlogits = lower_grad_target(lw, graph->output, &accumulate);
    loss_step(lw, io->train_labels, io->train_loss, io->train_correct, dlogits);
    for (NodeId i = graph->nodes.n; i-- > 0;) {
        const Node *node = &graph->nodes.at[i];
        if (!lw->prefix[i] && lw->needs_grad[i] && lw->grad[i] != BUF_NONE)
            LAYER_KINDS[node->kind].backward(lw, node);
    }
}

static void lower_eval(Lower *lw, const Boundary *b)
{
    const Graph *graph = lw->graph;
    Plan *plan = lw->plan;
    take_features(lw, b, plan->io.eval_features);
    lower_forward(lw);
    loss_step(lw, plan->io.eval_labels, plan->io.eval_loss, plan->io.eval_correct,
              plan->io.eval_probs);
    if (lw->prefix[graph->head_input])
        return;
    plan->io.eval_head_input =
        lower_state(lw, "eval.head_input", KE_F32, lw->batch * plan->head_input_size);
    pack_step(lw, graph->head_input, plan->io.eval_head_input, plan->head_input_size, 0);
}

static void hash_constant(XXH3_state_t *state, const PlanBuffer *b)
{
    if (b->data) {
        XXH3_64bits_update(state, b->data, (size_t)b->n * kelem_size(b->elem));
        return;
    }
    XXH3_64bits_update(state, b->name, strlen(b->name));
    XXH3_64bits_update(state, &b->n, sizeof b->n);
}

/* Of everything that decides the features: kernels, how they are chained, constants. */
static void hash_prefix(Ctx *ctx, Plan *plan)
{
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        fatal(ctx, EXIT_FILE, "out of memory");
    XXH3_64bits_reset(state);
    const PlanPhase *phase = &plan->phases[GRT_PREFIX];
    for (uint32_t i = 0; i < phase->steps.n; i++) {
        const PlanStep *step = &phase->steps.at[i];
        XXH3_64bits_update(state, &step->kernel->hash, sizeof step->kernel->hash);
        for (uint32_t k = 0; k < step->kernel->n_buffers && !step->kernel->buffers[k].local; k++) {
            const PlanBuffer *b = &plan->buffers.at[step->args[k]];
            if (b->kind == BUF_RODATA)
                hash_constant(state, b);
            else
                XXH3_64bits_update(state, b->name, strlen(b->name));
        }
    }
    snprintf(plan->prefix_hash, sizeof plan->prefix_hash, "%016llx",
             (unsigned long long)XXH3_64bits_digest(state));
    XXH3_freeState(state);
}

static KernelOptimizer optimizer_of(const Spec *spec)
{
    KernelOptimizer o = {.adam = spec->optimizer == OPT_ADAM};
    if (o.adam) {
        o.beta_1 = spec->beta_1;
        o.beta_2 = spec->beta_2;
        o.epsilon = (float)spec->opt_epsilon;
        o.n_slots = 2;
    } else {
        o.momentum = (float)spec->momentum;
        o.nesterov = spec->nesterov;
        o.n_slots = spec->momentum != 0 ? 1 : 0;
    }
    return o;
}

static Lower begin_lower(Ctx *ctx, Plan *plan)
{
    const Graph *graph = plan->graph;
    Arena *arena = ctx->arena;
    uint32_t n = graph->nodes.n;
    Lower lw = {.ctx = ctx,
                .graph = graph,
                .plan = plan,
                .optimizer = optimizer_of(graph->spec),
                .bfloat16 = graph->spec->precision == PREC_BFLOAT16,
                .target = {.lanes = plan->target.lanes, .registers = plan->target.registers},
                .value = arena_array(arena, BufId, n),
                .grad = arena_array(arena, BufId, n),
                .prefix = graph_frozen_prefix(ctx, graph),
                .needs_grad = arena_array(arena, bool, n),
                .state = arena_array(arena, NodeState, n),
                .rodata = strmap_create(arena),
                .direct = NODE_NONE};
    for (NodeId i = 0; i < n; i++) {
        const Node *node = &graph->nodes.at[i];
        lw.state[i].first_param = UINT32_MAX;
        lw.needs_grad[i] = node->trainable;
        for (uint32_t k = 0; k < node->inputs.n; k++)
            lw.needs_grad[i] |= lw.needs_grad[node->inputs.at[k]];
    }
    lw.fusion = lower_fuse(ctx, graph, lw.prefix);
    return lw;
}

static void lower_peak(Lower *lw)
{
    uint64_t macs;
    Kernel *kernel = kernel_peak(lw->ctx->arena, lw->target, &macs);
    BufId x = lower_state(lw, "peak.x", KE_F32, kernel->buffers[0].n),
          y = lower_scratch(lw, "peak.y", kernel->buffers[1].n);
    lower_step_args(lw, "multiply-adds", kernel, macs, x, y);
}

static Plan *build(Ctx *ctx, const Graph *graph, Target target, bool valued)
{
    Plan *plan = arena_new(ctx->arena, Plan);
    plan->graph = graph;
    plan->target = target;
    plan->valued = valued;
    Lower lw = begin_lower(ctx, plan);
    plan->prefix = lw.prefix;
    Boundary b = find_boundary(ctx, graph, lw.prefix);
    plan->feature_size = b.size;
    plan->head_input_size = node_size(graph, graph->head_input);
    if (b.nodes.n == 1) {
        Shape s = graph->nodes.at[b.nodes.at[0]].shape;
        lw.direct = s.h * s.w == 1 ? b.nodes.at[0] : NODE_NONE;
    }
    begin_phase(&lw, GRT_PREFIX, "prefix", prefix_batch(graph, lw.prefix));
    make_io(&lw);
    lower_prefix(&lw, &b);
    begin_phase(&lw, GRT_TRAIN, "train", graph->spec->batch_size);
    lower_train(&lw, &b);
    begin_phase(&lw, GRT_EVAL, "eval", graph->spec->validation_batch_size);
    lower_eval(&lw, &b);
    begin_phase(&lw, GRT_PEAK, "peak", 1);
    lower_peak(&lw);
    hash_prefix(ctx, plan);
    plan_layout(ctx, plan);
    return plan;
}

Plan *plan_build(Ctx *ctx, const Graph *graph, Target target)
{
    return build(ctx, graph, target, true);
}

Plan *plan_sizes(Ctx *ctx, const Graph *graph, Target target)
{
    return build(ctx, graph, target, false);
}
