/* graph_advice.c - what can be built, but hardly was meant: notes and warnings that teach. */
#include "compiler/base/base.h"
#include "compiler/graph/graph_advice.h"
#include "compiler/spec/spec_value.h"

#include <inttypes.h>

enum { CIFAR10_CLASSES = 10, NAMES_SHOWN = 5 };

/* Weights see other numbers than they were trained on: the features are poor, and nobody says so.
 */
static void advise_preprocessing(Ctx *ctx, const Graph *graph)
{
    const Spec *spec = graph->spec;
    const Backbone *backbone = graph->backbone;
    const char *word = schema_find("input.preprocessing")->words[spec->preprocessing];
    bool has_file = spec->backbone_weights.path || spec->weights.path;
    if (!backbone || !backbone->preprocessing || !has_file ||
        strcmp(backbone->preprocessing, word) == 0)
        return;
    Loc loc = spec->preprocessing_loc.file ? spec->preprocessing_loc : spec->shape_loc;
    Diag *diag =
        diag_note(ctx, loc, R_preprocessing,
                  "preprocessing is '%s', but the ImageNet weights of %s were trained with '%s'",
                  word, backbone->name, backbone->preprocessing);
    diag_hint(
        ctx, diag, (Loc){0},
        "no error will show it, but it can cost tens of points of accuracy; if these are those "
        "weights, write `preprocessing: %s`",
        backbone->preprocessing);
}

static void advise_softmax(Ctx *ctx, const Graph *graph)
{
    for (NodeId i = graph->head_input + 1; i < graph->nodes.n; i++) {
        const Node *node = &graph->nodes.at[i];
        if (node->id == graph->output || node->part != PART_HEAD ||
            node->attrs.activation != ACT_SOFTMAX)
            continue;
        Diag *diag = diag_note(ctx, node->loc, R_hidden_softmax,
                               "'%s' ends in a softmax, but is not the last layer", node->name);
        diag_hint(ctx, diag, (Loc){0},
                  "its values sum to 1, so that little is left for the layers behind it; relu is "
                  "usual here");
    }
}

static void advise_learning_rate(Ctx *ctx, const Graph *graph)
{
    const Spec *spec = graph->spec;
    const char *optimizer = schema_find("training.optimizer")->words[spec->optimizer];
    const UsualRange *usual =
        schema_usual(arena_printf(ctx->arena, "training.optimizer.%s.learning_rate", optimizer));
    double rate = spec->learning_rate;
    if (!usual || (rate >= usual->min && rate <= usual->max))
        return;
    Loc loc = spec->learning_rate_loc.file ? spec->learning_rate_loc : spec->optimizer_loc;
    Diag *diag = diag_note(ctx, loc, R_learning_rate, "%s usually takes %s", optimizer,
                           value_range(ctx, "a learning rate", usual->min, usual->max));
    diag_hint(ctx, diag, (Loc){0}, "%s",
              rate > usual->max ? "with steps this large the loss jumps, and may end as nan"
                                : "with steps this small next to nothing is learned");
}

/* One data set against the head. n: its classes; names: NULL when they are not known. NULL when all
 * is well. */
static Diag *compare_classes(Ctx *ctx, const Graph *graph, const char *what, int64_t n,
                             const char *const *names)
{
    const Node *last = &graph->nodes.at[graph->output];
    if (n == graph->n_classes)
        return NULL;
    Buf list = buf_create(ctx->arena);
    for (int64_t i = 0; names && i < n && i < NAMES_SHOWN; i++)
        buf_printf(&list, "%s%s", i ? ", " : ": ", names[i]);
    if (names && n > NAMES_SHOWN)
        buf_puts(&list, ", ...");
    return diag_warning(ctx, last->loc, R_class_count,
                        "the head has %" PRId64 " classes, but %s has %" PRId64 "%s",
                        graph->n_classes, what, n, list.n ? list.at : "");
}

static void advise_classes(Ctx *ctx, const Graph *graph)
{
    const Spec *spec = graph->spec;
    const char *folders[] = {spec->train, spec->test};
    if (spec->format == DATA_CIFAR10)
        compare_classes(ctx, graph, "CIFAR-10", CIFAR10_CLASSES, NULL);
    for (size_t i = 0; spec->format == DATA_IMAGE_FOLDER && i < COUNT_OF(folders); i++) {
        uint32_t n = 0;
        const char *const *names = folders[i] ? folder_names(ctx, folders[i], &n) : NULL;
        if (!n)
            continue;
        const char *what = arena_printf(ctx->arena, "'%s'", folders[i]);
        Diag *diag = compare_classes(ctx, graph, what, n, names);
        if (diag && i == 0)
            diag_hint(ctx, diag, (Loc){0},
                      "the program refuses data with other classes; write `units: %u` for these", n);
    }
}

void graph_advise(Ctx *ctx, const Graph *graph)
{
    advise_preprocessing(ctx, graph);
    advise_softmax(ctx, graph);
    advise_learning_rate(ctx, graph);
    advise_classes(ctx, graph);
}
