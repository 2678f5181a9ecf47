/* grt_text.c - growing text, and its escapes for JSON and HTML. */
#include "runtime/grt_int.h"

#include <math.h>
#include <stdlib.h>

void grt_text_reserve(GrtText *text, size_t more)
{
    size_t need = text->n + more + 1;
    if (need <= text->cap)
        return;
    size_t cap = text->cap * 2 > need ? text->cap * 2 : need;
    char *at = realloc(text->at, cap);
    if (at == NULL)
        grt_die(GRT_EXIT_TRAINING, "out of memory (%zu bytes of text)", cap);
    text->at = at;
    text->cap = cap;
}

void grt_text_add(GrtText *text, const char *bytes, size_t n)
{
    grt_text_reserve(text, n);
    memcpy(text->at + text->n, bytes, n);
    text->n += n;
    text->at[text->n] = '\0';
}

void grt_text_puts(GrtText *text, const char *string)
{
    grt_text_add(text, string, strlen(string));
}

void grt_text_printf(GrtText *text, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    size_t room = text->cap - text->n;
    int n = vsnprintf(room ? text->at + text->n : NULL, room, fmt, args);
    va_end(args);
    if (n < 0)
        grt_die(GRT_EXIT_BUG, "bad format %s", fmt);
    if ((size_t)n >= room) {
        grt_text_reserve(text, (size_t)n);
        vsnprintf(text->at + text->n, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    text->n += (size_t)n;
}

void grt_text_json(GrtText *text, const char *string)
{
    grt_text_add(text, "\"", 1);
    for (const char *s = string; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            grt_text_printf(text, "\\%c", c);
        else if (c == '\n')
            grt_text_puts(text, "\\n");
        else if (c < 0x20 || c == 0x7f)
            grt_text_printf(text, "\\u%04x", c);
        else
            grt_text_add(text, s, 1);
    }
    grt_text_add(text, "\"", 1);
}

void grt_text_number(GrtText *text, double value)
{
    if (isfinite(value))
        grt_text_printf(text, "%.10g", value);
    else
        grt_text_puts(text, "null");
}

void grt_text_html(GrtText *text, const char *string)
{
    for (const char *s = string; *s; s++) {
        switch (*s) {
        case '&':
            grt_text_puts(text, "&amp;");
            break;
        case '<':
            grt_text_puts(text, "&lt;");
            break;
        case '>':
            grt_text_puts(text, "&gt;");
            break;
        case '"':
            grt_text_puts(text, "&quot;");
            break;
        default:
            grt_text_add(text, s, 1);
        }
    }
}
