/* graph_print.c - the Graph as text, a layer a line:
 *
 *   conv1_bn = BatchNormalization(conv1_conv) scale=true : 16x16x64, gamma 64, ..., frozen */
#include "compiler/base/base.h"
#include "compiler/graph/graph.h"

#include <inttypes.h>

/* The value of an argument as it would stand in a spec. */
static void print_value(const AttrDesc *desc, const LayerAttrs *attrs, Buf *out)
{
    const void *field = (const char *)attrs + desc->offset;
    const int64_t *ints = field;
    switch (desc->type) {
    case AT_INT:
        buf_printf(out, "%" PRId64, ints[0]);
        break;
    case AT_FLOAT:
        buf_float(out, *(const double *)field, false);
        break;
    case AT_BOOL:
        buf_puts(out, *(const bool *)field ? "true" : "false");
        break;
    case AT_PAIR:
        buf_printf(out, "%" PRId64 "x%" PRId64, ints[0], ints[1]);
        break;
    case AT_PADS:
        buf_printf(out, "%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64, ints[0], ints[1], ints[2],
                   ints[3]);
        break;
    case AT_WORD:
        buf_puts(out, desc->words[*(const int *)field]);
        break;
    }
}

void graph_print_attrs(LayerKind kind, const LayerAttrs *attrs, Buf *out)
{
    const LayerDesc *desc = &LAYER_KINDS[kind];
    for (uint32_t i = 0; i < desc->n_attrs; i++) {
        buf_printf(out, " %s=", desc->attrs[i].key);
        print_value(&desc->attrs[i], attrs, out);
    }
}

static void print_param(const Param *param, Buf *out)
{
    buf_printf(out, ", %s", param->name);
    for (uint32_t i = 0; i < param->rank; i++)
        buf_printf(out, "%c%" PRId64, i ? 'x' : ' ', param->dims[i]);
}

static void print_node(const Graph *graph, const Node *node, Buf *out)
{
    const LayerDesc *desc = &LAYER_KINDS[node->kind];
    buf_printf(out, "%s = %s(", node->name, desc->name);
    for (uint32_t i = 0; i < node->inputs.n; i++)
        buf_printf(out, "%s%s", i ? ", " : "", graph_input(graph, node, i)->name);
    buf_puts(out, ")");
    graph_print_attrs(node->kind, &node->attrs, out);
    Shape s = node->shape;
    if (s.flat)
        buf_printf(out, " : %" PRId64, s.c);
    else
        buf_printf(out, " : %" PRId64 "x%" PRId64 "x%" PRId64, s.h, s.w, s.c);
    for (uint32_t i = 0; i < node->params.n; i++)
        print_param(&node->params.at[i], out);
    if (node->params.n)
        buf_puts(out, node->trainable ? ", trains" : ", frozen");
    buf_puts(out, "\n");
}

void graph_print(const Graph *graph, Buf *out)
{
    static const char *const parts[] = {
        [PART_INPUT] = "input",
        [PART_UPSAMPLING] = "upsampling",
        [PART_BACKBONE] = "backbone",
        [PART_HEAD] = "head",
    };
    buf_printf(out, "graph %s, %u layers, %" PRId64 " classes\n", graph->spec->name, graph->nodes.n,
               graph->n_classes);
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        const Node *node = &graph->nodes.at[i];
        if (i == 0 || node->part != graph->nodes.at[i - 1].part) {
            buf_printf(out, "\n%s", parts[node->part]);
            if (node->part == PART_BACKBONE)
                buf_printf(out, " %s, %u layers dropped", graph->backbone->name, graph->n_dropped);
            buf_puts(out, "\n");
        }
        print_node(graph, node, out);
    }
}
