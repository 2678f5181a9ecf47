/* spec_print.c - the Spec as canonical YAML: the order of the table of keys, every default spelled
 * out. Its hash, taken without the machine, names the experiment, so the text depends on the spec's
 * files alone: paths that come from another file are written as seen from the spec's own folder. */
#include "compiler/base/base.h"
#include "compiler/spec/spec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Printer {
    Ctx *ctx;
    const Spec *spec;
    Buf out;
    bool origins; /* each value with the place that it comes from */
    bool machine; /* `target`, too */
} Printer;

static void print_keys(Printer *p, const char *path, int indent);

/* ---------------------------------------------------------------------------- paths */

/* Absolute, without "." and "..". */
static const char *absolute(Ctx *ctx, const char *path)
{
    char *folder = path[0] == '/' ? NULL : getcwd(NULL, 0);
    char *rest = arena_printf(ctx->arena, "%s/%s", folder ? folder : "", path);
    free(folder);
    ARR(const char *) parts = {0};
    char *state = NULL;
    for (char *part = strtok_r(rest, "/", &state); part; part = strtok_r(NULL, "/", &state)) {
        if (strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") != 0)
            *arr_push(ctx->arena, &parts) = part;
        else if (parts.n)
            parts.n--;
    }
    Buf out = buf_create(ctx->arena);
    for (uint32_t i = 0; i < parts.n; i++)
        buf_printf(&out, "/%s", parts.at[i]);
    return out.n ? out.at : "/";
}

/* target as seen from the folder of the file `from`. */
static const char *relative(Ctx *ctx, const char *from, const char *target)
{
    const char *a = absolute(ctx, from), *b = absolute(ctx, target);
    size_t common = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '/')
            common = i + 1;
    Buf out = buf_create(ctx->arena);
    for (const char *c = a + common; *c; c++)
        if (*c == '/')
            buf_puts(&out, "../");
    buf_puts(&out, b + common);
    return out.at;
}

/* The path that a node holds: as it is written, if that is in the spec itself. */
static const char *path_text(const Printer *p, const YNode *node)
{
    const Spec *spec = p->spec;
    if (node->loc.file == spec->file || node->text[0] == '/')
        return node->text;
    const char *path = path_beside(p->ctx->arena, node->loc.file->path, node->text);
    return relative(p->ctx, spec->file->path, path);
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

static void end_value(Printer *p, const KeyDesc *key)
{
    const YNode *node = find_node(p, key->path);
    end_line(p, node ? node->loc : (Loc){0});
}

static void begin_key(Printer *p, const KeyDesc *key, int indent)
{
    buf_printf(&p->out, "%*s%s:", indent, "", schema_name(key));
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

static void print_layer(Printer *p, const LayerSpec *layer, int indent)
{
    const LayerDesc *desc = &LAYER_KINDS[layer->kind];
    buf_printf(&p->out, "%*s- %s", indent, "", desc->name);
    const char *before = ": {";
    if (layer->name) {
        buf_printf(&p->out, "%sname: ", before);
        ytree_print_string(layer->name, &p->out);
        before = ", ";
    }
    for (uint32_t i = 0; i < desc->n_attrs; i++) {
        buf_printf(&p->out, "%s%s: ", before, desc->attrs[i].key);
        print_attr(&p->out, &desc->attrs[i],
                   (const char *)&layer->attrs + desc->attrs[i].offset);
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
        print_layer(p, &layers->at[i], indent + 2);
}

static void print_frozen(Printer *p, const KeyDesc *key, int indent)
{
    static const char *const words[] = {
        [RULE_FREEZE] = "freeze",
        [RULE_UNFREEZE] = "unfreeze",
        [RULE_FREEZE_UNTIL] = "freeze_until",
        [RULE_UNFREEZE_FROM] = "unfreeze_from",
        [RULE_UNFREEZE_LAST] = "unfreeze_last",
    };
    const Spec *spec = p->spec;
    begin_key(p, key, indent);
    if (spec->frozen != FROZEN_RULES) {
        buf_printf(&p->out, " %s", key->words[spec->frozen]);
        end_value(p, key);
        return;
    }
    buf_puts(&p->out, "\n");
    for (uint32_t i = 0; i < spec->rules.n; i++) {
        const FreezeRule *rule = &spec->rules.at[i];
        buf_printf(&p->out, "%*s- {%s: ", indent + 2, "", words[rule->kind]);
        if (rule->kind == RULE_UNFREEZE_LAST)
            buf_printf(&p->out, "%" PRId64, rule->last);
        else
            ytree_print_string(rule->pattern, &p->out);
        buf_puts(&p->out, "}");
        end_line(p, rule->loc);
    }
}

static void print_weights(Printer *p, const KeyDesc *key, const WeightsSpec *weights, int indent)
{
    Buf *out = &p->out;
    if (!weights->random && !weights->path)
        return;
    const YNode *node = find_node(p, arena_printf(p->ctx->arena, "%s.file", key->path));
    const char *file = weights->random ? "random" : path_text(p, node);
    begin_key(p, key, indent);
    buf_puts(out, " ");
    bool more = weights->allow_missing_any || weights->allow_missing.n || weights->rename.n;
    if (more)
        buf_puts(out, "{file: ");
    ytree_print_string(file, out);
    if (weights->allow_missing_any)
        buf_puts(out, ", allow_missing: true");
    for (uint32_t i = 0; i < weights->allow_missing.n; i++) {
        buf_puts(out, i ? ", " : ", allow_missing: [");
        ytree_print_string(weights->allow_missing.at[i], out);
    }
    if (weights->allow_missing.n)
        buf_puts(out, "]");
    for (uint32_t i = 0; i < weights->rename.n; i++) {
        buf_puts(out, i ? ", " : ", rename: {");
        ytree_print_string(weights->rename.at[i].file_name, out);
        buf_puts(out, ": ");
        ytree_print_string(weights->rename.at[i].layer_name, out);
    }
    if (weights->rename.n)
        buf_puts(out, "}");
    if (more)
        buf_puts(out, "}");
    end_line(p, node->loc);
}

static void print_optimizer(Printer *p, const KeyDesc *key, int indent)
{
    const char *word = key->words[p->spec->optimizer];
    begin_key(p, key, indent);
    buf_printf(&p->out, "\n%*s%s:\n", indent + 2, "", word);
    print_keys(p, arena_printf(p->ctx->arena, "%s.%s", key->path, word), indent + 4);
}

/* Texts of the keys that hold a path; the others as they are. */
static void print_text(Printer *p, const KeyDesc *key, const char *text, int indent)
{
    if (!text)
        return;
    const YNode *node = find_node(p, key->path);
    size_t n = strlen(text);
    bool backbone_file = strcmp(key->path, "backbone.name") == 0 &&
                         (strchr(text, '/') || (n > 5 && strcmp(text + n - 5, ".yaml") == 0));
    if (key->type == KT_PATH || backbone_file)
        text = path_text(p, node);
    if (backbone_file && !strchr(text, '/'))
        text = arena_printf(p->ctx->arena, "./%s", text);
    begin_key(p, key, indent);
    buf_puts(&p->out, " ");
    ytree_print_string(text, &p->out);
    end_value(p, key);
}

/* ------------------------------------------------------------------------- all keys */

/* A number, truth or word in one line. */
static void print_plain(Printer *p, const KeyDesc *key, const void *field, int indent)
{
    const Spec *spec = p->spec;
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
        buf_puts(&p->out, key->words[*(const int *)field]);
        break;
    case KT_METRICS:
        buf_puts(&p->out, *(const bool *)field ? "[accuracy]" : "[]");
        break;
    case KT_SHAPE:
        buf_printf(&p->out, "[%" PRId64 ", %" PRId64 ", %" PRId64 "]", spec->height, spec->width,
                   spec->channels);
        break;
    default:
        bug("key %s is not printed in one line", key->path);
    }
    end_value(p, key);
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

static const char *print_spec(Ctx *ctx, const Spec *spec, bool origins, bool machine)
{
    Printer printer = {ctx, spec, buf_create(ctx->arena), origins, machine};
    print_keys(&printer, "", 0);
    return printer.out.at;
}

const char *spec_canonical(Ctx *ctx, const Spec *spec)
{
    return print_spec(ctx, spec, false, true);
}

const char *spec_experiment(Ctx *ctx, const Spec *spec)
{
    return print_spec(ctx, spec, false, false);
}

const char *spec_with_origins(Ctx *ctx, const Spec *spec)
{
    return print_spec(ctx, spec, true, true);
}
