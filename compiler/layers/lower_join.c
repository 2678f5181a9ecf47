/* lower_join.c - InputLayer, Add, Concatenate, ZeroPadding2D and UpSampling2D as plan steps. */
#include "compiler/base/base.h"
#include "compiler/layers/layer_rules.h"
#include "compiler/plan/lower.h"

/* The constants of Keras Applications' preprocessing (imagenet_utils): means and deviations. */
static PreprocessOptions preprocess_of(Preprocessing mode, int64_t channels)
{
    PreprocessOptions o = {.scale = {1, 1, 1}, .source = {0, 1, 2}};
    static const float caffe[3] = {103.939f, 116.779f, 123.68f};
    static const float torch_mean[3] = {0.485f, 0.456f, 0.406f},
                       torch_deviation[3] = {0.229f, 0.224f, 0.225f};
    if (mode == PRE_RESCALE || mode == PRE_TORCH)
        o.divisor = 255;
    if (mode == PRE_TF) {
        o.divisor = 127.5f;
        o.shift[0] = o.shift[1] = o.shift[2] = -1;
    }
    for (int k = 0; k < 3 && (mode == PRE_CAFFE || mode == PRE_TORCH); k++) {
        o.shift[k] = -(mode == PRE_CAFFE ? caffe[k] : torch_mean[k]);
        o.scale[k] = mode == PRE_CAFFE ? 1 : torch_deviation[k];
        if (mode == PRE_CAFFE && channels == 3)
            o.source[k] = 2 - k;
    }
    return o;
}

void input_forward(Lower *lw, const Node *node)
{
    Shape s = node->shape;
    PreprocessOptions o = preprocess_of(lw->graph->spec->preprocessing, s.c);
    Kernel *k = kernel_preprocess(lw->ctx->arena, lw->target, lw->batch, s.h, s.w, s.c, &o);
    lower_step_args(lw, node->name, k, 0, lw->plan->io.images, lower_new_value(lw, node->id));
}

void input_backward(Lower *lw, const Node *node)
{
    (void)lw;
    bug("gradient of %s asked for", node->name);
}

void add_forward(Lower *lw, const Node *node)
{
    Arena *arena = lw->ctx->arena;
    KernelAct linear = {.kind = ACT_LINEAR};
    int64_t n = lower_elems(lw, node);
    BufId sum = lower_value(lw, node->inputs.at[0]);
    for (uint32_t i = 1; i < node->inputs.n; i++) {
        bool last = i + 1 == node->inputs.n;
        BufId b = lower_value(lw, node->inputs.at[i]);
        BufId y = last ? lower_new_value(lw, node->id)
                       : lower_scratch(lw, arena_printf(arena, "%s.sum%u", node->name, i), n);
        lower_step_args(lw, node->name, kernel_add(arena, lw->target, n, linear), 0, sum, b, y);
        sum = y;
    }
}

void add_backward(Lower *lw, const Node *node)
{
    Arena *arena = lw->ctx->arena;
    for (uint32_t i = 0; i < node->inputs.n; i++) {
        if (!lower_wants_grad(lw, node->inputs.at[i]))
            continue;
        bool accumulate;
        BufId dx = lower_grad_target(lw, node->inputs.at[i], &accumulate);
        Kernel *k = kernel_copy(arena, lw->target, lower_elems(lw, node), accumulate);
        lower_step_args(lw, arena_printf(arena, "%s.dx%u", node->name, i), k, 0,
                        lower_grad(lw, node->id), dx);
    }
}

static void concatenate_steps(Lower *lw, const Node *node, bool backward)
{
    Arena *arena = lw->ctx->arena;
    int64_t rows = node->shape.h * node->shape.w * lw->batch, offset = 0;
    BufId whole = backward ? lower_grad(lw, node->id) : lower_new_value(lw, node->id);
    for (uint32_t i = 0; i < node->inputs.n; i++) {
        NodeId in = node->inputs.at[i];
        int64_t c = lw->graph->nodes.at[in].shape.c;
        bool accumulate = false;
        if (!backward) {
            Kernel *k =
                kernel_channels(arena, lw->target, rows, c, node->shape.c, offset, false, false);
            lower_step_args(lw, node->name, k, 0, lower_value(lw, in), whole);
        } else if (lower_wants_grad(lw, in)) {
            BufId dx = lower_grad_target(lw, in, &accumulate);
            Kernel *k = kernel_channels(arena, lw->target, rows, c, node->shape.c, offset, true,
                                        accumulate);
            lower_step_args(lw, arena_printf(arena, "%s.dx%u", node->name, i), k, 0, whole, dx);
        }
        offset += c;
    }
}

void concatenate_forward(Lower *lw, const Node *node)
{
    concatenate_steps(lw, node, false);
}

void concatenate_backward(Lower *lw, const Node *node)
{
    concatenate_steps(lw, node, true);
}

void zeropad_forward(Lower *lw, const Node *node)
{
    Shape s = graph_input(lw->graph, node, 0)->shape;
    Kernel *k = kernel_pad(lw->ctx->arena, lw->target, s.h, s.w, s.c * lw->batch, node->attrs.pads);
    BufId x = lower_value(lw, node->inputs.at[0]);
    lower_step_args(lw, node->name, k, 0, x, lower_new_value(lw, node->id));
}

void zeropad_backward(Lower *lw, const Node *node)
{
    Shape s = graph_input(lw->graph, node, 0)->shape;
    bool accumulate;
    BufId dx = lower_grad_target(lw, node->inputs.at[0], &accumulate);
    Kernel *k = kernel_pad_grad(lw->ctx->arena, lw->target, s.h, s.w, s.c * lw->batch,
                                node->attrs.pads, accumulate);
    lower_step_args(lw, arena_printf(lw->ctx->arena, "%s.dx", node->name), k, 0,
                    lower_grad(lw, node->id), dx);
}

void upsampling_forward(Lower *lw, const Node *node)
{
    Shape s = graph_input(lw->graph, node, 0)->shape;
    const LayerAttrs *a = &node->attrs;
    Kernel *k = kernel_upsample(lw->ctx->arena, lw->target, s.h, s.w, s.c * lw->batch, a->kernel[0],
                                a->kernel[1], a->interpolation == INTERP_BILINEAR);
    BufId x = lower_value(lw, node->inputs.at[0]);
    lower_step_args(lw, node->name, k, 0, x, lower_new_value(lw, node->id));
}

void upsampling_backward(Lower *lw, const Node *node)
{
    Shape s = graph_input(lw->graph, node, 0)->shape;
    const LayerAttrs *a = &node->attrs;
    bool accumulate;
    BufId dx = lower_grad_target(lw, node->inputs.at[0], &accumulate);
    Kernel *k =
        kernel_upsample_grad(lw->ctx->arena, lw->target, s.h, s.w, s.c * lw->batch, a->kernel[0],
                             a->kernel[1], a->interpolation == INTERP_BILINEAR, accumulate);
    lower_step_args(lw, arena_printf(lw->ctx->arena, "%s.dx", node->name), k, 0,
                    lower_grad(lw, node->id), dx);
}
