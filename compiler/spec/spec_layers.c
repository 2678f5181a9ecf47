/* spec_layers.c - lists of layers, `Kind` or `Kind: {argument: value}`, by the table of kinds. */
#include "compiler/base/base.h"
#include "compiler/spec/spec.h"
#include "compiler/spec/spec_value.h"

typedef struct LayerReader {
    Ctx *ctx;
    const LayerDesc *desc;
    LayerSpec *out;
} LayerReader;

/* ------------------------------------------------------------------------ arguments */

/* One whole number for both, or a list of two. */
static bool read_pair(const LayerReader *r, const AttrDesc *attr, const YNode *node, int64_t *out)
{
    Ctx *ctx = r->ctx;
    if (node->broken)
        return false;
    if (node->kind == Y_SEQ && node->items.n == 2) {
        bool first = value_int(ctx, node->items.at[0], attr->key, attr->min, attr->max, &out[0]);
        return value_int(ctx, node->items.at[1], attr->key, attr->min, attr->max, &out[1]) && first;
    }
    if (node->kind != Y_SCALAR) {
        value_error(ctx, node, R_wrong_type, attr->key, "a whole number or a list of two");
        return false;
    }
    if (!value_int(ctx, node, attr->key, attr->min, attr->max, &out[0]))
        return false;
    out[1] = out[0];
    return true;
}

/* A whole number, [height, width] or [[top, bottom], [left, right]] to top, bottom, left, right. */
static bool read_pads(const LayerReader *r, const AttrDesc *attr, const YNode *node, int64_t *out)
{
    Ctx *ctx = r->ctx;
    if (node->broken)
        return false;
    bool list = node->kind == Y_SEQ && node->items.n == 2;
    if (node->kind == Y_SCALAR || list) {
        bool good = true;
        for (int axis = 0; axis < 2; axis++)
            good = read_pair(r, attr, list ? node->items.at[axis] : node, out + 2 * axis) && good;
        return good;
    }
    value_error(ctx, node, R_wrong_type, attr->key,
                "a whole number, [height, width] or [[top, bottom], [left, right]]");
    return false;
}

static bool read_attr(const LayerReader *r, const AttrDesc *attr, const YNode *node)
{
    Ctx *ctx = r->ctx;
    void *field = (char *)&r->out->attrs + attr->offset;
    switch (attr->type) {
    case AT_INT:
        return value_int(ctx, node, attr->key, attr->min, attr->max, field);
    case AT_FLOAT:
        return value_float(ctx, node, attr->key, attr->min, attr->max, field);
    case AT_BOOL:
        return value_bool(ctx, node, attr->key, field);
    case AT_PAIR:
        return read_pair(r, attr, node, field);
    case AT_PADS:
        return read_pads(r, attr, node, field);
    case AT_WORD:
        return value_word(ctx, node, attr->key, attr->words, field);
    }
    bug("unknown type of argument %s", attr->key);
}

/* from: [a, b], or one name. */
static bool read_from(const LayerReader *r, const YNode *node)
{
    Ctx *ctx = r->ctx;
    LayerSpec *out = r->out;
    if (node->broken)
        return false;
    bool list = node->kind == Y_SEQ, good = true;
    if (list && !node->items.n) {
        diag_error(ctx, node->loc, R_layer_inputs, "'from' names no layer");
        return false;
    }
    for (uint32_t i = 0; i < (list ? node->items.n : 1); i++) {
        const YNode *item = list ? node->items.at[i] : node;
        const char *name;
        if (!value_string(ctx, item, "from", "the name of a layer or a list of names", &name)) {
            good = false;
            continue;
        }
        *arr_push(ctx->arena, &out->from) = name;
        *arr_push(ctx->arena, &out->from_locs) = item->loc;
    }
    return good;
}

static void unknown_argument(const LayerReader *r, const YNode *key, bool allow_from)
{
    Ctx *ctx = r->ctx;
    const char **names = arena_array(ctx->arena, const char *, r->desc->n_attrs + 2);
    uint32_t n = 0;
    for (; n < r->desc->n_attrs; n++)
        names[n] = r->desc->attrs[n].key;
    names[n++] = "name";
    if (allow_from)
        names[n++] = "from";
    value_unknown(ctx, key->loc, R_unknown_argument,
                  arena_printf(ctx->arena, "argument of %s", r->desc->name), key->text, names, n);
}

static bool read_arguments(const LayerReader *r, const YNode *args, bool allow_from)
{
    bool good = true;
    for (uint32_t i = 0; i < args->pairs.n; i++) {
        const YNode *key = args->pairs.at[i].key, *value = args->pairs.at[i].value;
        const AttrDesc *attr = layer_attr(r->desc, key->text);
        if (value_is_private(key))
            continue;
        if (attr) {
            good = read_attr(r, attr, value) && good;
        } else if (strcmp(key->text, "name") == 0) {
            r->out->name_loc = value->loc;
            good = value_layer_name(r->ctx, value, &r->out->name) && good;
        } else if (allow_from && strcmp(key->text, "from") == 0) {
            good = read_from(r, value) && good;
        } else {
            unknown_argument(r, key, allow_from);
            good = false;
        }
    }
    return good;
}

static void set_presets(const LayerReader *r)
{
    for (uint32_t i = 0; i < r->desc->n_attrs; i++) {
        const AttrDesc *attr = &r->desc->attrs[i];
        const YNode preset = {.kind = Y_SCALAR, .text = attr->preset};
        if (!attr->required && !read_attr(r, attr, &preset))
            bug("the default of %s.%s is not valid", r->desc->name, attr->key);
    }
}

static bool check_required(const LayerReader *r, const YNode *args)
{
    bool good = true;
    if (args && args->broken)
        return false;
    for (uint32_t i = 0; i < r->desc->n_attrs; i++) {
        const AttrDesc *attr = &r->desc->attrs[i];
        if (!attr->required || (args && ytree_get(args, attr->key)))
            continue;
        Diag *diag = diag_error(r->ctx, r->out->loc, R_missing_argument, "%s needs '%s'",
                                r->desc->name, attr->key);
        diag_hint(r->ctx, diag, (Loc){0}, "write `%s: {%s: ...}`", r->desc->name, attr->key);
        good = false;
    }
    return good;
}

/* A pair that may be 0 stands for the window's size there (strides of pooling). */
static void fill_windows(const LayerReader *r)
{
    for (uint32_t i = 0; i < r->desc->n_attrs; i++) {
        const AttrDesc *attr = &r->desc->attrs[i];
        int64_t *pair = (int64_t *)(void *)((char *)&r->out->attrs + attr->offset);
        for (int axis = 0; attr->type == AT_PAIR && axis < 2; axis++)
            if (pair[axis] == 0)
                pair[axis] = r->out->attrs.kernel[axis];
    }
}

/* --------------------------------------------------------------------------- layers */

/* The kind's word and its arguments (NULL: none) of one entry; false after an error. */
static bool split_entry(Ctx *ctx, const YNode *node, const YNode **kind, const YNode **args)
{
    *args = NULL;
    *kind = node;
    if (node->broken)
        return false;
    if (node->kind == Y_MAP && node->pairs.n > 0) {
        *kind = node->pairs.at[0].key;
        *args = node->pairs.at[0].value;
    }
    if ((*kind)->kind != Y_SCALAR || ytree_is_null(*kind)) {
        diag_error(ctx, node->loc, R_wrong_type,
                   "expected a layer, `Kind` or `Kind: {argument: value, ...}`, not %s",
                   ytree_describe(ctx, node));
        return false;
    }
    if (node->kind == Y_MAP && node->pairs.n > 1) {
        const YNode *second = node->pairs.at[1].key;
        Diag *diag = diag_error(ctx, second->loc, R_layer_entry,
                                "an entry of a list of layers is one layer, '%s' is a second key",
                                second->text);
        diag_hint(ctx, diag, (Loc){0}, "the arguments of %s stand in braces, or deeper than %s",
                  (*kind)->text, (*kind)->text);
        return false;
    }
    return true;
}

/* Reports a kind that does not exist or cannot stand in this list. list: NULL in a backbone. */
static bool find_kind(Ctx *ctx, const YNode *word, const KeyDesc *list, LayerKind *kind)
{
    *kind = layer_by_name(word->text);
    if (*kind != LAYER_COUNT && (!list || schema_takes_layer(list, *kind)))
        return true;
    const char *names[LAYER_COUNT];
    uint32_t n = 0;
    for (LayerKind k = 0; k < LAYER_COUNT; k++)
        if (list ? schema_takes_layer(list, k) : LAYER_KINDS[k].max_inputs > 0)
            names[n++] = LAYER_KINDS[k].name;
    if (*kind == LAYER_COUNT) {
        value_unknown(ctx, word->loc, R_unknown_layer, "layer", word->text, names, n);
        return false;
    }
    Buf text = buf_create(ctx->arena);
    for (uint32_t i = 0; i < n; i++)
        buf_printf(&text, "%s%s", i ? ", " : "", names[i]);
    Diag *diag = diag_error(ctx, word->loc, R_layer_place, "%s cannot stand in '%s'", word->text,
                            list->path);
    diag_hint(ctx, diag, (Loc){0}, "here may stand: %s", text.at);
    return false;
}

static bool read_layer(Ctx *ctx, const YNode *node, const KeyDesc *list, bool allow_from,
                       LayerSpec *out)
{
    const YNode *word, *args;
    *out = (LayerSpec){0};
    if (!split_entry(ctx, node, &word, &args) || !find_kind(ctx, word, list, &out->kind))
        return false;
    out->loc = out->name_loc = word->loc;
    LayerReader reader = {ctx, &LAYER_KINDS[out->kind], out};
    set_presets(&reader);
    if (args && args->broken && args->kind == Y_SCALAR)
        return false;
    if (args && ytree_is_null(args))
        args = NULL;
    if (args && args->kind != Y_MAP) {
        Diag *diag = diag_error(ctx, args->loc, R_wrong_type,
                                "expected the arguments of %s, {argument: value, ...}, not %s",
                                word->text, ytree_describe(ctx, args));
        if (reader.desc->n_attrs && args->kind == Y_SCALAR)
            diag_hint(ctx, diag, (Loc){0}, "write `%s: {%s: %s}`", word->text,
                      reader.desc->attrs[0].key, args->text);
        return false;
    }
    bool good = !args || read_arguments(&reader, args, allow_from);
    good = check_required(&reader, args) && good;
    fill_windows(&reader);
    return good;
}

bool spec_read_layer(Ctx *ctx, const YNode *node, bool allow_from, LayerSpec *out)
{
    return read_layer(ctx, node, NULL, allow_from, out);
}

void spec_read_layers(Ctx *ctx, const YNode *seq, const char *where, LayerSpecs *out)
{
    const KeyDesc *list = schema_find(where);
    check_bug(list && list->type == KT_LAYERS);
    if (seq->broken)
        return;
    if (seq->kind != Y_SEQ) {
        value_error(ctx, seq, R_wrong_type, where, schema_describe(ctx, list));
        return;
    }
    if (!seq->items.n && list->required)
        diag_error(ctx, seq->loc, R_empty_list, "'%s' has no layers", where);
    for (uint32_t i = 0; i < seq->items.n; i++) {
        LayerSpec layer;
        if (read_layer(ctx, seq->items.at[i], list, false, &layer))
            *arr_push(ctx->arena, out) = layer;
    }
}
