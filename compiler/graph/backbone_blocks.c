/* backbone_blocks.c - reads the `blocks:` of a backbone file: names, parameters and layers. */
#include "compiler/base/base.h"
#include "compiler/graph/backbone_expand.h"

#include <ctype.h>

static bool is_identifier(const char *text)
{
    if (!isalpha((unsigned char)*text) && *text != '_')
        return false;
    while (isalnum((unsigned char)*text) || *text == '_')
        text++;
    return !*text;
}

/* One item of `parameters:`, `name` or `name: default`. */
static void read_param(Ctx *ctx, const YNode *item, Block *block)
{
    const YNode *name = item;
    YNode *preset = NULL;
    if (item->kind == Y_MAP && item->pairs.n == 1) {
        name = item->pairs.at[0].key;
        preset = item->pairs.at[0].value;
    }
    if (name->kind != Y_SCALAR || !is_identifier(name->text)) {
        diag_error(ctx, item->loc, R_block_parameter,
                   "a parameter is written `name` or `name: default`, the name in letters, digits "
                   "and _");
        return;
    }
    if (strcmp(name->text, "from") == 0) {
        diag_error(ctx, name->loc, R_block_parameter, "'from' cannot be a parameter's name");
        return;
    }
    for (uint32_t i = 0; i < block->params.n; i++) {
        if (strcmp(block->params.at[i].name, name->text) == 0) {
            diag_error(ctx, name->loc, R_block_parameter, "block '%s' has two parameters '%s'",
                       block->name, name->text);
            return;
        }
    }
    *arr_push(ctx->arena, &block->params) = (BlockParam){name->text, preset};
}

/* The value of one key of a block. */
static void read_key(Ctx *ctx, const YPair *pair, Block *block)
{
    const char *key = pair->key->text;
    const YNode *value = pair->value;
    if (strncmp(key, "x-", 2) == 0)
        return;
    if (strcmp(key, "parameters") != 0 && strcmp(key, "layers") != 0) {
        static const char *const keys[] = {"parameters", "layers"};
        Diag *diag = diag_error(ctx, pair->key->loc, R_unknown_key,
                                "unknown key '%s' in block '%s'", key, block->name);
        const char *near = nearest_name(key, keys, COUNT_OF(keys));
        if (near)
            diag_hint(ctx, diag, (Loc){0}, "did you mean '%s'?", near);
        return;
    }
    if (value->kind != Y_SEQ) {
        diag_error(ctx, value->loc, R_wrong_type, "expected a list for '%s'", key);
        return;
    }
    if (strcmp(key, "layers") == 0) {
        block->layers = value;
        return;
    }
    for (uint32_t i = 0; i < value->items.n; i++)
        read_param(ctx, value->items.at[i], block);
}

static void read_block(Ctx *ctx, const YPair *pair, Blocks *out)
{
    const YNode *name = pair->key;
    if (layer_by_name(name->text) != LAYER_COUNT) {
        diag_error(ctx, name->loc, R_block_name,
                   "'%s' is a kind of layer; a block needs another name", name->text);
        return;
    }
    if (pair->value->kind != Y_MAP) {
        diag_error(ctx, pair->value->loc, R_wrong_type,
                   "expected a mapping with `parameters` and `layers` for block '%s'", name->text);
        return;
    }
    Block *block = arena_new(ctx->arena, Block);
    block->name = name->text;
    block->loc = name->loc;
    for (uint32_t i = 0; i < pair->value->pairs.n; i++)
        read_key(ctx, &pair->value->pairs.at[i], block);
    if (!ytree_get(pair->value, "layers"))
        diag_error(ctx, name->loc, R_missing_key, "block '%s' has no 'layers'", name->text);
    else if (block->layers && block->layers->items.n == 0)
        diag_error(ctx, block->layers->loc, R_missing_key, "block '%s' has no layer", name->text);
    *arr_push(ctx->arena, out) = block;
}

void backbone_read_blocks(Ctx *ctx, const YNode *node, Blocks *out)
{
    if (!node)
        return;
    if (node->kind != Y_MAP) {
        diag_error(ctx, node->loc, R_wrong_type,
                   "expected a mapping of blocks by name for 'blocks'");
        return;
    }
    for (uint32_t i = 0; i < node->pairs.n; i++)
        read_block(ctx, &node->pairs.at[i], out);
}
