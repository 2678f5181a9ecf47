/* cmd_schema.c - graftc schema: the language as a JSON Schema (draft 7), from its tables.
 *
 * A spec that extends another may leave anything out, and may remove with null: so null is taken
 * everywhere, and keys are required only where there is no `extends`. */
#include "compiler/base/base.h"
#include "compiler/tool/command.h"
#include "compiler/tool/json_write.h"

static void put_range(Json *j, const char *type, double min, double max)
{
    json_raw(j, "type", type);
    json_number(j, "minimum", min);
    json_number(j, "maximum", max);
}

static void put_words(Json *j, const char *const *words, bool null)
{
    json_open(j, "enum", "[");
    for (; *words; words++)
        json_string(j, NULL, *words);
    if (null)
        json_raw(j, NULL, "null");
    json_close(j, "]");
}

/* No other keys than the properties, but for the user's own. */
static void put_closed(Json *j)
{
    json_open(j, "patternProperties", "{");
    json_raw(j, "^x-", "true");
    json_close(j, "}");
    json_raw(j, "additionalProperties", "false");
}

/* A list of two; items is opened and has to be closed, too. */
static void open_two(Json *j, const char *key)
{
    json_open(j, key, "{");
    json_string(j, "type", "array");
    json_raw(j, "minItems", "2");
    json_raw(j, "maxItems", "2");
    json_open(j, "items", "{");
}

static void close_two(Json *j)
{
    json_close(j, "}");
    json_close(j, "}");
}

/* ---------------------------------------------------------------------------- layers */

/* A whole number, or two; of pads each of the two may be two again. */
static void put_pair(Json *j, const AttrDesc *attr, bool nested)
{
    json_open(j, "anyOf", "[");
    json_open(j, NULL, "{");
    put_range(j, "\"integer\"", attr->min, attr->max);
    json_close(j, "}");
    open_two(j, NULL);
    if (nested)
        put_pair(j, attr, false);
    else
        put_range(j, "\"integer\"", attr->min, attr->max);
    close_two(j);
    json_close(j, "]");
}

static void put_attr(Json *j, const AttrDesc *attr)
{
    json_open(j, attr->key, "{");
    json_string(j, "description", attr->doc);
    switch (attr->type) {
    case AT_INT:
        put_range(j, "\"integer\"", attr->min, attr->max);
        break;
    case AT_FLOAT:
        put_range(j, "\"number\"", attr->min, attr->max);
        break;
    case AT_BOOL:
        json_string(j, "type", "boolean");
        break;
    case AT_PAIR:
    case AT_PADS:
        put_pair(j, attr, attr->type == AT_PADS);
        break;
    case AT_WORD:
        put_words(j, attr->words, false);
        break;
    }
    if (!attr->required && attr->type == AT_WORD)
        json_string(j, "default", attr->preset);
    else if (!attr->required)
        json_raw(j, "default", attr->preset);
    json_close(j, "}");
}

/* The arguments of a kind, as the value of its name. */
static bool put_arguments(Json *j, const LayerDesc *layer)
{
    bool required = false;
    json_open(j, layer->name, "{");
    json_string(j, "description", layer->doc);
    json_raw(j, "type", "[\"object\", \"null\"]");
    json_open(j, "properties", "{");
    json_open(j, "name", "{");
    json_string(j, "description", "Name of the layer; by default Keras's.");
    json_string(j, "type", "string");
    json_string(j, "pattern", "^[^\\s/*?]+$");
    json_close(j, "}");
    for (uint32_t i = 0; i < layer->n_attrs; i++) {
        put_attr(j, &layer->attrs[i]);
        required |= layer->attrs[i].required;
    }
    json_close(j, "}");
    if (required) {
        json_open(j, "required", "[");
        for (uint32_t i = 0; i < layer->n_attrs; i++)
            if (layer->attrs[i].required)
                json_string(j, NULL, layer->attrs[i].key);
        json_close(j, "]");
    }
    put_closed(j);
    json_close(j, "}");
    return required;
}

/* An entry of a list: {Kind: {arguments}}, or the word alone where no argument is required. */
static void put_layer(Json *j, const LayerDesc *layer)
{
    json_open(j, layer->name, "{");
    json_open(j, "anyOf", "[");
    json_open(j, NULL, "{");
    json_string(j, "type", "object");
    json_open(j, "properties", "{");
    bool required = put_arguments(j, layer);
    json_close(j, "}");
    json_open(j, "required", "[");
    json_string(j, NULL, layer->name);
    json_close(j, "]");
    json_raw(j, "additionalProperties", "false");
    json_close(j, "}");
    if (!required) {
        json_open(j, NULL, "{");
        json_string(j, "const", layer->name);
        json_close(j, "}");
    }
    json_close(j, "]");
    json_close(j, "}");
}

static void put_layer_list(Ctx *ctx, Json *j, const KeyDesc *key)
{
    json_raw(j, "type", "[\"array\", \"null\"]");
    if (key->required)
        json_raw(j, "minItems", "1");
    json_open(j, "items", "{");
    json_open(j, "anyOf", "[");
    for (LayerKind kind = 0; kind < LAYER_COUNT; kind++) {
        if (!schema_takes_layer(key, kind))
            continue;
        json_open(j, NULL, "{");
        json_string(j, "$ref",
                    arena_printf(ctx->arena, "#/definitions/%s", LAYER_KINDS[kind].name));
        json_close(j, "}");
    }
    json_close(j, "]");
    json_close(j, "}");
}

/* ------------------------------------------------------------------------------ keys */

static void put_keys(Ctx *ctx, Json *j, const char *path);

/* A list of texts. */
static void put_texts(Json *j)
{
    json_string(j, "type", "array");
    json_open(j, "items", "{");
    json_string(j, "type", "string");
    json_close(j, "}");
}

static void put_shape(Json *j, const KeyDesc *key)
{
    json_raw(j, "type", "[\"array\", \"null\"]");
    json_raw(j, "minItems", "3");
    json_raw(j, "maxItems", "3");
    json_open(j, "items", "[");
    for (int i = 0; i < 2; i++) {
        json_open(j, NULL, "{");
        put_range(j, "\"integer\"", key->min, key->max);
        json_close(j, "}");
    }
    json_raw(j, NULL, "{\"enum\": [1, 3]}");
    json_close(j, "]");
}

/* What two forms have in common: a first one that is open between these two, then a mapping. */
static void open_forms(Json *j)
{
    json_open(j, "anyOf", "[");
    json_open(j, NULL, "{");
}

static void next_form(Json *j)
{
    json_close(j, "}");
    json_open(j, NULL, "{");
}

static void close_forms(Json *j)
{
    json_close(j, "}");
    json_close(j, "]");
}

static void put_object(Ctx *ctx, Json *j, const char *path, const char *type)
{
    json_raw(j, "type", type);
    json_open(j, "properties", "{");
    put_keys(ctx, j, path);
    json_close(j, "}");
    put_closed(j);
}

/* all, none, or a list of mappings with one key. */
static void put_frozen(Ctx *ctx, Json *j, const KeyDesc *key)
{
    open_forms(j);
    put_words(j, key->words, true);
    next_form(j);
    json_string(j, "type", "array");
    json_raw(j, "minItems", "1");
    json_open(j, "items", "{");
    put_object(ctx, j, key->path, "\"object\"");
    json_raw(j, "minProperties", "1");
    json_raw(j, "maxProperties", "1");
    json_close(j, "}");
    close_forms(j);
}

/* A type of two forms: text or words first, a mapping or a list second. */
static void put_forms(Ctx *ctx, Json *j, const KeyDesc *key)
{
    open_forms(j);
    if (key->type == KT_OPTIMIZER)
        put_words(j, key->words, true);
    else
        json_raw(j, "type", key->type == KT_ALLOW_MISSING ? "[\"boolean\", \"null\"]"
                                                          : "[\"string\", \"null\"]");
    next_form(j);
    if (key->type == KT_ALLOW_MISSING || key->type == KT_EXTENDS)
        put_texts(j);
    else
        put_object(ctx, j, key->path, "\"object\"");
    if (key->type == KT_OPTIMIZER)
        json_raw(j, "maxProperties", "1");
    close_forms(j);
}

static void put_word_list(Json *j, const KeyDesc *key)
{
    json_raw(j, "type", "[\"array\", \"null\"]");
    json_raw(j, "uniqueItems", "true");
    json_open(j, "items", "{");
    put_words(j, key->words, false);
    json_close(j, "}");
}

static void put_default(Json *j, const KeyDesc *key)
{
    bool text = key->type == KT_STRING || key->type == KT_WORD || key->type == KT_FROZEN ||
                key->type == KT_OPTIMIZER;
    if (text && *key->preset)
        json_string(j, "default", key->preset);
    else if (*key->preset && key->type != KT_METRICS)
        json_raw(j, "default", key->preset);
}

static void put_key(Ctx *ctx, Json *j, const KeyDesc *key)
{
    json_open(j, schema_name(key), "{");
    json_string(j, "description", schema_doc(ctx, key));
    put_default(j, key);
    switch (key->type) {
    case KT_MAP:
        put_object(ctx, j, key->path, "[\"object\", \"null\"]");
        break;
    case KT_STRING:
    case KT_PATH:
        json_raw(j, "type", "[\"string\", \"null\"]");
        json_raw(j, "minLength", "1");
        break;
    case KT_INT:
        put_range(j, "[\"integer\", \"null\"]", key->min, key->max);
        break;
    case KT_FLOAT:
        put_range(j, "[\"number\", \"null\"]", key->min, key->max);
        break;
    case KT_BOOL:
        json_raw(j, "type", "[\"boolean\", \"null\"]");
        break;
    case KT_WORD:
        put_words(j, key->words, true);
        break;
    case KT_SHAPE:
        put_shape(j, key);
        break;
    case KT_LAYERS:
        put_layer_list(ctx, j, key);
        break;
    case KT_FROZEN:
        put_frozen(ctx, j, key);
        break;
    case KT_METRICS:
        put_word_list(j, key);
        break;
    case KT_RENAME:
        json_raw(j, "type", "[\"object\", \"null\"]");
        json_raw(j, "additionalProperties", "{\"type\": [\"string\", \"null\"]}");
        break;
    case KT_WEIGHTS:
    case KT_OPTIMIZER:
    case KT_EXTENDS:
    case KT_ALLOW_MISSING:
        put_forms(ctx, j, key);
        break;
    }
    json_close(j, "}");
}

static void put_keys(Ctx *ctx, Json *j, const char *path)
{
    const KeyDesc *key;
    for (size_t at = 0; (key = schema_next(path, &at));)
        put_key(ctx, j, key);
}

/* "required": the keys under path that are; nothing when none is. */
static void put_required(Json *j, const char *path)
{
    const KeyDesc *key;
    bool some = false;
    for (size_t at = 0; (key = schema_next(path, &at));) {
        if (!key->required)
            continue;
        if (!some)
            json_open(j, "required", "[");
        json_string(j, NULL, schema_name(key));
        some = true;
    }
    if (some)
        json_close(j, "]");
}

int cmd_schema(Ctx *ctx, const Args *args)
{
    Buf out = buf_create(ctx->arena);
    Json j = {.out = &out};
    json_open(&j, NULL, "{");
    json_string(&j, "$schema", "http://json-schema.org/draft-07/schema#");
    json_string(&j, "title", "Graft: a transfer-learning experiment");
    put_object(ctx, &j, "", "\"object\"");
    json_raw(&j, "if", "{\"required\": [\"extends\"]}");
    json_raw(&j, "then", "true");
    json_open(&j, "else", "{");
    put_required(&j, "");
    json_open(&j, "properties", "{");
    const KeyDesc *key;
    for (size_t at = 0; (key = schema_next("", &at));) {
        if (key->type != KT_MAP)
            continue;
        json_open(&j, schema_name(key), "{");
        put_required(&j, key->path);
        json_close(&j, "}");
    }
    json_close(&j, "}");
    json_close(&j, "}");
    json_open(&j, "definitions", "{");
    for (LayerKind kind = 0; kind < LAYER_COUNT; kind++)
        if (LAYER_KINDS[kind].max_inputs)
            put_layer(&j, &LAYER_KINDS[kind]);
    json_close(&j, "}");
    json_close(&j, "}");
    buf_puts(&out, "\n");
    command_write(ctx, args, out.at, out.n);
    return EXIT_OK;
}
