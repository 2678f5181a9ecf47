/* backbone_expand.c - unrolls the blocks of a backbone file into a flat list of layers with names
 * and inputs.
 *
 * A layer is read by spec_read_layer after the parameters were put in, so that it has the same
 * arguments, defaults and error messages as a layer of a head. */
#include "compiler/base/base.h"
#include "compiler/graph/backbone_subst.h"

enum { MAX_LAYERS = 20000, MAX_NESTING = 16, MAX_ERRORS = 100 };

/* An entry of `from:` that named no layer before its place. */
typedef struct Unresolved {
    const char *name;
    Loc loc;
} Unresolved;

typedef struct Expand {
    Ctx *ctx;
    const Blocks *blocks;
    LayerSpecs *out;
    StrMap *names;                  /* layer name -> const Loc *, where it was given */
    uint32_t counters[LAYER_COUNT]; /* of automatic names */
    const char *previous;           /* layer that an input is taken from when there is no `from:` */
    ARR(Unresolved) unresolved;
    bool incomplete; /* layers are missing: names may be unknown for that reason */
    bool too_many;
} Expand;

/* Where an item stands: the block's use, its input, and the line of `layers:` that led here. */
typedef struct Scope {
    BlockUse use;
    const char *input;
    Loc outer;
    uint32_t depth;
} Scope;

static void expand_items(Expand *ex, const Scope *scope, const YNode *items);

static Block *find_block(const Expand *ex, const char *name)
{
    for (uint32_t i = 0; i < ex->blocks->n; i++)
        if (strcmp(ex->blocks->at[i]->name, name) == 0)
            return ex->blocks->at[i];
    return NULL;
}

static void unknown_kind(Expand *ex, const YNode *kind)
{
    Ctx *ctx = ex->ctx;
    Diag *diag =
        diag_error(ctx, kind->loc, R_unknown_layer, "unknown layer or block '%s'", kind->text);
    const char **names = arena_array(ctx->arena, const char *, LAYER_COUNT + ex->blocks->n);
    uint32_t n = 0;
    for (uint32_t i = 0; i < LAYER_COUNT; i++)
        names[n++] = LAYER_KINDS[i].name;
    for (uint32_t i = 0; i < ex->blocks->n; i++)
        names[n++] = ex->blocks->at[i]->name;
    const char *near = nearest_name(kind->text, names, n);
    if (near)
        diag_hint(ctx, diag, (Loc){0}, "did you mean '%s'?", near);
}

/* An input by name, as the flat list has it; a name not seen yet is looked up again at the end. */
static const char *resolve_input(Expand *ex, const Scope *scope, const char *name, Loc loc)
{
    if (strcmp(name, BACKBONE_IN) == 0)
        return scope->input;
    if (!strmap_get(ex->names, name))
        *arr_push(ex->ctx->arena, &ex->unresolved) = (Unresolved){name, loc};
    return name;
}

/* Gives the layer its automatic name or checks its own. */
static void name_layer(Expand *ex, const Scope *scope, LayerSpec *layer)
{
    Ctx *ctx = ex->ctx;
    Loc *loc = arena_new(ctx->arena, Loc);
    *loc = layer->name && !scope->use.block ? layer->name_loc : scope->outer;
    if (!layer->name) {
        const char *base = layer_auto_name(ctx->arena, layer->kind);
        do {
            uint32_t n = ex->counters[layer->kind]++;
            layer->name = n ? arena_printf(ctx->arena, "%s_%u", base, n) : base;
        } while (strmap_get(ex->names, layer->name));
    }
    if (strcmp(layer->name, BACKBONE_IN) == 0 || !*layer->name || strchr(layer->name, '/')) {
        diag_error(ctx, layer->name_loc, R_layer_name, "'%s' cannot be a layer's name",
                   layer->name);
    } else if (!strmap_put(ex->names, layer->name, loc)) {
        Diag *diag =
            diag_error(ctx, *loc, R_duplicate_name, "two layers are named '%s'", layer->name);
        diag_hint(ctx, diag, *(const Loc *)strmap_get(ex->names, layer->name),
                  "the first one comes from here");
    }
}

/* Inputs of a layer by name: what `from:` says, or the layer before. The layer has no name yet, and
 * so is not among those that it can take. */
static void connect_layer(Expand *ex, const Scope *scope, LayerSpec *layer)
{
    Ctx *ctx = ex->ctx;
    if (!layer->from.n) {
        *arr_push(ctx->arena, &layer->from) = ex->previous;
        *arr_push(ctx->arena, &layer->from_locs) = layer->loc;
    } else {
        for (uint32_t i = 0; i < layer->from.n; i++)
            layer->from.at[i] = resolve_input(ex, scope, layer->from.at[i], layer->from_locs.at[i]);
    }
}

static void count_inputs(Ctx *ctx, const LayerSpec *layer)
{
    const LayerDesc *desc = &LAYER_KINDS[layer->kind];
    uint32_t n = layer->from.n;
    if (n >= desc->min_inputs && n <= desc->max_inputs)
        return;
    if (desc->min_inputs == desc->max_inputs)
        diag_error(ctx, layer->loc, R_layer_inputs, "%s takes %u input%s, '%s' has %u", desc->name,
                   desc->min_inputs, desc->min_inputs == 1 ? "" : "s", layer->name, n);
    else
        diag_error(ctx, layer->loc, R_layer_inputs, "%s takes %u to %u inputs, '%s' has %u",
                   desc->name, desc->min_inputs, desc->max_inputs, layer->name, n);
}

static void expand_layer(Expand *ex, const Scope *scope, const YNode *kind, const YNode *node)
{
    Ctx *ctx = ex->ctx;
    LayerKind id = layer_by_name(kind->text);
    LayerSpec layer = {0};
    if (id == LAYER_COUNT) {
        unknown_kind(ex, kind);
    } else if (LAYER_KINDS[id].max_inputs == 0) {
        diag_error(ctx, kind->loc, R_unknown_layer,
                   "%s is not written in a backbone: `from: [%s]` names what enters it", kind->text,
                   BACKBONE_IN);
    } else if (spec_read_layer(ctx, node, true, &layer)) {
        if (ex->out->n == MAX_LAYERS) {
            diag_error(ctx, scope->outer, R_too_many_layers, "the backbone has more than %d layers",
                       MAX_LAYERS);
            ex->too_many = true;
            return;
        }
        connect_layer(ex, scope, &layer);
        name_layer(ex, scope, &layer);
        count_inputs(ctx, &layer);
        ex->previous = layer.name;
        *arr_push(ctx->arena, ex->out) = layer;
        return;
    }
    ex->incomplete = true;
}

/* The input of a use of a block: `from: [name]`, or the layer before. NULL after an error. */
static const char *block_input(Expand *ex, const Scope *scope, const YNode *from)
{
    if (!from)
        return ex->previous;
    const YNode *name = from;
    if (from->kind == Y_SEQ && from->items.n == 1)
        name = from->items.at[0];
    if (name->kind != Y_SCALAR) {
        diag_error(ex->ctx, from->loc, R_layer_inputs, "a block takes one input");
        return NULL;
    }
    return resolve_input(ex, scope, name->text, name->loc);
}

/* Values of the block's parameters from the mapping of its use. false after errors. */
static bool bind_parameters(Expand *ex, const Block *block, const YNode *kind, const YNode *args,
                            YNode **values)
{
    Ctx *ctx = ex->ctx;
    const char **names = arena_array(ctx->arena, const char *, block->params.n + 1);
    for (uint32_t i = 0; i < block->params.n; i++) {
        names[i] = block->params.at[i].name;
        values[i] = block->params.at[i].preset;
    }
    bool good = true;
    for (uint32_t a = 0; args && a < args->pairs.n; a++) {
        const YPair *pair = &args->pairs.at[a];
        uint32_t i = 0;
        while (i < block->params.n && strcmp(names[i], pair->key->text) != 0)
            i++;
        if (i < block->params.n) {
            values[i] = pair->value;
        } else if (strcmp(pair->key->text, "from") != 0) {
            Diag *diag =
                diag_error(ctx, pair->key->loc, R_unknown_parameter,
                           "block '%s' has no parameter '%s'", block->name, pair->key->text);
            const char *near = nearest_name(pair->key->text, names, block->params.n);
            if (near)
                diag_hint(ctx, diag, (Loc){0}, "did you mean '%s'?", near);
            good = false;
        }
    }
    for (uint32_t i = 0; i < block->params.n; i++) {
        if (values[i])
            continue;
        Diag *diag = diag_error(ctx, kind->loc, R_missing_parameter, "block '%s' needs '%s'",
                                block->name, names[i]);
        diag_hint(ctx, diag, block->loc, "the block is defined here");
        good = false;
    }
    return good;
}

/* Errors from `first` on that were reported before are taken back: a mistake inside of a block
 * counts once, however often the block is used. among_new: compared with each other, too. */
static void drop_repeated_errors(Ctx *ctx, uint32_t first, bool among_new)
{
    uint32_t n = first;
    for (uint32_t i = first; i < ctx->diags.n; i++) {
        const Diag *diag = &ctx->diags.at[i];
        bool repeated = false;
        for (uint32_t k = 0; k < (among_new ? n : first) && !repeated; k++) {
            const Diag *old = &ctx->diags.at[k];
            repeated = old->loc.line == diag->loc.line && old->loc.col == diag->loc.col &&
                       old->loc.file == diag->loc.file && old->level == diag->level &&
                       old->rule == diag->rule;
        }
        if (!repeated)
            ctx->diags.at[n++] = *diag;
        else if (diag->level == DIAG_ERROR)
            ctx->n_errors--;
    }
    ctx->diags.n = n;
}

static void expand_block(Expand *ex, const Scope *scope, Block *block, const YNode *kind,
                         const YNode *args)
{
    Ctx *ctx = ex->ctx;
    block->used = true;
    if (block->open) {
        diag_error(ctx, kind->loc, R_recursive_block, "block '%s' uses itself", block->name);
    } else if (scope->depth == MAX_NESTING) {
        diag_error(ctx, kind->loc, R_recursive_block, "blocks are nested more than %d deep",
                   MAX_NESTING);
    } else if (args && args->kind != Y_MAP && !ytree_is_null(args)) {
        diag_error(ctx, args->loc, R_wrong_type, "expected the parameters of block '%s'",
                   block->name);
    } else {
        if (args && args->kind != Y_MAP)
            args = NULL;
        YNode **values = arena_array(ctx->arena, YNode *, block->params.n + 1);
        const char *input = block_input(ex, scope, args ? ytree_get(args, "from") : NULL);
        if (bind_parameters(ex, block, kind, args, values) && input && block->layers) {
            Scope inner = {{block, values}, input, scope->outer, scope->depth + 1};
            ex->previous = input;
            block->open = true;
            expand_items(ex, &inner, block->layers);
            block->open = false;
            return;
        }
    }
    ex->incomplete = true;
}

static void expand_item(Expand *ex, const Scope *scope, YNode *item)
{
    YNode *node = backbone_substitute(ex->ctx, &scope->use, item);
    if (!node) {
        ex->incomplete = true;
        return;
    }
    const YNode *kind = node, *args = NULL;
    if (node->kind == Y_MAP && node->pairs.n == 1) {
        kind = node->pairs.at[0].key;
        args = node->pairs.at[0].value;
    }
    if (kind->kind != Y_SCALAR) {
        diag_error(ex->ctx, node->loc, R_wrong_type,
                   "expected a layer or a block: `Kind` or `Kind: {argument: value, ...}`");
        ex->incomplete = true;
        return;
    }
    Block *block = find_block(ex, kind->text);
    if (block)
        expand_block(ex, scope, block, kind, args);
    else
        expand_layer(ex, scope, kind, node);
}

static void expand_items(Expand *ex, const Scope *scope, const YNode *items)
{
    for (uint32_t i = 0; i < items->items.n && !ex->too_many; i++) {
        Ctx *ctx = ex->ctx;
        Scope own = *scope;
        uint32_t first = ctx->diags.n;
        if (!scope->use.block)
            own.outer = items->items.at[i]->loc;
        expand_item(ex, &own, items->items.at[i]);
        if (ctx->diags.n > first)
            drop_repeated_errors(ctx, first, false);
        if (ctx->n_errors > MAX_ERRORS)
            ex->too_many = true;
    }
}

/* Reports each entry of `from:` that names no layer before its place. */
static void report_unresolved(Expand *ex)
{
    Ctx *ctx = ex->ctx;
    const char **names = arena_array(ctx->arena, const char *, ex->out->n + 1);
    for (uint32_t i = 0; i < ex->out->n; i++)
        names[i] = ex->out->at[i].name;
    uint32_t first = ctx->diags.n;
    for (uint32_t i = 0; i < ex->unresolved.n && ctx->n_errors <= MAX_ERRORS; i++) {
        const Unresolved *u = &ex->unresolved.at[i];
        if (strmap_get(ex->names, u->name)) {
            diag_error(ctx, u->loc, R_unknown_input,
                       "'%s' stands further down: a layer takes its "
                       "inputs from the layers before it",
                       u->name);
        } else if (!ex->incomplete) {
            Diag *diag =
                diag_error(ctx, u->loc, R_unknown_input, "there is no layer '%s'", u->name);
            const char *near = nearest_name(u->name, names, ex->out->n);
            if (near)
                diag_hint(ctx, diag, (Loc){0}, "did you mean '%s'?", near);
        }
    }
    drop_repeated_errors(ctx, first, true);
}

void backbone_expand(Ctx *ctx, const Blocks *blocks, const YNode *layers, LayerSpecs *out)
{
    Expand ex = {.ctx = ctx, .blocks = blocks, .out = out, .previous = BACKBONE_IN};
    ex.names = strmap_create(ctx->arena);
    Scope top = {.input = BACKBONE_IN};
    expand_items(&ex, &top, layers);
    report_unresolved(&ex);
    for (uint32_t i = 0; i < blocks->n; i++)
        if (!blocks->at[i]->used && !ex.incomplete)
            diag_warning(ctx, blocks->at[i]->loc, R_unused_block, "block '%s' is never used",
                         blocks->at[i]->name);
}
