/* json_write.c - writes JSON, indented, item by item. */
#include "compiler/base/base.h"
#include "compiler/tool/json_write.h"

static void begin_item(Json *j, const char *key)
{
    if (j->depth)
        buf_printf(j->out, "%s\n%*s", j->filled ? "," : "", 2 * j->depth, "");
    j->filled = true;
    if (!key)
        return;
    buf_json_string(j->out, key);
    buf_puts(j->out, ": ");
}

void json_open(Json *j, const char *key, const char *bracket)
{
    begin_item(j, key);
    buf_puts(j->out, bracket);
    j->depth++;
    j->filled = false;
}

void json_close(Json *j, const char *bracket)
{
    j->depth--;
    if (j->filled)
        buf_printf(j->out, "\n%*s", 2 * j->depth, "");
    buf_puts(j->out, bracket);
    j->filled = true;
}

void json_string(Json *j, const char *key, const char *text)
{
    begin_item(j, key);
    buf_json_string(j->out, text);
}

void json_number(Json *j, const char *key, double value)
{
    begin_item(j, key);
    buf_float(j->out, value, false);
}

void json_raw(Json *j, const char *key, const char *text)
{
    begin_item(j, key);
    buf_puts(j->out, text);
}
