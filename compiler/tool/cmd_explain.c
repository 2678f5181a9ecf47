/* cmd_explain.c - graftc explain: the reference of the language, from its tables. */
#include "compiler/base/base.h"
#include "compiler/spec/spec_value.h"
#include "compiler/tool/command.h"

static const char *describe_attr(Ctx *ctx, const AttrDesc *attr)
{
    switch (attr->type) {
    case AT_INT:
        return value_range(ctx, "a whole number", attr->min, attr->max);
    case AT_FLOAT:
        return value_range(ctx, "a number", attr->min, attr->max);
    case AT_BOOL:
        return "true or false";
    case AT_PAIR:
        return arena_printf(ctx->arena, "%s, or a list of two",
                            value_range(ctx, "a whole number", attr->min, attr->max));
    case AT_PADS:
        return "a whole number, [height, width] or [[top, bottom], [left, right]]";
    case AT_WORD:
        return value_words(ctx, attr->words);
    }
    bug("unknown type of argument %s", attr->key);
}

static void print_default(Buf *out, bool required, const char *preset)
{
    if (required)
        buf_puts(out, "  required\n");
    else if (*preset)
        buf_printf(out, "  default: %s\n", preset);
}

static void explain_key(Ctx *ctx, const KeyDesc *key, Buf *out)
{
    buf_printf(out, "%s\n  %s\n  value: %s\n", key->path, key->doc, schema_describe(ctx, key));
    print_default(out, key->required, key->preset);
    buf_printf(out, "  since: language version %s\n", key->since);
    const KeyDesc *part;
    const char *before = "  parts:\n";
    for (size_t at = 0; (part = schema_next(key->path, &at)); before = "")
        buf_printf(out, "%s    %-24s %s\n", before, schema_name(part), part->doc);
}

static void explain_attr(Ctx *ctx, const LayerDesc *layer, const AttrDesc *attr, Buf *out)
{
    buf_printf(out, "%s.%s\n  %s\n  value: %s\n", layer->name, attr->key, attr->doc,
               describe_attr(ctx, attr));
    print_default(out, attr->required, attr->preset);
}

static void explain_layer(Ctx *ctx, const LayerDesc *layer, Buf *out)
{
    buf_printf(out, "%s\n  %s\n", layer->name, layer->doc);
    for (uint32_t i = 0; i < layer->n_attrs; i++) {
        const AttrDesc *attr = &layer->attrs[i];
        buf_printf(out, "    %-20s %s\n    %20s %s", attr->key, attr->doc, "",
                   describe_attr(ctx, attr));
        if (attr->required)
            buf_puts(out, "; required\n");
        else
            buf_printf(out, "; default: %s\n", attr->preset);
    }
    buf_printf(out, "    %-20s %s\n", "name",
               "Of this layer; by default Keras's: the kind, counted.");
}

static void explain_all(Buf *out)
{
    buf_puts(out, "Keys\n");
    for (size_t i = 0; i < N_SPEC_KEYS; i++)
        buf_printf(out, "  %-40s %s\n", SPEC_KEYS[i].path, SPEC_KEYS[i].doc);
    buf_puts(out, "\nLayers\n");
    for (LayerKind kind = 0; kind < LAYER_COUNT; kind++)
        if (LAYER_KINDS[kind].max_inputs)
            buf_printf(out, "  %-40s %s\n", LAYER_KINDS[kind].name, LAYER_KINDS[kind].doc);
}

/* `Kind` or `Kind.argument`; false when it is neither. */
static bool explain_layer_word(Ctx *ctx, const char *word, Buf *out)
{
    const char *dot = strchr(word, '.');
    size_t n = dot ? (size_t)(dot - word) : strlen(word);
    LayerKind kind = layer_by_name(arena_strndup(ctx->arena, word, n));
    if (kind == LAYER_COUNT || !LAYER_KINDS[kind].max_inputs)
        return false;
    const LayerDesc *layer = &LAYER_KINDS[kind];
    if (!dot) {
        explain_layer(ctx, layer, out);
        return true;
    }
    for (uint32_t i = 0; i < layer->n_attrs; i++) {
        if (strcmp(layer->attrs[i].key, dot + 1) != 0)
            continue;
        explain_attr(ctx, layer, &layer->attrs[i], out);
        return true;
    }
    return false;
}

static _Noreturn void unknown_word(Ctx *ctx, const char *word)
{
    ARR(const char *) names = {0};
    for (size_t i = 0; i < N_SPEC_KEYS; i++) {
        *arr_push(ctx->arena, &names) = SPEC_KEYS[i].path;
        *arr_push(ctx->arena, &names) = schema_name(&SPEC_KEYS[i]);
    }
    for (LayerKind kind = 0; kind < LAYER_COUNT; kind++)
        *arr_push(ctx->arena, &names) = LAYER_KINDS[kind].name;
    const char *near = nearest_name(word, names.at, names.n);
    if (near)
        usage_error(ctx, "there is no key or layer '%s', did you mean '%s'?", word, near);
    usage_error(ctx, "there is no key or layer '%s' (graftc explain lists all)", word);
}

int cmd_explain(Ctx *ctx, const Args *args)
{
    Buf out = buf_create(ctx->arena);
    const char *word = args->words.n ? args->words.at[0] : NULL;
    const KeyDesc *key = word ? schema_find(word) : NULL;
    if (!word)
        explain_all(&out);
    else if (key)
        explain_key(ctx, key, &out);
    else if (!explain_layer_word(ctx, word, &out))
        for (size_t i = 0; i < N_SPEC_KEYS; i++)
            if (strcmp(schema_name(&SPEC_KEYS[i]), word) == 0)
                explain_key(ctx, &SPEC_KEYS[i], &out);
    if (!out.n)
        unknown_word(ctx, word);
    command_write(ctx, args, out.at, out.n);
    return EXIT_OK;
}
