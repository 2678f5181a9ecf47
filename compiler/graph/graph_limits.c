/* graph_limits.c - how large a model may be: far beyond what anybody trains, and small enough for
 * every later stage to count in 64 bits. */
#include "compiler/base/base.h"
#include "compiler/graph/graph_limits.h"

#include <inttypes.h>

const int64_t GRAPH_MAX_ELEMENTS = INT64_C(1) << 31;

/* Frozen weights stand in the program, whose parts reach 2 GiB far; twice for their start values.
 */
static const int64_t MAX_FROZEN = INT64_C(1) << 28;
/* Values of a batch in all layers that are trained or stand behind one: 4 TiB of float32. */
static const int64_t MAX_BATCH_VALUES = INT64_C(1) << 40;
/* Multiply-adds an image. */
static const int64_t MAX_MACS = INT64_C(1) << 46;
/* Kernels lie in panels of at least so many columns. */
enum { LEAST_COLUMNS = 16 };

/* What the layers up to one of them come to. */
typedef struct Total {
    int64_t params, frozen, batch_values, macs;
} Total;

static void add_params(Total *total, const Node *node)
{
    for (uint32_t i = 0; i < node->params.n; i++) {
        const Param *param = &node->params.at[i];
        int64_t size = param_size(param), columns = param->dims[param->rank - 1];
        total->params += size;
        if (!node->trainable)
            total->frozen +=
                param->rank > 1 && columns < LEAST_COLUMNS ? size / columns * LEAST_COLUMNS : size;
    }
}

/* Which values stand in the memory of a training step: those of the layers that are no function of
 * the image alone, and what enters these. */
static const bool *kept_values(Ctx *ctx, const Graph *graph)
{
    const bool *prefix = graph_frozen_prefix(ctx, graph);
    bool *kept = arena_array(ctx->arena, bool, graph->nodes.n);
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        const Node *node = &graph->nodes.at[i];
        kept[i] = !prefix[i];
        for (uint32_t k = 0; kept[i] && k < node->inputs.n; k++)
            kept[node->inputs.at[k]] = true;
    }
    return kept;
}

static bool is_too_large(Ctx *ctx, const Graph *graph, const Node *node, const Total *total)
{
    const struct {
        const char *what;
        int64_t value, limit;
    } rows[] = {
        {"weights", total->params, GRAPH_MAX_ELEMENTS},
        {"frozen weights", total->frozen, MAX_FROZEN},
        {"values in a batch", total->batch_values, MAX_BATCH_VALUES},
        {"multiply-adds an image", total->macs, MAX_MACS},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].value <= rows[i].limit)
            continue;
        diag_error(ctx, node->loc.file ? node->loc : graph->spec->shape_loc, R_shape_too_large,
                   "the layers up to '%s' have more than %" PRId64 " %s", node->name, rows[i].limit,
                   rows[i].what);
        return true;
    }
    return false;
}

bool graph_check_limits(Ctx *ctx, const Graph *graph)
{
    const Spec *spec = graph->spec;
    int64_t batch = spec->batch_size > spec->validation_batch_size ? spec->batch_size
                                                                   : spec->validation_batch_size;
    const bool *kept = kept_values(ctx, graph);
    Total total = {0};
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        const Node *node = &graph->nodes.at[i];
        add_params(&total, node);
        if (kept[i])
            total.batch_values += batch * shape_size(node->shape);
        total.macs += node_macs(graph, node, false);
        if (is_too_large(ctx, graph, node, &total))
            return false;
    }
    return true;
}
