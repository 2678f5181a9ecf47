/* lower_act.c - Activation, ReLU and Dropout as plan steps. */
#include "compiler/base/base.h"
#include "compiler/layers/layer_rules.h"
#include "compiler/layers/lower_act.h"

KernelAct lower_act(const Node *node)
{
    const LayerAttrs *a = &node->attrs;
    if (node->kind == LAYER_relu)
        return (KernelAct){.kind = ACT_RELU,
                           .max_value = (float)a->max_value,
                           .negative_slope = (float)a->negative_slope};
    return (KernelAct){.kind = a->activation == ACT_SOFTMAX ? ACT_LINEAR : a->activation};
}

void lower_act_backward_in_place(Lower *lw, const Node *node)
{
    KernelAct act = lower_act(node);
    if (act.kind == ACT_LINEAR)
        return;
    Arena *arena = lw->ctx->arena;
    int64_t n = lower_elems(lw, node), c = node->shape.c;
    bool rows = n == lw->batch * c && c % lw->target.lanes == 0;
    Kernel *k = rows ? kernel_act_grad_rows(arena, lw->target, lw->batch, c, act)
                     : kernel_act_grad(arena, lw->target, n, act, true, false);
    const char *name = arena_printf(arena, "%s.activation_grad", node->name);
    lower_step_args(lw, name, k, 0, lower_value(lw, node->id), lower_grad(lw, node->id));
}

static bool own_softmax(const Lower *lw, const Node *node)
{
    return node->attrs.activation == ACT_SOFTMAX && !lower_is_logits(lw, node);
}

BufId lower_product_value(Lower *lw, const Node *node, NodeId last)
{
    if (!own_softmax(lw, node))
        return lower_new_value(lw, last);
    return lower_scratch(lw, arena_printf(lw->ctx->arena, "%s.logits", node->name),
                         lower_elems(lw, node));
}

void lower_product_softmax(Lower *lw, const Node *node, BufId product)
{
    if (!own_softmax(lw, node))
        return;
    Kernel *k = kernel_softmax(lw->ctx->arena, lw->target, lower_elems(lw, node) / node->shape.c,
                               node->shape.c);
    const char *name = arena_printf(lw->ctx->arena, "%s.softmax", node->name);
    lower_step_args(lw, name, k, 0, product, lower_new_value(lw, node->id));
}

/* The gradient of the node becomes that of the product. */
void lower_softmax_backward(Lower *lw, const Node *node)
{
    if (!own_softmax(lw, node))
        return;
    Arena *arena = lw->ctx->arena;
    int64_t n = lower_elems(lw, node), c = node->shape.c;
    BufId dy = lower_scratch(lw, arena_printf(arena, "d(%s.logits)", node->name), n);
    Kernel *k = kernel_softmax_grad(arena, lw->target, n / c, c, false);
    lower_step_args(lw, arena_printf(arena, "%s.softmax_grad", node->name), k, 0,
                    lower_value(lw, node->id), lower_grad(lw, node->id), dy);
    lw->grad[node->id] = dy;
}

static void act_forward(Lower *lw, const Node *node)
{
    Kernel *k = kernel_act(lw->ctx->arena, lw->target, lower_elems(lw, node), lower_act(node));
    BufId x = lower_value(lw, node->inputs.at[0]);
    lower_step_args(lw, node->name, k, 0, x, lower_new_value(lw, node->id));
}

static void act_backward(Lower *lw, const Node *node)
{
    bool accumulate;
    BufId dx = lower_grad_target(lw, node->inputs.at[0], &accumulate);
    Kernel *k = kernel_act_grad(lw->ctx->arena, lw->target, lower_elems(lw, node), lower_act(node),
                                false, accumulate);
    lower_step_args(lw, arena_printf(lw->ctx->arena, "%s.dx", node->name), k, 0,
                    lower_value(lw, node->id), lower_grad(lw, node->id), dx);
}

void activation_forward(Lower *lw, const Node *node)
{
    NodeId in = node->inputs.at[0];
    if (node->attrs.activation == ACT_LINEAR ||
        (node->attrs.activation == ACT_SOFTMAX && lower_is_logits(lw, node))) {
        lower_alias(lw, node->id, in);
        return;
    }
    if (node->attrs.activation != ACT_SOFTMAX) {
        act_forward(lw, node);
        return;
    }
    int64_t rows = lower_elems(lw, node) / node->shape.c;
    Kernel *k = kernel_softmax(lw->ctx->arena, lw->target, rows, node->shape.c);
    BufId x = lower_value(lw, in);
    lower_step_args(lw, node->name, k, 0, x, lower_new_value(lw, node->id));
}

static void pass_gradient(Lower *lw, const Node *node)
{
    bool accumulate;
    BufId dx = lower_grad_target(lw, node->inputs.at[0], &accumulate);
    Kernel *k = kernel_copy(lw->ctx->arena, lw->target, lower_elems(lw, node), accumulate);
    lower_step_args(lw, arena_printf(lw->ctx->arena, "%s.dx", node->name), k, 0,
                    lower_grad(lw, node->id), dx);
}

void activation_backward(Lower *lw, const Node *node)
{
    if (node->attrs.activation == ACT_LINEAR ||
        (node->attrs.activation == ACT_SOFTMAX && lower_is_logits(lw, node))) {
        pass_gradient(lw, node);
        return;
    }
    if (node->attrs.activation != ACT_SOFTMAX) {
        act_backward(lw, node);
        return;
    }
    bool accumulate;
    BufId dx = lower_grad_target(lw, node->inputs.at[0], &accumulate);
    int64_t rows = lower_elems(lw, node) / node->shape.c;
    Kernel *k = kernel_softmax_grad(lw->ctx->arena, lw->target, rows, node->shape.c, accumulate);
    lower_step_args(lw, arena_printf(lw->ctx->arena, "%s.dx", node->name), k, 0,
                    lower_value(lw, node->id), lower_grad(lw, node->id), dx);
}

void relu_forward(Lower *lw, const Node *node)
{
    act_forward(lw, node);
}

void relu_backward(Lower *lw, const Node *node)
{
    act_backward(lw, node);
}

static void dropout_step(Lower *lw, const Node *node, const char *name, BufId in, BufId out,
                         bool accumulate)
{
    Kernel *k = kernel_dropout(lw->ctx->arena, lw->target, lower_elems(lw, node), node->attrs.rate,
                               node->id, accumulate);
    lower_step_args(lw, name, k, 0, in, lw->plan->io.counters, out);
}

void dropout_forward(Lower *lw, const Node *node)
{
    NodeId in = node->inputs.at[0];
    if (lw->phase != GRT_TRAIN || node->attrs.rate == 0) {
        lower_alias(lw, node->id, in);
        return;
    }
    BufId x = lower_value(lw, in);
    dropout_step(lw, node, node->name, x, lower_new_value(lw, node->id), false);
}

/* The same random numbers again: the mask is not kept. */
void dropout_backward(Lower *lw, const Node *node)
{
    if (node->attrs.rate == 0) {
        pass_gradient(lw, node);
        return;
    }
    bool accumulate;
    BufId dx = lower_grad_target(lw, node->inputs.at[0], &accumulate);
    dropout_step(lw, node, arena_printf(lw->ctx->arena, "%s.dx", node->name),
                 lower_grad(lw, node->id), dx, accumulate);
}
