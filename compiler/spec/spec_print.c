/* spec_print.c - the Spec as canonical YAML and as a list of values: the order of the table of keys,
 * every default spelled out. Its hash, taken without the machine, names the experiment, so the text
 * depends on the spec's files alone: paths that come from another file are written as seen from the
 * spec's own folder. */
#include "compiler/base/base.h"
#include "compiler/spec/spec.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct Printer {
    Ctx *ctx;
    const Spec *spec;
    Buf out;
    bool origins;      /* each value with the place that it comes from */
    SpecValues values; /* what was printed, value by value */
    size_t begun;      /* in out: where the value under way begins */
    bool machine;      /* `target`, too */
} Printer;

static void print_keys(Printer *p, const char *path, int indent);

/* ---------------------------------------------------------------------------- paths */

/* The path that a node holds: as it is written, if that is in the spec itself. */
static const char *path_text(const Printer *p, const YNode *node)
{
    const Spec *spec = p->spec;
    if (node->loc.file == spec->file || node->text[0] == '/')
        return node->text;
    const char *path = path_beside(p->ctx->arena, node->loc.file->path, node->text);
    return path_from(p->ctx->arena, spec->file->path, path);
}

/* ------------------------------------------------------------------------ one value */

static const YNode *find_node(const Printer *p, const char *path)
{
    const YNode *node = p->spec->tree;
    char *copy = arena_strdup(p->ctx->arena, path), *state = NULL;
    for (char *key = strtok_r(copy, ".", &state); key; key = strtok_r(NULL, ".", &state)) {
        const YNode *next = ytree_get(node, key);
        if (!next && node && node->kind == Y_SCALAR && strcmp(key, "file") == 0)
            return node; /* the short form of weights */
        node = next;
    }
    return node;
}

static void end_line(Printer *p, Loc loc)
{
    if (p->origins && loc.file && strcmp(loc.file->path, "--set") == 0)
        buf_printf(&p->out, "  # --set %s", loc.file->text);
    else if (p->origins && loc.file)
        buf_printf(&p->out, "  # %s:%u", loc.file->path, loc.line);
    else if (p->origins)
        buf_puts(&p->out, "  # default");
    buf_puts(&p->out, "\n");
}

static SpecValue *add_text(Printer *p, const char *path, const char *text, const char *plain,
                           Loc loc)
{
    SpecValue *value = arr_push(p->ctx->arena, &p->values);
    *value = (SpecValue){.path = path, .text = text, .plain = plain, .loc = loc};
    return value;
}

/* Notes what was printed since p->begun as a value. */
static SpecValue *add_value(Printer *p, const char *path, Loc loc, const char *plain)
{
    size_t from = p->begun + (p->out.at[p->begun] == ' ');
    const char *text = arena_strndup(p->ctx->arena, p->out.at + from, p->out.n - from);
    return add_text(p, path, text, plain, loc);
}

static SpecValue *end_value(Printer *p, const KeyDesc *key, const char *plain)
{
    const YNode *node = find_node(p, key->path);
    Loc loc = node ? node->loc : (Loc){0};
    SpecValue *value = add_value(p, key->path, loc, plain);
    end_line(p, loc);
    return value;
}

static void begin_key(Printer *p, const KeyDesc *key, int indent)
{
    buf_printf(&p->out, "%*s%s:", indent, "", schema_name(key));
    p->begun = p->out.n;
}

static void print_attr(Buf *out, const AttrDesc *attr, const void *field)
{
    const int64_t *n = field;
    switch (attr->type) {
    case AT_INT:
        buf_printf(out, "%" PRId64, n[0]);
        return;
    case AT_FLOAT:
        buf_float(out, *(const double *)field, false);
        return;
    case AT_BOOL:
        buf_puts(out, *(const bool *)field ? "true" : "false");
        return;
    case AT_PAIR:
        buf_printf(out, "[%" PRId64 ", %" PRId64 "]", n[0], n[1]);
        return;
    case AT_PADS:
        buf_printf(out, "[[%" PRId64 ", %" PRId64 "], [%" PRId64 ", %" PRId64 "]]", n[0], n[1],
                   n[2], n[3]);
        return;
    case AT_WORD:
        buf_puts(out, attr->words[*(const int *)field]);
        return;
    }
    bug("unknown type of argument %s", attr->key);
}

/* `Dense: {units: 10}`, only what is written in the spec. */
static const char *given_layer(const Printer *p, const LayerSpec *layer, const YNode *args)
{
    const LayerDesc *desc = &LAYER_KINDS[layer->kind];
    Buf out = buf_create(p->ctx->arena);
    buf_puts(&out, desc->name);
    const char *before = ": {";
    if (layer->name) {
        buf_printf(&out, "%sname: ", before);
        ytree_print_string(layer->name, &out);
        before = ", ";
    }
    for (uint32_t i = 0; i < desc->n_attrs; i++) {
        if (!args || !ytree_get(args, desc->attrs[i].key))
            continue;
        buf_printf(&out, "%s%s: ", before, desc->attrs[i].key);
        print_attr(&out, &desc->attrs[i], (const char *)&layer->attrs + desc->attrs[i].offset);
        before = ", ";
    }
    if (before[0] == ',')
        buf_puts(&out, "}");
    return out.at;
}

/* A value of the list's entry `index`; its path ends in `name`, or is the entry's own. */
static void add_item_value(Printer *p, const KeyDesc *key, uint32_t index, const LayerSpec *layer,
                           const char *name, Loc loc, const char *plain)
{
    const char *kind = LAYER_KINDS[layer->kind].name;
    const char *path = arena_printf(p->ctx->arena, "%s[%u].%s.%s", key->path, index, kind, name);
    SpecValue *value = add_value(p, path, loc, plain);
    value->list = key;
    value->item = index;
    value->name = name;
}

static void print_layer(Printer *p, const KeyDesc *key, const LayerSpec *layer, uint32_t index,
                        int indent)
{
    const LayerDesc *desc = &LAYER_KINDS[layer->kind];
    const YNode *item = find_node(p, key->path)->items.at[index];
    const YNode *args = item->kind == Y_MAP ? item->pairs.at[0].value : NULL;
    const char *whole = given_layer(p, layer, args);
    const char *path = arena_printf(p->ctx->arena, "%s[%u]", key->path, index);
    SpecValue *value = add_text(p, path, whole, whole, layer->loc);
    value->list = key;
    value->item = index;
    buf_printf(&p->out, "%*s- %s", indent, "", desc->name);
    const char *before = ": {";
    if (layer->name) {
        buf_printf(&p->out, "%sname: ", before);
        p->begun = p->out.n;
        ytree_print_string(layer->name, &p->out);
        add_item_value(p, key, index, layer, "name", layer->name_loc, layer->name);
        before = ", ";
    }
    for (uint32_t i = 0; i < desc->n_attrs; i++) {
        const AttrDesc *attr = &desc->attrs[i];
        const void *field = (const char *)&layer->attrs + attr->offset;
        const YNode *given = args ? ytree_get(args, attr->key) : NULL;
        buf_printf(&p->out, "%s%s: ", before, attr->key);
        p->begun = p->out.n;
        print_attr(&p->out, attr, field);
        add_item_value(p, key, index, layer, attr->key, given ? given->loc : (Loc){0},
                       attr->type == AT_WORD ? attr->words[*(const int *)field] : NULL);
        before = ", ";
    }
    if (before[0] == ',')
        buf_puts(&p->out, "}");
    end_line(p, layer->loc);
}

static void print_layers(Printer *p, const KeyDesc *key, const LayerSpecs *layers, int indent)
{
    if (!layers->n)
        return;
    begin_key(p, key, indent);
    buf_puts(&p->out, "\n");
    for (uint32_t i = 0; i < layers->n; i++)
        print_layer(p, key, &layers->at[i], i, indent + 2);
}

/* {unfreeze_from: NAME} */
static void put_rule(Buf *out, const FreezeRule *rule)
{
    buf_printf(out, "{%s: ", RULE_WORDS[rule->kind]);
    if (rule->kind == RULE_UNFREEZE_LAST)
        buf_printf(out, "%" PRId64, rule->last);
    else
        ytree_print_string(rule->pattern, out);
    buf_puts(out, "}");
}

static void print_frozen(Printer *p, const KeyDesc *key, int indent)
{
    const Spec *spec = p->spec;
    begin_key(p, key, indent);
    if (spec->frozen != FROZEN_RULES) {
        buf_printf(&p->out, " %s", key->words[spec->frozen]);
        end_value(p, key, key->words[spec->frozen]);
        return;
    }
    buf_puts(&p->out, "\n");
    Buf whole = buf_create(p->ctx->arena);
    for (uint32_t i = 0; i < spec->rules.n; i++) {
        const FreezeRule *rule = &spec->rules.at[i];
        buf_printf(&p->out, "%*s- ", indent + 2, "");
        put_rule(&p->out, rule);
        end_line(p, rule->loc);
        buf_puts(&whole, i ? ", " : "[");
        put_rule(&whole, rule);
    }
    buf_puts(&whole, "]");
    add_text(p, key->path, whole.at, whole.at, spec->rules.at[0].loc);
}

/* true, or a list of names and patterns */
static const char *allow_missing_text(const Printer *p, const WeightsSpec *weights)
{
    Buf out = buf_create(p->ctx->arena);
    for (uint32_t i = 0; i < weights->allow_missing.n; i++) {
        buf_puts(&out, i ? ", " : "[");
        ytree_print_string(weights->allow_missing.at[i], &out);
    }
    if (weights->allow_missing.n)
        buf_puts(&out, "]");
    return out.n ? out.at : "true";
}

static const char *rename_text(const Printer *p, const WeightsSpec *weights)
{
    Buf out = buf_create(p->ctx->arena);
    for (uint32_t i = 0; i < weights->rename.n; i++) {
        buf_puts(&out, i ? ", " : "{");
        ytree_print_string(weights->rename.at[i].file_name, &out);
        buf_puts(&out, ": ");
        ytree_print_string(weights->rename.at[i].layer_name, &out);
    }
    buf_puts(&out, "}");
    return out.at;
}

static void print_weights_part(Printer *p, const KeyDesc *key, const char *name, const char *text)
{
    const char *path = arena_printf(p->ctx->arena, "%s.%s", key->path, name);
    add_text(p, path, text, text, find_node(p, path)->loc);
    buf_printf(&p->out, ", %s: %s", name, text);
}

static void print_weights(Printer *p, const KeyDesc *key, const WeightsSpec *weights, int indent)
{
    Buf *out = &p->out;
    if (!weights->random && !weights->path)
        return;
    const YNode *node = find_node(p, arena_printf(p->ctx->arena, "%s.file", key->path));
    const char *file = weights->random ? "random" : path_text(p, node);
    bool more = weights->allow_missing_any || weights->allow_missing.n || weights->rename.n;
    begin_key(p, key, indent);
    buf_puts(out, more ? " {file: " : " ");
    p->begun = out->n;
    ytree_print_string(file, out);
    add_value(p, key->path, node->loc, file)->file = weights->path;
    if (weights->allow_missing_any || weights->allow_missing.n)
        print_weights_part(p, key, "allow_missing", allow_missing_text(p, weights));
    if (weights->rename.n)
        print_weights_part(p, key, "rename", rename_text(p, weights));
    if (more)
        buf_puts(out, "}");
    end_line(p, node->loc);
}

static void print_optimizer(Printer *p, const KeyDesc *key, int indent)
{
    const char *word = key->words[p->spec->optimizer];
    const YNode *node = find_node(p, key->path);
    add_text(p, key->path, word, word, node ? node->loc : (Loc){0});
    begin_key(p, key, indent);
    buf_printf(&p->out, "\n%*s%s:\n", indent + 2, "", word);
    print_keys(p, arena_printf(p->ctx->arena, "%s.%s", key->path, word), indent + 4);
}

/* Texts of the keys that hold a path; the others as they are. */
static void print_text(Printer *p, const KeyDesc *key, const char *text, int indent)
{
    if (!text)
        return;
    const char *file = NULL;
    const YNode *node = find_node(p, key->path);
    size_t n = strlen(text);
    bool backbone_file = strcmp(key->path, "backbone.name") == 0 &&
                         (strchr(text, '/') || (n > 5 && strcmp(text + n - 5, ".yaml") == 0));
    if (backbone_file)
        file = path_beside(p->ctx->arena, node->loc.file->path, text);
    else if (key->type == KT_PATH)
        file = text;
    if (file)
        text = path_text(p, node);
    if (backbone_file && !strchr(text, '/'))
        text = arena_printf(p->ctx->arena, "./%s", text);
    begin_key(p, key, indent);
    buf_puts(&p->out, " ");
    ytree_print_string(text, &p->out);
    end_value(p, key, text)->file = file;
}

/* ------------------------------------------------------------------------- all keys */

/* A number, truth or word in one line. */
static void print_plain(Printer *p, const KeyDesc *key, const void *field, int indent)
{
    const Spec *spec = p->spec;
    const char *plain = NULL;
    begin_key(p, key, indent);
    buf_puts(&p->out, " ");
    switch (key->type) {
    case KT_INT:
        buf_printf(&p->out, "%" PRId64, *(const int64_t *)field);
        break;
    case KT_FLOAT:
        buf_float(&p->out, *(const double *)field, false);
        break;
    case KT_BOOL:
        buf_puts(&p->out, *(const bool *)field ? "true" : "false");
        break;
    case KT_WORD:
        plain = key->words[*(const int *)field];
        buf_puts(&p->out, plain);
        break;
    case KT_METRICS:
        plain = *(const bool *)field ? "[accuracy]" : "[]";
        buf_puts(&p->out, plain);
        break;
    case KT_SHAPE:
        buf_printf(&p->out, "[%" PRId64 ", %" PRId64 ", %" PRId64 "]", spec->height, spec->width,
                   spec->channels);
        break;
    default:
        bug("key %s is not printed in one line", key->path);
    }
    end_value(p, key, plain);
}

static void print_key(Printer *p, const KeyDesc *key, int indent)
{
    const void *field =
        key->offset == NO_OFFSET ? NULL : (const char *)p->spec + key->offset;
    switch (key->type) {
    case KT_MAP:
        if ((strcmp(key->path, "backbone") == 0 && !p->spec->has_backbone) ||
            (strcmp(key->path, "target") == 0 && !p->machine))
            return;
        begin_key(p, key, indent);
        buf_puts(&p->out, "\n");
        print_keys(p, key->path, indent + 2);
        return;
    case KT_STRING:
    case KT_PATH:
        print_text(p, key, *(const char *const *)field, indent);
        return;
    case KT_LAYERS:
        print_layers(p, key, field, indent);
        return;
    case KT_FROZEN:
        print_frozen(p, key, indent);
        return;
    case KT_WEIGHTS:
        print_weights(p, key, field, indent);
        return;
    case KT_OPTIMIZER:
        print_optimizer(p, key, indent);
        return;
    case KT_EXTENDS:
    case KT_ALLOW_MISSING:
    case KT_RENAME:
        return; /* taken in, or printed with the weights */
    default:
        print_plain(p, key, field, indent);
    }
}

static void print_keys(Printer *p, const char *path, int indent)
{
    const KeyDesc *key;
    for (size_t at = 0; (key = schema_next(path, &at));)
        print_key(p, key, indent);
}

static Printer print_spec(Ctx *ctx, const Spec *spec, bool origins, bool machine)
{
    Printer printer = {.ctx = ctx,
                       .spec = spec,
                       .out = buf_create(ctx->arena),
                       .origins = origins,
                       .machine = machine};
    print_keys(&printer, "", 0);
    return printer;
}

const char *spec_canonical(Ctx *ctx, const Spec *spec)
{
    return print_spec(ctx, spec, false, true).out.at;
}

const char *spec_experiment(Ctx *ctx, const Spec *spec)
{
    return print_spec(ctx, spec, false, false).out.at;
}

const char *spec_with_origins(Ctx *ctx, const Spec *spec)
{
    return print_spec(ctx, spec, true, true).out.at;
}

SpecValues spec_values(Ctx *ctx, const Spec *spec)
{
    return print_spec(ctx, spec, false, true).values;
}
