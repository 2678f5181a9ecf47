/* graph_verify.c - what holds for every finished Graph. */
#include "compiler/base/base.h"
#include "compiler/graph/graph.h"

static void verify_shape(const Node *node)
{
    Shape s = node->shape;
    if (s.h < 1 || s.w < 1 || s.c < 1 || (s.flat && (s.h != 1 || s.w != 1)))
        bug("layer %s: impossible shape", node->name);
}

static void verify_params(const Node *node)
{
    bool weights = (LAYER_KINDS[node->kind].flags & LF_WEIGHTS) != 0;
    if (weights != (node->params.n > 0))
        bug("layer %s: %u parameters", node->name, node->params.n);
    if (node->trainable && !node->params.n)
        bug("layer %s: trains without parameters", node->name);
    for (uint32_t i = 0; i < node->params.n; i++) {
        const Param *param = &node->params.at[i];
        if (param->rank < 1 || param->rank > 4 || param_size(param) < 1 || param->fan_in < 1 ||
            param->fan_out < 1 || (unsigned)param->init >= INIT_COUNT)
            bug("layer %s: parameter %s is malformed", node->name, param->name);
        if (node_param(node, param->name) != param)
            bug("layer %s: two parameters %s", node->name, param->name);
    }
}

/* Inputs stand before, as many as the kind takes; parts follow each other. used: set for inputs. */
static void verify_place(const Graph *graph, const Node *node, bool *used)
{
    const LayerDesc *desc = &LAYER_KINDS[node->kind];
    if (node->inputs.n < desc->min_inputs || node->inputs.n > desc->max_inputs)
        bug("layer %s: %u inputs", node->name, node->inputs.n);
    for (uint32_t i = 0; i < node->inputs.n; i++) {
        if (node->inputs.at[i] >= node->id)
            bug("layer %s: input %u does not stand before it", node->name, i);
        used[node->inputs.at[i]] = true;
    }
    if (node->id && node->part < graph->nodes.at[node->id - 1].part)
        bug("layer %s: stands behind a later part", node->name);
}

/* backbone_input and head_input are the last nodes before the backbone and before the head. */
static void verify_borders(const Graph *graph)
{
    check_bug(graph->backbone_input < graph->nodes.n && graph->head_input < graph->nodes.n);
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        const Node *node = &graph->nodes.at[i];
        if ((i <= graph->backbone_input) != (node->part < PART_BACKBONE) ||
            (i <= graph->head_input) != (node->part < PART_HEAD))
            bug("layer %s: on the wrong side of a border", node->name);
    }
}

void graph_verify(const Graph *graph)
{
    Arena *arena = arena_create();
    StrMap *names = strmap_create(arena);
    bool *used = arena_array(arena, bool, graph->nodes.n);
    check_bug(graph->nodes.n > 0 && graph->output == graph->nodes.n - 1);
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        Node *node = &graph->nodes.at[i];
        if (node->id != i || node->kind >= LAYER_COUNT || !node->name)
            bug("node %u is malformed", i);
        if (!strmap_put(names, node->name, node))
            bug("two layers are named %s", node->name);
        verify_place(graph, node, used);
        verify_shape(node);
        verify_params(node);
    }
    for (uint32_t i = 0; i < graph->output; i++)
        if (!used[i])
            bug("layer %s: nothing needs it", graph->nodes.at[i].name);
    verify_borders(graph);
    const Node *last = &graph->nodes.at[graph->output];
    check_bug(last->shape.flat && last->shape.c == graph->n_classes && graph->n_classes >= 2);
    arena_destroy(arena);
}
