/* rules.c - shape and parameters of every layer kind: Keras's, channels last.
 *
 * A shape rule reads the shapes of the inputs and sets node->shape; false after an error of the
 * user's. A parameter rule runs when all shapes are known and adds the weights in Keras's order. */
#include "compiler/base/base.h"
#include "compiler/graph/graph.h"
#include "compiler/layers/layer_rules.h"
#include "compiler/layers/window.h"

#include <inttypes.h>

static Shape input_shape_of(const Graph *graph, const Node *node)
{
    return graph_input(graph, node, 0)->shape;
}

/* "32 x 32 x 64" or "64 values" */
static const char *shape_text(Ctx *ctx, Shape s)
{
    if (s.flat)
        return arena_printf(ctx->arena, "%" PRId64 " values", s.c);
    return arena_printf(ctx->arena, "%" PRId64 " x %" PRId64 " x %" PRId64, s.h, s.w, s.c);
}

/* The layer wants height, width and channels. */
static bool needs_image(Ctx *ctx, const Graph *graph, const Node *node)
{
    const Node *in = graph_input(graph, node, 0);
    if (!in->shape.flat)
        return true;
    diag_error(ctx, node->loc, R_layer_input, "%s needs an image, but '%s' gives %s",
               LAYER_KINDS[node->kind].name, in->name, shape_text(ctx, in->shape));
    return false;
}

/* Height and width of the output of a window with the node's kernel, strides and padding. */
static bool window_shape(Ctx *ctx, const Graph *graph, Node *node, int64_t channels)
{
    if (!needs_image(ctx, graph, node))
        return false;
    const LayerAttrs *a = &node->attrs;
    Shape in = input_shape_of(graph, node);
    int64_t h = window_count(in.h, a->kernel[0], a->strides[0], a->padding);
    int64_t w = window_count(in.w, a->kernel[1], a->strides[1], a->padding);
    if (h < 1 || w < 1) {
        Diag *diag = diag_error(ctx, node->loc, R_shape_too_small,
                                "the window of '%s' is %" PRId64 " x %" PRId64
                                ", larger than its input of %" PRId64 " x %" PRId64,
                                node->name, a->kernel[0], a->kernel[1], in.h, in.w);
        diag_hint(ctx, diag, graph->spec->shape_loc,
                  "a larger input.shape, upsampling or `padding: same` makes room");
        return false;
    }
    node->shape = (Shape){h, w, channels, false};
    return true;
}

static bool same_shape(const Graph *graph, Node *node)
{
    node->shape = input_shape_of(graph, node);
    return true;
}

static bool global_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    if (!needs_image(ctx, graph, node))
        return false;
    node->shape = (Shape){1, 1, input_shape_of(graph, node).c, true};
    return true;
}

/* Kernel and bias of Conv2D and Dense. */
static void kernel_and_bias(Ctx *ctx, Node *node, uint32_t rank, const int64_t *dims)
{
    const LayerAttrs *a = &node->attrs;
    graph_add_param(ctx, node, "kernel", (Initializer)a->kernel_init, rank, dims);
    if (a->use_bias)
        graph_add_param(ctx, node, "bias", (Initializer)a->bias_init, 1, &dims[rank - 1]);
}

/* ------------------------------------------------------- kinds that have weights */

bool conv2d_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    return window_shape(ctx, graph, node, node->attrs.filters);
}

void conv2d_params(Ctx *ctx, Graph *graph, Node *node)
{
    const LayerAttrs *a = &node->attrs;
    int64_t dims[] = {a->kernel[0], a->kernel[1], input_shape_of(graph, node).c, a->filters};
    kernel_and_bias(ctx, node, 4, dims);
}

bool dense_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    const Node *in = graph_input(graph, node, 0);
    if (!in->shape.flat) {
        Diag *diag =
            diag_error(ctx, node->loc, R_layer_input, "Dense needs a flat input, but '%s' gives %s",
                       in->name, shape_text(ctx, in->shape));
        diag_hint(ctx, diag, (Loc){0}, "put Flatten or GlobalAveragePooling2D before it");
        return false;
    }
    node->shape = (Shape){1, 1, node->attrs.units, true};
    return true;
}

void dense_params(Ctx *ctx, Graph *graph, Node *node)
{
    int64_t dims[] = {input_shape_of(graph, node).c, node->attrs.units};
    kernel_and_bias(ctx, node, 2, dims);
}

bool batchnorm_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    (void)ctx;
    return same_shape(graph, node);
}

void batchnorm_params(Ctx *ctx, Graph *graph, Node *node)
{
    int64_t channels = input_shape_of(graph, node).c;
    if (node->attrs.scale)
        graph_add_param(ctx, node, "gamma", INIT_ONES, 1, &channels);
    if (node->attrs.center)
        graph_add_param(ctx, node, "beta", INIT_ZEROS, 1, &channels);
    graph_add_param(ctx, node, "moving_mean", INIT_ZEROS, 1, &channels)->statistic = true;
    graph_add_param(ctx, node, "moving_variance", INIT_ONES, 1, &channels)->statistic = true;
}

/* --------------------------------------------------- kinds that move the window */

/* strides 0 stands for the window's size; from here on the node has the size itself. */
static bool pool_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    LayerAttrs *a = &node->attrs;
    for (int axis = 0; axis < 2; axis++)
        if (!a->strides[axis])
            a->strides[axis] = a->kernel[axis];
    return window_shape(ctx, graph, node, input_shape_of(graph, node).c);
}

bool maxpool_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    return pool_shape(ctx, graph, node);
}

bool avgpool_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    return pool_shape(ctx, graph, node);
}

bool globalavgpool_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    return global_shape(ctx, graph, node);
}

bool globalmaxpool_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    return global_shape(ctx, graph, node);
}

bool zeropad_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    if (!needs_image(ctx, graph, node))
        return false;
    const int64_t *pads = node->attrs.pads; /* top, bottom, left, right */
    Shape in = input_shape_of(graph, node);
    node->shape = (Shape){in.h + pads[0] + pads[1], in.w + pads[2] + pads[3], in.c, false};
    return true;
}

bool upsampling_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    if (!needs_image(ctx, graph, node))
        return false;
    Shape in = input_shape_of(graph, node);
    node->shape = (Shape){in.h * node->attrs.kernel[0], in.w * node->attrs.kernel[1], in.c, false};
    return true;
}

/* ------------------------------------------------------ kinds with several inputs */

/* Every input has the first one's height and width, and (channels_too) its channels. */
static bool inputs_agree(Ctx *ctx, const Graph *graph, const Node *node, bool channels_too)
{
    const Node *first = graph_input(graph, node, 0);
    for (uint32_t i = 1; i < node->inputs.n; i++) {
        const Node *in = graph_input(graph, node, i);
        Shape a = first->shape, b = in->shape;
        if (a.h == b.h && a.w == b.w && a.flat == b.flat && (a.c == b.c || !channels_too))
            continue;
        diag_error(ctx, node->loc, R_layer_input,
                   "the inputs of '%s' do not fit together: '%s' gives %s, '%s' gives %s",
                   node->name, first->name, shape_text(ctx, a), in->name, shape_text(ctx, b));
        return false;
    }
    return true;
}

bool add_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    return inputs_agree(ctx, graph, node, true) && same_shape(graph, node);
}

bool concatenate_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    if (!inputs_agree(ctx, graph, node, false))
        return false;
    node->shape = input_shape_of(graph, node);
    for (uint32_t i = 1; i < node->inputs.n; i++)
        node->shape.c += graph_input(graph, node, i)->shape.c;
    return true;
}

/* ------------------------------------------------------------- kinds that keep it */

bool input_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    (void)ctx;
    const Spec *spec = graph->spec;
    node->shape = (Shape){spec->height, spec->width, spec->channels, false};
    return true;
}

bool flatten_shape(Ctx *ctx, const Graph *graph, Node *node)
{
    (void)ctx;
    node->shape = (Shape){1, 1, shape_size(input_shape_of(graph, node)), true};
    return true;
}

#define KEEPS_SHAPE(id)                                       \
    bool id##_shape(Ctx *ctx, const Graph *graph, Node *node) \
    {                                                         \
        (void)ctx;                                            \
        return same_shape(graph, node);                       \
    }
KEEPS_SHAPE(activation)
KEEPS_SHAPE(relu)
KEEPS_SHAPE(dropout)

#define NO_PARAMS(id)                                    \
    void id##_params(Ctx *ctx, Graph *graph, Node *node) \
    {                                                    \
        (void)ctx, (void)graph, (void)node;              \
    }
NO_PARAMS(input)
NO_PARAMS(zeropad)
NO_PARAMS(maxpool)
NO_PARAMS(avgpool)
NO_PARAMS(globalavgpool)
NO_PARAMS(globalmaxpool)
NO_PARAMS(add)
NO_PARAMS(concatenate)
NO_PARAMS(activation)
NO_PARAMS(relu)
NO_PARAMS(upsampling)
NO_PARAMS(flatten)
NO_PARAMS(dropout)
