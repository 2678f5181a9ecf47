/* grt_json.c - a strict reader of small JSON texts: safetensors headers and our own history. */
#include "runtime/grt_int.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_DEPTH = 16, MAX_MEMBERS = 65536 };

typedef struct Parser {
    const char *at, *end;
    int depth;
} Parser;

static GrtJson *parse_value(Parser *ps);

static void skip_space(Parser *ps)
{
    while (ps->at < ps->end &&
           (*ps->at == ' ' || *ps->at == '\t' || *ps->at == '\n' || *ps->at == '\r'))
        ps->at++;
}

static bool take(Parser *ps, char c)
{
    skip_space(ps);
    if (ps->at == ps->end || *ps->at != c)
        return false;
    ps->at++;
    return true;
}

static bool take_word(Parser *ps, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(ps->end - ps->at) < n || memcmp(ps->at, word, n) != 0)
        return false;
    ps->at += n;
    return true;
}

/* Four hex digits; -1 when there are none. */
static int32_t parse_hex4(Parser *ps)
{
    int32_t value = 0;
    if (ps->end - ps->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = *ps->at++;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The character after \u as UTF-8 at out; NULL for 0, lone surrogates and broken escapes. */
static char *parse_unicode(Parser *ps, char *out)
{
    int32_t c = parse_hex4(ps);
    if (c >= 0xd800 && c < 0xdc00) {
        if (!take_word(ps, "\\u"))
            return NULL;
        int32_t low = parse_hex4(ps);
        if (low < 0xdc00 || low > 0xdfff)
            return NULL;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c <= 0 || (c >= 0xdc00 && c < 0xe000)) {
        return NULL;
    }
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 63));
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    }
    return out;
}

/* One escape after its backslash; returns where the text goes on, NULL when it is none. */
static char *parse_escape(Parser *ps, char *out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (ps->at == ps->end)
        return NULL;
    char c = *ps->at++;
    if (c == 'u')
        return parse_unicode(ps, out);
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter == NULL)
        return NULL;
    *out++ = meanings[letter - letters];
    return out;
}

/* A string, malloc'ed; NULL when there is none. It is never longer than its escaped form. */
static char *parse_string(Parser *ps)
{
    if (!take(ps, '"'))
        return NULL;
    const char *close = ps->at;
    while (close < ps->end && *close != '"')
        close += *close == '\\' && close + 1 < ps->end ? 2 : 1;
    if (close >= ps->end)
        return NULL;
    char *string = grt_alloc((size_t)(close - ps->at) + 1, 1);
    char *out = string;
    while (out != NULL && ps->at < close) {
        char c = *ps->at++;
        if (c == '\\')
            out = parse_escape(ps, out);
        else if ((unsigned char)c < 0x20)
            out = NULL;
        else
            *out++ = c;
    }
    if (out == NULL || ps->at != close) {
        free(string);
        return NULL;
    }
    ps->at++;
    return string;
}

static bool is_digit(const Parser *ps)
{
    return ps->at < ps->end && *ps->at >= '0' && *ps->at <= '9';
}

static bool take_digits(Parser *ps)
{
    if (!is_digit(ps))
        return false;
    while (is_digit(ps))
        ps->at++;
    return true;
}

static bool parse_number(Parser *ps, double *out)
{
    char copy[64];
    const char *start = ps->at;
    take_word(ps, "-");
    if (!take_word(ps, "0") && !take_digits(ps))
        return false;
    if (take_word(ps, ".") && !take_digits(ps))
        return false;
    if (take_word(ps, "e") || take_word(ps, "E")) {
        if (!take_word(ps, "+"))
            take_word(ps, "-");
        if (!take_digits(ps))
            return false;
    }
    size_t n = (size_t)(ps->at - start);
    if (n >= sizeof copy)
        return false;
    memcpy(copy, start, n);
    copy[n] = '\0';
    *out = strtod(copy, NULL);
    return isfinite(*out);
}

/* Members of an object (up to '}') or elements of an array (up to ']'). */
static bool parse_members(Parser *ps, GrtJson *json)
{
    bool object = json->type == GRT_JSON_OBJECT;
    char close = object ? '}' : ']';
    GrtJson **tail = &json->child;
    int n_members = 0;
    if (++ps->depth > MAX_DEPTH)
        return false;
    if (!take(ps, close)) {
        do {
            if (++n_members > MAX_MEMBERS)
                return false;
            char *key = object ? parse_string(ps) : NULL;
            if (object && (key == NULL || grt_json_get(json, key) != NULL || !take(ps, ':'))) {
                free(key);
                return false;
            }
            GrtJson *member = parse_value(ps);
            if (member == NULL) {
                free(key);
                return false;
            }
            member->key = key;
            *tail = member;
            tail = &member->next;
        } while (take(ps, ','));
        if (!take(ps, close))
            return false;
    }
    ps->depth--;
    return true;
}

static bool parse_into(Parser *ps, GrtJson *json)
{
    skip_space(ps);
    if (ps->at == ps->end)
        return false;
    switch (*ps->at) {
    case '{':
    case '[':
        json->type = *ps->at++ == '{' ? GRT_JSON_OBJECT : GRT_JSON_ARRAY;
        return parse_members(ps, json);
    case '"':
        json->type = GRT_JSON_STRING;
        json->string = parse_string(ps);
        return json->string != NULL;
    case 't':
    case 'f':
        json->type = GRT_JSON_BOOL;
        json->number = *ps->at == 't';
        return take_word(ps, *ps->at == 't' ? "true" : "false");
    case 'n':
        return take_word(ps, "null");
    default:
        json->type = GRT_JSON_NUMBER;
        return parse_number(ps, &json->number);
    }
}

static GrtJson *parse_value(Parser *ps)
{
    GrtJson *json = grt_alloc(1, sizeof *json);
    if (parse_into(ps, json))
        return json;
    grt_json_free(json);
    return NULL;
}

GrtJson *grt_json_parse(const char *text, size_t n)
{
    Parser ps = {text, text + n, 0};
    GrtJson *json = parse_value(&ps);
    skip_space(&ps);
    if (json != NULL && ps.at != ps.end) {
        grt_json_free(json);
        return NULL;
    }
    return json;
}

void grt_json_free(GrtJson *json)
{
    while (json != NULL) {
        GrtJson *next = json->next;
        grt_json_free(json->child);
        free((char *)json->key);
        free((char *)json->string);
        free(json);
        json = next;
    }
}

const GrtJson *grt_json_get(const GrtJson *object, const char *key)
{
    if (object == NULL || object->type != GRT_JSON_OBJECT)
        return NULL;
    for (const GrtJson *member = object->child; member != NULL; member = member->next)
        if (strcmp(member->key, key) == 0)
            return member;
    return NULL;
}

bool grt_json_int(const GrtJson *json, int64_t min, int64_t max, int64_t *out)
{
    if (json == NULL || json->type != GRT_JSON_NUMBER || json->number != floor(json->number) ||
        fabs(json->number) > 0x1p53)
        return false;
    *out = (int64_t)json->number;
    return *out >= min && *out <= max;
}
