/* words.c - the words that may stand where a usage says KIND, WHEN and the like. */
#include "compiler/base/base.h"
#include "compiler/spec/spec_value.h"
#include "compiler/tool/command.h"

static const char *color_name(size_t i)
{
    static const char *const names[] = {
        [COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never", NULL};
    return names[i];
}

static const char *backbone_name(size_t i)
{
    return backbone_names()[i];
}

static const char *cpu_name(size_t i)
{
    static const char *const names[] = {"native", "x86-64-v3", "x86-64-v4", NULL};
    return names[i];
}

/* Keys, kinds of layers, rules: what can be explained. */
static const char *explained_name(size_t i)
{
    if (i < N_SPEC_KEYS)
        return SPEC_KEYS[i].path;
    i -= N_SPEC_KEYS;
    for (LayerKind kind = 0; kind < LAYER_COUNT; kind++)
        if (LAYER_KINDS[kind].max_inputs && i-- == 0)
            return LAYER_KINDS[kind].name;
    return i < R_COUNT ? RULES[i].name : NULL;
}

static const struct {
    const char *placeholder;
    const char *(*name)(size_t i); /* NULL behind the last */
} LISTS[] = {
    {"KIND", emit_kind_name}, {"PAGE", docs_page_name}, {"CPU", cpu_name},
    {"KEY", explained_name},  {"WHEN", color_name},     {"BACKBONE", backbone_name},
    {"FORMAT", plot_format_name},
};

const char *const *words_of(Ctx *ctx, const char *placeholder)
{
    for (size_t i = 0; i < COUNT_OF(LISTS); i++) {
        if (strcmp(LISTS[i].placeholder, placeholder) != 0)
            continue;
        ARR(const char *) words = {0};
        for (size_t n = 0; LISTS[i].name(n); n++)
            *arr_push(ctx->arena, &words) = LISTS[i].name(n);
        *arr_push(ctx->arena, &words) = NULL;
        return words.at;
    }
    return NULL;
}

const char *option_words(Ctx *ctx, const OptionDesc *option)
{
    const char *const *words = option->argument ? words_of(ctx, option->argument) : NULL;
    Buf text = buf_create(ctx->arena);
    for (size_t i = 0; words && words[i]; i++)
        buf_printf(&text, "%s%s", i ? ", " : " (", words[i]);
    buf_puts(&text, words ? ")" : "");
    return text.n ? text.at : "";
}

size_t word_index(Ctx *ctx, const char *placeholder, const char *text)
{
    const char *const *words = words_of(ctx, placeholder);
    size_t n = 0;
    for (; words[n]; n++)
        if (strcmp(words[n], text) == 0)
            return n;
    const char *near = nearest_name(text, words, n);
    usage_error(ctx, "'%s' is no %s%s%s", text, placeholder, near ? ", did you mean " : "",
                near ? near : arena_printf(ctx->arena, ": %s", value_words(ctx, words)));
}
