/* cmd_explain.c - graftc explain: the reference of the language, from its tables. */
#include "compiler/base/base.h"
#include "compiler/tool/command.h"

static void print_default(Buf *out, bool required, const char *preset)
{
    if (required)
        buf_puts(out, "  required\n");
    else if (*preset)
        buf_printf(out, "  default: %s\n", preset);
}

static void explain_key(Ctx *ctx, const KeyDesc *key, Buf *out)
{
    buf_printf(out, "%s\n  %s\n  value: %s\n", key->path, schema_doc(ctx, key),
               schema_describe(ctx, key));
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
               schema_describe_attr(ctx, attr));
    print_default(out, attr->required, attr->preset);
}

static void explain_layer(Ctx *ctx, const LayerDesc *layer, Buf *out)
{
    buf_printf(out, "%s\n  %s\n", layer->name, layer->doc);
    for (uint32_t i = 0; i < layer->n_attrs; i++) {
        const AttrDesc *attr = &layer->attrs[i];
        buf_printf(out, "    %-20s %s\n    %20s %s", attr->key, attr->doc, "",
                   schema_describe_attr(ctx, attr));
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
    buf_puts(out, "\nDiagnostics\n");
    for (Rule rule = 0; rule < R_COUNT; rule++)
        buf_printf(out, "  %-40s %s\n", RULES[rule].name, RULES[rule].line);
}

static void explain_rule(const RuleDesc *rule, Buf *out)
{
    buf_printf(out, "%s (%s)\n  %s\n  %s\n", rule->name, diag_level_name(rule->level), rule->line,
               rule->help);
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
    for (const char *const *name = words_of(ctx, "KEY"); *name; name++)
        *arr_push(ctx->arena, &names) = *name;
    for (size_t i = 0; i < N_SPEC_KEYS; i++)
        *arr_push(ctx->arena, &names) = schema_name(&SPEC_KEYS[i]);
    const char *near = nearest_name(word, names.at, names.n);
    if (near)
        usage_error(ctx, "there is no key, layer or diagnostic '%s', did you mean '%s'?", word,
                    near);
    usage_error(ctx, "there is no key, layer or diagnostic '%s' (graftc explain lists all)", word);
}

int cmd_explain(Ctx *ctx, const Args *args)
{
    Buf out = buf_create(ctx->arena);
    const char *word = args->words.n ? args->words.at[0] : NULL;
    const KeyDesc *key = word ? schema_find(word) : NULL;
    Rule rule = word ? rule_by_name(word) : R_COUNT;
    if (!word)
        explain_all(&out);
    else if (key)
        explain_key(ctx, key, &out);
    else if (!explain_layer_word(ctx, word, &out))
        for (size_t i = 0; i < N_SPEC_KEYS; i++)
            if (strcmp(schema_name(&SPEC_KEYS[i]), word) == 0)
                explain_key(ctx, &SPEC_KEYS[i], &out);
    if (rule < R_COUNT)
        explain_rule(&RULES[rule], &out);
    if (!out.n)
        unknown_word(ctx, word);
    command_write(ctx, args, out.at, out.n);
    return EXIT_OK;
}
