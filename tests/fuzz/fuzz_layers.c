/* fuzz_layers.c - random values, layers by the table of kinds, and backbone files of them. */
#include "compiler/base/base.h"
#include "tests/fuzz/fuzz.h"

/* ------------------------------------------------------------------------- values */

YNode *make_scalar(Maker *m, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    YNode *node = arena_new(m->ctx->arena, YNode);
    *node = (YNode){.kind = Y_SCALAR, .text = arena_vprintf(m->ctx->arena, fmt, args)};
    va_end(args);
    return node;
}

YNode *make_list(Maker *m)
{
    YNode *node = arena_new(m->ctx->arena, YNode);
    node->kind = Y_SEQ;
    return node;
}

void make_item(Maker *m, YNode *list, YNode *item)
{
    *arr_push(m->ctx->arena, &list->items) = item;
}

void make_pair(Maker *m, YNode *map, const char *key, YNode *value)
{
    *arr_push(m->ctx->arena, &map->pairs) = (YPair){make_scalar(m, "%s", key), value};
}

/* From the least value on; seldom far beyond, or outside of the range. */
YNode *make_int(Maker *m, double min, double max)
{
    int64_t low = (int64_t)min, high = (int64_t)max;
    if (random_chance(m->r, m->wrong))
        return random_chance(m->r, 0.5) ? make_scalar(m, "%lld", (long long)high + 1)
                                        : make_scalar(m, "%lld", (long long)low - 1);
    if (!random_chance(m->r, m->large) && high > low + 4)
        high = low + (random_chance(m->r, 0.7) ? 4 : 40 < high - low ? 40 : high - low);
    return make_scalar(m, "%lld", (long long)random_number(m->r, low, high));
}

YNode *make_float(Maker *m, double min, double max)
{
    static const double some[] = {0, 1e-12, 1e-7, 1e-3, 0.01, 0.5, 0.9, 0.999999, 1, 1000};
    double value = some[random_below(m->r, COUNT_OF(some))];
    if (random_chance(m->r, m->wrong))
        return make_scalar(m, "%g", random_chance(m->r, 0.5) ? min - 1 : max * 2);
    if (value < min || random_chance(m->r, 0.1))
        value = min;
    if (value > max || random_chance(m->r, m->large))
        value = max;
    return make_scalar(m, "%.9g", value);
}

YNode *make_bool(Maker *m)
{
    return make_scalar(m, random_below(m->r, 2) ? "true" : "false");
}

YNode *make_word(Maker *m, const char *const *words)
{
    uint32_t n = 0;
    while (words[n])
        n++;
    return make_scalar(m, "%s", words[random_below(m->r, n)]);
}

YNode *make_any(Maker *m)
{
    static const char *const some[] = {"0",          "-1",   "1e30", "0.5",   "true", "null",
                                       "",           "relu", "in",   "*",     "$a",   "./net.yaml",
                                       ".nan",       "1_0",  "0x10", "Dense", "all",  "no",
                                       "2147483648", "a b",  "-",    ":",     "#",    NULL};
    YNode *node;
    switch (random_below(m->r, 4)) {
    case 0:
        node = make_list(m);
        for (uint32_t n = random_below(m->r, 4); n; n--)
            make_item(m, node, make_word(m, some));
        return node;
    case 1:
        node = ytree_new_map(m->ctx, (Loc){0});
        make_pair(m, node, some[random_below(m->r, 4)], make_word(m, some));
        return node;
    default:
        return make_word(m, some);
    }
}

/* ------------------------------------------------------------------------- layers */

static YNode *make_pair_value(Maker *m, const AttrDesc *attr)
{
    if (random_below(m->r, 2))
        return make_int(m, attr->min, attr->max);
    YNode *list = make_list(m);
    for (int i = 0; i < 2; i++)
        make_item(m, list, make_int(m, attr->min, attr->max));
    return list;
}

static YNode *make_attr(Maker *m, const AttrDesc *attr)
{
    YNode *list;
    if (random_chance(m->r, m->wrong / 2))
        return make_any(m);
    switch (attr->type) {
    case AT_INT:
        return make_int(m, attr->min, attr->max);
    case AT_FLOAT:
        return make_float(m, attr->min, attr->max);
    case AT_BOOL:
        return make_bool(m);
    case AT_WORD:
        return make_word(m, attr->words);
    case AT_PAIR:
        return make_pair_value(m, attr);
    case AT_PADS:
        if (random_below(m->r, 2))
            return make_pair_value(m, attr);
        list = make_list(m);
        for (int i = 0; i < 2; i++)
            make_item(m, list, make_pair_value(m, attr));
        return list;
    }
    bug("unknown type of argument %s", attr->key);
}

YNode *make_layer(Maker *m, LayerKind kind, YNode **arguments)
{
    const LayerDesc *desc = &LAYER_KINDS[kind];
    YNode *args = ytree_new_map(m->ctx, (Loc){0}), *layer = ytree_new_map(m->ctx, (Loc){0});
    for (uint32_t i = 0; i < desc->n_attrs; i++)
        if (desc->attrs[i].required ? !random_chance(m->r, m->wrong) : random_chance(m->r, 0.3))
            make_pair(m, args, desc->attrs[i].key, make_attr(m, &desc->attrs[i]));
    make_pair(m, layer, desc->name, args);
    if (arguments)
        *arguments = args;
    return layer;
}

/* The kinds that a flat input can enter, and those that make one. */
static bool takes_flat(LayerKind kind)
{
    return kind == LAYER_dense || kind == LAYER_activation || kind == LAYER_relu ||
           kind == LAYER_dropout || kind == LAYER_batchnorm || kind == LAYER_flatten;
}

static bool makes_flat(LayerKind kind)
{
    return kind == LAYER_flatten || kind == LAYER_globalavgpool || kind == LAYER_globalmaxpool;
}

/* A kind with one input that most probably can stand here. */
static LayerKind some_kind(Maker *m, const KeyDesc *key, bool flat)
{
    LayerKind kind = random_below(m->r, LAYER_COUNT);
    for (int tries = 0; tries < 64; tries++, kind = random_below(m->r, LAYER_COUNT)) {
        bool fits = schema_takes_layer(key, kind) &&
                    (flat ? takes_flat(kind) : kind != LAYER_dense) &&
                    (!makes_flat(kind) || random_chance(m->r, 0.3));
        if (fits || random_chance(m->r, m->wrong / 10))
            return kind;
    }
    return kind;
}

YNode *make_layers(Maker *m, const KeyDesc *key, bool *flat)
{
    YNode *list = make_list(m), *args;
    for (uint32_t n = random_below(m->r, key->words ? 3 : 6); n; n--) {
        LayerKind kind = some_kind(m, key, *flat);
        YNode *layer = make_layer(m, kind, &args);
        if (random_chance(m->r, 0.2))
            make_pair(m, args, "name", make_scalar(m, "layer%u", random_below(m->r, 20)));
        make_item(m, list, args->pairs.n ? layer : make_scalar(m, "%s", LAYER_KINDS[kind].name));
        *flat |= makes_flat(kind);
    }
    return list;
}

/* ---------------------------------------------------------------------- backbones */

/* A list of layers that is being made. Layers since `even` most probably have the same shape. */
typedef struct Net {
    Maker *m;
    YNode *list;
    const char *prefix; /* of the names: "l", or "${name}_" in a block */
    uint32_t n, even;
    bool flat, in_block;
} Net;

static const char *name_of(Net *net, uint32_t i)
{
    if (net->in_block && i == UINT32_MAX)
        return "in";
    return arena_printf(net->m->ctx->arena, "%s%u", net->prefix, i);
}

/* A layer of the list from the last even place on; in a block its input, too. */
static YNode *some_input(Net *net)
{
    Maker *m = net->m;
    if (net->in_block && net->even == 0 && random_chance(m->r, 0.4))
        return make_scalar(m, "in");
    uint32_t least = random_chance(m->r, m->wrong) ? 0 : net->even;
    return make_scalar(m, "%s", name_of(net, least + random_below(m->r, net->n - least)));
}

/* The layer keeps height, width and channels. */
static bool keeps_shape(LayerKind kind)
{
    return kind == LAYER_activation || kind == LAYER_relu || kind == LAYER_dropout ||
           kind == LAYER_batchnorm;
}

static void add_join(Net *net)
{
    Maker *m = net->m;
    bool add = random_below(m->r, 3) > 0;
    YNode *args, *layer = make_layer(m, add ? LAYER_add : LAYER_concatenate, &args);
    YNode *from = make_list(m);
    for (uint32_t k = 2 + random_below(m->r, 2); k; k--)
        make_item(m, from, some_input(net));
    make_pair(m, args, "name", make_scalar(m, "%s", name_of(net, net->n)));
    make_pair(m, args, "from", from);
    make_item(m, net->list, layer);
    if (!add)
        net->even = net->n;
    net->n++;
}

static void add_layer(Net *net)
{
    Maker *m = net->m;
    YNode *args;
    LayerKind kind = some_kind(m, schema_find("head"), net->flat);
    YNode *layer = make_layer(m, kind, &args);
    make_pair(m, args, "name", make_scalar(m, "%s", name_of(net, net->n)));
    if (net->n > net->even && random_chance(m->r, 0.15))
        make_pair(m, args, "from", some_input(net));
    make_item(m, net->list, layer);
    if (!keeps_shape(kind))
        net->even = net->n;
    net->flat |= makes_flat(kind);
    net->n++;
}

static void add_some(Net *net, uint32_t n)
{
    while (n--)
        if (net->n > net->even && random_chance(net->m->r, 0.3))
            add_join(net);
        else
            add_layer(net);
}

/* {parameters: [name, {p: default}], layers: [...]}; in some layers $p stands for a number. */
static YNode *make_block(Maker *m, bool *flat)
{
    YNode *block = ytree_new_map(m->ctx, (Loc){0}), *params = make_list(m);
    YNode *preset = ytree_new_map(m->ctx, (Loc){0});
    Net net = {.m = m, .list = make_list(m), .prefix = "${name}_", .in_block = true, .flat = *flat};
    make_item(m, params, make_scalar(m, "name"));
    make_pair(m, preset, "p", make_int(m, 1, 8));
    make_item(m, params, preset);
    add_some(&net, 1 + random_below(m->r, 5));
    YNode *args;
    YNode *layer = make_layer(m, net.flat ? LAYER_dense : LAYER_conv2d, &args);
    if (args->pairs.n)
        args->pairs.at[0].value = make_scalar(m, random_below(m->r, 2) ? "$p" : "${p}");
    make_pair(m, args, "name", make_scalar(m, "${name}_last"));
    make_item(m, net.list, layer);
    make_pair(m, block, "parameters", params);
    make_pair(m, block, "layers", net.list);
    *flat = net.flat;
    return block;
}

static void use_block(Net *net, const char *name)
{
    Maker *m = net->m;
    YNode *use = ytree_new_map(m->ctx, (Loc){0}), *args = ytree_new_map(m->ctx, (Loc){0});
    make_pair(m, args, "name", make_scalar(m, "%s", name_of(net, net->n)));
    if (random_chance(m->r, 0.5))
        make_pair(m, args, "p", make_int(m, 1, 8));
    make_pair(m, use, name, args);
    make_item(m, net->list, use);
    net->even = ++net->n;
}

YNode *make_backbone(Maker *m, bool *flat)
{
    YNode *tree = ytree_new_map(m->ctx, (Loc){0}), *blocks = ytree_new_map(m->ctx, (Loc){0});
    Net net = {.m = m, .list = make_list(m), .prefix = "l"};
    bool block_flat = false;
    make_pair(m, tree, "backbone", make_scalar(m, "net"));
    if (random_chance(m->r, 0.3))
        make_pair(m, tree, "preprocessing",
                  make_word(m, schema_find("input.preprocessing")->words));
    make_pair(m, blocks, "block", make_block(m, &block_flat));
    add_some(&net, 1 + random_below(m->r, 8));
    uint32_t uses = net.flat ? 0 : random_below(m->r, 3);
    for (uint32_t n = uses; n && !net.flat; n--) {
        use_block(&net, random_chance(m->r, m->wrong) ? "blok" : "block");
        net.flat = block_flat;
    }
    add_layer(&net);
    if (uses ? !random_chance(m->r, m->wrong) : random_chance(m->r, 0.2))
        make_pair(m, tree, "blocks", blocks);
    make_pair(m, tree, "layers", net.list);
    for (uint32_t i = 0; i < net.n; i++)
        *arr_push(m->ctx->arena, &m->names) = name_of(&net, i);
    *flat = net.flat;
    return tree;
}
