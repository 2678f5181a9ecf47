/* diff_print.c - differences as text and as Markdown; one side as lines. */
#include "compiler/base/base.h"
#include "compiler/diff/diff_print.h"

#include <inttypes.h>

enum { NAMES_SHOWN = 4 };

/* ------------------------------------------------------------------ pieces of a line */

const char *change_text(Ctx *ctx, const SpecValue *value, const SpecValue *other)
{
    if (!value)
        return "none";
    bool alike = other && strcmp(value->text, other->text) == 0;
    const char *text = alike && value->file ? value->file : value->text;
    return value->loc.file ? text : arena_printf(ctx->arena, "%s (default)", text);
}

void print_names(const NodeList *nodes, uint32_t limit, Buf *out)
{
    uint32_t n = nodes->n, head = n > limit ? limit - 1 : n;
    for (uint32_t i = 0; i < head; i++)
        buf_printf(out, "%s%s", i ? ", " : "", nodes->at[i]->name);
    if (n > limit)
        buf_printf(out, ", ... %s", nodes->at[n - 1]->name);
}

static void put_params(const Node *node, Buf *out)
{
    if (!node->params.n)
        buf_puts(out, "no parameters");
    for (uint32_t i = 0; i < node->params.n; i++) {
        const Param *param = &node->params.at[i];
        buf_printf(out, "%s%s (", i ? ", " : "", param->name);
        for (uint32_t d = 0; d < param->rank; d++)
            buf_printf(out, "%s%" PRId64, d ? ", " : "", param->dims[d]);
        buf_puts(out, ")");
    }
}

/* What of a layer's parameters is another: `kernel (2048, 1024) -> kernel (8192, 1024)`. */
static void put_reshaped(const Node *a, const Node *b, Buf *out)
{
    bool one = a->kind == b->kind && a->params.n == b->params.n, any = false;
    for (uint32_t i = 0; one && i < a->params.n; i++) {
        const Param *x = &a->params.at[i], *y = &b->params.at[i];
        if (memcmp(x->dims, y->dims, sizeof x->dims) == 0 && strcmp(x->name, y->name) == 0)
            continue;
        Node left = {.params = {(Param *)(uintptr_t)x, 1, 1}};
        Node right = {.params = {(Param *)(uintptr_t)y, 1, 1}};
        buf_puts(out, any ? "; " : "");
        put_params(&left, out);
        buf_puts(out, " -> ");
        put_params(&right, out);
        any = true;
    }
    if (one)
        return;
    buf_printf(out, "%s, ", LAYER_KINDS[a->kind].name);
    put_params(a, out);
    buf_printf(out, " -> %s, ", LAYER_KINDS[b->kind].name);
    put_params(b, out);
}

/* -> +239 %, nothing where there is no share to speak of. */
static const char *share(Arena *arena, int64_t a, int64_t b)
{
    if (!a || !b)
        return "";
    double percent = 100.0 * ((double)b - (double)a) / (double)a;
    if (percent >= 900)
        return arena_printf(arena, "x %.0f", (double)b / (double)a);
    return arena_printf(arena, percent < 10 && percent > -10 ? "%+.1f %%" : "%+.0f %%", percent);
}

static const char *kernels_text(Arena *arena, const Kept *k)
{
    if (!k->added && !k->gone)
        return arena_printf(arena, "all %u stay valid", k->kept);
    return arena_printf(arena, "%u of %u stay valid, %u new, %u no longer used", k->kept,
                        k->kept + k->gone, k->added, k->gone);
}

static const char *verdict_text(Arena *arena, const Verdict *v)
{
    static const char *const words[] = {
        [HOLDS] = "valid", [HOLDS_PERHAPS] = "not sure", [HOLDS_NOT] = "not valid"};
    return v->why ? arena_printf(arena, "%s: %s", words[v->holds], v->why) : words[v->holds];
}

/* The lists of layers, in the order in which they are shown. */
typedef struct NamedList {
    const char *title;
    const NodeList *nodes;
} NamedList;
enum { N_LISTS = 5 };

static void name_lists(const LayerDiff *d, NamedList *lists)
{
    lists[0] = (NamedList){"layers that go", &d->gone};
    lists[1] = (NamedList){"layers that come", &d->added};
    lists[2] = (NamedList){"layers that now train", &d->now_trains};
    lists[3] = (NamedList){"layers now frozen", &d->now_frozen};
    lists[4] = (NamedList){"layers of the backbone rebuilt", &d->rebuilt};
}

/* A program knows its checkpoints by the resolved text, in which paths stand as they are written.
 */
static const char *same_but(const Diff *diff)
{
    return diff->checkpoint.holds == HOLDS
               ? ""
               : ", but a path is written otherwise: neither resumes the other's checkpoint";
}

/* ----------------------------------------------------------------------------- text */

typedef struct Text {
    Buf *out;
    bool colour;
    int width; /* of the left column */
} Text;

static void put_coloured(const Text *t, const char *escape, const char *text)
{
    buf_printf(t->out, "%s%s%s", t->colour ? escape : "", text, t->colour ? "\033[0m" : "");
}

static void put_pair(const Text *t, const char *title, const char *a, const char *b,
                     const char *behind)
{
    buf_printf(t->out, "  %-*s  ", t->width, title);
    put_coloured(t, "\033[31m", a);
    buf_puts(t->out, " -> ");
    put_coloured(t, "\033[32m", b);
    buf_printf(t->out, "%s%s\n", *behind ? "  " : "", behind);
}

static void put_change(Ctx *ctx, const Text *t, const Change *change)
{
    const SpecValue *a = change->a, *b = change->b, *one = a ? a : b;
    if (one->list && !one->name) {
        buf_printf(t->out, "  %-*s  ", t->width, change->path);
        put_coloured(t, a ? "\033[31m" : "\033[32m",
                     arena_printf(ctx->arena, "%c %s", a ? '-' : '+', one->text));
        buf_puts(t->out, "\n");
        return;
    }
    put_pair(t, change->path, change_text(ctx, a, b), change_text(ctx, b, a), "");
}

static void put_layers(const Text *t, const LayerDiff *d)
{
    NamedList lists[N_LISTS];
    name_lists(d, lists);
    for (int i = 0; i < N_LISTS; i++) {
        if (!lists[i].nodes->n)
            continue;
        buf_printf(t->out, "  %-*s  %u: ", t->width, lists[i].title, lists[i].nodes->n);
        print_names(lists[i].nodes, NAMES_SHOWN, t->out);
        buf_puts(t->out, "\n");
    }
    for (uint32_t i = 0; i < d->reshaped_b.n; i++) {
        if (i == NAMES_SHOWN) {
            buf_printf(t->out, "  %-*s  %u more\n", t->width, "", d->reshaped_b.n - i);
            return;
        }
        buf_printf(t->out, "  %-*s  %s: ", t->width, i ? "" : "layers of another shape",
                   d->reshaped_b.at[i]->name);
        put_reshaped(d->reshaped_a.at[i], d->reshaped_b.at[i], t->out);
        buf_puts(t->out, "\n");
    }
}

static void put_sizes(const Text *t, const Diff *diff)
{
    Arena *arena = t->out->arena;
    for (size_t i = 0; i < N_SIZES; i++) {
        int64_t a = size_value(&diff->sizes_a, &SIZES[i]),
                b = size_value(&diff->sizes_b, &SIZES[i]);
        if (a != b)
            put_pair(t, SIZES[i].title, size_text(arena, SIZES[i].unit, a),
                     size_text(arena, SIZES[i].unit, b), share(arena, a, b));
    }
}

static int left_width(const Diff *diff)
{
    enum { WIDEST = 48 };
    size_t width = strlen("multiply-adds an image, frozen part");
    for (uint32_t i = 0; i < diff->changes.n; i++) {
        size_t n = strlen(diff->changes.at[i].path);
        width = n > width && n <= WIDEST ? n : width;
    }
    return (int)width;
}

void diff_print_text(Ctx *ctx, const Diff *diff, bool colour, Buf *out)
{
    Text t = {out, colour, left_width(diff)};
    Arena *arena = ctx->arena;
    if (diff->same) {
        buf_printf(out, "%s and %s mean the same%s\n", diff->a->label, diff->b->label,
                   same_but(diff));
        return;
    }
    put_coloured(&t, "\033[1m",
                 arena_printf(arena, "--- %s\n+++ %s", diff->a->label, diff->b->label));
    buf_puts(out, "\n");
    for (uint32_t i = 0; i < diff->changes.n; i++)
        put_change(ctx, &t, &diff->changes.at[i]);
    buf_puts(out, "what this does\n");
    put_layers(&t, &diff->layers);
    put_sizes(&t, diff);
    buf_printf(out, "  %-*s  %s\n", t.width, "checkpoint", verdict_text(arena, &diff->checkpoint));
    buf_printf(out, "  %-*s  %s\n", t.width, "feature cache", verdict_text(arena, &diff->cache));
    buf_printf(out, "  %-*s  %s\n", t.width, "compiled kernels",
               kernels_text(arena, &diff->kernels));
}

/* ------------------------------------------------------------------------- Markdown */

/* A cell: code, so that nothing in it is taken for markup but the bar. */
static void put_cell(Buf *out, const char *text)
{
    buf_puts(out, "`");
    for (const char *c = text; *c; c++)
        buf_printf(out, *c == '|' ? "\\%c" : "%c", *c == '`' ? '\'' : *c);
    buf_puts(out, "` |");
}

static void md_changes(Ctx *ctx, const Diff *diff, Buf *out)
{
    buf_printf(out, "| value | %s | %s |\n| --- | --- | --- |\n", diff->a->label, diff->b->label);
    for (uint32_t i = 0; i < diff->changes.n; i++) {
        const Change *change = &diff->changes.at[i];
        buf_puts(out, "| ");
        put_cell(out, change->path);
        buf_puts(out, " ");
        put_cell(out, change_text(ctx, change->a, change->b));
        buf_puts(out, " ");
        put_cell(out, change_text(ctx, change->b, change->a));
        buf_puts(out, "\n");
    }
}

static void md_sizes(const Diff *diff, Buf *out)
{
    Arena *arena = out->arena;
    bool any = false;
    for (size_t i = 0; i < N_SIZES; i++) {
        int64_t a = size_value(&diff->sizes_a, &SIZES[i]),
                b = size_value(&diff->sizes_b, &SIZES[i]);
        if (a == b)
            continue;
        if (!any)
            buf_puts(out,
                     "\n| what this does | before | after | |\n| --- | ---: | ---: | ---: |\n");
        any = true;
        buf_printf(out, "| %s | %s | %s | %s |\n", SIZES[i].title,
                   size_text(arena, SIZES[i].unit, a), size_text(arena, SIZES[i].unit, b),
                   share(arena, a, b));
    }
}

static void md_layers(const LayerDiff *d, Buf *out)
{
    NamedList lists[N_LISTS];
    name_lists(d, lists);
    for (int i = 0; i < N_LISTS; i++) {
        if (!lists[i].nodes->n)
            continue;
        buf_printf(out, "- **%s**: %u (`", lists[i].title, lists[i].nodes->n);
        print_names(lists[i].nodes, NAMES_SHOWN, out);
        buf_puts(out, "`)\n");
    }
    for (uint32_t i = 0; i < d->reshaped_b.n && i < NAMES_SHOWN; i++) {
        buf_printf(out, "- **layer of another shape**: `%s`: ", d->reshaped_b.at[i]->name);
        put_reshaped(d->reshaped_a.at[i], d->reshaped_b.at[i], out);
        buf_puts(out, "\n");
    }
    if (d->reshaped_b.n > NAMES_SHOWN)
        buf_printf(out, "- and %u more of another shape\n", d->reshaped_b.n - NAMES_SHOWN);
}

void diff_print_md(Ctx *ctx, const Diff *diff, Buf *out)
{
    if (diff->same) {
        buf_printf(out, "`%s` and `%s` mean the same%s.\n", diff->a->label, diff->b->label,
                   same_but(diff));
        return;
    }
    if (diff->changes.n)
        md_changes(ctx, diff, out);
    md_sizes(diff, out);
    buf_puts(out, "\n");
    md_layers(&diff->layers, out);
    buf_printf(out, "- **checkpoint**: %s\n- **feature cache**: %s\n- **compiled kernels**: %s\n",
               verdict_text(ctx->arena, &diff->checkpoint), verdict_text(ctx->arena, &diff->cache),
               kernels_text(ctx->arena, &diff->kernels));
}

/* --------------------------------------------------------------------- one side alone */

static void side_layer(const Node *node, Buf *out)
{
    Shape s = node->shape;
    buf_printf(out, "layer %s: %s", node->name, LAYER_KINDS[node->kind].name);
    if (s.flat)
        buf_printf(out, " (%" PRId64 ")", s.c);
    else
        buf_printf(out, " (%" PRId64 ", %" PRId64 ", %" PRId64 ")", s.h, s.w, s.c);
    if (node->params.n)
        buf_puts(out, node->trainable ? " trains" : " frozen");
    buf_puts(out, "\n");
}

/* A layer of a list in one line, every argument spelled out; returns the last of its values. */
static uint32_t side_item(const SpecValues *values, uint32_t i, Buf *out)
{
    const SpecValue *whole = &values->at[i];
    const char *before = ": ";
    buf_printf(out, "%s: %.*s", whole->list->path, (int)strcspn(whole->text, ":"), whole->text);
    for (; i + 1 < values->n && values->at[i + 1].name; i++, before = ", ")
        buf_printf(out, "%s%s %s", before, values->at[i + 1].name, values->at[i + 1].text);
    buf_puts(out, "\n");
    return i;
}

void side_print(const DiffSide *side, Buf *out)
{
    for (uint32_t i = 0; i < side->values.n; i++) {
        const SpecValue *value = &side->values.at[i];
        if (value->list)
            i = side_item(&side->values, i, out);
        else
            buf_printf(out, "%s: %s\n", value->path, value->text);
    }
    Sizes sizes = sizes_of(side->graph, side->plan);
    for (size_t i = 0; i < N_SIZES; i++)
        buf_printf(out, "%s: %s\n", SIZES[i].title,
                   size_text(out->arena, SIZES[i].unit, size_value(&sizes, &SIZES[i])));
    for (uint32_t i = 0; i < side->graph->nodes.n; i++)
        side_layer(&side->graph->nodes.at[i], out);
}
