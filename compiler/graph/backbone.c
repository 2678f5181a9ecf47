/* backbone.c - reads a backbone file: what it says about itself, its layers, its name maps.
 *
 *   backbone: NAME
 *   preprocessing: caffe            what its ImageNet weights were trained with
 *   min_size: [32, 32]
 *   names: [{era: ERA, map: {name in a weight file: layer, ...}, note: TEXT}]
 *   counter_names: keras
 *   blocks: {BLOCK: {parameters: [a, {b: default}], layers: [...]}}
 *   layers: [Kind: {...}, BLOCK: {a: 1}, ...] */
#include "compiler/base/base.h"
#include "compiler/graph/backbone_expand.h"
#include "compiler/graph/embedded.h"

#include <errno.h>

static const char *const KEYS[] = {"backbone",      "preprocessing", "min_size", "names",
                                   "counter_names", "blocks",        "layers"};
enum { MAX_SIDE = 4096 };

const char *const *backbone_names(void)
{
    return graft_embedded_backbone_names;
}

static const char *join_names(Ctx *ctx, const char *const *names, size_t n)
{
    Buf text = buf_create(ctx->arena);
    for (size_t i = 0; i < n; i++)
        buf_printf(&text, "%s%s", i ? ", " : "", names[i]);
    return text.at ? text.at : "";
}

static void hint_nearest(Ctx *ctx, Diag *diag, const char *name, const char *const *names, size_t n)
{
    const char *near = nearest_name(name, names, n);
    if (near)
        diag_hint(ctx, diag, (Loc){0}, "did you mean '%s'?", near);
    else
        diag_hint(ctx, diag, (Loc){0}, "there are: %s", join_names(ctx, names, n));
}

/* Text of a scalar that has to be one of the words; NULL after an error. */
static const char *read_word(Ctx *ctx, const YNode *node, const char *const *words)
{
    size_t n = 0;
    while (words[n])
        n++;
    if (node->kind != Y_SCALAR) {
        diag_error(ctx, node->loc, R_wrong_type, "expected one of: %s", join_names(ctx, words, n));
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], node->text) == 0)
            return words[i];
    hint_nearest(ctx, diag_error(ctx, node->loc, R_bad_value, "unknown value '%s'", node->text),
                 node->text, words, n);
    return NULL;
}

/* min_size: [height, width] */
static void read_min_size(Ctx *ctx, const YNode *node, Backbone *backbone)
{
    int64_t *out[] = {&backbone->min_height, &backbone->min_width};
    for (uint32_t i = 0; i < 2; i++) {
        const YNode *item = node->kind == Y_SEQ && node->items.n == 2 ? node->items.at[i] : NULL;
        if (item && ytree_int(item, out[i]) && *out[i] >= 1 && *out[i] <= MAX_SIDE)
            continue;
        diag_error(ctx, item ? item->loc : node->loc, R_bad_value,
                   "expected [height, width], each from 1 to %d", MAX_SIDE);
        return;
    }
}

static void unknown_layer(Ctx *ctx, const YNode *value, const Backbone *backbone)
{
    const char **names = arena_array(ctx->arena, const char *, backbone->layers.n + 1);
    for (uint32_t i = 0; i < backbone->layers.n; i++)
        names[i] = backbone->layers.at[i].name;
    Diag *diag = diag_error(ctx, value->loc, R_unknown_name, "there is no layer '%s'", value->text);
    const char *near = nearest_name(value->text, names, backbone->layers.n);
    if (near)
        diag_hint(ctx, diag, (Loc){0}, "did you mean '%s'?", near);
}

/* One `name in a file: layer` of a map. layers: the backbone's layers by name; uses: the
 * layers that this map has named so far -> the node that did. */
static void read_rename(Ctx *ctx, const YPair *pair, const Backbone *backbone, StrMap *layers,
                        StrMap *uses, NameMap *map)
{
    YNode *value = pair->value;
    if (value->kind != Y_SCALAR) {
        diag_error(ctx, value->loc, R_wrong_type, "expected the name of a layer");
    } else if (!strmap_get(layers, value->text)) {
        unknown_layer(ctx, value, backbone);
    } else if (!strmap_put(uses, value->text, value)) {
        const YNode *first = strmap_get(uses, value->text);
        Diag *diag = diag_error(ctx, value->loc, R_duplicate_name,
                                "two names of this map stand for '%s'", value->text);
        diag_hint(ctx, diag, first->loc, "the first is here");
    } else {
        *arr_push(ctx->arena, &map->names) = (Rename){pair->key->text, value->text, value->loc};
    }
}

/* One `{era: ERA, map: {...}, note: TEXT}`; layers: the backbone's layers by name. */
static void read_map(Ctx *ctx, const YNode *node, Backbone *backbone, StrMap *layers)
{
    static const char *const keys[] = {"era", "map", "note"};
    const YNode *era = ytree_get(node, keys[0]), *names = ytree_get(node, keys[1]);
    const YNode *note = ytree_get(node, keys[2]);
    for (uint32_t i = 0; i < node->pairs.n; i++) {
        const YNode *key = node->pairs.at[i].key;
        bool known = strncmp(key->text, "x-", 2) == 0;
        for (size_t k = 0; k < COUNT_OF(keys); k++)
            known |= strcmp(key->text, keys[k]) == 0;
        if (!known)
            hint_nearest(ctx,
                         diag_error(ctx, key->loc, R_unknown_key, "unknown key '%s'", key->text),
                         key->text, keys, COUNT_OF(keys));
    }
    if (!era || era->kind != Y_SCALAR || !names || names->kind != Y_MAP ||
        (note && note->kind != Y_SCALAR)) {
        diag_error(ctx, node->loc, R_wrong_type,
                   "expected {era: NAME, map: {name in a weight file: layer, ...}, note: TEXT}");
        return;
    }
    NameMap map = {.era = era->text, .note = note ? note->text : NULL};
    StrMap *uses = strmap_create(ctx->arena);
    for (uint32_t i = 0; i < names->pairs.n; i++)
        read_rename(ctx, &names->pairs.at[i], backbone, layers, uses, &map);
    *arr_push(ctx->arena, &backbone->maps) = map;
}

static void read_maps(Ctx *ctx, const YNode *node, Backbone *backbone)
{
    if (node->kind != Y_SEQ)
        diag_error(ctx, node->loc, R_wrong_type,
                   "expected a list of {era: NAME, map: {...}, note: TEXT}");
    StrMap *layers = strmap_create(ctx->arena);
    for (uint32_t i = 0; i < backbone->layers.n; i++)
        strmap_put(layers, backbone->layers.at[i].name, &backbone->layers.at[i]);
    for (uint32_t i = 0; i < node->items.n; i++)
        read_map(ctx, node->items.at[i], backbone, layers);
}

/* A key that every backbone file has; NULL after an error. */
static YNode *required(Ctx *ctx, const YNode *tree, const char *key, YKind kind, const char *what)
{
    YNode *node = ytree_get(tree, key);
    if (!node)
        diag_error(ctx, tree->loc, R_missing_key, "a backbone file needs '%s'", key);
    else if (node->kind != kind || (kind == Y_SCALAR && !*node->text) ||
             (kind == Y_SEQ && !node->items.n))
        diag_error(ctx, node->loc, R_wrong_type, "expected %s for '%s'", what, key);
    else
        return node;
    return NULL;
}

static void check_keys(Ctx *ctx, const YNode *tree)
{
    for (uint32_t i = 0; i < tree->pairs.n; i++) {
        const YNode *key = tree->pairs.at[i].key;
        bool known = strncmp(key->text, "x-", 2) == 0;
        for (size_t k = 0; k < COUNT_OF(KEYS) && !known; k++)
            known = strcmp(KEYS[k], key->text) == 0;
        if (!known)
            hint_nearest(ctx,
                         diag_error(ctx, key->loc, R_unknown_key,
                                    "unknown key '%s' in a backbone file", key->text),
                         key->text, KEYS, COUNT_OF(KEYS));
    }
}

/* Everything of the file but the layers; those have to be expanded before. */
static void read_heading(Ctx *ctx, const YNode *tree, Backbone *backbone)
{
    const YNode *node = required(ctx, tree, "backbone", Y_SCALAR, "a name");
    backbone->name = node ? node->text : "";
    backbone->min_height = backbone->min_width = 1;
    if ((node = ytree_get(tree, "preprocessing")))
        backbone->preprocessing = read_word(ctx, node, schema_find("input.preprocessing")->words);
    if ((node = ytree_get(tree, "min_size")))
        read_min_size(ctx, node, backbone);
    if ((node = ytree_get(tree, "counter_names")))
        backbone->counter_names = read_word(ctx, node, (const char *const[]){"keras", NULL});
}

static const Backbone *read_tree(Ctx *ctx, const YNode *tree)
{
    uint32_t errors = ctx->n_errors;
    if (tree->kind != Y_MAP) {
        diag_error(ctx, tree->loc, R_wrong_type, "expected a mapping: backbone, layers, ...");
        return NULL;
    }
    Backbone *backbone = arena_new(ctx->arena, Backbone);
    Blocks blocks = {0};
    check_keys(ctx, tree);
    read_heading(ctx, tree, backbone);
    backbone_read_blocks(ctx, ytree_get(tree, "blocks"), &blocks);
    const YNode *layers = required(ctx, tree, "layers", Y_SEQ, "a list of layers");
    if (layers && ctx->n_errors == errors)
        backbone_expand(ctx, &blocks, layers, &backbone->layers);
    const YNode *maps = ytree_get(tree, "names");
    if (maps && ctx->n_errors == errors)
        read_maps(ctx, maps, backbone);
    return ctx->n_errors == errors ? backbone : NULL;
}

/* Text of an embedded backbone; NULL when there is none of this name. */
static const SourceFile *embedded_file(Ctx *ctx, const char *name)
{
    for (size_t i = 0; i < graft_n_embedded_backbones; i++) {
        if (strcmp(graft_embedded_backbones[i].name, name) != 0)
            continue;
        SourceFile *file = arena_new(ctx->arena, SourceFile);
        file->path = arena_printf(ctx->arena, "%s.yaml", name);
        file->text = graft_embedded_backbones[i].text;
        file->length = graft_embedded_backbones[i].length;
        return file;
    }
    return NULL;
}

static bool is_path(const char *text)
{
    size_t n = strlen(text);
    return strchr(text, '/') || (n > 5 && strcmp(text + n - 5, ".yaml") == 0) ||
           (n > 4 && strcmp(text + n - 4, ".yml") == 0);
}

const Backbone *backbone_read(Ctx *ctx, const char *name_or_path, const char *beside, Loc ref_loc)
{
    const SourceFile *file;
    if (is_path(name_or_path)) {
        const char *path = beside ? path_beside(ctx->arena, beside, name_or_path) : name_or_path;
        file = file_read(ctx, path);
        if (!file) {
            diag_error(ctx, ref_loc, R_backbone_file, "cannot read the backbone file %s: %s", path,
                       strerror(errno));
            return NULL;
        }
    } else {
        file = embedded_file(ctx, name_or_path);
        if (!file) {
            hint_nearest(
                ctx,
                diag_error(ctx, ref_loc, R_unknown_backbone, "unknown backbone '%s'", name_or_path),
                name_or_path, backbone_names(), graft_n_embedded_backbones);
            return NULL;
        }
    }
    uint32_t errors = ctx->n_errors;
    const YNode *tree = ytree_parse(ctx, file);
    const Backbone *backbone = tree ? read_tree(ctx, tree) : NULL;
    return ctx->n_errors == errors ? backbone : NULL; /* a tree with errors is read for more */
}
