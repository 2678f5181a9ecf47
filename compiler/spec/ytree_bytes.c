/* ytree_bytes.c - the bytes under a YAML tree: what may stand in a file, and places in it. */
#include "compiler/base/base.h"
#include "compiler/spec/ytree_bytes.h"

enum { MAX_BRACKETS = 1024 }; /* libyaml stops at a nesting of 1000 */

/* Bytes of the UTF-8 character at text, 0 when it is none; its value to *value. */
static size_t utf8_length(const unsigned char *text, size_t left, uint32_t *value)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = text[0];
    size_t n = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : 4;
    if ((n == 4 && (c & 0xf8) != 0xf0) || n > left)
        return 0;
    *value = n == 1 ? c : c & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        *value = *value << 6 | (text[i] & 0x3f);
    }
    bool surrogate = *value >= 0xd800 && *value < 0xe000;
    return *value >= least[n] && !surrogate && *value <= 0x10ffff ? n : 0;
}

/* Why this character cannot stand in a file, or NULL. */
static const char *refuse_character(uint32_t c, uint32_t following)
{
    if (c == 0)
        return "the file contains a NUL byte: is it a text file?";
    if (c == '\r')
        return following == '\n' ? NULL : "a carriage return without a line feed";
    if ((c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7f && c < 0xa0))
        return "a control character";
    if (c == 0x2028 || c == 0x2029)
        return "a line separator that is no line feed";
    if (c == 0xfffe || c == 0xffff)
        return "a character that is none";
    return NULL;
}

/* True when all bytes may stand there; else one error at the first that may not. */
static bool check_bytes(Ctx *ctx, const SourceFile *file)
{
    const unsigned char *text = (const unsigned char *)file->text;
    Loc loc = {file, 1, 1};
    for (size_t i = source_mark(file); i < file->length;) {
        uint32_t value = 0;
        size_t n = utf8_length(text + i, file->length - i, &value);
        const char *why = !n ? "invalid UTF-8"
                             : refuse_character(value, i + 1 < file->length ? text[i + 1] : 0);
        if (why) {
            diag_error(ctx, loc, R_yaml_bytes, "%s", why);
            return false;
        }
        i += n;
        loc.col += (uint32_t)n;
        if (value == '\n')
            loc = (Loc){file, loc.line + 1, 1};
    }
    return true;
}

const Lines *lines_check(Ctx *ctx, const SourceFile *file)
{
    if (!check_bytes(ctx, file))
        return NULL;
    size_t n = 1;
    for (size_t i = 0; i < file->length; i++)
        n += file->text[i] == '\n';
    size_t *starts = arena_array(ctx->arena, size_t, n + 1);
    size_t line = 0;
    starts[0] = source_mark(file);
    for (size_t i = 0; i < file->length; i++)
        if (file->text[i] == '\n')
            starts[++line] = i + 1;
    starts[n] = file->length;
    Lines *lines = arena_new(ctx->arena, Lines);
    *lines = (Lines){file, starts, n};
    return lines;
}

Loc lines_place(const Lines *lines, size_t line, size_t column)
{
    if (line >= lines->n)
        line = lines->n - 1;
    size_t start = lines->starts[line], at = start;
    while (column > 0 && at < lines->starts[line + 1] && lines->file->text[at] != '\n') {
        do
            at++;
        while (((unsigned char)lines->file->text[at] & 0xc0) == 0x80);
        column--;
    }
    return (Loc){lines->file, (uint32_t)line + 1, (uint32_t)(at - start) + 1};
}

static size_t offset_of(const Lines *lines, Loc loc)
{
    return lines->starts[loc.line - 1] + loc.col - 1;
}

char lines_byte(const Lines *lines, Loc loc)
{
    size_t at = offset_of(lines, loc);
    return at < lines->file->length ? lines->file->text[at] : '\n';
}

static Loc place_of(const Lines *lines, size_t offset)
{
    size_t low = 0, high = lines->n;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (lines->starts[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return (Loc){lines->file, (uint32_t)low + 1, (uint32_t)(offset - lines->starts[low]) + 1};
}

/* ----------------------------------------------------------------------- brackets */

/* Offset behind a comment or a quoted text that begins at `at`; `at` itself when none does. Rough,
 * as it serves to guess where a broken file is broken: a quote counts where a value may begin. */
static size_t skip_opaque(const Lines *lines, size_t at)
{
    const char *text = lines->file->text;
    size_t length = lines->file->length;
    char before = at ? text[at - 1] : '\n';
    if (text[at] == '#' && strchr(" \t\n", before)) {
        while (at < length && text[at] != '\n')
            at++;
    } else if ((text[at] == '"' || text[at] == '\'') && strchr(" \t\n[{,:", before)) {
        char quote = text[at];
        size_t end = at + 1;
        while (end < length && text[end] != quote && text[end] != '\n')
            end += 1 + (quote == '"' && text[end] == '\\' && end + 1 < length);
        return end < length && text[end] == quote ? end + 1 : at + 1;
    }
    return at;
}

/* Walks from `from` to `to`, keeping the offsets of the open brackets; returns how many there are.
 * Stops where all are closed again, or with *mismatch at one that another kind closes. */
static size_t open_brackets(const Lines *lines, size_t from, size_t to, size_t *open,
                            bool stop_when_closed, bool *mismatch)
{
    const char *text = lines->file->text;
    size_t n = 0;
    *mismatch = false;
    for (size_t at = from; at < to; at++) {
        size_t behind = skip_opaque(lines, at);
        if (behind > at) {
            at = behind - 1;
            continue;
        }
        char c = text[at];
        bool opens = c == '[' || c == '{';
        if (opens && n < MAX_BRACKETS && (n || !at || strchr(" \t\n,:[{=", text[at - 1])))
            open[n++] = at;
        if ((c != ']' && c != '}') || !n)
            continue;
        if (text[open[n - 1]] != (c == ']' ? '[' : '{')) {
            *mismatch = true;
            return n;
        }
        if (--n == 0 && stop_when_closed)
            return 0;
    }
    return n;
}

Loc lines_last_open(const Lines *lines, Loc before, char *bracket)
{
    size_t open[MAX_BRACKETS];
    bool mismatch;
    size_t n = open_brackets(lines, 0, offset_of(lines, before), open, false, &mismatch);
    if (!n)
        return (Loc){0};
    *bracket = lines->file->text[open[n - 1]];
    return place_of(lines, open[n - 1]);
}

bool lines_is_closed(const Lines *lines, Loc open_loc)
{
    size_t open[MAX_BRACKETS];
    bool mismatch;
    size_t n = open_brackets(lines, offset_of(lines, open_loc), lines->file->length, open, true,
                             &mismatch);
    return n == 0 && !mismatch;
}

Loc lines_conflict(const Lines *lines)
{
    static const char *const marks[] = {"<<<<<<< ", "=======", ">>>>>>> "};
    for (size_t i = 0; i < lines->n; i++)
        for (size_t k = 0; k < COUNT_OF(marks); k++)
            if (strncmp(lines->file->text + lines->starts[i], marks[k], strlen(marks[k])) == 0)
                return (Loc){lines->file, (uint32_t)i + 1, 1};
    return (Loc){0};
}
