/* weights_load.c - the weights that a spec names go into the Graph, with a report. */
#include "compiler/base/base.h"
#include "compiler/weights/weights_match.h"

#include <math.h>
#include <sys/stat.h>

enum { SHOWN = 20 };

typedef struct Load {
    Ctx *ctx;
    Graph *graph;
    const WeightsSpec *spec;
    Match match;
    Buf *text, missing, unused, no_bias;
    WeightReport *report;
    uint32_t n_missing, n_unused, n_no_bias;
    bool *allowed; /* by node: may stay without weights */
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
        if (weights_take(l->ctx, node, layer))
            list(&l->no_bias, &l->n_no_bias, node->name);
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

/* Nodes of the file's part that have no weights yet, and those of them that need none. */
static void find_missing(Load *l, bool only_backbone)
{
    const WeightsSpec *spec = l->spec;
    bool *used = arena_array(l->ctx->arena, bool, spec->allow_missing.n + 1);
    for (uint32_t i = 0; i < l->graph->nodes.n; i++) {
        const Node *node = &l->graph->nodes.at[i];
        if (!node->params.n || node->loaded || (only_backbone && node->part != PART_BACKBONE))
            continue;
        list(&l->missing, &l->n_missing, node->name);
        l->allowed[i] |= spec->allow_missing_any;
        for (uint32_t k = 0; k < spec->allow_missing.n; k++)
            if (glob_match(spec->allow_missing.at[k], node->name))
                l->allowed[i] = used[k] = true;
    }
    for (uint32_t k = 0; k < spec->allow_missing.n; k++)
        if (!used[k])
            diag_error(l->ctx, spec->allow_missing_locs.at[k], R_allow_missing,
                       "no layer without weights matches '%s'", spec->allow_missing.at[k]);
}

/* Layers that neither file filled, and that nothing allows to start random. */
static void refuse_missing(Ctx *ctx, const Graph *graph, const bool *allowed)
{
    const WeightsSpec *backbone = &graph->spec->backbone_weights, *whole = &graph->spec->weights;
    const WeightsSpec *spec = whole->path ? whole : backbone;
    uint32_t errors = 0;
    for (uint32_t i = 0; spec->path && i < graph->nodes.n && errors < SHOWN; i++) {
        const Node *node = &graph->nodes.at[i];
        if (!node->params.n || node->loaded || allowed[i] ||
            (spec == backbone && node->part != PART_BACKBONE))
            continue;
        errors++;
        diag_error(ctx, spec->loc, R_weights_missing,
                   "'%s' has no weights for layer '%s'; give them, or list it in allow_missing",
                   spec->path, node->name);
    }
}

/* Each name of `rename` has to be in the file, and what it stands for in the network. */
static void check_renames(Load *l)
{
    Ctx *ctx = l->ctx;
    const WeightFile *file = l->match.file;
    const char **theirs = arena_array(ctx->arena, const char *, file->layers.n + 1);
    const char **ours = arena_array(ctx->arena, const char *, l->graph->nodes.n + 1);
    for (uint32_t i = 0; i < file->layers.n; i++)
        theirs[i] = file->layers.at[i].name;
    for (uint32_t i = 0; i < l->graph->nodes.n; i++)
        ours[i] = l->graph->nodes.at[i].name;
    for (uint32_t i = 0; i < l->spec->rename.n; i++) {
        const Rename *rename = &l->spec->rename.at[i];
        bool found = false;
        for (uint32_t k = 0; k < file->layers.n && !found; k++)
            found =
                !strcmp(theirs[k], rename->file_name) ||
                (file->layers.at[k].inner && !strcmp(file->layers.at[k].inner, rename->file_name));
        Diag *diag = NULL;
        const char *near = NULL;
        if (!found) {
            diag = diag_error(ctx, rename->loc, R_rename_nothing, "'%s' has no layer '%s'",
                              l->spec->path, rename->file_name);
            near = nearest_name(rename->file_name, theirs, file->layers.n);
        } else if (!strmap_get(l->match.by_name, rename->layer_name)) {
            diag = diag_error(ctx, rename->loc, R_rename_nothing, "the network has no layer '%s'",
                              rename->layer_name);
            near = nearest_name(rename->layer_name, ours, l->graph->nodes.n);
        }
        if (near)
            diag_hint(ctx, diag, (Loc){0}, "did you mean '%s'?", near);
    }
}

static void write_report(Load *l, const WeightReport *before)
{
    Buf *b = l->text;
    uint32_t n_renamed = l->report->renamed - before->renamed;
    buf_printf(b, "weights %s: %u layers matched", l->spec->path,
               l->report->matched - before->matched);
    if (n_renamed)
        buf_printf(b, " (%u renamed%s%s)", n_renamed, *l->match.way ? ", by the table " : "",
                   l->match.way);
    buf_printf(b, ", %u missing, %u unused, %u of another shape\n", l->n_missing, l->n_unused,
               l->report->shape_differs - before->shape_differs);
    if (l->n_missing)
        buf_printf(b, "  missing: %s\n", l->missing.at);
    if (l->n_unused)
        buf_printf(b, "  unused: %s\n", l->unused.at);
    if (l->n_no_bias)
        buf_printf(b, "  without a bias in the file, so with one of zeros: %s\n", l->no_bias.at);
}

/* The one error for a file that is another net's; all that it leaves without weights follows. */
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
    for (uint32_t i = 0; i < l->graph->nodes.n; i++)
        l->allowed[i] = true;
}

static void load_file(Ctx *ctx, Graph *graph, const WeightsSpec *spec, WeightReport *report,
                      bool *allowed, Buf *text)
{
    bool backbone = spec == &graph->spec->backbone_weights;
    WeightReport before = *report;
    if (!spec->path)
        return;
    Load l = {.ctx = ctx,
              .graph = graph,
              .spec = spec,
              .report = report,
              .text = text,
              .missing = buf_create(ctx->arena),
              .unused = buf_create(ctx->arena),
              .no_bias = buf_create(ctx->arena),
              .allowed = allowed};
    l.match = (Match){.ctx = ctx,
                      .graph = graph,
                      .file = weights_open(ctx, spec->path),
                      .rename = spec->rename.at,
                      .n_rename = spec->rename.n};
    weights_match(&l.match);
    uint32_t errors = ctx->n_errors;
    check_renames(&l);
    for (uint32_t i = 0; i < l.match.file->layers.n; i++) {
        Node *node = l.match.to[i];
        if (node && node->params.n && (!backbone || node->part == PART_BACKBONE))
            take_layer(&l, &l.match.file->layers.at[i], node);
        else
            list(&l.unused, &l.n_unused, l.match.file->layers.at[i].name);
    }
    if (report->matched == before.matched && ctx->n_errors == errors)
        nothing_matched(&l);
    find_missing(&l, backbone);
    if (l.match.note)
        diag_note(ctx, spec->loc, R_weights_names, "%s", l.match.note);
    report->map = l.match.way;
    report->missing += l.n_missing;
    report->unused += l.n_unused;
    write_report(&l, &before);
}

void weights_load(Ctx *ctx, Graph *graph, WeightReport *report)
{
    Buf text = buf_create(ctx->arena);
    bool *allowed = arena_array(ctx->arena, bool, graph->nodes.n + 1);
    *report = (WeightReport){.map = ""};
    if (graph->spec->has_backbone)
        load_file(ctx, graph, &graph->spec->backbone_weights, report, allowed, &text);
    load_file(ctx, graph, &graph->spec->weights, report, allowed, &text);
    refuse_missing(ctx, graph, allowed);
    report->text = text.at ? text.at : "";
}

static bool same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* What the spec says of this file, NULL when it does not name it. */
static const WeightsSpec *spec_of(const char *path, const Spec *spec)
{
    const WeightsSpec *both[] = {&spec->weights, &spec->backbone_weights};
    for (size_t i = 0; i < COUNT_OF(both); i++)
        if (both[i]->path && same_file(both[i]->path, path))
            return both[i];
    return NULL;
}

/* A line with the layers of the network that the file has nothing for. */
static void list_absent(const Match *m, Buf *out)
{
    Buf absent = buf_create(m->ctx->arena);
    uint32_t n = 0;
    bool *found = arena_array(m->ctx->arena, bool, m->graph->nodes.n + 1);
    for (uint32_t i = 0; i < m->file->layers.n; i++)
        if (m->to[i])
            found[m->to[i]->id] = true;
    for (uint32_t i = 0; i < m->graph->nodes.n; i++)
        if (m->graph->nodes.at[i].params.n && !found[i])
            list(&absent, &n, m->graph->nodes.at[i].name);
    if (n)
        buf_printf(out, "not in the file: %s\n", absent.at);
}

void weights_inspect(Ctx *ctx, const char *path, const Graph *graph, Buf *out)
{
    const WeightFile *file = weights_open(ctx, path);
    const WeightsSpec *spec = graph ? spec_of(path, graph->spec) : NULL;
    Match m = {.ctx = ctx, .graph = graph, .file = file};
    if (spec) {
        m.rename = spec->rename.at;
        m.n_rename = spec->rename.n;
    }
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
    if (!graph)
        return;
    list_absent(&m, out);
    buf_printf(out, "%u of %u layers fit; names: %s\n", m.score, file->layers.n,
               *m.way ? m.way : "as they are");
}
