/* cmd_plot.c - graftc plot: the Graph as a picture, drawn by Graphviz. */
#include "compiler/base/base.h"
#include "compiler/graph/graph_plot.h"
#include "compiler/tool/command.h"
#include "compiler/tool/temporary.h"

#include <errno.h>

const char *plot_format_name(size_t i)
{
    static const char *const names[] = {"dot", "svg", "png", NULL};
    return names[i];
}

/* What --format says; else what the name of the file ends in; else DOT. */
static const char *plot_format(Ctx *ctx, const Args *args)
{
    if (args->format)
        return plot_format_name(word_index(ctx, "FORMAT", args->format));
    const char *ending = args->output ? strrchr(args->output, '.') : NULL;
    for (size_t i = 0; ending && plot_format_name(i); i++)
        if (strcmp(ending + 1, plot_format_name(i)) == 0)
            return plot_format_name(i);
    return plot_format_name(0);
}

/* What Graphviz makes of the DOT. */
static const SourceFile *draw(Ctx *ctx, const Buf *dot, const char *format)
{
    const char *folder = temporary_create(ctx, NULL);
    char *in = arena_printf(ctx->arena, "%s/plot.dot", folder);
    char *out = arena_printf(ctx->arena, "%s/plot.%s", folder, format);
    char *argv[] = {arena_strdup(ctx->arena, "dot"),
                    arena_printf(ctx->arena, "-T%s", format),
                    arena_strdup(ctx->arena, "-o"),
                    out,
                    in,
                    NULL};
    if (!file_write_whole(in, dot->at, dot->n, 0666))
        fatal(ctx, EXIT_FILE, "cannot write %s: %s", in, strerror(errno));
    int status = 0, error = process_run(ctx, &(Process){.argv = argv}, &status);
    if (error == ENOENT)
        fatal(ctx, EXIT_FILE,
              "there is no program `dot` to draw with: install Graphviz, or take --format=dot");
    if (error)
        fatal(ctx, EXIT_FILE, "cannot start dot to draw: %s", strerror(error));
    if (status != 0)
        fatal(ctx, EXIT_FILE, "cannot draw the plot: dot failed");
    const SourceFile *drawn = file_read(ctx, out);
    if (!drawn)
        fatal(ctx, EXIT_FILE, "cannot read %s: %s", out, strerror(errno));
    return drawn;
}

int cmd_plot(Ctx *ctx, const Args *args)
{
    CompileOptions options = command_options(args, args->words.at[0]);
    Compilation done;
    const char *format = plot_format(ctx, args);
    if (!compile(ctx, &options, STAGE_GRAPH, &done))
        return EXIT_SPEC;
    Buf dot = buf_create(ctx->arena);
    graph_plot_dot(ctx, done.graph, args->full, &dot);
    if (strcmp(format, "dot") == 0) {
        command_write(ctx, args, dot.at, dot.n);
        return EXIT_OK;
    }
    const SourceFile *drawn = draw(ctx, &dot, format);
    command_write(ctx, args, drawn->text, drawn->length);
    return EXIT_OK;
}
