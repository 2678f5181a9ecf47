/* spec_extends.c - `extends`: loads the files that a spec changes and lays it over them. */
#include "compiler/base/base.h"
#include "compiler/spec/spec_tree.h"
#include "compiler/spec/spec_value.h"

#include <errno.h>

enum { MAX_EXTENDS = 64, MAX_CHAIN = 16 }; /* files in all; files one in the other */

/* A file that is being loaded, and the one that extends it. */
typedef struct Chain {
    const struct Chain *up;
    const char *path, *real; /* as written; without links and ".." */
} Chain;

typedef struct Loader {
    Ctx *ctx;
    SpecSources *sources;
} Loader;

/* --------------------------------------------------------------------------- merging */

static YPair *find_pair(YNode *map, const char *key)
{
    for (uint32_t i = 0; i < map->pairs.n; i++)
        if (strcmp(map->pairs.at[i].key->text, key) == 0)
            return &map->pairs.at[i];
    return NULL;
}

static KeyType type_of(const char *path)
{
    const KeyDesc *key = schema_find(path);
    return key ? key->type : KT_MAP;
}

/* `Dense` is short for {Dense: null}, `weights: FILE` for {file: FILE}. */
YNode *spec_long_form(Ctx *ctx, const char *path, YNode *node, const char *key)
{
    bool weights = type_of(path) == KT_WEIGHTS;
    if (node->kind != Y_SCALAR || ytree_is_null(node) || node->broken)
        return NULL;
    if (!weights && strcmp(node->text, key) != 0)
        return NULL;
    YNode *map = ytree_new_map(ctx, node->loc);
    YPair *pair = arr_push(ctx->arena, &map->pairs);
    YNode *word = arena_new(ctx->arena, YNode);
    *word = (YNode){.kind = Y_SCALAR, .loc = node->loc, .text = weights ? "file" : "null"};
    *pair = weights ? (YPair){word, node} : (YPair){node, word};
    return map;
}

static YNode *merge_maps(Ctx *ctx, const char *path, YNode *base, YNode *over)
{
    YNode *out = ytree_new_map(ctx, over->loc);
    out->broken = over->broken || (base && base->broken);
    for (uint32_t i = 0; base && i < base->pairs.n; i++)
        *arr_push(ctx->arena, &out->pairs) = base->pairs.at[i];
    for (uint32_t i = 0; i < over->pairs.n; i++) {
        YNode *key = over->pairs.at[i].key;
        const char *below = *path ? arena_printf(ctx->arena, "%s.%s", path, key->text) : key->text;
        YPair *old = find_pair(out, key->text);
        YNode *value = spec_merge(ctx, below, old ? old->value : NULL, over->pairs.at[i].value);
        if (value && old) {
            *old = (YPair){key, value};
        } else if (value) {
            *arr_push(ctx->arena, &out->pairs) = (YPair){key, value};
        } else if (old) {
            for (uint32_t k = (uint32_t)(old - out->pairs.at); k + 1 < out->pairs.n; k++)
                out->pairs.at[k] = out->pairs.at[k + 1];
            out->pairs.n--;
        }
    }
    return out;
}

/* {Adam: {...}} changes {Adam: {...}} and replaces any other optimizer. */
static YNode *merge_choice(Ctx *ctx, const char *path, YNode *base, YNode *over)
{
    bool both = base && base->kind == Y_MAP && base->pairs.n == 1 && over->kind == Y_MAP &&
                over->pairs.n == 1;
    if (!both || strcmp(base->pairs.at[0].key->text, over->pairs.at[0].key->text) != 0)
        return over;
    if (ytree_is_null(over->pairs.at[0].value))
        return base;
    return merge_maps(ctx, path, base, over);
}

YNode *spec_merge(Ctx *ctx, const char *path, YNode *base, YNode *over)
{
    KeyType type = type_of(path);
    if (ytree_is_null(over))
        return NULL;
    if (type == KT_OPTIMIZER)
        return merge_choice(ctx, path, base, over);
    if (over->kind != Y_MAP)
        return over;
    if (base && base->kind == Y_SCALAR && type == KT_WEIGHTS)
        base = spec_long_form(ctx, path, base, "file");
    return merge_maps(ctx, path, base && base->kind == Y_MAP ? base : NULL, over);
}

/* --------------------------------------------------------------------------- loading */

static YNode *load(Loader *loader, const Chain *chain, const SourceFile *file);

/* False when the file is one of those that are being loaded. */
static bool check_cycle(Loader *loader, const Chain *up, const char *path, const char *real,
                        Loc loc)
{
    uint32_t depth = 0;
    for (const Chain *c = up; c; c = c->up, depth++) {
        if (strcmp(c->real, real) != 0)
            continue;
        Buf text = buf_create(loader->ctx->arena);
        buf_printf(&text, "%s", path);
        for (const Chain *k = up; k != c; k = k->up) {
            const char *rest = arena_strdup(loader->ctx->arena, text.at);
            text = buf_create(loader->ctx->arena);
            buf_printf(&text, "%s -> %s", k->path, rest);
        }
        diag_error(loader->ctx, loc, R_extends_cycle, "'extends' goes round in a circle: %s -> %s",
                   c->path, text.at);
        return false;
    }
    if (depth < MAX_CHAIN)
        return true;
    diag_error(loader->ctx, loc, R_extends_depth, "more than %d files extend one another",
               MAX_CHAIN);
    return false;
}

/* One entry of `extends`; NULL after an error. */
static YNode *load_base(Loader *loader, const Chain *up, const YNode *entry)
{
    Ctx *ctx = loader->ctx;
    const char *text;
    if (!value_string(ctx, entry, "extends", "a path or a list of paths", &text))
        return NULL;
    const char *path = path_beside(ctx->arena, entry->loc.file->path, text);
    const char *real = file_real(ctx, path);
    const SourceFile *file = real ? file_read(ctx, path) : NULL;
    if (!file) {
        diag_error(ctx, entry->loc, R_extends_file, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    Chain chain = {up, path, real};
    if (!check_cycle(loader, up, path, chain.real, entry->loc))
        return NULL;
    if (loader->sources->n == MAX_EXTENDS) {
        diag_error(ctx, entry->loc, R_extends_depth, "more than %d files are extended",
                   MAX_EXTENDS);
        return NULL;
    }
    *arr_push(ctx->arena, loader->sources) = (SpecSource){file, entry->loc};
    return load(loader, &chain, file);
}

/* The file's tree over those it extends, without its `extends`. */
static YNode *load(Loader *loader, const Chain *chain, const SourceFile *file)
{
    Ctx *ctx = loader->ctx;
    YNode *tree = ytree_parse(ctx, file);
    YPair *extends = tree && tree->kind == Y_MAP ? find_pair(tree, "extends") : NULL;
    if (!extends)
        return tree;
    YNode *entry = extends->value, *base = NULL;
    bool list = entry->kind == Y_SEQ, whole = true;
    for (uint32_t i = 0; i < (list ? entry->items.n : 1); i++) {
        YNode *next = load_base(loader, chain, list ? entry->items.at[i] : entry);
        if (next && next->kind != Y_MAP) {
            diag_error(ctx, next->loc, R_wrong_type, "a spec is a mapping, not %s",
                       ytree_describe(ctx, next));
            next = NULL;
        }
        if (next)
            base = spec_merge(ctx, "", base, next);
        else
            whole = false;
    }
    extends->value = arena_new(ctx->arena, YNode);
    *extends->value = (YNode){.kind = Y_SCALAR, .text = "null", .loc = entry->loc};
    YNode *out = spec_merge(ctx, "", base, tree);
    out->broken |= !whole; /* what is missing may be in the file that was not read */
    return out;
}

YNode *spec_tree(Ctx *ctx, const char *path, const SourceFile **file, SpecSources *sources)
{
    *file = file_read(ctx, path);
    if (!*file)
        fatal(ctx, EXIT_FILE, "cannot read %s: %s", path, strerror(errno));
    const char *real = file_real(ctx, path);
    Chain chain = {NULL, path, real ? real : path};
    Loader loader = {ctx, sources};
    return load(&loader, &chain, *file);
}
