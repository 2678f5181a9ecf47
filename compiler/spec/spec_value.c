/* spec_value.c - reads one value of a spec or of a layer, and says what it has to be. */
#include "compiler/base/base.h"
#include "compiler/spec/spec_value.h"

#include <ctype.h>
#include <inttypes.h>
#include <strings.h>

static const double NO_LIMIT = 1e30; /* from here on a message names no largest value */

Diag *value_error(Ctx *ctx, const YNode *node, Rule rule, const char *key, const char *what)
{
    return diag_error(ctx, node->loc, rule, "'%s' has to be %s, not %s", key, what,
                      ytree_describe(ctx, node));
}

/* Whole numbers without an exponent. */
static void put_number(Buf *text, double value)
{
    if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value)
        buf_printf(text, "%" PRId64, (int64_t)value);
    else
        buf_float(text, value, false);
}

const char *value_range(Ctx *ctx, const char *what, double min, double max)
{
    Buf text = buf_create(ctx->arena);
    bool one = min == max;
    if (!one)
        buf_printf(&text, "%s%s", what, max < NO_LIMIT ? " from " : ", at least ");
    put_number(&text, min);
    if (!one && max < NO_LIMIT) {
        buf_puts(&text, " to ");
        put_number(&text, max);
    }
    return text.at;
}

const char *value_words(Ctx *ctx, const char *const *words)
{
    Buf text = buf_create(ctx->arena);
    buf_puts(&text, words[0] && words[1] ? "one of " : "");
    for (size_t i = 0; words[i]; i++)
        buf_printf(&text, "%s%s", i ? ", " : "", words[i]);
    return text.at;
}

void value_unknown(Ctx *ctx, Loc loc, Rule rule, const char *what, const char *name,
                   const char *const *names, size_t n_names)
{
    Diag *diag = diag_error(ctx, loc, rule, "unknown %s '%s'", what, name);
    const char *near = nearest_name(name, names, n_names);
    if (near) {
        diag_hint(ctx, diag, (Loc){0}, "did you mean '%s'?", near);
        return;
    }
    Buf text = buf_create(ctx->arena);
    for (size_t i = 0; i < n_names; i++)
        buf_printf(&text, "%s%s", i ? ", " : "", names[i]);
    if (n_names)
        diag_hint(ctx, diag, (Loc){0}, "there are: %s", text.at);
}

bool value_is_private(const YNode *key)
{
    return strncmp(key->text, "x-", 2) == 0;
}

bool value_int(Ctx *ctx, const YNode *node, const char *key, double min, double max, int64_t *out)
{
    double number;
    int64_t value = 0;
    if (node->broken)
        return false;
    bool whole = ytree_int(node, &value);
    if (whole && (double)value >= min && (double)value <= max) {
        *out = value;
        return true;
    }
    value_error(ctx, node, whole || ytree_float(node, &number) ? R_out_of_range : R_wrong_type, key,
                value_range(ctx, "a whole number", min, max));
    return false;
}

bool value_float(Ctx *ctx, const YNode *node, const char *key, double min, double max, double *out)
{
    double value = 0;
    if (node->broken)
        return false;
    bool number = ytree_float(node, &value);
    if (number && value >= min && value <= max) {
        *out = value + 0.0; /* -0 is 0 */
        return true;
    }
    value_error(ctx, node, number ? R_out_of_range : R_wrong_type, key,
                value_range(ctx, "a number", min, max));
    return false;
}

bool value_bool(Ctx *ctx, const YNode *node, const char *key, bool *out)
{
    static const struct {
        const char *word;
        bool truth;
    } others[] = {{"yes", true},   {"on", true},    {"true", true},   {"y", true}, {"1", true},
                  {"no", false},   {"off", false},  {"false", false}, {"n", false}, {"0", false}};
    if (node->broken)
        return false;
    if (ytree_bool(node, out))
        return true;
    Diag *diag = value_error(ctx, node, R_wrong_type, key, "true or false");
    for (size_t i = 0; node->kind == Y_SCALAR && i < COUNT_OF(others); i++)
        if (strcasecmp(node->text, others[i].word) == 0)
            diag_hint(ctx, diag, (Loc){0}, "write %s%s", others[i].truth ? "true" : "false",
                      node->quoted ? " without quotes" : "");
    return false;
}

bool value_word(Ctx *ctx, const YNode *node, const char *key, const char *const *words, int *out)
{
    if (node->broken)
        return false;
    size_t n = 0;
    for (; words[n]; n++) {
        if (node->kind == Y_SCALAR && strcmp(node->text, words[n]) == 0) {
            *out = (int)n;
            return true;
        }
    }
    bool word = node->kind == Y_SCALAR && !ytree_is_null(node);
    Diag *diag =
        value_error(ctx, node, word ? R_bad_word : R_wrong_type, key, value_words(ctx, words));
    const char *near = word ? nearest_name(node->text, words, n) : NULL;
    if (near)
        diag_hint(ctx, diag, (Loc){0}, "did you mean '%s'?", near);
    return false;
}

bool value_string(Ctx *ctx, const YNode *node, const char *key, const char *what,
                  const char **out)
{
    double number;
    bool truth;
    if (node->broken)
        return false;
    bool unquoted = ytree_float(node, &number) || ytree_bool(node, &truth);
    if (node->kind == Y_SCALAR && *node->text && !unquoted && !ytree_is_null(node)) {
        *out = node->text;
        return true;
    }
    Diag *diag = node->kind == Y_SCALAR && node->quoted
                     ? diag_error(ctx, node->loc, R_wrong_type, "'%s' is empty", key)
                     : value_error(ctx, node, R_wrong_type, key, what);
    if (unquoted)
        diag_hint(ctx, diag, (Loc){0}, "if it is meant as a text, quote it: \"%s\"", node->text);
    return false;
}

bool value_layer_name(Ctx *ctx, const YNode *node, const char **out)
{
    if (!value_string(ctx, node, "name", "the name of a layer", out))
        return false;
    for (const char *c = *out; *c; c++) {
        if (!isspace((unsigned char)*c) && !strchr("/*?", *c))
            continue;
        diag_error(ctx, node->loc, R_layer_name,
                   "the name of a layer cannot contain blanks, '/', '*' or '?'");
        return false;
    }
    return true;
}
