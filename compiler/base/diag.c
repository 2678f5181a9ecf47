/* diag.c - diagnostics: recorded as they are found, handed out in the order of the user's files. */
#include "compiler/base/base.h"

#include <stdlib.h>

const RuleDesc RULES[R_COUNT] = {
#define RULE(id, name, level, line, help) [R_##id] = {name, level, line, help},
#include "compiler/base/rule.def"
#undef RULE
};

Rule rule_by_name(const char *name)
{
    Rule rule = 0;
    while (rule < R_COUNT && strcmp(RULES[rule].name, name) != 0)
        rule++;
    return rule;
}

const char *diag_level_name(DiagLevel level)
{
    static const char *const names[] = {"error", "warning", "note"};
    return names[level];
}

size_t source_mark(const SourceFile *file)
{
    return file->length >= 3 && memcmp(file->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

bool source_line(const SourceFile *file, uint32_t line, const char **start, size_t *length)
{
    const char *at = file->text + source_mark(file), *end = file->text + file->length;
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

/* ---------------------------------------------------------------- recording */

/* Whether the line of the place ends in `# graftc: allow NAME, NAME` with this name among them. */
static bool is_allowed(Ctx *ctx, Loc loc, const char *name)
{
    static const char mark[] = "# graftc: allow ";
    const char *start;
    size_t length;
    if (!loc.file || !loc.line || !source_line(loc.file, loc.line, &start, &length))
        return false;
    char *rest = strstr(arena_strndup(ctx->arena, start, length), mark), *word;
    if (!rest)
        return false;
    for (rest += strlen(mark); (word = strsep(&rest, ", "));)
        if (strcmp(word, name) == 0)
            return true;
    return false;
}

static Diag *diag_add(Ctx *ctx, DiagLevel level, Loc loc, Rule rule, const char *fmt, va_list args)
{
    check_bug(level == RULES[rule].level);
    const char *message = arena_vprintf(ctx->arena, fmt, args);
    bool allowed = level != DIAG_ERROR && is_allowed(ctx, loc, RULES[rule].name);
    if (level == DIAG_WARNING && ctx->diag_options.strict && !allowed)
        level = DIAG_ERROR;
    Diag *diag = arr_push(ctx->arena, &ctx->diags);
    *diag =
        (Diag){.level = level, .loc = loc, .rule = rule, .allowed = allowed, .message = message};
    if (level == DIAG_ERROR)
        ctx->n_errors++;
    return diag;
}

Diag *diag_error(Ctx *ctx, Loc loc, Rule rule, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    Diag *diag = diag_add(ctx, DIAG_ERROR, loc, rule, fmt, args);
    va_end(args);
    return diag;
}

Diag *diag_warning(Ctx *ctx, Loc loc, Rule rule, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    Diag *diag = diag_add(ctx, DIAG_WARNING, loc, rule, fmt, args);
    va_end(args);
    return diag;
}

Diag *diag_note(Ctx *ctx, Loc loc, Rule rule, const char *fmt, ...)
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

/* ------------------------------------------------------------------- sorting */

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

Diag **diag_sorted(Ctx *ctx, uint32_t *n)
{
    Diag **sorted = arena_array(ctx->arena, Diag *, ctx->diags.n);
    *n = 0;
    for (uint32_t i = 0; i < ctx->diags.n; i++) {
        Diag *diag = &ctx->diags.at[i];
        if (!diag->allowed && !(diag->level == DIAG_NOTE && ctx->diag_options.no_notes))
            sorted[(*n)++] = diag;
    }
    if (*n)
        qsort(sorted, *n, sizeof *sorted, compare_diags);
    return sorted;
}
