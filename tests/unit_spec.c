/* unit_spec.c - the front end in itself: scalars, trees, the tables of keys and layers, layers that
 * are read alone. What whole specs give is in spec.tap and error.tap. */
#include "compiler/base/base.h"
#include "compiler/spec/spec.h"
#include "tests/tap.h"

#include <math.h>

static YNode *parse(Ctx *ctx, const char *text)
{
    SourceFile *file = arena_new(ctx->arena, SourceFile);
    *file = (SourceFile){"test.yaml", text, strlen(text)};
    return ytree_parse(ctx, file);
}

/* --------------------------------------------------------------------------- scalars */

static YNode scalar(const char *text, bool quoted)
{
    return (YNode){.kind = Y_SCALAR, .text = text, .quoted = quoted};
}

static void test_words(void)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const texts[] = {"nul", "none", "yes", "no", "on", "off", "True", "y"};
    bool null = true, text = true, truth = false, value;
    for (size_t i = 0; i < COUNT_OF(nulls); i++) {
        YNode plain = scalar(nulls[i], false), quoted = scalar(nulls[i], true);
        null &= ytree_is_null(&plain) && !ytree_is_null(&quoted);
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        YNode plain = scalar(texts[i], false);
        text &= !ytree_is_null(&plain) && !ytree_bool(&plain, &value);
    }
    YNode yes = scalar("true", false), no = scalar("false", false), quoted = scalar("true", true);
    truth = ytree_bool(&yes, &value) && value && ytree_bool(&no, &value) && !value &&
            !ytree_bool(&quoted, &value);
    ok(null, "null has five spellings, none of them quoted");
    ok(truth, "true and false are booleans unless they are quoted");
    ok(text, "words of YAML 1.1 are texts");
}

static void test_numbers(void)
{
    static const struct {
        const char *text;
        double value;
        bool is_float, is_int;
    } cases[] = {
        {"0", 0, true, true},           {"-12", -12, true, true},      {"+7", 7, true, true},
        {"1e-4", 1e-4, true, false},    {"1E5", 1e5, true, false},     {".5", 0.5, true, false},
        {"5.", 5, true, false},         {"-1.5e+3", -1500, true, false}, {"007", 7, true, true},
        {"9223372036854775807", 0x1p63, true, true},
        {"9223372036854775808", 0x1p63, true, false},
        {"1e999", INFINITY, true, false}, {"", 0, false, false},       {".", 0, false, false},
        {"-", 0, false, false},         {"1e", 0, false, false},       {"1e+", 0, false, false},
        {"1_000", 0, false, false},     {"0x10", 0, false, false},     {".inf", 0, false, false},
        {"nan", 0, false, false},       {"inf", 0, false, false},      {"1 2", 0, false, false},
        {"1.2.3", 0, false, false},     {"e5", 0, false, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        YNode plain = scalar(cases[i].text, false), quoted = scalar(cases[i].text, true);
        char name[64];
        double number = 0;
        int64_t whole = 0;
        bool is_float = ytree_float(&plain, &number), is_int = ytree_int(&plain, &whole);
        bool right = is_float == cases[i].is_float && is_int == cases[i].is_int &&
                     number == cases[i].value && (!is_int || (double)whole == cases[i].value);
        snprintf(name, sizeof name, "number '%s'", cases[i].text);
        ok(right && !ytree_float(&quoted, &number) && !ytree_int(&quoted, &whole), name);
    }
}

/* What is printed reads back as the same text, whatever it looks like. */
static void test_strings(Ctx *ctx)
{
    static const char *const texts[] = {
        "a",     "true", "no",   "12",      "1e3",  "-",      "- a",    "a: b",   "a #b",   "#",
        "[a]",   "{",    "*x",   "&x",      "!t",   "%",      "@",      "`",      "",       " ",
        "a\nb",  "\t",   "\"q\"", "'",      "null", "~",      "...",    "---",    "../a/b",
        "caf\xc3\xa9", "\x01", "a,b", "0x1f", ".5", ".nan", "?", "? a", "a:", ":a", "conv?_*", "*"};
    bool block = true, flow = true;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        Buf out = buf_create(ctx->arena);
        buf_puts(&out, "k: ");
        ytree_print_string(texts[i], &out);
        buf_puts(&out, "\nl: [");
        ytree_print_string(texts[i], &out);
        buf_puts(&out, ", {");
        ytree_print_string(texts[i], &out);
        buf_puts(&out, ": 1}]\n");
        const YNode *tree = parse(ctx, out.at);
        const YNode *k = ytree_get(tree, "k"), *l = ytree_get(tree, "l");
        int64_t whole;
        bool truth;
        bool same = k && strcmp(k->text, texts[i]) == 0 && !ytree_is_null(k) &&
                    !ytree_int(k, &whole) && !ytree_bool(k, &truth);
        block &= same;
        if (*texts[i]) /* the empty text is no key */
            flow &= l && l->kind == Y_SEQ && l->items.n == 2 &&
                    strcmp(l->items.at[0]->text, texts[i]) == 0 && l->items.at[1]->pairs.n == 1 &&
                    strcmp(l->items.at[1]->pairs.at[0].key->text, texts[i]) == 0;
        if (!same)
            printf("# %s\n", out.at);
    }
    ok(block, "a printed text reads back");
    ok(flow, "so it does inside of brackets");
}

static void test_tree(Ctx *ctx)
{
    static const char text[] = "a: 1\nb:\n  - x\n  - {y: z, e: {}}\n"
                               "  - - deep\n    - [1, 2]\nc: []\n";
    Buf once = buf_create(ctx->arena), twice = buf_create(ctx->arena);
    const YNode *tree = parse(ctx, text);
    ytree_print(tree, &once);
    ytree_print(parse(ctx, once.at), &twice);
    equal(twice.at, once.at, "a printed tree reads back");
    const YNode *b = ytree_get(tree, "b");
    const YNode *z = ytree_get(b->items.at[1], "y");
    ok(z->loc.line == 4 && z->loc.col == 9, "a value has its place");
    ok(b->items.at[1]->pairs.at[1].key->loc.col == 12, "a key has its place");
    ok(!ytree_get(tree, "d") && !ytree_get(z, "d"), "a key that is not there");
    const YNode *wide = parse(ctx, "\xc3\xa9\xc3\xa9: \xe2\x82\xac, x: y\n");
    ok(!wide, "what is wrong behind wide characters is refused");
    const Diag *last = &ctx->diags.at[ctx->diags.n - 1];
    ok(last->loc.col == 13, "columns count bytes");
    SourceFile option = {"--set", "a.b={c: 1}", 10};
    const YNode *value = ytree_parse_value(ctx, &option, 4);
    ok(value && value->kind == Y_MAP && value->loc.col == 5, "a part of a text keeps its place");
}

/* ---------------------------------------------------------------------------- tables */

static void test_keys(Ctx *ctx)
{
    bool parents = true, documented = true, distinct = true, described = true;
    for (size_t i = 0; i < N_SPEC_KEYS; i++) {
        const KeyDesc *key = &SPEC_KEYS[i];
        const char *dot = strrchr(key->path, '.');
        if (dot)
            parents &= schema_find(arena_strndup(ctx->arena, key->path,
                                                 (size_t)(dot - key->path))) != NULL;
        documented &= *key->doc && *key->since && (!key->required || !*key->preset);
        distinct &= schema_find(key->path) == key;
        described &= *schema_describe(ctx, key) != '\0';
    }
    ok(parents, "every key stands under one that there is");
    ok(documented, "every key is documented, and required or with a default");
    ok(distinct, "no key stands in the table twice");
    ok(described, "every key says what it takes");
    size_t n = 0;
    const KeyDesc *key;
    for (size_t at = 0; (key = schema_next("data", &at));)
        n += strncmp(key->path, "data.", 5) == 0;
    ok(n == 4, "the keys under data");
}

static void test_layer_names(Ctx *ctx)
{
    static const char *const names[][2] = {
        {"InputLayer", "input_layer"},
        {"Conv2D", "conv2d"},
        {"BatchNormalization", "batch_normalization"},
        {"ZeroPadding2D", "zero_padding2d"},
        {"MaxPooling2D", "max_pooling2d"},
        {"AveragePooling2D", "average_pooling2d"},
        {"GlobalAveragePooling2D", "global_average_pooling2d"},
        {"GlobalMaxPooling2D", "global_max_pooling2d"},
        {"Add", "add"},
        {"Concatenate", "concatenate"},
        {"Activation", "activation"},
        {"ReLU", "re_lu"},
        {"UpSampling2D", "up_sampling2d"},
        {"Flatten", "flatten"},
        {"Dense", "dense"},
        {"Dropout", "dropout"},
    };
    ok(COUNT_OF(names) == LAYER_COUNT, "all kinds are in this test");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        LayerKind kind = layer_by_name(names[i][0]);
        equal(kind == LAYER_COUNT ? NULL : layer_auto_name(ctx->arena, kind), names[i][1],
              names[i][0]);
    }
    ok(layer_by_name("dense") == LAYER_COUNT, "names of kinds are exact");
}

/* Every kind reads with its required arguments alone, with the defaults of the table. */
static void test_layer_defaults(Ctx *ctx)
{
    for (LayerKind kind = 0; kind < LAYER_COUNT; kind++) {
        const LayerDesc *desc = &LAYER_KINDS[kind];
        if (!desc->max_inputs)
            continue;
        Buf text = buf_create(ctx->arena);
        buf_printf(&text, "%s: {", desc->name);
        for (uint32_t i = 0; i < desc->n_attrs; i++)
            if (desc->attrs[i].required)
                buf_printf(&text, "%s: %s, ", desc->attrs[i].key,
                           desc->attrs[i].type == AT_WORD    ? desc->attrs[i].words[0]
                           : desc->attrs[i].type == AT_FLOAT ? "0.5"
                                                             : "3");
        buf_puts(&text, "}");
        LayerSpec layer;
        uint32_t errors = ctx->n_errors;
        bool read = spec_read_layer(ctx, parse(ctx, text.at), false, &layer);
        ok(read && layer.kind == kind && ctx->n_errors == errors, text.at);
    }
}

static void test_layers(Ctx *ctx)
{
    LayerSpec layer;
    bool read = spec_read_layer(
        ctx, parse(ctx, "Conv2D: {filters: 8, kernel_size: [3, 5], strides: 2, padding: same}"),
        false, &layer);
    const LayerAttrs *a = &layer.attrs;
    ok(read && a->filters == 8 && a->kernel[0] == 3 && a->kernel[1] == 5 && a->strides[0] == 2 &&
           a->strides[1] == 2 && a->padding == PAD_SAME && a->use_bias &&
           a->kernel_init == INIT_GLOROT_UNIFORM,
       "arguments of a layer");
    read = spec_read_layer(ctx, parse(ctx, "ZeroPadding2D: {padding: [[1, 2], [3, 4]]}"), false,
                           &layer);
    ok(read && layer.attrs.pads[0] == 1 && layer.attrs.pads[1] == 2 && layer.attrs.pads[2] == 3 &&
           layer.attrs.pads[3] == 4,
       "padding on four sides");
    read = spec_read_layer(ctx, parse(ctx, "MaxPooling2D: {pool_size: [2, 3]}"), false, &layer);
    ok(read && layer.attrs.strides[0] == 2 && layer.attrs.strides[1] == 3,
       "pooling steps by its window");
    read = spec_read_layer(ctx, parse(ctx, "Add: {name: sum, from: [a, b]}"), true, &layer);
    ok(read && layer.from.n == 2 && strcmp(layer.from.at[1], "b") == 0 &&
           strcmp(layer.name, "sum") == 0 && layer.from_locs.at[1].col == 28,
       "inputs by name");
    uint32_t errors = ctx->n_errors;
    read = spec_read_layer(ctx, parse(ctx, "Dense: {units: 0, activation: x, y: 1}"), true, &layer);
    ok(!read && ctx->n_errors == errors + 3, "all mistakes of a layer are reported");
    errors = ctx->n_errors;
    read = spec_read_layer(ctx, parse(ctx, "Add: {from: []}"), true, &layer);
    ok(!read && ctx->n_errors == errors + 1, "no inputs at all");
}

int main(void)
{
    Arena *arena = arena_create();
    Ctx *ctx = arena_new(arena, Ctx);
    ctx->arena = arena;
    test_words();
    test_numbers();
    test_strings(ctx);
    test_tree(ctx);
    test_keys(ctx);
    test_layer_names(ctx);
    test_layer_defaults(ctx);
    test_layers(ctx);
    points_end();
    arena_destroy(arena);
    return 0;
}
