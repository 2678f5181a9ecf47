/* cmd_diff.c - graftc diff: two specs by meaning, for people and for programs. */
#include "compiler/base/base.h"
#include "compiler/diff/diff_print.h"
#include "compiler/tool/git.h"
#include "compiler/tool/json_write.h"
#include "compiler/tool/side.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { DIFF_SAME = 0, DIFF_OTHER = 1, DIFF_TROUBLE = 2 };

/* ----------------------------------------------------------------------------- JSON */

/* {"value": 32, "default": true, "at": "a.yaml:3"} or null */
static void json_value(Ctx *ctx, Json *j, const char *key, const SpecValue *value)
{
    if (!value) {
        json_raw(j, key, "null");
        return;
    }
    json_open(j, key, "{");
    if (value->plain)
        json_string(j, "value", value->plain);
    else
        json_raw(j, "value", value->text);
    json_raw(j, "default", value->loc.file ? "false" : "true");
    if (value->loc.file)
        json_string(j, "at",
                    arena_printf(ctx->arena, "%s:%u", value->loc.file->path, value->loc.line));
    json_close(j, "}");
}

static void json_names(Json *j, const char *key, const NodeList *nodes)
{
    json_open(j, key, "[");
    for (uint32_t i = 0; i < nodes->n; i++)
        json_string(j, NULL, nodes->at[i]->name);
    json_close(j, "]");
}

static void json_sizes(Ctx *ctx, Json *j, const Diff *diff)
{
    for (size_t i = 0; i < N_SIZES; i++) {
        json_open(j, SIZES[i].key, "{");
        json_raw(j, "a",
                 arena_printf(ctx->arena, "%" PRId64, size_value(&diff->sizes_a, &SIZES[i])));
        json_raw(j, "b",
                 arena_printf(ctx->arena, "%" PRId64, size_value(&diff->sizes_b, &SIZES[i])));
        json_close(j, "}");
    }
}

static void json_verdict(Json *j, const char *key, const Verdict *verdict)
{
    json_open(j, key, "{");
    json_string(j, "state", HOLDS_WORDS[verdict->holds]);
    if (verdict->why)
        json_string(j, "why", verdict->why);
    json_close(j, "}");
}

static void print_json(Ctx *ctx, const Diff *diff, Buf *out)
{
    Json j = {.out = out};
    const Kept *kernels = &diff->kernels;
    json_open(&j, NULL, "{");
    json_raw(&j, "same", diff->same ? "true" : "false");
    json_string(&j, "a", diff->a->label);
    json_string(&j, "b", diff->b->label);
    json_open(&j, "changes", "[");
    for (uint32_t i = 0; i < diff->changes.n; i++) {
        json_open(&j, NULL, "{");
        json_string(&j, "path", diff->changes.at[i].path);
        json_value(ctx, &j, "a", diff->changes.at[i].a);
        json_value(ctx, &j, "b", diff->changes.at[i].b);
        json_close(&j, "}");
    }
    json_close(&j, "]");
    json_names(&j, "layers_gone", &diff->layers.gone);
    json_names(&j, "layers_added", &diff->layers.added);
    json_names(&j, "layers_now_training", &diff->layers.now_trains);
    json_names(&j, "layers_now_frozen", &diff->layers.now_frozen);
    json_names(&j, "layers_reshaped", &diff->layers.reshaped_b);
    json_names(&j, "layers_rebuilt", &diff->layers.rebuilt);
    json_sizes(ctx, &j, diff);
    json_verdict(&j, "checkpoint", &diff->checkpoint);
    json_verdict(&j, "feature_cache", &diff->cache);
    json_raw(&j, "kernels",
             arena_printf(ctx->arena, "{\"kept\": %u, \"added\": %u, \"gone\": %u}", kernels->kept,
                          kernels->added, kernels->gone));
    json_close(&j, "}");
    buf_puts(out, "\n");
}

/* -------------------------------------------------------------------------- command */

static bool wants_colour(const Args *args)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return !args->output && !(no_color && *no_color) && isatty(STDOUT_FILENO) && term &&
           strcmp(term, "dumb") != 0;
}

static void print_diff(Ctx *ctx, const Args *args, const Diff *diff)
{
    Buf out = buf_create(ctx->arena);
    if (args->json)
        print_json(ctx, diff, &out);
    else if (args->md)
        diff_print_md(ctx, diff, &out);
    else
        diff_print_text(ctx, diff, wants_colour(args), &out);
    command_write(ctx, args, out.at, out.n);
}

static int diff_words(Ctx *ctx, const void *arg)
{
    const Args *args = arg;
    if (args->json && args->md)
        usage_error(ctx, "--json or --md, not both");
    Ctx *own[2] = {compile_create(), compile_create()};
    DiffSide sides[2];
    int code = EXIT_OK;
    SideRequest requests[2];
    for (int i = 0; i < 2; i++) {
        requests[i] = (SideRequest){.args = args, .label = args->words.at[i]};
        git_take(ctx, args->words.at[i], &requests[i].path, &requests[i].source);
    }
    for (int i = 0; i < 2; i++) {
        int got = side_load(own[i], &requests[i], &sides[i]);
        code = got > code ? got : code;
    }
    if (code == EXIT_OK) {
        Diff diff = diff_sides(ctx, &sides[0], &sides[1]);
        print_diff(ctx, args, &diff);
        code = diff.same ? DIFF_SAME : DIFF_OTHER;
    } else {
        code = DIFF_TROUBLE;
    }
    for (int i = 0; i < 2; i++)
        compile_destroy(own[i]);
    return code;
}

/* A guard of its own: whatever goes wrong is 2 here, so that 1 only means different. */
int cmd_diff(Ctx *ctx, const Args *args)
{
    (void)ctx;
    Ctx *own = compile_create();
    int code = compile_guard(own, diff_words, args);
    compile_destroy(own);
    return code == DIFF_SAME || code == DIFF_OTHER ? code : DIFF_TROUBLE;
}
