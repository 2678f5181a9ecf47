/* main.c - graftc's command line: the table of commands, the table of options, help. */
#include "compiler/base/base.h"
#include "compiler/tool/command.h"
#include "compiler/tool/temporary.h"

#include <errno.h>
#include <stdlib.h>

enum {
    COMPILES = TAKES_SET | TAKES_STRICT | TAKES_NO_NOTES,
    BUILDS = COMPILES | TAKES_TARGET | TAKES_NO_WEIGHTS | TAKES_VERBOSE | TAKES_MEMORY_LIMIT,
};

const Command COMMANDS[] = {
    {"init", cmd_init, TAKES_OUTPUT, 2, 2, "BACKBONE FOLDER",
     "write a commented spec for a folder of images",
     "FOLDER has a folder for each class, or two folders, train and test, that have. The images'\n"
     "sizes and colours are looked at; nothing is asked, and a file that is there is not changed:\n"
     "  graftc init ResNet50 photos -o photos.graft.yaml"},
    {"build", cmd_build, BUILDS | TAKES_OUTPUT, 1, 1, "SPEC",
     "compile a spec to a program that trains, evaluates and predicts",
     "Without -o the program gets the name of the spec, in the working directory. Kernels that an\n"
     "earlier build compiled are taken from the cache of graftc run; the program is the same."},
    {"run", cmd_run, BUILDS | TAKES_REST, 1, 1, "SPEC [-- ARGUMENTS]",
     "build into a cache and run the program",
     "The arguments go to the program; without a command of its own it is told to train:\n"
     "  graftc run a.graft.yaml -- --epochs 3\n"
     "  graftc run a.graft.yaml -- predict cat.png\n"
     "The cache is $XDG_CACHE_HOME/graft, or ~/.cache/graft. A spec that did not change is not built\n"
     "again; of one that did, only the kernels that differ are compiled."},
    {"check", cmd_check, COMPILES | TAKES_WEIGHTS | TAKES_JSON | TAKES_SARIF | TAKES_OUTPUT |
     TAKES_MEMORY_LIMIT, 1, UINT32_MAX, "SPEC...", "report every mistake in the specs",
     "Warnings and notes leave the exit code 0. The comment `# graftc: allow RULE` at the end of\n"
     "a line says that a warning or a note about it is known; `graftc explain RULE` says what it\n"
     "means."},
    {"resolve", cmd_resolve, TAKES_SET | TAKES_ORIGIN | TAKES_OUTPUT, 1, 1, "SPEC",
     "print the whole spec, inherited values and defaults filled in",
     "Paths are written as seen from the folder of SPEC."},
    {"summary", cmd_summary, COMPILES | TAKES_JSON, 1, 1, "SPEC",
     "print the layers: shapes, parameters, what trains, multiply-adds",
     "Live are the multiply-adds without those that meet only padding. Bytes are those of the\n"
     "parameters as float32. Layers that the slice dropped stand at the end."},
    {"plan", cmd_plan,
     COMPILES | TAKES_TARGET | TAKES_VERBOSE | TAKES_JSON | TAKES_MEMORY_LIMIT | TAKES_OUTPUT, 1, 1,
     "SPEC", "print the bill, the steps and the memory of the program",
     "The bill is for the images in the folders of `data`, where they are there to be counted.\n"
     "Each buffer has its offset, its bytes and the steps that it lives in. Weight files are not\n"
     "read; the layers that they are for count as loaded."},
    {"diff", cmd_diff, TAKES_SET | TAKES_TARGET | TAKES_JSON | TAKES_MD | TAKES_OUTPUT, 2, 2, "A B",
     "say what differs between two specs, and what that does",
     "A and B are files, or REV:FILE inside of a git repository. What does not count: order of\n"
     "keys, comments, defaults that are spelled out, other paths to the same file.\n"
     "--set changes both. Exit code: 0 the same, 1 different, 2 trouble."},
    {"compare", cmd_compare, TAKES_SET | TAKES_TARGET | TAKES_JSON | TAKES_MD | TAKES_OUTPUT, 1,
     UINT32_MAX, "SPEC_OR_RUN...",
     "print a table of many specs or runs: what differs, what it costs",
     "A run is a folder that a program's train made, or one with such folders in it:\n"
     "  graftc compare specs/*.graft.yaml\n"
     "  graftc compare runs/"},
    {"plot", cmd_plot, COMPILES | TAKES_OUTPUT | TAKES_FORMAT | TAKES_FULL, 1, 1, "SPEC",
     "draw the layers: what is frozen, what trains, what the slice dropped",
     "Prints DOT, the language of Graphviz; SVG and PNG are drawn by Graphviz's program dot.\n"
     "Without --format the ending of FILE says which:\n"
     "  graftc plot a.graft.yaml -o a.svg\n"
     "Normalisation and activations are drawn with the layer before them, branches that meet\n"
     "again as one block, and equal blocks in a row once."},
    {"emit", cmd_emit, COMPILES | TAKES_TARGET | TAKES_KIND | TAKES_OUTPUT | TAKES_VERBOSE, 1, 1,
     "--kind=KIND SPEC", "print what a stage of the compiler makes",
     "Weight files are not read: the read-only data is left to the linker."},
    {"explain", cmd_explain, 0, 0, 1, "[KEY]",
     "say what a key of the language, a layer or a diagnostic means",
     "KEY: training.batch_size, epochs, Dense, Dense.units, unknown-key"},
    {"schema", cmd_schema, TAKES_OUTPUT, 0, 0, "",
     "print the JSON Schema of the language, for editors", NULL},
    {"docs", cmd_docs, TAKES_OUTPUT, 0, 1, "[PAGE]",
     "print a page of reference or a completion; without PAGE, list them", NULL},
    {"backbones", cmd_backbones, 0, 0, 0, "", "list the backbones that are built in", NULL},
    {"layers", cmd_layers, 0, 1, 2, "BACKBONE [PATTERN]", "list the layers of a backbone",
     "PATTERN is a name with * and ?, as in `frozen`."},
    {"weights", cmd_weights, TAKES_SET | TAKES_FOR, 2, 2, "inspect FILE",
     "list the layers of a weight file", "With --for SPEC: what would match, and by which names."},
    {"git-setup", cmd_git_setup, TAKES_REMOVE, 0, 0, "",
     "let git show specs by meaning and check merged ones",
     "Writes `*.graft.yaml diff=graft merge=graft` into .gitattributes and what that stands for\n"
     "into .git/config. `git diff` then shows graftc diff, `git log -p` and `git show` the resolved\n"
     "specs line by line, and a merge that leaves a broken spec is a conflict."},
    {"git-diff", cmd_git_diff, 0, 1, 9, "PATH OLD_FILE OLD_HEX OLD_MODE NEW_FILE NEW_HEX NEW_MODE",
     "called by git: show what differs in a spec", "See graftc git-setup."},
    {"git-text", cmd_git_text, 0, 1, 1, "FILE", "called by git: print a spec as lines to compare",
     "See graftc git-setup."},
    {"git-merge", cmd_git_merge, 0, 5, 5, "BASE OURS THEIRS MARKER_SIZE PATH",
     "called by git: merge a spec and check it", "See graftc git-setup."},
};
const size_t N_COMMANDS = COUNT_OF(COMMANDS);

const OptionDesc OPTIONS[] = {
    {"output", 'o', "FILE", TAKES_OUTPUT, "write to FILE"},
    {"set", 0, "KEY=VALUE", TAKES_SET, "change a value: training.epochs=3, head[2].Dense.units=64"},
    {"target", 0, "CPU", TAKES_TARGET, "processor to compile for instead of the spec's target.cpu"},
    {"kind", 0, "KIND", TAKES_KIND, "what to print"},
    {"format", 0, "FORMAT", TAKES_FORMAT, "what to write"},
    {"full", 0, NULL, TAKES_FULL, "draw every layer by itself"},
    {"json", 0, NULL, TAKES_JSON, "print JSON"},
    {"sarif", 0, NULL, TAKES_SARIF, "print SARIF 2.1.0, for editors and code review"},
    {"strict", 0, NULL, TAKES_STRICT, "warnings are errors"},
    {"no-notes", 0, NULL, TAKES_NO_NOTES, "do not print notes"},
    {"origin", 0, NULL, TAKES_ORIGIN, "say where each value comes from"},
    {"no-weights", 0, NULL, TAKES_NO_WEIGHTS, "do not read weight files: all start random"},
    {"weights", 0, NULL, TAKES_WEIGHTS, "check that the weight files fit, too"},
    {"for", 0, "SPEC", TAKES_FOR, "match against this spec"},
    {"md", 0, NULL, TAKES_MD, "print Markdown, for a pull request"},
    {"remove", 0, NULL, TAKES_REMOVE, "undo it"},
    {"memory-limit", 0, "SIZE", TAKES_MEMORY_LIMIT,
     "fail if the program needs more memory: 512M, 2G"},
    {"verbose", 'v', NULL, TAKES_VERBOSE, "say how long each stage takes"},
    {"color", 0, "WHEN", TAKES_COLOR, "colours of messages"},
};
const size_t N_OPTIONS = COUNT_OF(OPTIONS);

bool command_takes(const Command *command, const OptionDesc *option)
{
    return option->bit == TAKES_COLOR || command->options & option->bit;
}

/* ------------------------------------------------------------------------------ help */

static void print_help(FILE *out)
{
    fputs("usage: graftc COMMAND ...\n\n"
          "Compiles a transfer-learning experiment in YAML to one native program.\n\n",
          out);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].line);
    fputs("\n  --help     this text; graftc COMMAND --help for one command\n"
          "  --version  version of the compiler\n",
          out);
}

static void print_option_help(Ctx *ctx, const OptionDesc *option)
{
    char text[40];
    int n = snprintf(text, sizeof text, "--%s", option->name);
    if (option->letter)
        n += snprintf(text + n, sizeof text - (size_t)n, ", -%c", option->letter);
    if (option->argument)
        snprintf(text + n, sizeof text - (size_t)n, " %s", option->argument);
    printf("  %-20s %s", text, option->line);
    printf("%s", option_words(ctx, option));
    printf("\n");
}

static void print_command_help(Ctx *ctx, const Command *command)
{
    printf("usage: graftc %s [OPTIONS]%s%s\n\n%c%s.\n", command->name, *command->usage ? " " : "",
           command->usage, command->line[0] & ~0x20, command->line + 1);
    if (command->more)
        printf("%s\n", command->more);
    printf("\n");
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (command_takes(command, &OPTIONS[i]))
            print_option_help(ctx, &OPTIONS[i]);
}

/* --------------------------------------------------------------------------- parsing */

static const Command *find_command(Ctx *ctx, const char *name)
{
    const char *names[COUNT_OF(COMMANDS)];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        names[i] = COMMANDS[i].name;
        if (strcmp(name, names[i]) == 0)
            return &COMMANDS[i];
    }
    const char *near = nearest_name(name, names, N_COMMANDS);
    if (near)
        usage_error(ctx, "unknown command '%s', did you mean '%s'?", name, near);
    usage_error(ctx, "unknown command '%s' (see graftc --help)", name);
}

/* The option with this name of n letters, or with this one letter. */
static const OptionDesc *find_option(Ctx *ctx, const Command *command, const char *name, size_t n,
                                     char letter)
{
    const char *names[COUNT_OF(OPTIONS)];
    size_t n_names = 0;
    for (size_t i = 0; i < COUNT_OF(OPTIONS); i++) {
        const OptionDesc *option = &OPTIONS[i];
        bool same = letter ? option->letter == letter
                           : strlen(option->name) == n && strncmp(option->name, name, n) == 0;
        if (same && command_takes(command, option))
            return option;
        if (command_takes(command, option))
            names[n_names++] = option->name;
    }
    const char *near = letter ? NULL
                              : nearest_name(arena_strndup(ctx->arena, name, n), names, n_names);
    if (near)
        usage_error(ctx, "unknown option --%.*s, did you mean --%s?", (int)n, name, near);
    if (letter)
        usage_error(ctx, "unknown option -%c (see graftc %s --help)", letter, command->name);
    usage_error(ctx, "unknown option --%.*s (see graftc %s --help)", (int)n, name, command->name);
}

static void add_set(Ctx *ctx, Args *args, const char *text)
{
    const char *equal = strchr(text, '=');
    if (!equal || equal == text)
        usage_error(ctx, "--set %s: expected KEY=VALUE", text);
    *arr_push(ctx->arena, &args->sets) =
        (SetOption){arena_strndup(ctx->arena, text, (size_t)(equal - text)), equal + 1};
}

/* Where an option is kept that takes no value; NULL for the others. */
static bool *option_flag(Args *args, uint32_t bit)
{
    switch (bit) {
    case TAKES_FULL:
        return &args->full;
    case TAKES_JSON:
        return &args->json;
    case TAKES_SARIF:
        return &args->sarif;
    case TAKES_STRICT:
        return &args->diag.strict;
    case TAKES_NO_NOTES:
        return &args->diag.no_notes;
    case TAKES_ORIGIN:
        return &args->origin;
    case TAKES_NO_WEIGHTS:
        return &args->no_weights;
    case TAKES_WEIGHTS:
        return &args->weights;
    case TAKES_MD:
        return &args->md;
    case TAKES_REMOVE:
        return &args->remove;
    case TAKES_VERBOSE:
        return &args->verbose;
    default:
        return NULL;
    }
}

static void apply_option(Ctx *ctx, Args *args, const OptionDesc *option, const char *value)
{
    bool *flag = option_flag(args, option->bit);
    if (flag) {
        *flag = true;
        return;
    }
    switch (option->bit) {
    case TAKES_OUTPUT:
        args->output = value;
        break;
    case TAKES_SET:
        add_set(ctx, args, value);
        break;
    case TAKES_TARGET:
        *arr_push(ctx->arena, &args->sets) = (SetOption){"target.cpu", value};
        break;
    case TAKES_KIND:
        args->kind = value;
        break;
    case TAKES_FOR:
        args->for_spec = value;
        break;
    case TAKES_FORMAT:
        args->format = value;
        break;
    case TAKES_MEMORY_LIMIT:
        if (!text_read_bytes(value, &args->memory_limit))
            usage_error(ctx, "--memory-limit %s: expected a size, such as 512M or 2G", value);
        break;
    case TAKES_COLOR:
        args->diag.color = (ColorWhen)word_index(ctx, option->argument, value);
        break;
    default:
        bug("option --%s is not applied", option->name);
    }
}

/* Takes argv[*i] as an option, and argv[*i + 1] as its value where it has one. */
static void take_option(Ctx *ctx, Args *args, char **argv, int *i)
{
    const char *text = argv[*i], *value = NULL;
    const OptionDesc *option;
    if (text[1] == '-') {
        size_t n = strcspn(text + 2, "=");
        option = find_option(ctx, args->command, text + 2, n, 0);
        value = text[2 + n] ? text + 3 + n : NULL;
    } else {
        option = find_option(ctx, args->command, NULL, 0, text[1]);
        value = text[2] ? text + 2 : NULL;
    }
    if (!option->argument && value)
        usage_error(ctx, "--%s takes no value", option->name);
    if (option->argument && !value)
        value = argv[++*i];
    if (option->argument && (!value || !*value))
        usage_error(ctx, "--%s needs a value: %s", option->name, option->argument);
    apply_option(ctx, args, option, value);
}

static void check_words(Ctx *ctx, const Args *args)
{
    const Command *command = args->command;
    if (args->words.n < command->min_words)
        usage_error(ctx, "too few arguments; usage: graftc %s %s", command->name, command->usage);
    if (args->words.n > command->max_words)
        usage_error(ctx, "'%s' is one argument too many; usage: graftc %s %s",
                    args->words.at[command->max_words], command->name, command->usage);
    for (uint32_t i = 0; i < args->words.n; i++)
        if (!*args->words.at[i])
            usage_error(ctx, "an argument is empty; usage: graftc %s %s", command->name,
                        command->usage);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* The arguments behind the command's name; false: help was asked for and printed. */
static bool parse_arguments(Ctx *ctx, char **argv, Args *args)
{
    for (int i = 0; argv[i]; i++) {
        if (is_help(argv[i])) {
            print_command_help(ctx, args->command);
            return false;
        }
        if (strcmp(argv[i], "--") == 0) {
            args->rest = argv + i + 1;
            break;
        }
        if (argv[i][0] == '-' && argv[i][1])
            take_option(ctx, args, argv, &i);
        else
            *arr_push(ctx->arena, &args->words) = argv[i];
    }
    for (; args->rest && *args->rest && !(args->command->options & TAKES_REST); args->rest++)
        *arr_push(ctx->arena, &args->words) = *args->rest;
    check_words(ctx, args);
    return true;
}

/* ------------------------------------------------------------------- for the commands */

CompileOptions command_options(const Args *args, const char *spec_path)
{
    return (CompileOptions){.spec_path = spec_path,
                            .sets = args->sets.at,
                            .n_sets = args->sets.n,
                            .memory_limit = args->memory_limit,
                            .no_weights = args->no_weights};
}

void command_write(Ctx *ctx, const Args *args, const void *bytes, size_t n)
{
    bool written = args->output ? file_write_whole(args->output, bytes, n, 0666)
                                : fwrite(bytes, 1, n, stdout) == n && fflush(stdout) == 0;
    if (!written)
        fatal(ctx, EXIT_FILE, "cannot write %s: %s", args->output ? args->output : "the output",
              strerror(errno));
}

static int run_command(Ctx *ctx, const void *arg)
{
    char **argv = (char **)(uintptr_t)arg;
    Args args = {0};
    if (!argv[0])
        usage_error(ctx, "a command is missing (see graftc --help)");
    if (is_help(argv[0]) || (strcmp(argv[0], "help") == 0 && !argv[1])) {
        print_help(stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[0], "--version") == 0) {
        printf("graftc %s\n", PACKAGE_VERSION);
        return EXIT_OK;
    }
    if (strcmp(argv[0], "help") == 0) {
        print_command_help(ctx, find_command(ctx, argv[1]));
        return EXIT_OK;
    }
    if (argv[0][0] == '-')
        usage_error(ctx, "unknown option %s: a command comes first (see graftc --help)", argv[0]);
    args.command = find_command(ctx, argv[0]);
    if (!parse_arguments(ctx, argv + 1, &args))
        return EXIT_OK;
    ctx->verbose = args.verbose;
    ctx->diag_options = args.diag;
    return args.command->run(ctx, &args);
}

int main(int argc, char **argv)
{
    (void)argc;
    temporary_guard_bugs();
    Ctx *ctx = compile_create();
    int code = compile_guard(ctx, run_command, argv[0] ? argv + 1 : argv);
    compile_destroy(ctx);
    if (fflush(stdout) != 0 && code == EXIT_OK) {
        fprintf(stderr, "graftc: error: cannot write the output: %s\n", strerror(errno));
        code = EXIT_FILE;
    }
    return code;
}
