/* grt_options.c - the command line: one table of commands, one of options. */
#include "runtime/grt_int.h"

#include <stdlib.h>

typedef struct CommandDesc {
    const char *name, *arguments, *doc;
} CommandDesc;

static const CommandDesc COMMANDS[GRT_N_COMMANDS] = {
    [GRT_TRAIN_COMMAND] = {"train", "", "train the model; results go to runs/NAME"},
    [GRT_EVALUATE_COMMAND] = {"evaluate", "", "loss and accuracy on the test data"},
    [GRT_PREDICT_COMMAND] = {"predict", " FILE...", "class of each image file"},
    [GRT_FEATURES_COMMAND] = {"features", " FILE... --out OUT.npy",
                              "what enters the head, one row an image file, float32"},
    [GRT_INFO_COMMAND] = {"info", "", "what this program is"},
    [GRT_BENCH_COMMAND] = {"bench", "", "time of every step of the plan"},
    [GRT_EXPORT_COMMAND] = {"export", " --out FILE.safetensors", "trained weights as safetensors"},
};

#define IN(command) (1u << GRT_##command##_COMMAND)
#define USES_MODEL (IN(EVALUATE) | IN(PREDICT) | IN(FEATURES) | IN(EXPORT))

typedef enum { FLAG, TEXT, INTEGER } OptionType;
typedef struct OptionDesc {
    const char *name, *argument;
    OptionType type;
    unsigned commands;
    size_t offset;    /* in GrtOptions */
    int64_t min, max; /* of INTEGER */
    const char *doc;
} OptionDesc;

#define AT(field) offsetof(GrtOptions, field)
static const OptionDesc OPTIONS[] = {
    {"train", "PATH", TEXT, IN(TRAIN), AT(train), 0, 0, "training data instead of the spec's"},
    {"test", "PATH", TEXT, IN(TRAIN) | IN(EVALUATE), AT(test), 0, 0,
     "test data instead of the spec's"},
    {"epochs", "N", INTEGER, IN(TRAIN), AT(epochs), 1, 1000000,
     "epochs in all, counting those before --resume"},
    {"out", "PATH", TEXT, IN(TRAIN) | IN(FEATURES) | IN(EXPORT), AT(out), 0, 0,
     "folder (train) or file to write; also -o"},
    {"resume", NULL, FLAG, IN(TRAIN), AT(resume), 0, 0, "go on from the checkpoint in --out"},
    {"seed", "N", INTEGER, IN(TRAIN), AT(seed), INT64_MIN, INT64_MAX,
     "of initial weights, order and dropout"},
    {"cache", "HOW", TEXT, IN(TRAIN), AT(cache), 0, 0,
     "features of frozen layers: auto, off, or a folder to keep them in"},
    {"checkpoint", "FILE", TEXT, USES_MODEL, AT(checkpoint), 0, 0,
     "weights; default runs/NAME/best.safetensors"},
    {"repeat", "N", INTEGER, IN(BENCH), AT(repeat), 1, 1000000, "runs of each phase (20)"},
    {"json", NULL, FLAG, IN(EVALUATE) | IN(PREDICT) | IN(INFO) | IN(BENCH), AT(json), 0, 0,
     "for programs to read"},
    {"threads", "N", INTEGER, ~IN(INFO), AT(threads), 1, 1024,
     "default: the cores this process may use"},
};

/* ---------------------------------------------------------------- help */

static void print_option(const OptionDesc *option)
{
    char text[64];
    snprintf(text, sizeof text, "--%s%s%s", option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
    printf("  %-20s %s\n", text, option->doc);
}

static void print_data_help(const GrtProgram *p)
{
    static const char *const docs[] = {
        "a folder with one sub-folder a class (classes are sorted by name) of .jpg,\n"
        "  .jpeg and .png files",
        "a folder of CIFAR-10's binary batches (data_batch_1.bin .. data_batch_5.bin,\n"
        "  and test_batch.bin for --test), or one such file",
        "a folder with images.npy, uint8 (images, height, width, channels), and\n"
        "  labels.npy, integers from 0"};
    if (p->data_format < GRT_COUNT_OF(docs))
        printf("\nData: %s. Images of another size are resized to %lld x %lld.\n",
               docs[p->data_format], (long long)p->height, (long long)p->width);
}

static _Noreturn void print_help(const GrtProgram *p, const char *argv0, int command)
{
    if (command < 0) {
        printf("%s: a compiled transfer-learning experiment\n\nUsage: %s COMMAND [OPTIONS]\n\n"
               "Commands:\n",
               p->name, argv0);
        for (int c = 0; c < GRT_N_COMMANDS; c++)
            printf("  %-20s %s\n", COMMANDS[c].name, COMMANDS[c].doc);
        printf("\n  --help               this text; COMMAND --help for one command\n"
               "  --version            version of the compiler that made this program\n");
    } else {
        printf("%s %s%s [OPTIONS]: %s\n\nOptions:\n", argv0, COMMANDS[command].name,
               COMMANDS[command].arguments, COMMANDS[command].doc);
        for (size_t i = 0; i < GRT_COUNT_OF(OPTIONS); i++)
            if (OPTIONS[i].commands >> command & 1)
                print_option(&OPTIONS[i]);
    }
    if (command < 0 || command == GRT_TRAIN_COMMAND || command == GRT_EVALUATE_COMMAND)
        print_data_help(p);
    printf("\nExit codes: 0 ok, 1 data wrong, 2 usage, 3 a file cannot be read or written,\n"
           "4 checkpoint does not fit, 5 training failed, 130 or 143 after a signal.\n");
    exit(fflush(stdout) == 0 ? GRT_EXIT_OK : GRT_EXIT_FILE);
}

/* ---------------------------------------------------------------- parsing */

static GrtCommand find_command(const char *name)
{
    const char *names[GRT_N_COMMANDS];
    for (int c = 0; c < GRT_N_COMMANDS; c++) {
        names[c] = COMMANDS[c].name;
        if (strcmp(name, names[c]) == 0)
            return (GrtCommand)c;
    }
    const char *near = grt_nearest(name, names, GRT_N_COMMANDS);
    if (near != NULL)
        grt_die(GRT_EXIT_USAGE, "unknown command '%s', did you mean '%s'?", name, near);
    grt_die(GRT_EXIT_USAGE, "unknown command '%s' (see --help)", name);
}

/* The option of this name (n bytes of it), which the command must take. */
static const OptionDesc *find_option(GrtCommand command, const char *name, size_t n)
{
    const char *names[GRT_COUNT_OF(OPTIONS)];
    char copy[64];
    size_t n_names = 0;
    snprintf(copy, sizeof copy, "%.*s", (int)(n < 63 ? n : 63), name);
    for (size_t i = 0; i < GRT_COUNT_OF(OPTIONS); i++) {
        bool taken = OPTIONS[i].commands >> command & 1;
        if (taken)
            names[n_names++] = OPTIONS[i].name;
        if (strcmp(OPTIONS[i].name, copy) != 0)
            continue;
        if (!taken)
            grt_die(GRT_EXIT_USAGE, "%s takes no --%s (see %s --help)", COMMANDS[command].name,
                    copy, COMMANDS[command].name);
        return &OPTIONS[i];
    }
    const char *near = grt_nearest(copy, names, n_names);
    if (near != NULL)
        grt_die(GRT_EXIT_USAGE, "unknown option --%s, did you mean --%s?", copy, near);
    grt_die(GRT_EXIT_USAGE, "unknown option --%s (see %s --help)", copy, COMMANDS[command].name);
}

static void set_option(const OptionDesc *option, const char *value, GrtOptions *options)
{
    void *at = (char *)options + option->offset;
    switch (option->type) {
    case FLAG:
        *(bool *)at = true;
        break;
    case TEXT:
        if (*value == '\0')
            grt_die(GRT_EXIT_USAGE, "--%s: the %s is empty", option->name, option->argument);
        *(const char **)at = value;
        break;
    case INTEGER:
        if (!grt_parse_int(value, option->min, option->max, at))
            grt_die(GRT_EXIT_USAGE, "--%s: '%s' is no whole number from %lld to %lld", option->name,
                    value, (long long)option->min, (long long)option->max);
        options->has_seed |= option->offset == AT(seed);
    }
}

/* One option at argv[i]; returns the index of the last argument it took. */
static int take_option(GrtCommand command, int argc, char **argv, int i, GrtOptions *options)
{
    const char *name = argv[i] + 2, *equals = strchr(name, '=');
    if (strncmp(argv[i], "-o", 2) == 0) {
        name = "out";
        equals = argv[i][2] ? argv[i] + 1 : NULL; /* -oFILE */
    } else if (argv[i][1] != '-') {
        grt_die(GRT_EXIT_USAGE, "unknown option %s (see %s --help)", argv[i],
                COMMANDS[command].name);
    }
    bool is_short = argv[i][1] != '-';
    size_t n = equals && !is_short ? (size_t)(equals - name) : strlen(name);
    const OptionDesc *option = find_option(command, name, n);
    if (option->type == FLAG && equals != NULL)
        grt_die(GRT_EXIT_USAGE, "--%s takes no value", option->name);
    if (option->type != FLAG && equals == NULL && i + 1 >= argc)
        grt_die(GRT_EXIT_USAGE, "--%s needs a value: %s", option->name, option->argument);
    const char *value = option->type == FLAG ? "" : equals ? equals + 1 : argv[++i];
    set_option(option, value, options);
    return i;
}

GrtCommand grt_options_parse(const GrtProgram *program, int argc, char **argv, GrtOptions *options)
{
    const char *argv0 = argc > 0 ? argv[0] : program->name;
    bool only_files = false;
    *options = (GrtOptions){.epochs = -1, .threads = -1, .repeat = -1};
    if (argc < 2)
        grt_die(GRT_EXIT_USAGE,
                "give a command: train, evaluate, predict, features, info, bench or "
                "export (see --help)");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        print_help(program, argv0, -1);
    if (strcmp(argv[1], "--version") == 0) {
        printf("%s %s %s\n", program->name, program->version, program->target);
        exit(GRT_EXIT_OK);
    }
    GrtCommand command = find_command(argv[1]);
    options->command = COMMANDS[command].name;
    options->files = grt_alloc((size_t)argc, sizeof(char *));
    for (int i = 2; i < argc; i++) {
        if (only_files || argv[i][0] != '-' || argv[i][1] == '\0')
            options->files[options->n_files++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            only_files = true;
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            print_help(program, argv0, (int)command);
        else
            i = take_option(command, argc, argv, i, options);
    }
    if (options->n_files > 0 && command != GRT_PREDICT_COMMAND && command != GRT_FEATURES_COMMAND)
        grt_die(GRT_EXIT_USAGE, "%s takes no argument '%s'", options->command, options->files[0]);
    return command;
}
