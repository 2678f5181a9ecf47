/* cmd_compare.c - graftc compare: a table of specs and runs, with the columns that differ. */
#include "compiler/base/base.h"
#include "compiler/tool/git.h"
#include "compiler/tool/json_write.h"
#include "compiler/tool/run_folder.h"
#include "compiler/tool/side.h"
#include "compiler/tool/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

typedef struct Row {
    SideRequest request;
    const char *run; /* folder of results, NULL: a spec */
    const char *label;
    Ctx *own;
    DiffSide side;
    Sizes sizes; /* where the side has a graph */
    RunResults results;
} Row;

typedef struct Compare {
    Ctx *ctx;
    const Args *args;
    ARR(Row) rows;
    ARR(const char *) paths; /* what differs, in the order of the table of keys: columns */
} Compare;

/* ----------------------------------------------------------------------------- rows */

static void add_row(Compare *c, const char *word, const char *run)
{
    Row *row = arr_push(c->ctx->arena, &c->rows);
    *row = (Row){.request = {.args = c->args, .alone = run != NULL}, .run = run};
    if (run)
        row->request.path = run_spec(c->ctx, run);
    else
        git_take(c->ctx, word, &row->request.path, &row->request.source);
    row->request.label = word;
}

static void add_rows(Compare *c, const char *word)
{
    struct stat st;
    if (stat(word, &st) != 0 || !S_ISDIR(st.st_mode)) {
        add_row(c, word, NULL);
        return;
    }
    if (run_spec(c->ctx, word)) {
        add_row(c, word, word);
        return;
    }
    Names runs = runs_in(c->ctx, word);
    if (!runs.n)
        fatal(c->ctx, EXIT_FILE, "%s is no run and holds none: no spec.yaml is in it", word);
    for (uint32_t i = 0; i < runs.n; i++)
        add_row(c, runs.at[i], runs.at[i]);
}

/* The last part of a path, without .graft.yaml. */
static const char *short_label(Ctx *ctx, const char *path)
{
    static const char *const endings[] = {".yaml", ".graft"};
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    char *name = arena_strndup(ctx->arena, path, n), *slash = strrchr(name, '/');
    name = slash && slash[1] ? slash + 1 : name;
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        size_t length = strlen(name), end = strlen(endings[i]);
        if (length > end && strcmp(name + length - end, endings[i]) == 0)
            name[length - end] = '\0';
    }
    return name;
}

/* Short labels, where they tell the rows apart. */
static void label_rows(Compare *c)
{
    bool unique = true;
    StrMap *seen = strmap_create(c->ctx->arena);
    for (uint32_t i = 0; i < c->rows.n; i++) {
        Row *row = &c->rows.at[i];
        row->label = short_label(c->ctx, row->request.label);
        unique &= strmap_put(seen, row->label, row);
    }
    for (uint32_t i = 0; !unique && i < c->rows.n; i++)
        c->rows.at[i].label = c->rows.at[i].request.label;
}

/* Compiles the rows; those with mistakes go. The highest exit code. */
static int load_rows(Compare *c)
{
    int code = EXIT_OK;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->rows.n; i++) {
        Row row = c->rows.at[i];
        row.own = compile_create();
        int got = side_load(row.own, &row.request, &row.side);
        code = got > code ? got : code;
        if (got == EXIT_OK && row.side.graph)
            row.sizes = sizes_of(row.side.graph, row.side.plan);
        if (got == EXIT_OK && row.run)
            row.results = run_results(c->ctx, row.run);
        if (got == EXIT_OK)
            c->rows.at[kept++] = row;
        else
            compile_destroy(row.own);
    }
    c->rows.n = kept;
    return code;
}

/* -------------------------------------------------------------------------- columns */

/* A change of a layer is a change of its list. */
static const char *column_of(const Change *change)
{
    const SpecValue *value = change->b ? change->b : change->a;
    return value->list ? value->list->path : change->path;
}

static const SpecValue *find_value(const Row *row, const char *path)
{
    for (uint32_t i = 0; i < row->side.values.n; i++)
        if (!row->side.values.at[i].list && strcmp(row->side.values.at[i].path, path) == 0)
            return &row->side.values.at[i];
    return NULL;
}

/* Whether the text of an argument is its default. */
static bool is_preset(Ctx *ctx, const AttrDesc *attr, const char *text)
{
    const char *p = attr->preset;
    if (attr->type == AT_PAIR)
        return strcmp(text, arena_printf(ctx->arena, "[%s, %s]", p, p)) == 0;
    if (attr->type == AT_PADS)
        return strcmp(text, arena_printf(ctx->arena, "[[%s, %s], [%s, %s]]", p, p, p, p)) == 0;
    return strcmp(text, p) == 0;
}

/* One layer without what is a default, written or not: `Dense(32, relu)` for people, who know which
 * argument is meant, `Dense: {units: 32, activation: relu}` for programs. *at goes on to its last
 * value. */
static const char *layer_text(Ctx *ctx, const SpecValues *values, uint32_t *at, bool brief)
{
    const char *whole = values->at[*at].text, *before = brief ? "(" : ": {";
    const char *name = arena_strndup(ctx->arena, whole, strcspn(whole, ":"));
    const LayerDesc *desc = &LAYER_KINDS[layer_by_name(name)];
    Buf out = buf_create(ctx->arena);
    buf_puts(&out, name);
    for (; *at + 1 < values->n && values->at[*at + 1].name; ++*at) {
        const SpecValue *value = &values->at[*at + 1];
        const AttrDesc *attr = layer_attr(desc, value->name);
        if (attr && is_preset(ctx, attr, value->text))
            continue;
        bool plain = brief && (!attr || attr->required || attr->type == AT_WORD);
        buf_printf(&out, "%s%s%s%s", before, plain ? "" : value->name, plain ? "" : ": ",
                   value->text);
        before = ", ";
    }
    buf_puts(&out, before[0] != ',' ? "" : brief ? ")" : "}");
    return out.at;
}

typedef ARR(const char *) Layers;
static Layers layers_of(Ctx *ctx, const Row *row, const char *path, bool brief)
{
    Layers out = {0};
    const SpecValues *values = &row->side.values;
    for (uint32_t i = 0; i < values->n; i++)
        if (values->at[i].list && strcmp(values->at[i].list->path, path) == 0)
            *arr_push(ctx->arena, &out) = layer_text(ctx, values, &i, brief);
    return out;
}

/* Layers that the lists share at their beginning, or at their end behind `skip` shared ones. */
static uint32_t shared(const Layers *a, const Layers *b, bool at_end, uint32_t skip)
{
    uint32_t n = 0;
    for (; n + skip < a->n && n + skip < b->n; n++) {
        const char *x = at_end ? a->at[a->n - 1 - n] : a->at[n];
        const char *y = at_end ? b->at[b->n - 1 - n] : b->at[n];
        if (strcmp(x, y) != 0)
            break;
    }
    return n;
}

/* How many layers of a list all rows have in common, in front and behind. */
typedef struct Common {
    uint32_t front, back;
} Common;

static Common common_layers(const Compare *c, const char *path)
{
    Layers first = layers_of(c->ctx, &c->rows.at[0], path, true);
    Common common = {first.n, first.n};
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < c->rows.n; i++) {
            Layers other = layers_of(c->ctx, &c->rows.at[i], path, true);
            uint32_t n = shared(&first, &other, pass == 1, pass ? common.front : 0);
            uint32_t *least = pass ? &common.back : &common.front;
            *least = n < *least ? n : *least;
        }
    }
    return common;
}

/* The layers but for the common ones. */
static const char *list_text(const Compare *c, const Row *row, const char *path, Common common)
{
    Layers own = layers_of(c->ctx, row, path, true);
    Buf out = buf_create(c->ctx->arena);
    for (uint32_t i = common.front; i + common.back < own.n; i++)
        buf_printf(&out, "%s%s", i > common.front ? ", " : common.front ? "... " : "", own.at[i]);
    if (!out.n)
        return "-";
    buf_puts(&out, common.back ? " ..." : "");
    return out.at;
}

/* The whole list, for JSON. */
static const char *whole_list(Ctx *ctx, const Row *row, const char *path)
{
    Layers layers = layers_of(ctx, row, path, false);
    Buf out = buf_create(ctx->arena);
    buf_puts(&out, "[");
    for (uint32_t i = 0; i < layers.n; i++) {
        buf_puts(&out, i ? ", " : "");
        buf_json_string(&out, layers.at[i]);
    }
    buf_puts(&out, "]");
    return out.at;
}

static bool is_list(const char *path)
{
    return schema_find(path)->type == KT_LAYERS;
}

static void put_values(const Compare *c, Table *table, const char *path)
{
    bool list = is_list(path);
    Common common = list ? common_layers(c, path) : (Common){0};
    for (uint32_t i = 0; i < c->rows.n; i++) {
        const Row *row = &c->rows.at[i];
        const SpecValue *value = list ? NULL : find_value(row, path);
        table_cell(table, i, list ? list_text(c, row, path, common) : value ? value->text : "-");
    }
}

/* Names are the rows' anyway. A column says something when one of its values is written and is not
 * the default: others follow from another column. */
static bool is_worth_a_column(const Compare *c, const KeyDesc *key)
{
    bool worth = key->type == KT_LAYERS;
    for (uint32_t i = 0; i < c->rows.n; i++) {
        const SpecValue *value = find_value(&c->rows.at[i], key->path);
        worth |= value && value->loc.file && strcmp(value->text, key->preset) != 0;
    }
    return worth && strcmp(key->path, "name") != 0;
}

static void find_columns(Compare *c)
{
    StrMap *differs = strmap_create(c->ctx->arena);
    for (uint32_t i = 1; i < c->rows.n; i++) {
        Changes changes = spec_diff(c->ctx, &c->rows.at[0].side.values, &c->rows.at[i].side.values);
        for (uint32_t k = 0; k < changes.n; k++)
            strmap_put(differs, column_of(&changes.at[k]), c);
    }
    for (size_t i = 0; i < N_SPEC_KEYS; i++)
        if (strmap_get(differs, SPEC_KEYS[i].path) && is_worth_a_column(c, &SPEC_KEYS[i]))
            *arr_push(c->ctx->arena, &c->paths) = SPEC_KEYS[i].path;
}

/* The last part of a path that says something, if no other column ends in it. */
static const char *head_of(const Compare *c, const char *path)
{
    const char *last = schema_name(schema_find(path));
    if (strcmp(path, "backbone.name") == 0)
        return "backbone";
    for (uint32_t i = 0; i < c->paths.n; i++)
        if (c->paths.at[i] != path && strcmp(schema_name(schema_find(c->paths.at[i])), last) == 0)
            return path;
    return last;
}

static bool has_results(const Compare *c)
{
    for (uint32_t i = 0; i < c->rows.n; i++)
        if (c->rows.at[i].results.any)
            return true;
    return false;
}

static const char *number_text(Ctx *ctx, double value)
{
    if (isnan(value))
        return "-";
    Buf out = buf_create(ctx->arena);
    buf_float(&out, strtod(arena_printf(ctx->arena, "%.4g", value), NULL), false);
    return out.at;
}

static Table make_table(Compare *c)
{
    Ctx *ctx = c->ctx;
    Table table = table_create(ctx->arena, c->rows.n);
    table_column(&table, "", false);
    for (uint32_t i = 0; i < c->rows.n; i++)
        table_cell(&table, i, c->rows.at[i].label);
    for (uint32_t k = 0; k < c->paths.n; k++) {
        table_column(&table, head_of(c, c->paths.at[k]), false);
        put_values(c, &table, c->paths.at[k]);
    }
    for (size_t k = 0; k < N_SIZES; k++) {
        if (!SIZES[k].brief)
            continue;
        table_column(&table, SIZES[k].brief, true);
        for (uint32_t i = 0; i < c->rows.n; i++) {
            const Row *row = &c->rows.at[i];
            const char *text = "-";
            if (row->side.graph)
                text = size_text(ctx->arena, SIZES[k].unit, size_value(&row->sizes, &SIZES[k]));
            table_cell(&table, i, text);
        }
    }
    for (int k = 0; has_results(c) && k < N_RESULTS; k++) {
        table_column(&table, RESULTS[k].brief, true);
        for (uint32_t i = 0; i < c->rows.n; i++) {
            const RunResults *results = &c->rows.at[i].results;
            table_cell(&table, i, results->any ? number_text(ctx, results->values[k]) : "-");
        }
    }
    return table;
}

/* ----------------------------------------------------------------------------- JSON */

static void json_row(const Compare *c, Json *j, const Row *row)
{
    Ctx *ctx = c->ctx;
    json_open(j, NULL, "{");
    json_string(j, "label", row->label);
    json_string(j, "path", row->request.label);
    json_open(j, "values", "{");
    for (uint32_t k = 0; k < c->paths.n; k++) {
        const char *path = c->paths.at[k];
        const SpecValue *value = find_value(row, path);
        if (is_list(path))
            json_raw(j, path, whole_list(ctx, row, path));
        else if (value && value->plain)
            json_string(j, path, value->plain);
        else
            json_raw(j, path, value ? value->text : "null");
    }
    json_close(j, "}");
    for (size_t k = 0; row->side.graph && k < N_SIZES; k++)
        json_raw(j, SIZES[k].key,
                 arena_printf(ctx->arena, "%" PRId64, size_value(&row->sizes, &SIZES[k])));
    if (row->results.any) {
        json_open(j, "results", "{");
        for (int k = 0; k < N_RESULTS; k++)
            if (!isnan(row->results.values[k]))
                json_number(j, RESULTS[k].key, row->results.values[k]);
        json_close(j, "}");
    }
    json_close(j, "}");
}

static void print_json(const Compare *c, Buf *out)
{
    Json j = {.out = out};
    json_open(&j, NULL, "[");
    for (uint32_t i = 0; i < c->rows.n; i++)
        json_row(c, &j, &c->rows.at[i]);
    json_close(&j, "]");
    buf_puts(out, "\n");
}

/* -------------------------------------------------------------------------- command */

int cmd_compare(Ctx *ctx, const Args *args)
{
    Compare c = {.ctx = ctx, .args = args};
    if (args->json && args->md)
        usage_error(ctx, "--json or --md, not both");
    for (uint32_t i = 0; i < args->words.n; i++)
        add_rows(&c, args->words.at[i]);
    int code = load_rows(&c);
    label_rows(&c);
    if (c.rows.n) {
        Buf out = buf_create(ctx->arena);
        find_columns(&c);
        Table table = make_table(&c);
        if (args->json)
            print_json(&c, &out);
        else if (args->md)
            table_print_md(&table, &out);
        else
            table_print_text(&table, args->output ? 0 : terminal_width(), &out);
        command_write(ctx, args, out.at, out.n);
    }
    for (uint32_t i = 0; i < c.rows.n; i++)
        compile_destroy(c.rows.at[i].own);
    return code;
}
