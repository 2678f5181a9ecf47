/* lower_dense.c - Dense and Flatten as plan steps: a Dense layer is a 1 x 1 convolution of one
 * pixel. */
#include "compiler/base/base.h"
#include "compiler/layers/layer_rules.h"
#include "compiler/layers/lower_matrix.h"

static ConvGeom geom_of(const Lower *lw, const Node *node)
{
    int64_t in = shape_size(graph_input(lw->graph, node, 0)->shape), out = node->shape.c;
    return (ConvGeom){.n = lw->batch,
                      .sh = 1,
                      .sw = 1,
                      .sc = in,
                      .dh = 1,
                      .dw = 1,
                      .dc = out,
                      .kh = 1,
                      .kw = 1,
                      .stride_h = 1,
                      .stride_w = 1,
                      .up_h = 1,
                      .up_w = 1,
                      .dst_stride = out};
}

void dense_forward(Lower *lw, const Node *node)
{
    ConvGeom g = geom_of(lw, node);
    lower_matrix_forward(lw, node, &g);
}

void dense_backward(Lower *lw, const Node *node)
{
    ConvGeom g = geom_of(lw, node);
    lower_matrix_backward(lw, node, &g);
}

void flatten_forward(Lower *lw, const Node *node)
{
    NodeId in = node->inputs.at[0];
    Shape s = lw->graph->nodes.at[in].shape;
    if (s.h * s.w == 1) {
        lower_alias(lw, node->id, in);
        return;
    }
    Kernel *k = kernel_pack_rows(lw->ctx->arena, lw->target, s.h * s.w, lw->batch, s.c,
                                 shape_size(s), 0, false);
    BufId x = lower_value(lw, in);
    lower_step_args(lw, node->name, k, 0, x, lower_new_value(lw, node->id));
}

void flatten_backward(Lower *lw, const Node *node)
{
    NodeId in = node->inputs.at[0];
    Shape s = lw->graph->nodes.at[in].shape;
    bool accumulate;
    BufId dx = lower_grad_target(lw, in, &accumulate);
    Kernel *k = kernel_unpack_rows(lw->ctx->arena, lw->target, s.h * s.w, lw->batch, s.c,
                                   shape_size(s), 0, accumulate);
    lower_step_args(lw, arena_printf(lw->ctx->arena, "%s.dx", node->name), k, 0,
                    lower_grad(lw, node->id), dx);
}
