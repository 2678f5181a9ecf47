/* weights_load.c - the weights that a spec names go into the Graph, with a report. */
#include "compiler/base/base.h"
#include "compiler/weights/weights_match.h"

#include <math.h>

enum { SHOWN = 20 };

typedef struct Load {
    Ctx *ctx;
    Graph *graph;
    const WeightsSpec *spec;
    Match match;
    Buf text, missing, unused;
    WeightReport *report;
    uint32_t n_missing, n_unused;
} Load;

static void list(Buf *buf, uint32_t *n, const char *name)
{
    if (*n < SHOWN)
        buf_printf(buf, "%s%s", *n ? ", " : "", name);
    else if (*n == SHOWN)
        buf_puts(buf, ", ...");
    ++*n;
}

static const char *dims_text(Ctx *ctx, const int64_t *dims, uint32_t rank)
{
    Buf b = buf_create(ctx->arena);
    buf_puts(&b, "(");
    for (uint32_t i = 0; i < rank; i++)
        buf_printf(&b, "%s%lld", i ? ", " : "", (long long)dims[i]);
    buf_puts(&b, ")");
    return b.at;
}

static const char *dims_in_file(Ctx *ctx, const WeightLayer *layer)
{
    Buf b = buf_create(ctx->arena);
    for (uint32_t i = 0; i < layer->arrays.n; i++)
        buf_printf(&b, "%s%s %s", i ? ", " : "", layer->arrays.at[i].name,
                   dims_text(ctx, layer->arrays.at[i].dims, layer->arrays.at[i].rank));
    return b.at ? b.at : "";
}

static void check_finite(Load *l, const WeightLayer *layer)
{
    for (uint32_t i = 0; i < layer->arrays.n; i++) {
        const WeightArray *a = &layer->arrays.at[i];
        int64_t n = 1;
        for (uint32_t k = 0; k < a->rank; k++)
            n *= a->dims[k];
        for (int64_t k = 0; k < n; k++) {
            if (isfinite(a->data[k]))
                continue;
            diag_error(l->ctx, l->spec->loc, R_weights_not_finite,
                       "%s of layer '%s' in '%s' holds a value that is not finite", a->name,
                       layer->name, l->spec->path);
            break;
        }
    }
}

static void take_layer(Load *l, const WeightLayer *layer, Node *node)
{
    uint32_t which = 0;
    LayerFit fit = weights_fit(layer, node, &which);
    const Param *p = &node->params.at[which];
    if (fit == FIT_WHOLE) {
        weights_take(node, layer);
        check_finite(l, layer);
        l->report->matched++;
        l->report->renamed += strcmp(layer->name, node->name) != 0;
        return;
    }
    l->report->shape_differs += fit == FIT_SHAPE_DIFFERS;
    if (fit == FIT_SHAPE_DIFFERS)
        diag_error(l->ctx, l->spec->loc, R_weights_shape, "%s of layer '%s' is %s, but '%s' has %s",
                   p->name, node->name, dims_text(l->ctx, p->dims, p->rank), l->spec->path,
                   dims_in_file(l->ctx, layer));
    else
        diag_error(l->ctx, l->spec->loc, R_weights_missing,
                   "layer '%s' has a %s, but '%s' has only %s", node->name, p->name, l->spec->path,
                   dims_in_file(l->ctx, layer));
    node->loaded = true; /* reported; not missing as well */
}

static bool may_be_missing(const WeightsSpec *spec, const char *name, bool *used)
{
    bool found = spec->allow_missing_any;
    for (uint32_t i = 0; i < spec->allow_missing.n; i++) {
        if (glob_match(spec->allow_missing.at[i], name)) {
            used[i] = true;
            found = true;
        }
    }
    return found;
}

/* Nodes that the file should have filled and did not. */
static void find_missing(Load *l, bool only_backbone)
{
    Ctx *ctx = l->ctx;
    uint32_t errors = 0;
    bool *used = arena_array(ctx->arena, bool, l->spec->allow_missing.n + 1);
    for (uint32_t i = 0; i < l->graph->nodes.n; i++) {
        const Node *node = &l->graph->nodes.at[i];
        if (!node->params.n || node->loaded || node->part != PART_BACKBONE)
            continue;
        list(&l->missing, &l->n_missing, node->name);
        if (!may_be_missing(l->spec, node->name, used) && only_backbone && errors++ < SHOWN)
            diag_error(ctx, l->spec->loc, R_weights_missing,
                       "'%s' has no weights for layer '%s'; give them, or list it in allow_missing",
                       l->spec->path, node->name);
    }
    for (uint32_t i = 0; i < l->spec->allow_missing.n; i++)
        if (!used[i] && only_backbone)
            diag_error(ctx, l->spec->allow_missing_locs.at[i], R_allow_missing,
                       "no layer without weights matches '%s'", l->spec->allow_missing.at[i]);
}

static void write_report(Load *l)
{
    Buf *b = &l->text;
    buf_printf(b, "weights %s: %u layers matched", l->spec->path, l->report->matched);
    if (l->report->renamed)
        buf_printf(b, " (%u renamed%s%s)", l->report->renamed,
                   *l->match.way ? ", by the table " : "", l->match.way);
    buf_printf(b, ", %u missing, %u unused, %u of another shape\n", l->n_missing, l->n_unused,
               l->report->shape_differs);
    if (l->n_missing)
        buf_printf(b, "  missing: %s\n", l->missing.at);
    if (l->n_unused)
        buf_printf(b, "  unused: %s\n", l->unused.at);
}

static void nothing_matched(Load *l)
{
    const WeightFile *file = l->match.file;
    Diag *d = diag_error(l->ctx, l->spec->loc, R_weights_nothing,
                         "none of the %u layers of '%s' matches a layer of the network",
                         file->layers.n, l->spec->path);
    Buf names = buf_create(l->ctx->arena);
    uint32_t n = 0;
    for (uint32_t i = 0; i < file->layers.n && i < 6; i++)
        list(&names, &n, file->layers.at[i].name);
    if (n)
        diag_hint(l->ctx, d, (Loc){0}, "it has %s%s", names.at, file->layers.n > n ? ", ..." : "");
}

static void load_file(Ctx *ctx, Graph *graph, const WeightsSpec *spec, bool backbone,
                      WeightReport *report, Buf *text)
{
    if (!spec->path)
        return;
    Load l = {.ctx = ctx, .graph = graph, .spec = spec, .report = report, .text = *text};
    l.missing = buf_create(ctx->arena);
    l.unused = buf_create(ctx->arena);
    l.match = (Match){.ctx = ctx,
                      .graph = graph,
                      .file = weights_open(ctx, spec->path),
                      .rename = spec->rename.at,
                      .n_rename = spec->rename.n};
    weights_match(&l.match);
    uint32_t before = report->matched;
    for (uint32_t i = 0; i < l.match.file->layers.n; i++) {
        Node *node = l.match.to[i];
        if (node && node->params.n && (!backbone || node->part == PART_BACKBONE))
            take_layer(&l, &l.match.file->layers.at[i], node);
        else
            list(&l.unused, &l.n_unused, l.match.file->layers.at[i].name);
    }
    if (report->matched == before && !report->shape_differs && !ctx->n_errors)
        nothing_matched(&l);
    else
        find_missing(&l, backbone && !graph->spec->weights.path);
    report->map = l.match.way;
    report->missing += l.n_missing;
    report->unused += l.n_unused;
    write_report(&l);
    *text = l.text;
}

void weights_load(Ctx *ctx, Graph *graph, WeightReport *report)
{
    Buf text = buf_create(ctx->arena);
    *report = (WeightReport){.map = ""};
    if (graph->spec->has_backbone)
        load_file(ctx, graph, &graph->spec->backbone_weights, true, report, &text);
    load_file(ctx, graph, &graph->spec->weights, false, report, &text);
    report->text = text.at ? text.at : "";
}

void weights_inspect(Ctx *ctx, const char *path, const Graph *graph, Buf *out)
{
    const WeightFile *file = weights_open(ctx, path);
    Match m = {.ctx = ctx, .graph = graph, .file = file};
    if (graph)
        weights_match(&m);
    for (uint32_t i = 0; i < file->layers.n; i++) {
        const WeightLayer *layer = &file->layers.at[i];
        uint32_t which;
        buf_printf(out, "%s", layer->name);
        if (graph && m.to[i] && m.to[i]->params.n) {
            LayerFit fit = weights_fit(layer, m.to[i], &which);
            const char *how = fit == FIT_WHOLE           ? ""
                              : fit == FIT_SHAPE_DIFFERS ? " (shape differs)"
                                                         : " (incomplete)";
            buf_printf(out, " -> %s%s", m.to[i]->name, how);
        } else if (graph) {
            buf_puts(out, " -> unused");
        }
        buf_printf(out, "\n    %s\n", dims_in_file(ctx, layer));
    }
    if (graph)
        buf_printf(out, "%u of %u layers fit; names: %s\n", m.score, file->layers.n,
                   *m.way ? m.way : "as they are");
}
