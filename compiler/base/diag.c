/* diag.c - diagnostics: recorded as they are found, printed in the order of the user's files. */
#include "compiler/base/base.h"

#include <stdlib.h>
#include <unistd.h>

enum { WINDOW = 160 }; /* longest piece of a source line that is shown, in bytes */

/* ---------------------------------------------------------------- recording */

static Diag *diag_add(Ctx *ctx, DiagLevel level, Loc loc, const char *rule, const char *fmt,
                      va_list args)
{
    const char *message = arena_vprintf(ctx->arena, fmt, args);
    Diag *diag = arr_push(ctx->arena, &ctx->diags);
    *diag = (Diag){.level = level, .loc = loc, .rule = rule, .message = message};
    if (level == DIAG_ERROR)
        ctx->n_errors++;
    return diag;
}

Diag *diag_error(Ctx *ctx, Loc loc, const char *rule, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    Diag *diag = diag_add(ctx, DIAG_ERROR, loc, rule, fmt, args);
    va_end(args);
    return diag;
}

Diag *diag_warning(Ctx *ctx, Loc loc, const char *rule, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    Diag *diag = diag_add(ctx, DIAG_WARNING, loc, rule, fmt, args);
    va_end(args);
    return diag;
}

Diag *diag_note(Ctx *ctx, Loc loc, const char *rule, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    Diag *diag = diag_add(ctx, DIAG_NOTE, loc, rule, fmt, args);
    va_end(args);
    return diag;
}

void diag_hint(Ctx *ctx, Diag *diag, Loc loc, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    diag->hint = arena_vprintf(ctx->arena, fmt, args);
    diag->hint_loc = loc;
    va_end(args);
}

void fatal(Ctx *ctx, int exit_code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    ctx->fatal_message = arena_vprintf(ctx->arena, fmt, args);
    va_end(args);
    ctx->fatal_exit = exit_code;
    longjmp(ctx->landing, 1);
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "graftc: bug at %s:%d: ", file, line);
    vfprintf(stderr, fmt, args);
    fputs("\ngraftc: this is a mistake in graftc, please report it\n", stderr);
    va_end(args);
    abort();
}

/* ------------------------------------------------------------------ printing */

typedef struct Printer {
    FILE *out;
    bool colour;
} Printer;

static const char *const LEVEL_NAMES[] = {"error", "warning", "note"};
static const char *const LEVEL_COLOURS[] = {"\033[1;31m", "\033[1;35m", "\033[1;36m"};

static void set_colour(const Printer *printer, const char *escape)
{
    if (printer->colour)
        fputs(escape, printer->out);
}

/* Text that may come from a user's file: nothing in it shall steer the terminal. */
static void put_safe(const Printer *printer, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        fputc((c < 0x20 && c != '\t') || c == 0x7f ? '?' : c, printer->out);
    }
}

static bool starts_character(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80; /* UTF-8: not a continuation byte */
}

/* Start and length of the line; false when the file has no such line. */
static bool find_line(const SourceFile *file, uint32_t line, const char **start, size_t *length)
{
    const char *at = file->text, *end = file->text + file->length;
    for (uint32_t i = 1; i < line; i++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline)
            return false;
        at = newline + 1;
    }
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    *start = at;
    *length = (size_t)((newline ? newline : end) - at);
    if (*length && at[*length - 1] == '\r')
        --*length;
    return true;
}

/* Column as an editor shows it: characters, from 1. */
static uint32_t character_column(Loc loc)
{
    const char *start;
    size_t length;
    if (!find_line(loc.file, loc.line, &start, &length))
        return loc.col;
    uint32_t column = 1;
    for (size_t i = 0; i + 1 < loc.col && i < length; i++)
        column += starts_character(start[i]);
    return column;
}

/* The source line, or the part of a long one around the place, with a caret below. */
static void print_source(const Printer *printer, Loc loc)
{
    const char *line;
    size_t length;
    if (!loc.line || !loc.col || !find_line(loc.file, loc.line, &line, &length))
        return;
    size_t caret = loc.col - 1 < length ? loc.col - 1 : length;
    size_t from = caret > WINDOW * 3 / 4 && length > WINDOW ? caret - WINDOW / 2 : 0;
    while (from && !starts_character(line[from]))
        from--;
    size_t to = length - from > WINDOW ? from + WINDOW : length;
    while (to < length && !starts_character(line[to]))
        to++;
    fprintf(printer->out, "%5u | %s", loc.line, from ? "..." : "");
    put_safe(printer, line + from, to - from);
    fprintf(printer->out, "%s\n      | %s", to < length ? "..." : "", from ? "   " : "");
    for (size_t i = from; i < caret; i++)
        if (starts_character(line[i]))
            fputc(line[i] == '\t' ? '\t' : ' ', printer->out);
    set_colour(printer, "\033[1;32m");
    fputc('^', printer->out);
    set_colour(printer, "\033[0m");
    fputc('\n', printer->out);
}

/* `path:line:col: level: message [rule]` and the place; without a place, indent or the program's
 * name stands in front. */
static void print_one(const Printer *printer, Loc loc, DiagLevel level, const char *message,
                      const char *rule, const char *without_place)
{
    set_colour(printer, "\033[1m");
    if (loc.file) {
        put_safe(printer, loc.file->path, strlen(loc.file->path));
        if (loc.line)
            fprintf(printer->out, ":%u:%u", loc.line, character_column(loc));
        fputs(": ", printer->out);
    } else {
        fputs(without_place, printer->out);
    }
    set_colour(printer, LEVEL_COLOURS[level]);
    fprintf(printer->out, "%s: ", LEVEL_NAMES[level]);
    set_colour(printer, "\033[0m");
    put_safe(printer, message, strlen(message));
    if (rule)
        fprintf(printer->out, " [%s]", rule);
    fputc('\n', printer->out);
    if (loc.file)
        print_source(printer, loc);
}

static int compare_diags(const void *left, const void *right)
{
    const Diag *const *a = left, *const *b = right;
    const Loc *x = &(*a)->loc, *y = &(*b)->loc;
    if (!x->file || !y->file)
        return x->file || y->file ? (x->file ? 1 : -1) : (*a > *b) - (*a < *b);
    int order = strcmp(x->file->path, y->file->path);
    if (order)
        return order;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->col != y->col)
        return x->col < y->col ? -1 : 1;
    return (*a > *b) - (*a < *b); /* neighbours in one array: in the order of their coming */
}

void diag_print_all(Ctx *ctx, FILE *out, bool colour)
{
    Printer printer = {out, colour};
    Diag **sorted = arena_array(ctx->arena, Diag *, ctx->diags.n);
    for (uint32_t i = 0; i < ctx->diags.n; i++)
        sorted[i] = &ctx->diags.at[i];
    if (ctx->diags.n)
        qsort(sorted, ctx->diags.n, sizeof *sorted, compare_diags);
    uint32_t n_errors = 0;
    for (uint32_t i = 0; i < ctx->diags.n; i++) {
        const Diag *diag = sorted[i];
        if (diag->level == DIAG_ERROR && ++n_errors > DIAG_MAX)
            continue;
        print_one(&printer, diag->loc, diag->level, diag->message, diag->rule, "graftc: ");
        if (diag->hint)
            print_one(&printer, diag->hint_loc, DIAG_NOTE, diag->hint, NULL, "  ");
    }
    if (n_errors > DIAG_MAX)
        fprintf(out, "%u more error%s not shown\n", n_errors - DIAG_MAX,
                n_errors - DIAG_MAX == 1 ? "" : "s");
}
