/* complete_bash.c - graftc's completion for bash. */
#include "compiler/base/base.h"
#include "compiler/tool/complete.h"
#include "compiler/tool/doc.h"

/* bash takes an equals sign for a word of its own. */
static const char HEAD[] =
    "# graftc.bash - completion of graftc for bash; printed by `graftc docs graftc.bash`.\n"
    "\n"
    "_graftc_words() {\n"
    "    COMPREPLY=($(compgen -W \"$1\" -- \"$cur\"))\n"
    "}\n"
    "\n"
    "# Files, or with a pattern those of a kind, and folders.\n"
    "_graftc_files() {\n"
    "    local IFS=$'\\n'\n"
    "    compopt -o filenames 2> /dev/null\n"
    "    if [ $# -eq 0 ]; then\n"
    "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
    "    else\n"
    "        COMPREPLY=($(compgen -d -- \"$cur\") $(compgen -f -X \"!$1\" -- \"$cur\"))\n"
    "    fi\n"
    "}\n";

static const char TAIL[] =
    "\n"
    "_graftc() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} value=\n"
    "    local command=${COMP_WORDS[1]} n=0 i\n"
    "    COMPREPLY=()\n"
    "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "        _graftc_words \"$_graftc_commands\"\n"
    "        return\n"
    "    fi\n"
    "    # --option=value, and --set key=value, come in parts\n"
    "    if [ \"$cur\" = = ]; then\n"
    "        cur=\n"
    "    elif [ \"$prev\" = = ]; then\n"
    "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    else\n"
    "        value=no\n"
    "    fi\n"
    "    if [ -z \"$value\" ] && [ \"${prev#-}\" = \"$prev\" ]; then\n"
    "        _graftc_value \"$prev\"\n"
    "        return\n"
    "    fi\n"
    "    _graftc_argument \"$prev\" && return\n"
    "    case $cur in\n"
    "    -*)\n"
    "        _graftc_options \"$command\"\n"
    "        return\n"
    "        ;;\n"
    "    esac\n"
    "    # how many words stand before this one that are neither options nor their arguments\n"
    "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        --) return ;;\n"
    "        -*)\n"
    "            if [ \"${COMP_WORDS[i + 1]}\" = = ]; then\n"
    "                ((i += 2))\n"
    "            elif _graftc_takes \"${COMP_WORDS[i]}\"; then\n"
    "                ((i++))\n"
    "            fi\n"
    "            ;;\n"
    "        =) ((i++)) ;;\n"
    "        *) ((n++)) ;;\n"
    "        esac\n"
    "    done\n"
    "    _graftc_word \"$command $n\"\n"
    "}\n"
    "\n"
    "complete -F _graftc graftc\n";

static void put_commands(Buf *out)
{
    buf_puts(out, "\n_graftc_commands='");
    for (size_t i = 0; i < N_COMMANDS; i++)
        buf_printf(out, "%s ", COMMANDS[i].name);
    buf_puts(out, "help --help --version'\n");
}

/* What completes a word of the usage. */
static void put_action(Ctx *ctx, Buf *out, const UsageWord *word)
{
    const char *choices = usage_choices(ctx, word);
    if (choices)
        buf_printf(out, "_graftc_words '%s'", choices);
    else if (strcmp(word->text, "SPEC") == 0)
        buf_puts(out, "_graftc_files '*.yaml'");
    else if (strcmp(word->text, "FILE") == 0)
        buf_puts(out, "_graftc_files");
    else
        buf_puts(out, ":");
}

static void put_values(Ctx *ctx, Buf *out)
{
    KeyWordRows rows = key_words(ctx);
    buf_puts(out, "\n# Values of a key.\n_graftc_value() {\n    case $1 in\n");
    for (uint32_t i = 0; i < rows.n; i++)
        buf_printf(out, "    %s) _graftc_words '%s' ;;\n", rows.at[i].path, rows.at[i].words);
    buf_puts(out, "    esac\n}\n");
}

static void put_option_names(Buf *out, const OptionDesc *option)
{
    if (option->letter)
        buf_printf(out, "-%c | ", option->letter);
    buf_printf(out, "--%s", option->name);
}

static void put_arguments(Ctx *ctx, Buf *out)
{
    buf_puts(out, "\n# The argument of an option; false when it takes none.\n"
                  "_graftc_argument() {\n    case $1 in\n");
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const OptionDesc *option = &OPTIONS[i];
        if (!option->argument)
            continue;
        buf_puts(out, "    ");
        put_option_names(out, option);
        buf_puts(out, ") ");
        if (option->bit == TAKES_SET)
            buf_printf(out, "compopt -o nospace 2> /dev/null\n        _graftc_words '%s'",
                       set_paths(ctx));
        else
            put_action(ctx, out, &(UsageWord){option->argument, false});
        buf_puts(out, " ;;\n");
    }
    buf_puts(out, "    *) return 1 ;;\n    esac\n}\n"
                  "\n# Whether an option takes an argument.\n"
                  "_graftc_takes() {\n    case $1 in\n    ");
    const char *between = "";
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (!OPTIONS[i].argument)
            continue;
        buf_puts(out, between);
        put_option_names(out, &OPTIONS[i]);
        between = " | ";
    }
    buf_puts(out, ") return 0 ;;\n    *) return 1 ;;\n    esac\n}\n");
}

static void put_options(Buf *out)
{
    buf_puts(out, "\n# Options of a command.\n_graftc_options() {\n    case $1 in\n");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        buf_printf(out, "    %s) _graftc_words '", COMMANDS[i].name);
        for (size_t k = 0; k < N_OPTIONS; k++)
            if (command_takes(&COMMANDS[i], &OPTIONS[k]))
                buf_printf(out, "--%s ", OPTIONS[k].name);
        buf_puts(out, "--help' ;;\n");
    }
    buf_puts(out, "    esac\n}\n");
}

static void put_words(Ctx *ctx, Buf *out)
{
    buf_puts(out, "\n# A command's word, counted from 0.\n_graftc_word() {\n    case $1 in\n"
                  "    'help 0') _graftc_words \"$_graftc_commands\" ;;\n");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        UsageWords words = usage_words(ctx, COMMANDS[i].usage);
        for (uint32_t k = 0; k < words.n; k++) {
            buf_printf(out, words.at[k].repeats ? "    '%s '*) " : "    '%s %u') ",
                       COMMANDS[i].name, k);
            put_action(ctx, out, &words.at[k]);
            buf_puts(out, " ;;\n");
        }
    }
    buf_puts(out, "    esac\n}\n");
}

void doc_bash(Ctx *ctx, Buf *out)
{
    buf_puts(out, HEAD);
    put_commands(out);
    put_values(ctx, out);
    put_arguments(ctx, out);
    put_options(out);
    put_words(ctx, out);
    buf_puts(out, TAIL);
}
