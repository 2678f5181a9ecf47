/* diag_print.c - diagnostics as text for people: place, message, source line and caret. */
#include "compiler/base/base.h"

enum { WINDOW = 160 }; /* longest piece of a source line that is shown, in bytes */

typedef struct Printer {
    FILE *out;
    bool colour;
} Printer;

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

uint32_t diag_column(Loc loc)
{
    const char *start;
    size_t length;
    if (!source_line(loc.file, loc.line, &start, &length))
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
    if (!loc.line || !loc.col || !source_line(loc.file, loc.line, &line, &length))
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
            fprintf(printer->out, ":%u:%u", loc.line, diag_column(loc));
        fputs(": ", printer->out);
    } else {
        fputs(without_place, printer->out);
    }
    set_colour(printer, LEVEL_COLOURS[level]);
    fprintf(printer->out, "%s: ", diag_level_name(level));
    set_colour(printer, "\033[0m");
    put_safe(printer, message, strlen(message));
    if (rule)
        fprintf(printer->out, " [%s]", rule);
    fputc('\n', printer->out);
    if (loc.file)
        print_source(printer, loc);
}

void diag_print_all(Ctx *ctx, FILE *out, bool colour)
{
    Printer printer = {out, colour};
    uint32_t n, n_errors = 0;
    Diag **sorted = diag_sorted(ctx, &n);
    for (uint32_t i = 0; i < n; i++) {
        const Diag *diag = sorted[i];
        if (diag->level == DIAG_ERROR && ++n_errors > DIAG_MAX)
            continue;
        print_one(&printer, diag->loc, diag->level, diag->message, RULES[diag->rule].name,
                  "graftc: ");
        if (diag->hint)
            print_one(&printer, diag->hint_loc, DIAG_NOTE, diag->hint, NULL, "  ");
    }
    if (n_errors > DIAG_MAX)
        fprintf(out, "%u more error%s not shown\n", n_errors - DIAG_MAX,
                n_errors - DIAG_MAX == 1 ? "" : "s");
}
