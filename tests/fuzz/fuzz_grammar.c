/* fuzz_grammar.c - specs by the table of keys: right types and ranges, borders, seldom mistakes;
 * some with a backbone of their own, files that they extend, and options. */
#include "compiler/base/base.h"
#include "tests/fuzz/fuzz.h"

static YNode *make_value(Maker *m, const KeyDesc *key);

/* ------------------------------------------------------------------------- values */

/* A layer's name; often a pattern for some, seldom none that there is. */
static YNode *some_name(Maker *m, bool pattern)
{
    if (!m->names.n || random_chance(m->r, m->wrong))
        return make_scalar(m, "nothing");
    /* early ones more often: what stands before them is small */
    uint32_t n = 1 + random_below(m->r, m->names.n);
    const char *name = m->names.at[random_below(m->r, n)];
    if (!pattern || random_below(m->r, 2))
        return make_scalar(m, "%s", name);
    return make_scalar(m, "%.*s*", (int)random_below(m->r, (uint32_t)strlen(name) + 1), name);
}

static YNode *make_shape(Maker *m, const KeyDesc *key)
{
    YNode *list = make_list(m);
    for (int i = 0; i < 2; i++)
        make_item(m, list,
                  random_chance(m->r, m->large + m->wrong)
                      ? make_int(m, key->min, key->max)
                      : make_scalar(m, "%u", m->least_side + random_below(m->r, 32)));
    make_item(m, list, make_scalar(m, random_below(m->r, 3) ? "3" : "1"));
    return list;
}

/* all, none, or a list of the rules that stand under the key. */
static YNode *make_frozen(Maker *m, const KeyDesc *key)
{
    if (random_below(m->r, 3) == 0)
        return make_word(m, key->words);
    YNode *list = make_list(m);
    for (uint32_t n = 1 + random_below(m->r, 3); n; n--) {
        YNode *rule = ytree_new_map(m->ctx, (Loc){0});
        const KeyDesc *rules[16], *row;
        uint32_t n_rules = 0;
        for (size_t at = 0; n_rules < COUNT_OF(rules) && (row = schema_next(key->path, &at));)
            rules[n_rules++] = row;
        row = rules[random_below(m->r, n_rules)];
        make_pair(m, rule, schema_name(row),
                  row->type == KT_INT ? make_int(m, row->min, row->max)
                                      : some_name(m, !strchr(schema_name(row), '_')));
        make_item(m, list, rule);
    }
    return list;
}

static YNode *make_map(Maker *m, const char *path)
{
    YNode *map = ytree_new_map(m->ctx, (Loc){0});
    const KeyDesc *key;
    for (size_t at = 0; (key = schema_next(path, &at));) {
        bool wanted = key->required ? !random_chance(m->r, m->wrong) : random_chance(m->r, 0.4);
        if (wanted && key->type != KT_EXTENDS)
            make_pair(m, map, schema_name(key), make_value(m, key));
    }
    return map;
}

/* A word, or a mapping with the word's arguments. */
static YNode *make_choice(Maker *m, const KeyDesc *key)
{
    YNode *word = make_word(m, key->words);
    if (random_below(m->r, 3) == 0)
        return word;
    YNode *map = ytree_new_map(m->ctx, (Loc){0});
    const char *path = arena_printf(m->ctx->arena, "%s.%s", key->path, word->text);
    make_pair(m, map, word->text, make_map(m, path));
    return map;
}

static YNode *make_names(Maker *m)
{
    YNode *list = make_list(m);
    for (uint32_t n = random_below(m->r, 3); n; n--)
        make_item(m, list, some_name(m, true));
    return list;
}

static YNode *make_rename(Maker *m)
{
    YNode *map = ytree_new_map(m->ctx, (Loc){0});
    for (uint32_t n = random_below(m->r, 3); n; n--)
        make_pair(m, map, arena_printf(m->ctx->arena, "old%u", n), some_name(m, false));
    return map;
}

static YNode *make_metrics(Maker *m, const KeyDesc *key)
{
    YNode *list = make_list(m);
    if (random_below(m->r, 2))
        make_item(m, list, make_word(m, key->words));
    return list;
}

static YNode *make_value(Maker *m, const KeyDesc *key)
{
    if (random_chance(m->r, m->wrong / 2))
        return make_any(m);
    switch (key->type) {
    case KT_MAP:
        return make_map(m, key->path);
    case KT_STRING:
        return some_name(m, false);
    case KT_PATH:
        return make_scalar(m, "photos/%u", random_below(m->r, 3));
    case KT_INT:
        return make_int(m, key->min, key->max);
    case KT_FLOAT:
        return make_float(m, key->min, key->max);
    case KT_BOOL:
        return make_bool(m);
    case KT_WORD:
        return make_word(m, key->words);
    case KT_SHAPE:
        return make_shape(m, key);
    case KT_LAYERS:
        return make_layers(m, key, &(bool){false});
    case KT_FROZEN:
        return make_frozen(m, key);
    case KT_WEIGHTS:
        return random_below(m->r, 2) ? make_scalar(m, "w.h5") : make_map(m, key->path);
    case KT_OPTIMIZER:
        return make_choice(m, key);
    case KT_METRICS:
        return make_metrics(m, key);
    case KT_EXTENDS:
        return make_scalar(m, "base.yaml");
    case KT_ALLOW_MISSING:
        return random_below(m->r, 2) ? make_bool(m) : make_names(m);
    case KT_RENAME:
        return make_rename(m);
    }
    bug("unknown type of key %s", key->path);
}

/* ------------------------------------------------------------------------- the spec */

static void set_value(Maker *m, YNode *map, const char *key, YNode *value)
{
    for (uint32_t i = 0; i < map->pairs.n; i++)
        if (strcmp(map->pairs.at[i].key->text, key) == 0) {
            map->pairs.at[i].value = value;
            return;
        }
    make_pair(m, map, key, value);
}

/* A name of one of Graft's backbones, whose layers can be named, or a file; *net: the file. */
static YNode *choose_backbone(Maker *m, bool *flat, YNode **net)
{
    const char *const *known = backbone_names();
    if (random_below(m->r, 3)) {
        *net = make_backbone(m, flat);
        return make_scalar(m, random_below(m->r, 2) ? "net.yaml" : "./net.yaml");
    }
    YNode *name = make_word(m, known);
    const Backbone *backbone = backbone_read(m->ctx, name->text, NULL, (Loc){0});
    m->least_side = (uint32_t)backbone->min_height;
    for (uint32_t i = 0; i < backbone->layers.n; i++)
        *arr_push(m->ctx->arena, &m->names) = backbone->layers.at[i].name;
    return name;
}

/* A head that begins with what enters it and ends with what the loss needs. */
static YNode *make_head(Maker *m, bool flat)
{
    YNode *list = make_layers(m, schema_find("head"), &flat), *args;
    LayerKind flattens = random_below(m->r, 2) ? LAYER_flatten : LAYER_globalavgpool;
    if (!flat && !random_chance(m->r, m->wrong))
        make_item(m, list, make_scalar(m, "%s", LAYER_KINDS[flattens].name));
    YNode *last = make_layer(m, LAYER_dense, &args);
    set_value(m, args, "units", make_int(m, 2, 1000));
    set_value(m, args, "activation", make_scalar(m, "softmax"));
    if (!random_chance(m->r, m->wrong))
        make_item(m, list, last);
    return list;
}

static void remove_pair(YNode *map, uint32_t at)
{
    map->pairs.at[at] = map->pairs.at[map->pairs.n - 1];
    map->pairs.n--;
}

static YNode *make_spec(Maker *m, YNode **net)
{
    bool flat = false;
    YNode *name = random_below(m->r, 5) ? choose_backbone(m, &flat, net) : NULL;
    YNode *spec = make_map(m, "");
    for (uint32_t i = 0; i < spec->pairs.n && !name; i++)
        if (spec->pairs.at[i].value == ytree_get(spec, "backbone"))
            remove_pair(spec, i);
    if (name) {
        YNode *backbone = make_map(m, "backbone");
        set_value(m, backbone, "name", name);
        set_value(m, spec, "backbone", backbone);
        flat &= !ytree_get(backbone, "slice"); /* which may end anywhere */
    }
    set_value(m, spec, "head", make_head(m, flat));
    return spec;
}

/* ------------------------------------------------------------------------ printing */

/* On one line, as {a: 1, b: [2, 3]}. */
static void print_flow(const YNode *node, Buf *out)
{
    bool map = node->kind == Y_MAP;
    if (node->kind == Y_SCALAR) {
        if (strpbrk(node->text, " ,:#&*!|>'\"%@`{}[]\n") || !*node->text)
            ytree_print_string(node->text, out);
        else
            buf_puts(out, node->text);
        return;
    }
    buf_puts(out, map ? "{" : "[");
    for (uint32_t i = 0; i < (map ? node->pairs.n : node->items.n); i++) {
        buf_puts(out, i ? ", " : "");
        if (map) {
            print_flow(node->pairs.at[i].key, out);
            buf_puts(out, ": ");
        }
        print_flow(map ? node->pairs.at[i].value : node->items.at[i], out);
    }
    buf_puts(out, map ? "}" : "]");
}

static void print(Maker *m, const YNode *node, Buf *out)
{
    if (random_below(m->r, 4)) {
        ytree_print(node, out);
        return;
    }
    print_flow(node, out);
    buf_puts(out, "\n");
}

/* A path of the language with another value, or one into a list. */
static void print_set(Maker *m, Buf *out)
{
    const KeyDesc *key = &SPEC_KEYS[random_below(m->r, (uint32_t)N_SPEC_KEYS)];
    bool list = key->type == KT_LAYERS || key->type == KT_FROZEN || key->type == KT_SHAPE;
    bool index = list && random_below(m->r, 2);
    buf_printf(out, "#@ set %s", key->path);
    if (index)
        buf_printf(out, "[%u]", random_below(m->r, 4));
    buf_puts(out, "=");
    YNode *value = make_value(m, key);
    if (random_below(m->r, 5) == 0)
        value = make_scalar(m, "null");
    else if (index && value->kind == Y_SEQ && value->items.n)
        value = value->items.at[0];
    print_flow(value, out);
    buf_puts(out, "\n");
}

void fuzz_from_grammar(Random *r, Ctx *ctx, Buf *out)
{
    Maker m = {.r = r, .ctx = ctx, .least_side = 4 + random_below(r, 2) * 28};
    m.wrong = random_chance(r, 0.3) ? 0.03 : 0;
    m.large = random_chance(r, 0.3) ? 0.05 : 0;
    YNode *net = NULL, *spec = make_spec(&m, &net), *base = NULL;
    if (random_chance(r, 0.2)) {
        YNode *other = NULL; /* the net of the one above stays */
        base = spec;
        spec = random_below(r, 2) ? ytree_new_map(ctx, (Loc){0}) : make_spec(&m, &other);
        while (spec->pairs.n > 2) /* a few of its keys */
            remove_pair(spec, random_below(r, spec->pairs.n));
        make_pair(&m, spec, "extends", make_scalar(&m, "base.yaml"));
    }
    print(&m, spec, out);
    for (uint32_t n = random_chance(r, 0.25) ? 1 + random_below(r, 3) : 0; n; n--)
        print_set(&m, out);
    if (base) {
        buf_puts(out, "#@ file base.yaml\n");
        print(&m, base, out);
    }
    if (net) {
        buf_puts(out, "#@ file net.yaml\n");
        print(&m, net, out);
    }
}
