/* spec_set.c - `--set path=value`: changes one value of the tree, as a spec that extends would. */
#include "compiler/base/base.h"
#include "compiler/spec/spec_tree.h"

#include <ctype.h>

/* One step of a path: a key, or a place in a list. */
typedef struct Step {
    const char *key; /* NULL: index */
    uint32_t index;
    Loc loc;
} Step;
typedef ARR(Step) Steps;

typedef struct Setter {
    Ctx *ctx;
    Steps steps;
    YNode *value;
} Setter;

static Diag *set_error(Setter *s, Loc loc, const char *what)
{
    return diag_error(s->ctx, loc, R_set_path, "%s", what);
}

/* Splits `a.b[2].c`, which file->text begins with; false after an error. */
static bool parse_path(Setter *s, const SourceFile *file, size_t length)
{
    const char *text = file->text;
    for (size_t at = 0; at < length;) {
        Step *step = arr_push(s->ctx->arena, &s->steps);
        *step = (Step){.loc = {file, 1, (uint32_t)at + 1}};
        size_t n = strcspn(text + at, ".[=");
        if (text[at] == '[') {
            size_t digits = strspn(text + at + 1, "0123456789");
            if (!digits || digits > 6 || text[at + 1 + digits] != ']') {
                set_error(s, step->loc, "expected the place in a list, [0], [1], ...");
                return false;
            }
            for (size_t i = 0; i < digits; i++)
                step->index = step->index * 10 + (uint32_t)(text[at + 1 + i] - '0');
            at += digits + 2;
        } else if (n) {
            step->key = arena_strndup(s->ctx->arena, text + at, n);
            at += n;
        } else {
            set_error(s, step->loc, "expected a key");
            return false;
        }
        if (text[at] == '.' && at + 1 < length)
            at++;
        else if (text[at] == '.' || (at < length && text[at] != '[')) {
            set_error(s, (Loc){file, 1, (uint32_t)at + 1}, "expected a key behind this");
            return false;
        }
    }
    if (s->steps.n && !s->steps.at[0].key)
        set_error(s, s->steps.at[0].loc, "expected a key");
    else if (!s->steps.n)
        set_error(s, (Loc){file, 1, 1}, "expected a key before '='");
    else
        return true;
    return false;
}

static const char *below(Setter *s, const char *path, const char *key)
{
    return *path ? arena_printf(s->ctx->arena, "%s.%s", path, key) : key;
}

static YNode *apply(Setter *s, uint32_t i, const char *path, YNode *node);

/* The value where the steps end, merged; else what the next steps make of it. NULL: removed. */
static YNode *change(Setter *s, uint32_t i, const char *path, YNode *old)
{
    return i + 1 == s->steps.n ? spec_merge(s->ctx, path, old, s->value)
                               : apply(s, i + 1, path, old);
}

static YNode *apply_index(Setter *s, uint32_t i, const char *path, YNode *node)
{
    const Step *step = &s->steps.at[i];
    if (!node || node->kind != Y_SEQ) {
        set_error(s, step->loc, "there is no list here");
        return node;
    }
    if (step->index >= node->items.n) {
        diag_error(s->ctx, step->loc, R_set_path, "the list has %u entr%s, counted from 0",
                   node->items.n, node->items.n == 1 ? "y" : "ies");
        return node;
    }
    YNode *value = change(s, i, below(s, path, "[]"), node->items.at[step->index]);
    if (value) {
        node->items.at[step->index] = value;
        return node;
    }
    for (uint32_t k = step->index; k + 1 < node->items.n; k++)
        node->items.at[k] = node->items.at[k + 1];
    node->items.n--;
    return node;
}

/* The mapping that a key can be set in: the node, its long form, or a new one. NULL: it is a list
 * or a value. */
static YNode *open_map(Setter *s, const Step *step, const char *path, YNode *node)
{
    const KeyDesc *key = schema_find(path);
    bool choice = key && key->type == KT_OPTIMIZER;
    if (!node || ytree_is_null(node))
        return ytree_new_map(s->ctx, step->loc);
    if (node->kind == Y_SCALAR) {
        YNode *map = spec_long_form(s->ctx, path, node, step->key);
        return map || !choice ? map : ytree_new_map(s->ctx, step->loc);
    }
    if (node->kind == Y_MAP && choice && !ytree_get(node, step->key))
        return ytree_new_map(s->ctx, step->loc);
    return node->kind == Y_MAP ? node : NULL;
}

static YNode *apply(Setter *s, uint32_t i, const char *path, YNode *node)
{
    const Step *step = &s->steps.at[i];
    if (!step->key)
        return apply_index(s, i, path, node);
    YNode *map = open_map(s, step, path, node);
    if (!map) {
        set_error(s, step->loc, node->kind == Y_SEQ ? "this is a list: name an entry, [0], [1], ..."
                                                    : "this is a value, not a mapping");
        return node;
    }
    uint32_t at = 0;
    while (at < map->pairs.n && strcmp(map->pairs.at[at].key->text, step->key) != 0)
        at++;
    bool there = at < map->pairs.n;
    YNode *value = change(s, i, below(s, path, step->key), there ? map->pairs.at[at].value : NULL);
    YNode *word = arena_new(s->ctx->arena, YNode);
    *word = (YNode){.kind = Y_SCALAR, .loc = step->loc, .text = step->key};
    if (value && there) {
        map->pairs.at[at] = (YPair){word, value};
    } else if (value) {
        *arr_push(s->ctx->arena, &map->pairs) = (YPair){word, value};
    } else if (there) {
        for (uint32_t k = at; k + 1 < map->pairs.n; k++)
            map->pairs.at[k] = map->pairs.at[k + 1];
        map->pairs.n--;
    }
    return map;
}

void spec_set(Ctx *ctx, YNode *tree, const SetOption *sets, uint32_t n_sets)
{
    for (uint32_t i = 0; i < n_sets; i++) {
        SourceFile *file = arena_new(ctx->arena, SourceFile);
        const char *text = arena_printf(ctx->arena, "%s=%s", sets[i].path, sets[i].value);
        *file = (SourceFile){"--set", text, strlen(text)};
        size_t length = strlen(sets[i].path);
        Setter setter = {.ctx = ctx, .value = ytree_parse_value(ctx, file, length + 1)};
        if (!setter.value || !parse_path(&setter, file, length))
            continue;
        if (strcmp(setter.steps.at[0].key, "extends") == 0)
            set_error(&setter, setter.steps.at[0].loc, "'extends' cannot be set");
        else if (tree->kind == Y_MAP)
            apply(&setter, 0, "", tree);
    }
}
