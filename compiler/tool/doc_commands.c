/* doc_commands.c - what the manual of graftc says: the tables of commands and of options. */
#include "compiler/base/base.h"
#include "compiler/tool/doc.h"

#include <ctype.h>

/* A sentence out of a line that begins small and ends without a stop. */
static const char *sentence(Ctx *ctx, const char *line)
{
    char *text = arena_printf(ctx->arena, "%s.", line);
    text[0] = (char)toupper((unsigned char)text[0]);
    return text;
}

/* The further lines of a command's help: what is indented is code. */
static void put_more(Ctx *ctx, const DocFormat *format, Buf *out, const char *more)
{
    Buf part = buf_create(ctx->arena);
    bool code = false;
    for (const char *line = more; line && *line;) {
        size_t n = strcspn(line, "\n");
        bool indented = strncmp(line, "  ", 2) == 0;
        if (part.n && indented != code) {
            (code ? format->code : format->paragraph)(out, part.at);
            part = buf_create(ctx->arena);
        }
        code = indented;
        if (code)
            buf_printf(&part, "%.*s\n", (int)n - 2, line + 2);
        else
            buf_printf(&part, "%s%.*s", part.n ? "\n" : "", (int)n, line);
        line += n + (line[n] == '\n');
    }
    if (part.n)
        (code ? format->code : format->paragraph)(out, part.at);
}

/* `-o FILE, --output FILE` */
static const char *option_names(Ctx *ctx, const OptionDesc *option)
{
    const char *value = option->argument ? arena_printf(ctx->arena, " %s", option->argument) : "";
    const char *letter =
        option->letter ? arena_printf(ctx->arena, "-%c%s, ", option->letter, value) : "";
    return arena_printf(ctx->arena, "%s--%s%s", letter, option->name, value);
}

/* Which options a command takes, in a line. */
static void put_option_list(Ctx *ctx, const DocFormat *format, Buf *out, const Command *command)
{
    Buf text = buf_create(ctx->arena);
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (command_takes(command, &OPTIONS[i]))
            buf_printf(&text, "%s`--%s`", text.n ? ", " : "Options: ", OPTIONS[i].name);
    buf_puts(&text, ".");
    format->paragraph(out, text.at);
}

static void put_options(Ctx *ctx, const DocFormat *format, Buf *out)
{
    DocEntries entries = {0};
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const char *line =
            arena_printf(ctx->arena, "%s%s", OPTIONS[i].line, option_words(ctx, &OPTIONS[i]));
        *arr_push(ctx->arena, &entries) =
            (DocEntry){.name = option_names(ctx, &OPTIONS[i]), .text = sentence(ctx, line)};
    }
    format->heading(out, "Options");
    format->entries(out, &entries);
}

static void put_fixed(Ctx *ctx, const DocFormat *format, Buf *out, const char *heading,
                      const char *const (*rows)[2], size_t n)
{
    DocEntries entries = {0};
    for (size_t i = 0; i < n; i++)
        *arr_push(ctx->arena, &entries) = (DocEntry){.name = rows[i][0], .text = rows[i][1]};
    format->heading(out, heading);
    format->entries(out, &entries);
}

void doc_commands(Ctx *ctx, const DocFormat *format, Buf *out)
{
    static const char *const codes[][2] = {
        {"0", "All went well."},
        {"1", "The spec or the data is wrong."},
        {"2", "The command line is wrong."},
        {"3", "A file cannot be read or written."},
        {"4", "A weight file does not fit."},
        {"70", "A mistake in graftc itself."},
        {"128 + N", "Signal N ended it."},
    };
    static const char *const variables[][2] = {
        {"NO_COLOR", "Not empty: messages have no colours, unless `--color=always` says so."},
        {"GRAFT_RUNTIME", "Folder of libgrt.a, if it is not the one that was installed."},
        {"XDG_CACHE_HOME", "`graftc run` keeps its programs below it, `graftc build` and `run` their "
                           "compiled kernels; else below ~/.cache."},
    };
    format->title(out, "graftc", 1, "compiler of transfer-learning experiments");
    format->heading(out, "Synopsis");
    format->paragraph(out, "`graftc` COMMAND [OPTIONS] ...");
    format->heading(out, "Description");
    format->paragraph(out, "graftc compiles a transfer-learning experiment, written in YAML as "
                           "graft-spec(5) says, to one native program that trains, evaluates and "
                           "predicts. What the program takes itself, it says with --help.");
    format->paragraph(out,
                      "What is asked for goes to standard output, messages go to standard "
                      "error. An option's value follows it as a word or behind an equals sign.");
    format->heading(out, "Commands");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const Command *command = &COMMANDS[i];
        format->subheading(out, arena_printf(ctx->arena, "graftc %s%s%s", command->name,
                                             *command->usage ? " " : "", command->usage));
        format->paragraph(out, sentence(ctx, command->line));
        put_more(ctx, format, out, command->more);
        put_option_list(ctx, format, out, command);
    }
    put_options(ctx, format, out);
    put_fixed(ctx, format, out, "Exit status", codes, COUNT_OF(codes));
    put_fixed(ctx, format, out, "Environment", variables, COUNT_OF(variables));
    format->heading(out, "See also");
    format->paragraph(out, "`graft-spec(5)`");
}
