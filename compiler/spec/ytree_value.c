/* ytree_value.c - what the scalars of a tree mean (YAML 1.2, core), and the tree as text. */
#include "compiler/base/base.h"
#include "compiler/spec/ytree.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

YNode *ytree_new_map(Ctx *ctx, Loc loc)
{
    YNode *node = arena_new(ctx->arena, YNode);
    *node = (YNode){.kind = Y_MAP, .loc = loc};
    return node;
}

YNode *ytree_get(const YNode *map, const char *key)
{
    if (!map || map->kind != Y_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->pairs.n; i++)
        if (strcmp(map->pairs.at[i].key->text, key) == 0)
            return map->pairs.at[i].value;
    return NULL;
}

static bool is_plain(const YNode *node)
{
    return node->kind == Y_SCALAR && !node->quoted && !node->broken;
}

bool ytree_is_null(const YNode *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; is_plain(node) && i < COUNT_OF(words); i++)
        if (strcmp(node->text, words[i]) == 0)
            return true;
    return false;
}

bool ytree_bool(const YNode *node, bool *out)
{
    if (!is_plain(node) || (strcmp(node->text, "true") != 0 && strcmp(node->text, "false") != 0))
        return false;
    *out = node->text[0] == 't';
    return true;
}

static const char *skip_sign(const char *text)
{
    return text + (*text == '+' || *text == '-');
}

static const char *skip_digits(const char *text)
{
    while (isdigit((unsigned char)*text))
        text++;
    return text;
}

bool ytree_int(const YNode *node, int64_t *out)
{
    if (!is_plain(node))
        return false;
    const char *digits = skip_sign(node->text);
    if (digits == skip_digits(digits) || *skip_digits(digits))
        return false;
    errno = 0;
    *out = strtoll(node->text, NULL, 10);
    return errno == 0;
}

/* [sign] digits [. digits] [e [sign] digits] with a digit on one side of the point. A number that
 * is too large for a double is infinite: no range has it. */
bool ytree_float(const YNode *node, double *out)
{
    if (!is_plain(node))
        return false;
    const char *whole = skip_sign(node->text), *at = skip_digits(whole);
    bool digits = at > whole;
    if (*at == '.') {
        const char *fraction = ++at;
        at = skip_digits(at);
        digits |= at > fraction;
    }
    if (!digits)
        return false;
    if (*at == 'e' || *at == 'E') {
        const char *exponent = skip_sign(at + 1);
        at = skip_digits(exponent);
        if (at == exponent)
            return false;
    }
    if (*at)
        return false;
    *out = strtod(node->text, NULL);
    return true;
}

const char *ytree_describe(Ctx *ctx, const YNode *node)
{
    enum { SHOWN = 40 };
    double number;
    bool truth;
    if (node->kind != Y_SCALAR)
        return node->kind == Y_MAP ? "a mapping" : "a list";
    if (ytree_is_null(node))
        return "nothing";
    int n = (int)strnlen(node->text, SHOWN);
    while (node->text[n] && ((unsigned char)node->text[n] & 0xc0) == 0x80)
        n--;
    const char *more = node->text[n] ? "..." : "";
    const char *what = ytree_float(node, &number) ? "the number "
                       : ytree_bool(node, &truth) ? ""
                       : node->quoted             ? "the text "
                                                  : "";
    const char *quote = *what == 't' && what[4] == 'n' ? "" : "'";
    return arena_printf(ctx->arena, "%s%s%.*s%s%s", what, quote, n, node->text, more, quote);
}

/* ---------------------------------------------------------------------------- text */

/* Words that other readers of YAML take for booleans or nothing. */
static bool is_taken_word(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no",   "on",
                                        "off",  "y",     "n",   "null", "~"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

/* Letters, digits and what paths are made of; nothing that could be a number or a word of YAML. */
static bool is_safe_plain(const char *text)
{
    if (!isalpha((unsigned char)*text) && !strchr("_./", *text) && !isdigit((unsigned char)*text))
        return false;
    if (is_taken_word(text) || !strcmp(text, "..."))
        return false;
    bool number = true;
    for (const char *c = text; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("_./+-@=*?", *c))
            return false;
        number &= isdigit((unsigned char)*c) || strchr("_.eExXoO+-", *c) != NULL;
    }
    return *text && !number && strncmp(text, "0x", 2) != 0 && strcasecmp(text, ".inf") != 0 &&
           strcasecmp(text, ".nan") != 0;
}

void ytree_print_string(const char *text, Buf *out)
{
    if (is_safe_plain(text))
        buf_puts(out, text);
    else
        buf_json_string(out, text);
}

static void print_scalar(const YNode *node, Buf *out)
{
    double number;
    bool truth;
    if (ytree_is_null(node))
        buf_puts(out, "null");
    else if (ytree_float(node, &number) || ytree_bool(node, &truth))
        buf_puts(out, node->text);
    else
        ytree_print_string(node->text, out);
}

/* The node's value behind `key:` or `-`; block collections begin in the next line. */
static void print_value(const YNode *node, int indent, bool in_list, Buf *out);

static void print_pairs(const YNode *map, int indent, bool at_hand, Buf *out)
{
    for (uint32_t i = 0; i < map->pairs.n; i++) {
        buf_printf(out, "%*s", i == 0 && at_hand ? 0 : indent, "");
        ytree_print_string(map->pairs.at[i].key->text, out);
        buf_puts(out, ":");
        print_value(map->pairs.at[i].value, indent, false, out);
    }
}

static void print_value(const YNode *node, int indent, bool in_list, Buf *out)
{
    if (node->kind == Y_SCALAR) {
        buf_puts(out, " ");
        print_scalar(node, out);
        buf_puts(out, "\n");
    } else if (!node->pairs.n && !node->items.n) {
        buf_puts(out, node->kind == Y_MAP ? " {}\n" : " []\n");
    } else if (node->kind == Y_MAP) {
        buf_puts(out, in_list ? " " : "\n");
        print_pairs(node, indent + 2, in_list, out);
    } else {
        buf_puts(out, "\n");
        for (uint32_t i = 0; i < node->items.n; i++) {
            buf_printf(out, "%*s-", indent + 2, "");
            print_value(node->items.at[i], indent + 2, true, out);
        }
    }
}

void ytree_print(const YNode *node, Buf *out)
{
    if (node->kind == Y_MAP && node->pairs.n)
        print_pairs(node, 0, false, out);
    else
        print_value(node, -2, false, out);
}
