/* diag_sarif.c - diagnostics as SARIF 2.1.0, which editors and code review read. */
#include "compiler/base/base.h"
#include "compiler/tool/diag_json.h"

#include <ctype.h>

static void put_text(Json *j, const char *key, const char *text)
{
    json_open(j, key, "{");
    json_string(j, "text", text);
    json_close(j, "}");
}

/* Relative paths stay relative, to wherever the reader puts the root of the sources. */
static const char *path_as_uri(Ctx *ctx, const char *path)
{
    Buf uri = buf_create(ctx->arena);
    buf_puts(&uri, *path == '/' ? "file://" : "");
    for (const char *c = path; *c; c++)
        buf_printf(&uri, isalnum((unsigned char)*c) || strchr("/._-~", *c) ? "%c" : "%%%02X",
                   (unsigned char)*c);
    return uri.at;
}

/* A location with this place; message NULL: none. */
static void put_location(DiagWriter *w, Loc loc, const char *message)
{
    Json *j = &w->j;
    json_open(j, NULL, "{");
    if (message)
        put_text(j, "message", message);
    json_open(j, "physicalLocation", "{");
    json_open(j, "artifactLocation", "{");
    json_string(j, "uri", path_as_uri(w->ctx, loc.file->path));
    json_close(j, "}");
    if (loc.line) {
        json_open(j, "region", "{");
        json_number(j, "startLine", loc.line);
        json_number(j, "startColumn", diag_column(loc));
        json_close(j, "}");
    }
    json_close(j, "}");
    json_close(j, "}");
}

static void put_locations(DiagWriter *w, const char *key, Loc loc, const char *message)
{
    if (!loc.file)
        return;
    json_open(&w->j, key, "[");
    put_location(w, loc, message);
    json_close(&w->j, "]");
}

static void put_rule(Json *j, const RuleDesc *rule)
{
    json_open(j, NULL, "{");
    json_string(j, "id", rule->name);
    put_text(j, "shortDescription", rule->line);
    put_text(j, "help", rule->help);
    json_open(j, "defaultConfiguration", "{");
    json_string(j, "level", diag_level_name(rule->level));
    json_close(j, "}");
    json_close(j, "}");
}

static void begin(DiagWriter *w)
{
    Json *j = &w->j;
    json_open(j, NULL, "{");
    json_string(j, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    json_string(j, "version", "2.1.0");
    json_open(j, "runs", "[");
    json_open(j, NULL, "{");
    json_open(j, "tool", "{");
    json_open(j, "driver", "{");
    json_string(j, "name", "graftc");
    json_string(j, "version", PACKAGE_VERSION);
    json_open(j, "rules", "[");
    for (Rule rule = 0; rule < R_COUNT; rule++)
        put_rule(j, &RULES[rule]);
    json_close(j, "]");
    json_close(j, "}");
    json_close(j, "}");
    json_string(j, "columnKind", "unicodeCodePoints");
    json_open(j, "results", "[");
}

/* A hint with a place is a related location, one without is part of the message. */
static void add(DiagWriter *w, const Diag *diag)
{
    Json *j = &w->j;
    bool joined = diag->hint && !diag->hint_loc.file;
    json_open(j, NULL, "{");
    json_string(j, "ruleId", RULES[diag->rule].name);
    json_string(j, "level", diag_level_name(diag->level));
    put_text(j, "message",
             joined ? arena_printf(w->ctx->arena, "%s\n%s", diag->message, diag->hint)
                    : diag->message);
    put_locations(w, "locations", diag->loc, NULL);
    if (diag->hint && !joined)
        put_locations(w, "relatedLocations", diag->hint_loc, diag->hint);
    json_close(j, "}");
}

static void end(DiagWriter *w, int exit_code)
{
    Json *j = &w->j;
    json_close(j, "]");
    json_open(j, "invocations", "[");
    json_open(j, NULL, "{");
    json_raw(j, "executionSuccessful", w->failures.n ? "false" : "true");
    json_number(j, "exitCode", exit_code);
    json_open(j, "toolExecutionNotifications", "[");
    for (uint32_t i = 0; i < w->failures.n; i++) {
        const SourceFile file = {.path = w->failures.at[i].path};
        json_open(j, NULL, "{");
        json_string(j, "level", "error");
        put_text(j, "message", w->failures.at[i].message);
        put_locations(w, "locations", (Loc){.file = &file}, NULL);
        json_close(j, "}");
    }
    json_close(j, "]");
    json_close(j, "}");
    json_close(j, "]");
    json_close(j, "}");
    json_close(j, "]");
    json_close(j, "}");
}

const DiagFormat DIAG_SARIF = {begin, add, end};
