/* complete.c - what the completions of both shells know about a command's words. */
#include "compiler/base/base.h"
#include "compiler/tool/complete.h"

#include <ctype.h>

UsageWords usage_words(Ctx *ctx, const char *usage)
{
    UsageWords words = {0};
    for (const char *at = usage + strspn(usage, " "); *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        const char *text = at + (*at == '[');
        size_t length = n - (size_t)(text - at);
        at += n;
        if (strncmp(text, "--", 2) == 0) {
            if (length == 2)
                break; /* the rest is for somebody else */
            continue;
        }
        length -= text[length - 1] == ']';
        bool repeats = length > 3 && strncmp(text + length - 3, "...", 3) == 0;
        *arr_push(ctx->arena, &words) =
            (UsageWord){arena_strndup(ctx->arena, text, length - (repeats ? 3 : 0)), repeats};
    }
    return words;
}

static const char *joined(Ctx *ctx, const char *const *words)
{
    Buf text = buf_create(ctx->arena);
    for (size_t i = 0; words[i]; i++)
        buf_printf(&text, "%s%s", i ? " " : "", words[i]);
    return text.n ? text.at : "";
}

const char *usage_choices(Ctx *ctx, const UsageWord *word)
{
    const char *const *words = words_of(ctx, word->text);
    if (words)
        return joined(ctx, words);
    if (!islower((unsigned char)word->text[0]))
        return NULL;
    char *text = arena_strdup(ctx->arena, word->text);
    for (char *bar; (bar = strchr(text, '|'));)
        *bar = ' ';
    return text;
}

KeyWordRows key_words(Ctx *ctx)
{
    KeyWordRows rows = {0};
    for (size_t i = 0; i < N_SPEC_KEYS; i++) {
        const KeyDesc *key = &SPEC_KEYS[i];
        const char *words = key->type == KT_BOOL                   ? "true false"
                            : key->words && key->type != KT_LAYERS ? joined(ctx, key->words)
                            : strcmp(key->path, "backbone.name") == 0
                                ? joined(ctx, backbone_names())
                                : NULL;
        if (words)
            *arr_push(ctx->arena, &rows) = (KeyWords){key->path, words};
    }
    return rows;
}

const char *set_paths(Ctx *ctx)
{
    Buf text = buf_create(ctx->arena);
    for (size_t i = 0; i < N_SPEC_KEYS; i++)
        if (SPEC_KEYS[i].type != KT_EXTENDS)
            buf_printf(&text, "%s%s", text.n ? " " : "", SPEC_KEYS[i].path);
    return text.at;
}
