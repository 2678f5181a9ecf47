/* lower_norm.c - BatchNormalization as plan steps: training mode where it is trainable, a scale and
 * a shift where it is frozen. */
#include "compiler/base/base.h"
#include "compiler/layers/layer_rules.h"
#include "compiler/layers/lower_norm.h"

#include <math.h>

static NormGeom geom_of(const Lower *lw, const Node *node)
{
    const LayerAttrs *a = &node->attrs;
    return (NormGeom){.pixels = node->shape.h * node->shape.w,
                      .n = lw->batch,
                      .c = node->shape.c,
                      .epsilon = (float)a->epsilon,
                      .momentum = (float)a->momentum,
                      .scale = a->scale,
                      .center = a->center};
}

NormValues norm_values(Lower *lw, const Node *node)
{
    return (NormValues){.gamma = lower_values(lw, node, "gamma"),
                        .beta = lower_values(lw, node, "beta"),
                        .mean = lower_values(lw, node, "moving_mean"),
                        .variance = lower_values(lw, node, "moving_variance"),
                        .epsilon = node->attrs.epsilon};
}

double norm_scale(const NormValues *norm, int64_t channel)
{
    return (norm->gamma ? norm->gamma[channel] : 1.0) /
           sqrt(norm->variance[channel] + norm->epsilon);
}

typedef struct Frozen {
    NormValues norm;
    int64_t c;
} Frozen;

static void fill_scale(float *out, void *arg)
{
    const Frozen *f = arg;
    for (int64_t c = 0; c < f->c; c++)
        out[c] = (float)norm_scale(&f->norm, c);
}

static void fill_shift(float *out, void *arg)
{
    const Frozen *f = arg;
    const NormValues *norm = &f->norm;
    for (int64_t c = 0; c < f->c; c++)
        out[c] = (float)((norm->beta ? norm->beta[c] : 0.0) - norm->mean[c] * norm_scale(norm, c));
}

static BufId frozen_vector(Lower *lw, const Node *node, bool shift)
{
    Frozen f = {.norm = norm_values(lw, node), .c = node->shape.c};
    const char *key =
        arena_printf(lw->ctx->arena, "%s/%s.folded", node->name, shift ? "shift" : "scale");
    return lower_rodata(lw, key, f.c, shift ? fill_shift : fill_scale, &f);
}

static uint32_t add_scale_shift(Lower *lw, const Node *node, BufId *args, uint32_t n)
{
    if (node->attrs.scale)
        args[n++] = lower_param(lw, node, "gamma").value;
    if (node->attrs.center)
        args[n++] = lower_param(lw, node, "beta").value;
    return n;
}

static void forward_train(Lower *lw, const Node *node)
{
    Arena *arena = lw->ctx->arena;
    NormGeom g = geom_of(lw, node);
    BufId *saved = lw->state[node->id].saved;
    saved[0] = lower_scratch(lw, arena_printf(arena, "%s.mean", node->name), g.c);
    saved[1] = lower_scratch(lw, arena_printf(arena, "%s.inv_std", node->name), g.c);
    BufId args[9] = {lower_value(lw, node->inputs.at[0]), lw->plan->io.counters};
    args[2] = lower_param(lw, node, "moving_mean").value;
    args[3] = lower_param(lw, node, "moving_variance").value;
    args[4] = saved[0];
    args[5] = saved[1];
    args[6] = lower_new_value(lw, node->id);
    uint32_t n = add_scale_shift(lw, node, args, 7);
    lower_step(lw, node->name, kernel_norm_train(arena, lw->target, &g), 0, n, args);
}

void batchnorm_forward(Lower *lw, const Node *node)
{
    Arena *arena = lw->ctx->arena;
    NormGeom g = geom_of(lw, node);
    if (!node->trainable) {
        BufId scale = frozen_vector(lw, node, false), shift = frozen_vector(lw, node, true);
        Kernel *k =
            kernel_affine(arena, lw->target, g.pixels * g.n, g.c, (KernelAct){.kind = ACT_LINEAR});
        BufId x = lower_value(lw, node->inputs.at[0]);
        lower_step_args(lw, node->name, k, 0, x, scale, shift, lower_new_value(lw, node->id));
        return;
    }
    if (lw->phase == GRT_TRAIN) {
        forward_train(lw, node);
        return;
    }
    BufId args[6] = {lower_value(lw, node->inputs.at[0])};
    args[1] = lower_param(lw, node, "moving_mean").value;
    args[2] = lower_param(lw, node, "moving_variance").value;
    args[3] = lower_new_value(lw, node->id);
    uint32_t n = add_scale_shift(lw, node, args, 4);
    lower_step(lw, node->name, kernel_norm_eval(arena, lw->target, &g), 0, n, args);
}

static void update_vector(Lower *lw, const Node *node, const char *name, BufId gradient)
{
    Arena *arena = lw->ctx->arena;
    ParamRef p = lower_param(lw, node, name);
    BufId args[6] = {gradient};
    uint32_t n = 1 + lower_update_args(lw, &p, args + 1);
    lower_step(lw, arena_printf(arena, "%s.%s_update", node->name, name),
               kernel_update(arena, lw->target, p.cols, &lw->optimizer), 0, n, args);
}

static void backward_train(Lower *lw, const Node *node)
{
    Arena *arena = lw->ctx->arena;
    NormGeom g = geom_of(lw, node);
    NodeId in = node->inputs.at[0];
    bool want_dx = lower_wants_grad(lw, in), accumulate = false;
    const BufId *saved = lw->state[node->id].saved;
    BufId dgamma = lower_scratch(lw, arena_printf(arena, "d(%s/gamma)", node->name), g.c);
    BufId dbeta = lower_scratch(lw, arena_printf(arena, "d(%s/beta)", node->name), g.c);
    BufId args[9] = {lower_value(lw, in),
                     lower_grad(lw, node->id),
                     lw->plan->io.counters,
                     saved[0],
                     saved[1],
                     dgamma,
                     dbeta};
    uint32_t n = 7;
    if (want_dx && g.scale)
        args[n++] = lower_param(lw, node, "gamma").value;
    if (want_dx)
        args[n++] = lower_grad_target(lw, in, &accumulate);
    Kernel *k = kernel_norm_grad(arena, lw->target, &g, want_dx, accumulate);
    lower_step(lw, arena_printf(arena, "%s.grad", node->name), k, 0, n, args);
    if (g.scale)
        update_vector(lw, node, "gamma", dgamma);
    if (g.center)
        update_vector(lw, node, "beta", dbeta);
}

void batchnorm_backward(Lower *lw, const Node *node)
{
    if (node->trainable) {
        backward_train(lw, node);
        return;
    }
    NormGeom g = geom_of(lw, node);
    bool accumulate;
    BufId scale = frozen_vector(lw, node, false);
    BufId dx = lower_grad_target(lw, node->inputs.at[0], &accumulate);
    Kernel *k = kernel_affine_grad(lw->ctx->arena, lw->target, g.pixels * g.n, g.c, accumulate);
    lower_step_args(lw, arena_printf(lw->ctx->arena, "%s.dx", node->name), k, 0,
                    lower_grad(lw, node->id), scale, dx);
}
