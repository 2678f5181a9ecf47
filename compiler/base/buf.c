/* buf.c - growing text, numbers that read back, and JSON strings. */
#include "compiler/base/base.h"

#include <math.h>
#include <stdlib.h>

Buf buf_create(Arena *arena)
{
    return (Buf){.arena = arena};
}

/* Room for n more bytes and the NUL behind them. */
static void buf_reserve(Buf *buf, size_t n)
{
    size_t needed = buf->n + n + 1;
    if (needed <= buf->cap)
        return;
    size_t cap = buf->cap ? buf->cap : 64;
    while (cap < needed)
        cap *= 2;
    char *at = arena_alloc(buf->arena, cap);
    if (buf->n)
        memcpy(at, buf->at, buf->n);
    buf->at = at;
    buf->cap = cap;
}

void buf_add(Buf *buf, const void *bytes, size_t n)
{
    buf_reserve(buf, n);
    if (n)
        memcpy(buf->at + buf->n, bytes, n);
    buf->n += n;
    buf->at[buf->n] = '\0';
}

void buf_puts(Buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_printf(Buf *buf, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (length < 0)
        bug("text cannot be formatted");
    buf_reserve(buf, (size_t)length);
    vsnprintf(buf->at + buf->n, (size_t)length + 1, fmt, again);
    va_end(again);
    buf->n += (size_t)length;
}

static bool reads_back(const char *text, double value, bool single)
{
    return single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value;
}

/* The first precision that reads back gives the digits; one that writes out small whole numbers
 * and fractions (10 for 1e+01) is taken where it is no longer. */
void buf_float(Buf *buf, double value, bool single)
{
    if (single)
        value = (double)(float)value;
    if (!isfinite(value)) {
        buf_puts(buf, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    char best[40] = "", text[40];
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (!reads_back(text, value, single))
            continue;
        if (!*best || strlen(text) <= strlen(best))
            memcpy(best, text, sizeof best);
        if (!strchr(text, 'e'))
            break; /* more digits say nothing new */
    }
    buf_puts(buf, best);
}

void buf_json_string(Buf *buf, const char *text)
{
    buf_puts(buf, "\"");
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_printf(buf, "\\%c", *p);
        else if (*p == '\n')
            buf_puts(buf, "\\n");
        else if (*p == '\t')
            buf_puts(buf, "\\t");
        else if (*p < 0x20 || *p == 0x7f)
            buf_printf(buf, "\\u%04x", *p);
        else
            buf_add(buf, p, 1);
    }
    buf_puts(buf, "\"");
}
