/* backbone_subst.c - puts the values of a block's parameters in the place of `$name`. */
#include "compiler/base/base.h"
#include "compiler/graph/backbone_subst.h"

#include <ctype.h>

/* A scalar must not grow beyond this: `$a$a` in a chain of blocks doubles with each. */
enum { MAX_TEXT = 1024 };

/* The name behind the `$` at p; *end is behind the whole reference. NULL when there is none. */
static const char *reference(Arena *arena, const char *p, const char **end)
{
    bool braces = p[1] == '{';
    const char *first = p + (braces ? 2 : 1), *last = first;
    if (!isdigit((unsigned char)*first))
        while (isalnum((unsigned char)*last) || *last == '_')
            last++;
    if (last == first || (braces && *last != '}'))
        return NULL;
    *end = last + (braces ? 1 : 0);
    return arena_strndup(arena, first, (size_t)(last - first));
}

static YNode *no_parameter(Ctx *ctx, const Block *block, Loc loc, const char *name)
{
    if (!block) {
        diag_error(ctx, loc, R_unknown_parameter, "'$%s' stands outside of a block", name);
        return NULL;
    }
    Diag *diag = diag_error(ctx, loc, R_unknown_parameter, "block '%s' has no parameter '%s'",
                            block->name, name);
    const char **names = arena_array(ctx->arena, const char *, block->params.n + 1);
    for (uint32_t i = 0; i < block->params.n; i++)
        names[i] = block->params.at[i].name;
    const char *near = nearest_name(name, names, block->params.n);
    if (near)
        diag_hint(ctx, diag, (Loc){0}, "did you mean '$%s'?", near);
    return NULL;
}

/* Value of a parameter; NULL after an error at loc. */
static YNode *value_of(Ctx *ctx, const BlockUse *use, Loc loc, const char *name)
{
    for (uint32_t i = 0; use->block && i < use->block->params.n; i++)
        if (strcmp(use->block->params.at[i].name, name) == 0)
            return use->values[i];
    return no_parameter(ctx, use->block, loc, name);
}

/* Text with references in it: "${name}_1_conv". */
static YNode *substitute_text(Ctx *ctx, const BlockUse *use, const YNode *node)
{
    Buf text = buf_create(ctx->arena);
    for (const char *p = node->text; *p;) {
        size_t plain = strcspn(p, "$");
        buf_add(&text, p, plain);
        p += plain;
        if (!*p)
            break;
        const char *name = reference(ctx->arena, p, &p);
        if (!name) {
            diag_error(ctx, node->loc, R_unknown_parameter,
                       "'$' is followed by a parameter's name: $name or ${name}");
            return NULL;
        }
        const YNode *value = value_of(ctx, use, node->loc, name);
        if (!value)
            return NULL;
        if (value->kind != Y_SCALAR) {
            Diag *diag = diag_error(ctx, node->loc, R_wrong_type,
                                    "'$%s' inside of a text has to be a single value", name);
            diag_hint(ctx, diag, value->loc, "its value is a %s here",
                      value->kind == Y_MAP ? "mapping" : "list");
            return NULL;
        }
        buf_puts(&text, value->text);
        if (text.n > MAX_TEXT) {
            diag_error(ctx, node->loc, R_too_long,
                       "with its parameters put in, this text has more "
                       "than %d characters",
                       MAX_TEXT);
            return NULL;
        }
    }
    YNode *copy = arena_new(ctx->arena, YNode);
    *copy = *node;
    copy->text = text.at ? text.at : "";
    return copy;
}

static YNode *substitute_scalar(Ctx *ctx, const BlockUse *use, YNode *node)
{
    if (!strchr(node->text, '$'))
        return node;
    if (*node->text == '$') {
        const char *end;
        const char *name = reference(ctx->arena, node->text, &end);
        if (name && !*end)
            return value_of(ctx, use, node->loc, name);
    }
    return substitute_text(ctx, use, node);
}

YNode *backbone_substitute(Ctx *ctx, const BlockUse *use, YNode *node)
{
    if (node->kind == Y_SCALAR)
        return substitute_scalar(ctx, use, node);
    YNode *copy = arena_new(ctx->arena, YNode);
    copy->kind = node->kind;
    copy->loc = node->loc;
    bool whole = true;
    for (uint32_t i = 0; i < node->pairs.n; i++) {
        const YPair *pair = &node->pairs.at[i];
        YNode *value = backbone_substitute(ctx, use, pair->value);
        *arr_push(ctx->arena, &copy->pairs) = (YPair){pair->key, value};
        whole &= value != NULL;
    }
    for (uint32_t i = 0; i < node->items.n; i++) {
        YNode *item = backbone_substitute(ctx, use, node->items.at[i]);
        *arr_push(ctx->arena, &copy->items) = item;
        whole &= item != NULL;
    }
    return whole ? copy : NULL;
}
