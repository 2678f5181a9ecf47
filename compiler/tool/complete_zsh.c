/* complete_zsh.c - graftc's completion for zsh. */
#include "compiler/base/base.h"
#include "compiler/tool/complete.h"
#include "compiler/tool/doc.h"

static const char HEAD[] =
    "#compdef graftc\n"
    "# _graftc - completion of graftc for zsh; printed by `graftc docs _graftc`.\n";

/* Text within single quotes; in the descriptions of _arguments brackets and colons mean something.
 */
static void put_quoted(Buf *out, const char *text, const char *special)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\'')
            buf_puts(out, "'\\''");
        else
            buf_printf(out, strchr(special, *c) ? "\\%c" : "%c", *c);
    }
}

static void put_values(Ctx *ctx, Buf *out)
{
    KeyWordRows rows = key_words(ctx);
    buf_puts(out, "\n# A key, an equals sign, and a value.\n"
                  "_graftc_set() {\n"
                  "    local -a words\n"
                  "    if ! compset -P '*='; then\n"
                  "        words=(");
    buf_printf(out, "%s)\n        compadd -S = -a words\n        return\n    fi\n", set_paths(ctx));
    buf_puts(out, "    case ${${IPREFIX%=}##*=} in\n");
    for (uint32_t i = 0; i < rows.n; i++)
        buf_printf(out, "    %s) words=(%s) ;;\n", rows.at[i].path, rows.at[i].words);
    buf_puts(out, "    esac\n    compadd -a words\n}\n");
}

/* What completes a word of the usage, as _arguments has it: message and action. */
static void put_action(Ctx *ctx, Buf *out, const UsageWord *word)
{
    const char *choices = usage_choices(ctx, word);
    buf_printf(out, ":%s:", choices && !words_of(ctx, word->text) ? "word" : word->text);
    if (choices)
        buf_printf(out, "(%s)", choices);
    else if (strcmp(word->text, "SPEC") == 0)
        buf_puts(out, "_files -g \"*.yaml\"");
    else if (strcmp(word->text, "FILE") == 0)
        buf_puts(out, "_files");
    else if (strcmp(word->text, "KEY=VALUE") == 0)
        buf_puts(out, "_graftc_set");
    else
        buf_puts(out, " ");
}

static void put_option(Ctx *ctx, Buf *out, const OptionDesc *option)
{
    const char *equal = option->argument ? "=" : "";
    buf_puts(out, " \\\n            ");
    if (option->letter)
        buf_printf(out, "'(--%s -%c)'{--%s%s,-%c%s}'[", option->name, option->letter, option->name,
                   equal, option->letter, option->argument ? "+" : "");
    else
        buf_printf(out, "'%s--%s%s[", option->bit == TAKES_SET ? "*" : "", option->name, equal);
    put_quoted(out, option->line, "[]:");
    buf_puts(out, "]");
    if (option->argument)
        put_action(ctx, out, &(UsageWord){option->argument, false});
    buf_puts(out, "'");
}

static void put_command(Ctx *ctx, Buf *out, const Command *command)
{
    UsageWords words = usage_words(ctx, command->usage);
    buf_printf(out, "    %s)\n        _arguments", command->name);
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (command_takes(command, &OPTIONS[i]))
            put_option(ctx, out, &OPTIONS[i]);
    buf_puts(out, " \\\n            '--help[print the help of the command]'");
    for (uint32_t i = 0; i < words.n; i++) {
        if (words.at[i].repeats)
            buf_puts(out, " \\\n            '*");
        else
            buf_printf(out, " \\\n            '%u", i + 1);
        put_action(ctx, out, &words.at[i]);
        buf_puts(out, "'");
    }
    buf_puts(out, "\n        ;;\n");
}

void doc_zsh(Ctx *ctx, Buf *out)
{
    buf_puts(out, HEAD);
    put_values(ctx, out);
    buf_puts(out, "\n_graftc() {\n    local -a commands\n    commands=(\n");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        buf_printf(out, "        '%s:", COMMANDS[i].name);
        put_quoted(out, COMMANDS[i].line, ":");
        buf_puts(out, "'\n");
    }
    buf_puts(out, "        'help:print the help of a command'\n    )\n"
                  "    if ((CURRENT == 2)); then\n"
                  "        _describe -t commands command commands\n"
                  "        return\n"
                  "    fi\n"
                  "    shift words\n"
                  "    ((CURRENT--))\n"
                  "    case $words[1] in\n"
                  "    help) _describe -t commands command commands ;;\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        put_command(ctx, out, &COMMANDS[i]);
    buf_puts(out, "    esac\n}\n\n_graftc \"$@\"\n");
}
