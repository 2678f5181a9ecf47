/* spec_read.c - from the merged tree to the Spec, through the table of keys. */
#include "compiler/base/base.h"
#include "compiler/spec/spec.h"
#include "compiler/spec/spec_tree.h"
#include "compiler/spec/spec_value.h"

#include <xxhash.h>

typedef struct Reader {
    Ctx *ctx;
    Spec *spec;
    bool preset; /* reading defaults: they have no place */
} Reader;

static bool read_map(Reader *r, const YNode *map, Loc loc, const char *path);
static bool read_value(Reader *r, const KeyDesc *key, const YNode *word, const YNode *node);

static void *field_of(const Reader *r, size_t offset)
{
    return (char *)r->spec + offset;
}

static const char *sub_path(const Reader *r, const char *path, const char *key)
{
    return *path ? arena_printf(r->ctx->arena, "%s.%s", path, key) : key;
}

/* Paths stand beside the file that they are written in; of an option, in the working directory. */
static const char *resolve_path(const Reader *r, const YNode *node)
{
    return path_beside(r->ctx->arena, node->loc.file->path, node->text);
}

static void unknown_key(Reader *r, const YNode *word, const char *path)
{
    const char *names[64];
    uint32_t n = 0;
    const KeyDesc *key;
    for (size_t at = 0; (key = schema_next(path, &at)) && n < COUNT_OF(names);)
        names[n++] = schema_name(key);
    const char *what = *path ? arena_printf(r->ctx->arena, "key in '%s':", path) : "key";
    value_unknown(r->ctx, word->loc, R_unknown_key, what, word->text, names, n);
}

/* ----------------------------------------------------------------- values of many parts */

static bool read_shape(Reader *r, const KeyDesc *key, const YNode *node)
{
    Ctx *ctx = r->ctx;
    static const char *const names[] = {"height", "width", "channels"};
    int64_t *fields[] = {&r->spec->height, &r->spec->width, &r->spec->channels};
    if (node->kind != Y_SEQ || node->items.n != COUNT_OF(names)) {
        if (node->kind == Y_SEQ)
            diag_error(ctx, node->loc, R_wrong_type,
                       "'shape' has to be [height, width, channels], this list has %u entr%s",
                       node->items.n, node->items.n == 1 ? "y" : "ies");
        else
            value_error(ctx, node, R_wrong_type, "shape", schema_describe(ctx, key));
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        good = value_int(ctx, node->items.at[i], names[i], key->min, key->max, fields[i]) && good;
    if (good && r->spec->channels != 1 && r->spec->channels != 3) {
        value_error(ctx, node->items.at[2], R_out_of_range, "channels",
                    "1 (grey) or 3 (red, green, blue)");
        good = false;
    }
    return good;
}

static bool read_rule(Reader *r, const KeyDesc *key, const YNode *node)
{
    Ctx *ctx = r->ctx;
    if (node->broken)
        return false;
    if (node->kind != Y_MAP || node->pairs.n != 1) {
        Loc loc = node->kind == Y_MAP && node->pairs.n > 1 ? node->pairs.at[1].key->loc : node->loc;
        diag_error(ctx, loc, R_wrong_type,
                   "a rule is one key with its value, like {freeze: \"*\"}");
        return false;
    }
    const YNode *word = node->pairs.at[0].key, *value = node->pairs.at[0].value;
    for (size_t i = 0; i < N_RULE_KINDS; i++) {
        if (strcmp(word->text, RULE_WORDS[i]) != 0)
            continue;
        const KeyDesc *row = schema_find(sub_path(r, key->path, RULE_WORDS[i]));
        FreezeRule rule = {.kind = (RuleKind)i, .loc = value->loc};
        bool good = row->type == KT_INT
                        ? value_int(ctx, value, RULE_WORDS[i], row->min, row->max, &rule.last)
                        : value_string(ctx, value, RULE_WORDS[i], "the name of a layer or a pattern",
                                       &rule.pattern);
        if (good)
            *arr_push(ctx->arena, &r->spec->rules) = rule;
        return good;
    }
    value_unknown(ctx, word->loc, R_unknown_key, "rule", word->text, RULE_WORDS, N_RULE_KINDS);
    return false;
}

static bool read_frozen(Reader *r, const KeyDesc *key, const YNode *node)
{
    Ctx *ctx = r->ctx;
    r->spec->rules.n = 0;
    if (node->kind == Y_SCALAR) {
        int word;
        for (word = 0; key->words[word]; word++) {
            if (strcmp(node->text, key->words[word]) == 0) {
                r->spec->frozen = word == FROZEN_ALL ? FROZEN_ALL : FROZEN_NONE;
                return true;
            }
        }
        Diag *diag = value_error(ctx, node, R_bad_word, "frozen", schema_describe(ctx, key));
        const char *near = nearest_name(node->text, key->words, (size_t)word);
        if (near)
            diag_hint(ctx, diag, (Loc){0}, "did you mean '%s'?", near);
        return false;
    }
    if (node->kind != Y_SEQ) {
        value_error(ctx, node, R_wrong_type, "frozen", schema_describe(ctx, key));
        return false;
    }
    if (!node->items.n) {
        diag_error(ctx, node->loc, R_empty_list, "this list of rules is empty: write all or none");
        return false;
    }
    bool good = true;
    r->spec->frozen = FROZEN_RULES;
    for (uint32_t i = 0; i < node->items.n; i++)
        good = read_rule(r, key, node->items.at[i]) && good;
    return good;
}

static bool read_allow_missing(Reader *r, const YNode *node, WeightsSpec *out)
{
    Ctx *ctx = r->ctx;
    if (node->broken || ytree_bool(node, &out->allow_missing_any))
        return !node->broken;
    if (node->kind != Y_SEQ) {
        value_error(ctx, node, R_wrong_type, "allow_missing",
                    "true, false or a list of layer names and patterns");
        return false;
    }
    bool good = true;
    for (uint32_t i = 0; i < node->items.n; i++) {
        const YNode *item = node->items.at[i];
        const char *pattern;
        if (value_string(ctx, item, "allow_missing", "a list of layer names and patterns",
                         &pattern)) {
            *arr_push(ctx->arena, &out->allow_missing) = pattern;
            *arr_push(ctx->arena, &out->allow_missing_locs) = item->loc;
        } else {
            good = false;
        }
    }
    return good;
}

static bool read_rename(Reader *r, const YNode *node, WeightsSpec *out)
{
    Ctx *ctx = r->ctx;
    if (node->broken && node->kind == Y_SCALAR)
        return false;
    if (node->kind != Y_MAP) {
        value_error(ctx, node, R_wrong_type, "rename", "{name in the file: layer, ...}");
        return false;
    }
    bool good = true;
    for (uint32_t i = 0; i < node->pairs.n; i++) {
        const YNode *key = node->pairs.at[i].key, *value = node->pairs.at[i].value;
        Rename rename = {.file_name = key->text, .loc = value->loc};
        if (value_string(ctx, value, key->text, "the name of a layer", &rename.layer_name))
            *arr_push(ctx->arena, &out->rename) = rename;
        else
            good = false;
    }
    return good;
}

static bool read_weight_file(Reader *r, const KeyDesc *key, const YNode *node, WeightsSpec *out)
{
    const char *text;
    if (!value_string(r->ctx, node, schema_name(key), "the path of a weight file", &text))
        return false;
    out->loc = node->loc;
    out->random = strcmp(text, "random") == 0;
    if (!out->random) {
        out->path = resolve_path(r, node);
    } else if (strcmp(key->path, "weights") == 0) {
        Diag *diag = diag_error(r->ctx, node->loc, R_bad_word,
                                "the weights of the whole model are a file, not random");
        diag_hint(r->ctx, diag, (Loc){0}, "leave the key out: the head's start random anyway");
        return false;
    }
    return true;
}

/* A path, `random`, or {file:, allow_missing:, rename:}. word: the key's own node. */
static bool read_weights(Reader *r, const KeyDesc *key, const YNode *word, const YNode *node,
                         WeightsSpec *out)
{
    *out = (WeightsSpec){.loc = node->loc};
    if (node->kind == Y_SCALAR)
        return read_weight_file(r, key, node, out);
    if (node->kind != Y_MAP) {
        value_error(r->ctx, node, R_wrong_type, "weights", schema_describe(r->ctx, key));
        return false;
    }
    const YNode *file = ytree_get(node, "file"), *allow = ytree_get(node, "allow_missing");
    const YNode *rename = ytree_get(node, "rename");
    bool good = read_map(r, node, word->loc, key->path);
    good = (!file || read_weight_file(r, key, file, out)) && good;
    good = (!allow || read_allow_missing(r, allow, out)) && good;
    return (!rename || read_rename(r, rename, out)) && good;
}

/* Sets the optimizer's arguments to their defaults; those of another are 0. */
static void preset_optimizer(Reader *r, const char *path)
{
    Spec *spec = r->spec;
    spec->learning_rate = spec->beta_1 = spec->beta_2 = spec->opt_epsilon = spec->momentum = 0;
    spec->nesterov = false;
    bool was = r->preset;
    r->preset = true;
    const KeyDesc *key;
    for (size_t at = 0; (key = schema_next(path, &at));) {
        const YNode preset = {.kind = Y_SCALAR, .text = key->preset};
        if (!read_value(r, key, NULL, &preset))
            bug("the default of %s is not valid", key->path);
    }
    r->preset = was;
}

/* A word, or a mapping with one word as its key. */
static bool read_optimizer(Reader *r, const KeyDesc *key, const YNode *node)
{
    Ctx *ctx = r->ctx;
    const YNode *word = node, *args = NULL;
    if (node->kind == Y_MAP && node->pairs.n >= 1) {
        word = node->pairs.at[0].key;
        args = node->pairs.at[0].value;
    }
    if (node->kind == Y_MAP && node->pairs.n > 1) {
        const YNode *second = node->pairs.at[1].key;
        Diag *diag = diag_error(ctx, second->loc, R_wrong_type,
                                "one optimizer only: '%s' is a second key", second->text);
        diag_hint(ctx, diag, (Loc){0}, "an optimizer's arguments stand in a mapping of its own: "
                                       "{Adam: {learning_rate: 0.001}}");
        return false;
    }
    if (word->kind != Y_SCALAR || ytree_is_null(word)) {
        value_error(ctx, node, R_wrong_type, "optimizer", schema_describe(ctx, key));
        return false;
    }
    int choice = 0;
    for (; key->words[choice]; choice++)
        if (strcmp(key->words[choice], word->text) == 0)
            break;
    if (!key->words[choice]) {
        value_unknown(ctx, word->loc, R_bad_word, "optimizer", word->text, key->words,
                      (size_t)choice);
        return false;
    }
    r->spec->optimizer = (OptimizerKind)choice;
    const char *path = sub_path(r, key->path, word->text);
    preset_optimizer(r, path);
    if (!args || ytree_is_null(args))
        return true;
    if (args->kind == Y_MAP)
        return read_map(r, args, word->loc, path);
    if (!args->broken)
        value_error(ctx, args, R_wrong_type, word->text, "a mapping of arguments");
    return false;
}

static bool read_metrics(Reader *r, const KeyDesc *key, const YNode *node)
{
    Ctx *ctx = r->ctx;
    if (node->kind != Y_SEQ) {
        Diag *diag = value_error(ctx, node, R_wrong_type, "metrics", schema_describe(ctx, key));
        if (node->kind == Y_SCALAR && !ytree_is_null(node))
            diag_hint(ctx, diag, (Loc){0}, "write [%s]", node->text);
        return false;
    }
    bool good = true;
    r->spec->metric_accuracy = false;
    for (uint32_t i = 0; i < node->items.n; i++) {
        int word;
        if (!value_word(ctx, node->items.at[i], "metrics", key->words, &word)) {
            good = false;
        } else if (r->spec->metric_accuracy) {
            diag_error(ctx, node->items.at[i]->loc, R_duplicate_name, "'%s' stands here twice",
                       key->words[word]);
            good = false;
        } else {
            r->spec->metric_accuracy = true;
        }
    }
    return good;
}

/* ----------------------------------------------------------------------- all keys */

static bool read_path(Reader *r, const KeyDesc *key, const YNode *node)
{
    const char *text;
    if (!value_string(r->ctx, node, schema_name(key), "a path", &text))
        return false;
    if (key->offset != NO_OFFSET)
        *(const char **)field_of(r, key->offset) = resolve_path(r, node);
    return true;
}

static bool read_layer_list(Reader *r, const KeyDesc *key, const YNode *node)
{
    uint32_t errors = r->ctx->n_errors;
    spec_read_layers(r->ctx, node, key->path, field_of(r, key->offset));
    return r->ctx->n_errors == errors;
}

/* One value by the type of its key. word: the key's node, NULL for a default. */
static bool read_value(Reader *r, const KeyDesc *key, const YNode *word, const YNode *node)
{
    Ctx *ctx = r->ctx;
    const char *name = schema_name(key);
    if (node->broken && node->kind == Y_SCALAR)
        return false;
    if (!r->preset && key->loc_offset != NO_OFFSET)
        *(Loc *)field_of(r, key->loc_offset) = node->loc;
    void *field = key->offset == NO_OFFSET ? NULL : field_of(r, key->offset);
    switch (key->type) {
    case KT_MAP:
        if (node->kind == Y_MAP)
            return read_map(r, node, word->loc, key->path);
        value_error(ctx, node, R_wrong_type, name, "a mapping");
        return false;
    case KT_STRING:
        return value_string(ctx, node, name, "a text", field);
    case KT_PATH:
        return read_path(r, key, node);
    case KT_INT:
        return value_int(ctx, node, name, key->min, key->max, field);
    case KT_FLOAT:
        return value_float(ctx, node, name, key->min, key->max, field);
    case KT_BOOL:
        return value_bool(ctx, node, name, field);
    case KT_WORD:
        return value_word(ctx, node, name, key->words, field);
    case KT_SHAPE:
        return read_shape(r, key, node);
    case KT_LAYERS:
        return read_layer_list(r, key, node);
    case KT_FROZEN:
        return read_frozen(r, key, node);
    case KT_WEIGHTS:
        return read_weights(r, key, word, node, field);
    case KT_OPTIMIZER:
        return read_optimizer(r, key, node);
    case KT_METRICS:
        return read_metrics(r, key, node);
    case KT_EXTENDS:
    case KT_ALLOW_MISSING:
    case KT_RENAME:
        return true; /* read where they belong: spec_extends.c, read_weights */
    }
    bug("unknown type of key %s", key->path);
}

/* Every key of a mapping, and those that it lacks, which are reported at loc. */
static bool read_map(Reader *r, const YNode *map, Loc loc, const char *path)
{
    uint32_t errors = r->ctx->n_errors;
    /* The parts of weights are read by read_weights, which knows where they go. */
    const KeyDesc *self = schema_find(path);
    bool names_only = self && self->type == KT_WEIGHTS;
    for (uint32_t i = 0; i < map->pairs.n; i++) {
        const YPair *pair = &map->pairs.at[i];
        if (value_is_private(pair->key))
            continue;
        const KeyDesc *key = schema_find(sub_path(r, path, pair->key->text));
        if (!key || strchr(pair->key->text, '.'))
            unknown_key(r, pair->key, path);
        else if (!names_only)
            read_value(r, key, pair->key, pair->value);
    }
    const KeyDesc *key;
    for (size_t at = 0; !map->broken && (key = schema_next(path, &at));) {
        if (!key->required || ytree_get(map, schema_name(key)))
            continue;
        Diag *diag = *path ? diag_error(r->ctx, loc, R_missing_key, "'%s' needs '%s'", path,
                                        schema_name(key))
                           : diag_error(r->ctx, loc, R_missing_key, "the spec needs '%s'",
                                        schema_name(key));
        diag_hint(r->ctx, diag, (Loc){0}, "%s: %s", schema_name(key), key->doc);
    }
    return r->ctx->n_errors == errors;
}

/* ------------------------------------------------------------------ the whole spec */

/* Values of the keys that have a default and a place of their own. */
static void set_presets(Reader *r)
{
    r->preset = true;
    for (size_t i = 0; i < N_SPEC_KEYS; i++) {
        const KeyDesc *key = &SPEC_KEYS[i];
        if (!*key->preset || key->type == KT_ALLOW_MISSING ||
            strncmp(key->path, "training.optimizer.", 19) == 0)
            continue;
        SourceFile text = {key->path, key->preset, strlen(key->preset)};
        const YNode *node = ytree_parse(r->ctx, &text);
        if (!node || !read_value(r, key, NULL, node))
            bug("the default of %s is not valid", key->path);
    }
    r->preset = false;
}

/* Name of the file without folder, .graft and .yaml. */
static const char *default_name(Ctx *ctx, const char *path)
{
    static const char *const endings[] = {".yaml", ".yml", ".graft"};
    const char *slash = strrchr(path, '/');
    char *name = arena_strdup(ctx->arena, slash ? slash + 1 : path);
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        size_t n = strlen(name), m = strlen(endings[i]);
        if (n > m && strcmp(name + n - m, endings[i]) == 0)
            name[n - m] = '\0';
    }
    return name;
}

/* The name becomes a folder under runs/ and the program's name. */
static void check_name(Reader *r)
{
    enum { MAX_NAME = 100 };
    Spec *spec = r->spec;
    const char *why = NULL;
    if (!spec->name) {
        spec->name = default_name(r->ctx, spec->file->path);
        if (!spec->name_loc.file) /* not given: an error, if any, stands at the top */
            spec->name_loc = (Loc){spec->file, 1, 1};
        else
            return; /* given, and not a text */
    }
    if (strlen(spec->name) > MAX_NAME)
        why = "it is longer than 100 bytes";
    else if (spec->name[0] == '.' || spec->name[0] == '-')
        why = "it begins with '.' or '-'";
    for (const char *c = spec->name; *c && !why; c++) {
        if (*c == '/')
            why = "it contains '/'";
        else if ((unsigned char)*c < 0x20 || *c == 0x7f)
            why = "it contains a control character";
    }
    if (!why && (spec->name[0] == ' ' || spec->name[strlen(spec->name) - 1] == ' '))
        why = "it begins or ends with a blank";
    if (why)
        diag_error(r->ctx, spec->name_loc, R_bad_name,
                   "'name' has to be usable as the name of a folder: %s", why);
}

static bool read_spec(Ctx *ctx, Spec *spec)
{
    uint32_t errors = ctx->n_errors;
    Reader reader = {ctx, spec, false};
    set_presets(&reader);
    if (spec->tree->kind != Y_MAP) {
        diag_error(ctx, spec->tree->loc, R_wrong_type,
                   "a spec is a mapping, `key: value` in each line, not %s",
                   ytree_describe(ctx, spec->tree));
        return false;
    }
    read_map(&reader, spec->tree, spec->tree->loc, "");
    check_name(&reader);
    spec->has_backbone = ytree_get(spec->tree, "backbone") != NULL;
    if (!spec->validation_batch_size)
        spec->validation_batch_size = spec->batch_size;
    return ctx->n_errors == errors;
}

YNode *spec_read_tree(Ctx *ctx, const char *path, const SetOption *sets, uint32_t n_sets)
{
    const SourceFile *file;
    SpecSources sources = {0};
    uint32_t first_diag = ctx->diags.n;
    YNode *tree = spec_tree(ctx, path, &file, &sources);
    if (tree)
        spec_set(ctx, tree, sets, n_sets);
    spec_note_inherited(ctx, &sources, first_diag);
    return tree;
}

Spec *spec_read(Ctx *ctx, const char *path, const SetOption *sets, uint32_t n_sets)
{
    uint32_t errors = ctx->n_errors, first_diag = ctx->diags.n;
    Spec *spec = arena_new(ctx->arena, Spec);
    spec->tree = spec_tree(ctx, path, &spec->file, &spec->sources);
    if (spec->tree)
        spec_set(ctx, spec->tree, sets, n_sets);
    if (spec->tree)
        read_spec(ctx, spec);
    spec_note_inherited(ctx, &spec->sources, first_diag);
    if (ctx->n_errors != errors)
        return NULL;
    spec->canonical = spec_canonical(ctx, spec);
    const char *experiment = spec_experiment(ctx, spec);
    XXH64_hash_t hash = XXH3_64bits(experiment, strlen(experiment));
    snprintf(spec->hash, sizeof spec->hash, "%016llx", (unsigned long long)hash);
    return spec;
}

void spec_note_inherited(Ctx *ctx, const SpecSources *sources, uint32_t first_diag)
{
    for (uint32_t i = first_diag; i < ctx->diags.n; i++) {
        Diag *diag = &ctx->diags.at[i];
        for (uint32_t s = 0; s < sources->n; s++) {
            const SpecSource *source = &sources->at[s];
            if (source->file != diag->loc.file || diag->level == DIAG_NOTE)
                continue;
            const char *hint = diag->hint;
            if (hint)
                diag->hint = arena_printf(ctx->arena, "%s (%s is extended at %s:%u:%u)", hint,
                                          source->file->path, source->from.file->path,
                                          source->from.line, source->from.col);
            else
                diag_hint(ctx, diag, source->from, "%s is extended here", source->file->path);
            break;
        }
    }
}
