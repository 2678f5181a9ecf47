/* diag_json.c - diagnostics as JSON, in Graft's own form. */
#include "compiler/base/base.h"
#include "compiler/tool/diag_json.h"

void diag_write(DiagWriter *w, const DiagFormat *format, Ctx *ctx, const char *path)
{
    uint32_t n;
    Diag **sorted = diag_sorted(ctx, &n);
    for (uint32_t i = 0; i < n; i++) {
        format->add(w, sorted[i]);
        w->counts[sorted[i]->level]++;
    }
    if (ctx->fatal_message) {
        const char *message = arena_strdup(w->ctx->arena, ctx->fatal_message);
        *arr_push(w->ctx->arena, &w->failures) = (DiagFailure){path, message};
    }
}

static void put_place(Json *j, Loc loc)
{
    if (!loc.file)
        return;
    json_string(j, "file", loc.file->path);
    if (!loc.line)
        return;
    json_number(j, "line", loc.line);
    json_number(j, "column", diag_column(loc));
}

static void begin(DiagWriter *w)
{
    json_open(&w->j, NULL, "{");
    json_open(&w->j, "diagnostics", "[");
}

static void add(DiagWriter *w, const Diag *diag)
{
    Json *j = &w->j;
    json_open(j, NULL, "{");
    put_place(j, diag->loc);
    json_string(j, "severity", diag_level_name(diag->level));
    json_string(j, "rule", RULES[diag->rule].name);
    json_string(j, "message", diag->message);
    if (diag->hint) {
        json_open(j, "hint", "{");
        put_place(j, diag->hint_loc);
        json_string(j, "message", diag->hint);
        json_close(j, "}");
    }
    json_close(j, "}");
}

static void end(DiagWriter *w, int exit_code)
{
    static const char *const counts[] = {"errors", "warnings", "notes"};
    Json *j = &w->j;
    json_close(j, "]");
    json_open(j, "failures", "[");
    for (uint32_t i = 0; i < w->failures.n; i++) {
        json_open(j, NULL, "{");
        json_string(j, "file", w->failures.at[i].path);
        json_string(j, "message", w->failures.at[i].message);
        json_close(j, "}");
    }
    json_close(j, "]");
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        json_number(j, counts[i], w->counts[i]);
    json_number(j, "exit_code", exit_code);
    json_close(j, "}");
}

const DiagFormat DIAG_JSON = {begin, add, end};
