/* graph_build.c - from the Spec and a backbone file to the Graph: input, upsampling, backbone,
 * head; names, shapes, parameters, what trains.
 *
 * Afterwards no mistake of the user's is left, but for weights. */
#include "compiler/base/base.h"
#include "compiler/graph/backbone_expand.h"
#include "compiler/graph/graph_advice.h"
#include "compiler/graph/graph_freeze.h"
#include "compiler/graph/graph_limits.h"
#include "compiler/graph/graph_slice.h"

#include <inttypes.h>

typedef struct Builder {
    Ctx *ctx;
    const Spec *spec;
    Graph *graph;
    StrMap *names;                  /* layer name -> const Loc * */
    uint32_t counters[LAYER_COUNT]; /* of automatic names */
} Builder;

/* ------------------------------------------------------------------ parameters */

int64_t param_size(const Param *param)
{
    int64_t n = 1;
    for (uint32_t i = 0; i < param->rank; i++)
        n *= param->dims[i];
    return n;
}

const Param *node_param(const Node *node, const char *name)
{
    for (uint32_t i = 0; i < node->params.n; i++)
        if (strcmp(node->params.at[i].name, name) == 0)
            return &node->params.at[i];
    return NULL;
}

/* fan_in and fan_out are Keras's: of a kernel (window..., in, out), in and out times the window. */
Param *graph_add_param(Ctx *ctx, Node *node, const char *name, Initializer init, uint32_t rank,
                       const int64_t *dims)
{
    check_bug(rank >= 1 && rank <= 4);
    Param *param = arr_push(ctx->arena, &node->params);
    *param = (Param){.name = name, .rank = rank, .init = init};
    int64_t window = 1;
    for (uint32_t i = 0; i < rank; i++) {
        param->dims[i] = dims[i];
        if (i + 2 < rank)
            window *= dims[i];
    }
    param->fan_in = rank == 1 ? dims[0] : dims[rank - 2] * window;
    param->fan_out = dims[rank - 1] * window;
    return param;
}

/* ----------------------------------------------------------------------- nodes */

static Node *add_node(Builder *b, const LayerSpec *layer, const char *name, Part part)
{
    Node *node = arr_push(b->ctx->arena, &b->graph->nodes);
    *node = (Node){.id = b->graph->nodes.n - 1,
                   .kind = layer->kind,
                   .name = name,
                   .loc = layer->loc,
                   .part = part,
                   .attrs = layer->attrs};
    return node;
}

static void add_input(Builder *b, Node *node, NodeId input)
{
    *arr_push(b->ctx->arena, &node->inputs) = input;
}

static void claim_name(Builder *b, const char *name, Loc loc)
{
    Loc *place = arena_new(b->ctx->arena, Loc);
    *place = loc;
    if (strmap_put(b->names, name, place))
        return;
    const Loc *first = strmap_get(b->names, name);
    Diag *diag = diag_error(b->ctx, loc, R_duplicate_name, "two layers are named '%s'", name);
    if (first->file)
        diag_hint(b->ctx, diag, *first, "the first one comes from here");
}

/* Keras's automatic name: dense, dense_1, ...; names that are taken are passed over. */
static const char *auto_name(Builder *b, LayerKind kind)
{
    const char *base = layer_auto_name(b->ctx->arena, kind), *name = base;
    for (;;) {
        uint32_t n = b->counters[kind]++;
        if (n)
            name = arena_printf(b->ctx->arena, "%s_%u", base, n);
        if (!strmap_get(b->names, name))
            return name;
    }
}

/* The layers one after the other, each with the one before as its input; returns the last. */
static NodeId add_chain(Builder *b, const LayerSpecs *layers, Part part, NodeId input)
{
    for (uint32_t i = 0; i < layers->n; i++) {
        const LayerSpec *layer = &layers->at[i];
        const char *name = layer->name ? layer->name : auto_name(b, layer->kind);
        claim_name(b, name, layer->name ? layer->name_loc : layer->loc);
        Node *node = add_node(b, layer, name, part);
        add_input(b, node, input);
        input = node->id;
    }
    return input;
}

/* The kept layers of the backbone; returns the last. The names of dropped layers stay taken, as
 * they do in Keras. */
static NodeId add_backbone(Builder *b, const Slice *slice)
{
    const LayerSpecs *layers = &slice->backbone->layers;
    NodeId *ids = arena_array(b->ctx->arena, NodeId, layers->n);
    for (uint32_t i = 0; i < layers->n; i++)
        claim_name(b, layers->at[i].name, layers->at[i].loc);
    for (uint32_t i = 0; i < slice->n_kept; i++) {
        uint32_t at = slice->order[i];
        const LayerInputs *inputs = &slice->inputs[at];
        Node *node = add_node(b, &layers->at[at], layers->at[at].name, PART_BACKBONE);
        for (uint32_t k = 0; k < inputs->n; k++)
            add_input(b, node,
                      inputs->at[k] == BACKBONE_INPUT ? b->graph->backbone_input
                                                      : ids[inputs->at[k]]);
        ids[at] = node->id;
    }
    b->graph->n_dropped = layers->n - slice->n_kept;
    return ids[slice->last];
}

/* ---------------------------------------------------------------------- shapes */

/* The place that a message about a layer points to: for one without a place, the shape's. */
static Loc node_place(const Builder *b, const Node *node)
{
    return node->loc.file ? node->loc : b->spec->shape_loc;
}

static bool size_is_sane(Builder *b, const Node *node)
{
    Shape s = node->shape;
    int64_t size = 0;
    bool sane = s.h >= 1 && s.w >= 1 && s.c >= 1 && !__builtin_mul_overflow(s.h, s.w, &size) &&
                !__builtin_mul_overflow(size, s.c, &size) && size <= GRAPH_MAX_ELEMENTS;
    if (!sane)
        diag_error(b->ctx, node_place(b, node), R_shape_too_large,
                   "the output of '%s' is too large: %" PRId64 " x %" PRId64 " x %" PRId64
                   " values an image",
                   node->name, s.h, s.w, s.c);
    return sane;
}

/* Shapes of the nodes first .. end-1; false at the first error: the rest would follow from it. */
static bool infer_shapes(Builder *b, NodeId first, NodeId end)
{
    for (NodeId i = first; i < end; i++) {
        Node *node = &b->graph->nodes.at[i];
        if (!LAYER_KINDS[node->kind].shape(b->ctx, b->graph, node) || !size_is_sane(b, node))
            return false;
    }
    return true;
}

static bool check_min_size(Builder *b)
{
    const Backbone *backbone = b->graph->backbone;
    Shape s = b->graph->nodes.at[b->graph->backbone_input].shape;
    if (s.h >= backbone->min_height && s.w >= backbone->min_width)
        return true;
    int64_t up_h = div_up(backbone->min_height, s.h);
    int64_t up_w = div_up(backbone->min_width, s.w);
    const char *size = up_h == up_w
                           ? arena_printf(b->ctx->arena, "%" PRId64, up_h)
                           : arena_printf(b->ctx->arena, "[%" PRId64 ", %" PRId64 "]", up_h, up_w);
    bool upsampled = b->spec->upsampling.n > 0;
    Diag *diag = diag_error(b->ctx, b->spec->shape_loc, R_shape_too_small,
                            "%s needs images of at least %" PRId64 " x %" PRId64
                            ", these are %" PRId64 " x %" PRId64 "%s",
                            backbone->name, backbone->min_height, backbone->min_width, s.h, s.w,
                            upsampled ? " after upsampling" : "");
    diag_hint(b->ctx, diag, (Loc){0},
              "%s `- UpSampling2D: {size: %s}` under `upsampling` would make them %" PRId64
              " x %" PRId64,
              upsampled ? "one more" : "a", size, s.h * up_h, s.w * up_w);
    return false;
}

static bool add_params(Builder *b)
{
    bool good = true;
    for (uint32_t i = 0; i < b->graph->nodes.n; i++) {
        Node *node = &b->graph->nodes.at[i];
        LAYER_KINDS[node->kind].params(b->ctx, b->graph, node);
        for (uint32_t k = 0; k < node->params.n; k++) {
            const Param *param = &node->params.at[k];
            int64_t size = 1;
            bool sane = true;
            for (uint32_t d = 0; d < param->rank; d++)
                sane &= !__builtin_mul_overflow(size, param->dims[d], &size);
            if (sane && size <= GRAPH_MAX_ELEMENTS)
                continue;
            diag_error(b->ctx, node_place(b, node), R_shape_too_large,
                       "the %s of '%s' would have more than %" PRId64 " values", param->name,
                       node->name, GRAPH_MAX_ELEMENTS);
            good = false;
        }
    }
    return good;
}

/* ------------------------------------------------------------- the whole's rules */

/* The last layer gives a probability for every class: a Dense layer with softmax. */
static bool check_output(Builder *b)
{
    Graph *graph = b->graph;
    const Node *last = &graph->nodes.at[graph->output];
    Loc loc = last->part == PART_HEAD ? last->loc : b->spec->head_loc;
    if (last->part != PART_HEAD || last->kind != LAYER_dense) {
        Diag *diag = diag_error(b->ctx, loc, R_head_output,
                                "the last layer has to be Dense with a unit for every class, "
                                "not %s",
                                LAYER_KINDS[last->kind].name);
        const Node *before = last->inputs.n ? graph_input(graph, last, 0) : last;
        if (last->kind == LAYER_activation && before->kind == LAYER_dense)
            diag_hint(b->ctx, diag, before->loc,
                      "write `Dense: {units: %" PRId64 ", activation: %s}`", before->attrs.units,
                      ACTIVATION_WORDS[last->attrs.activation]);
        return false;
    }
    graph->n_classes = last->shape.c;
    if (graph->n_classes < 2) {
        diag_error(b->ctx, loc, R_head_output,
                   "the last layer needs at least 2 units, one a class");
        return false;
    }
    if (last->attrs.activation != ACT_SOFTMAX) {
        Loc place = b->spec->loss_loc.file ? b->spec->loss_loc : loc;
        Diag *diag = diag_error(b->ctx, place, R_loss_activation,
                                "this loss needs probabilities, but the last layer's activation is "
                                "%s",
                                ACTIVATION_WORDS[last->attrs.activation]);
        diag_hint(b->ctx, diag, last->loc, "give this layer `activation: softmax`");
        return false;
    }
    return true;
}

/* The nodes, without shapes. false after errors that leave nothing to go on with. */
static bool add_nodes(Builder *b)
{
    const Spec *spec = b->spec;
    Graph *graph = b->graph;
    LayerSpec input = {.kind = LAYER_input, .loc = spec->shape_loc};
    const char *name = auto_name(b, LAYER_input);
    claim_name(b, name, (Loc){0});
    NodeId last = add_node(b, &input, name, PART_INPUT)->id;
    last = add_chain(b, &spec->upsampling, PART_UPSAMPLING, last);
    graph->backbone_input = last;
    if (spec->has_backbone) {
        /* A path stands beside the file that it was written in. */
        const SourceFile *file = spec->backbone_loc.file ? spec->backbone_loc.file : spec->file;
        Slice slice;
        graph->backbone =
            backbone_read(b->ctx, spec->backbone, file ? file->path : NULL, spec->backbone_loc);
        if (!graph->backbone || !graph_slice(b->ctx, spec, graph->backbone, &slice))
            return false;
        last = add_backbone(b, &slice);
    }
    graph->head_input = last;
    graph->output = add_chain(b, &spec->head, PART_HEAD, last);
    return true;
}

Graph *graph_build(Ctx *ctx, const Spec *spec)
{
    uint32_t errors = ctx->n_errors;
    Builder b = {.ctx = ctx, .spec = spec, .graph = arena_new(ctx->arena, Graph)};
    b.graph->spec = spec;
    b.names = strmap_create(ctx->arena);
    if (!add_nodes(&b))
        return NULL;
    NodeId entry = b.graph->backbone_input + 1;
    if (!infer_shapes(&b, 0, entry) || (b.graph->backbone && !check_min_size(&b)) ||
        !infer_shapes(&b, entry, b.graph->nodes.n) || !add_params(&b))
        return NULL;
    graph_freeze(ctx, b.graph);
    if (graph_check_limits(ctx, b.graph) && check_output(&b))
        graph_advise(ctx, b.graph);
    return ctx->n_errors == errors ? b.graph : NULL;
}
