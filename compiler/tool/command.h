/* command.h - the commands of graftc: one table, one function each. */
#ifndef GRAFT_COMMAND_H
#define GRAFT_COMMAND_H

#include "compiler/tool/compile.h"

/* Options that a command takes. */
enum {
    TAKES_OUTPUT = 1,
    TAKES_SET = 2,
    TAKES_TARGET = 4,
    TAKES_KIND = 8,
    TAKES_JSON = 16,
    TAKES_ORIGIN = 32,
    TAKES_NO_WEIGHTS = 64,
    TAKES_WEIGHTS = 128,
    TAKES_FOR = 256,
    TAKES_VERBOSE = 512,
    TAKES_REST = 1024, /* what stands behind -- is for somebody else */
    TAKES_COLOR = 2048, /* every command does */
    TAKES_STRICT = 4096,
    TAKES_NO_NOTES = 8192,
    TAKES_SARIF = 16384,
    TAKES_MD = 32768,
    TAKES_REMOVE = 65536,
    TAKES_FORMAT = 131072,
    TAKES_FULL = 262144,
    TAKES_MEMORY_LIMIT = 524288,
};

typedef struct Args {
    const struct Command *command;
    ARR(const char *) words; /* what is no option */
    ARR(SetOption) sets;
    const char *output, *kind, *for_spec, *format; /* NULL: not given */
    bool json, sarif, origin, no_weights, weights, verbose, md, remove, full;
    uint64_t memory_limit; /* bytes; 0: none */
    DiagOptions diag;
    char **rest; /* NULL-terminated, NULL when there is no -- */
} Args;

typedef struct Command {
    const char *name;
    int (*run)(Ctx *ctx, const Args *args); /* exit code */
    uint32_t options;
    uint32_t min_words, max_words;
    const char *usage; /* words and what they are */
    const char *line;
    const char *more; /* further lines of its help, or NULL */
} Command;

extern const Command COMMANDS[];
extern const size_t N_COMMANDS;

typedef struct OptionDesc {
    const char *name;
    char letter;           /* 0: none */
    const char *argument;  /* NULL: takes none */
    uint32_t bit;
    const char *line;
} OptionDesc;

extern const OptionDesc OPTIONS[];
extern const size_t N_OPTIONS;
bool command_takes(const Command *command, const OptionDesc *option);

/* What may stand where a usage or an option says this word (KIND, BACKBONE): NULL-terminated; NULL
 * for a word that stands for anything else (words.c). */
const char *const *words_of(Ctx *ctx, const char *placeholder);
/* Those of an option's argument in brackets, with a blank before; "" when there are none. */
const char *option_words(Ctx *ctx, const OptionDesc *option);
/* Index of the text among them; usage_error with the nearest when it is not there. */
size_t word_index(Ctx *ctx, const char *placeholder, const char *text);
/* Name of the i-th kind of graftc emit, page of graftc docs, format of graftc plot; NULL behind the
 * last. */
const char *emit_kind_name(size_t i);
const char *docs_page_name(size_t i);
const char *plot_format_name(size_t i);

/* Options of the compiler for the spec at a path. */
CompileOptions command_options(const Args *args, const char *spec_path);
/* To the file of --output, or to standard output. fatal(EXIT_FILE) on failure. */
void command_write(Ctx *ctx, const Args *args, const void *bytes, size_t n);
/* A mistake in the command line: fatal(EXIT_USAGE). */
#define usage_error(ctx, ...) fatal((ctx), EXIT_USAGE, __VA_ARGS__)

int cmd_build(Ctx *ctx, const Args *args);
int cmd_run(Ctx *ctx, const Args *args);
int cmd_check(Ctx *ctx, const Args *args);
int cmd_resolve(Ctx *ctx, const Args *args);
int cmd_summary(Ctx *ctx, const Args *args);
int cmd_init(Ctx *ctx, const Args *args);
int cmd_plan(Ctx *ctx, const Args *args);
int cmd_plot(Ctx *ctx, const Args *args);
int cmd_emit(Ctx *ctx, const Args *args);
int cmd_explain(Ctx *ctx, const Args *args);
int cmd_schema(Ctx *ctx, const Args *args);
int cmd_docs(Ctx *ctx, const Args *args);
int cmd_backbones(Ctx *ctx, const Args *args);
int cmd_layers(Ctx *ctx, const Args *args);
int cmd_weights(Ctx *ctx, const Args *args);
int cmd_diff(Ctx *ctx, const Args *args);
int cmd_compare(Ctx *ctx, const Args *args);
int cmd_git_setup(Ctx *ctx, const Args *args);
int cmd_git_diff(Ctx *ctx, const Args *args);
int cmd_git_text(Ctx *ctx, const Args *args);
int cmd_git_merge(Ctx *ctx, const Args *args);

#endif
