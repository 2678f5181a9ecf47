/* fuzz_input.c - one input through the front end: files, Spec, Graph, Plan, with all verifiers, and
 * what has to hold for what they print. */
#include "compiler/base/base.h"
#include "compiler/graph/graph_summary.h"
#include "compiler/plan/plan_bill.h"
#include "compiler/tool/compile.h"
#include "compiler/tool/plan_json.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <unistd.h>

/* The sanitizer, which has an allocator of its own; NULL in other builds. */
#pragma weak __sanitizer_get_current_allocated_bytes
size_t __sanitizer_get_current_allocated_bytes(void);

bool fuzz_is_sanitized(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL;
}

/* The C library's own allocator counts what it keeps for later as in use: nothing to go by. */
static size_t allocated_bytes(void)
{
    return fuzz_is_sanitized() ? __sanitizer_get_current_allocated_bytes() : 0;
}

static const char *const FILES[] = {"spec.yaml", "base.yaml", "other.yaml", "net.yaml"};

enum {
    SPEC = 0,
    NET = 3,
    N_FILES = COUNT_OF(FILES),
    MAX_SETS = 8,
    LEFT_BY_LLVM = 1024,    /* bytes; the smallest block of an arena is larger */
    MAX_PLAN_LAYERS = 1000, /* planned are graphs up to this size */
    MAX_PLAN_VALUES = 1 << 21
};

static const char NET_SPEC[] =
    "graft: 1\n"
    "input: {shape: [32, 32, 3]}\n"
    "backbone: {name: ./net.yaml, weights: random, frozen: [unfreeze_last: 1]}\n"
    "head: [Flatten, Dense: {units: 3, activation: softmax}]\n"
    "training: {loss: categorical_crossentropy}\n";

/* One input, taken apart. */
typedef struct Input {
    const FuzzPlace *place;
    const char *spec; /* path */
    Buf files[N_FILES];
    bool present[N_FILES];
    SetOption sets[MAX_SETS];
    uint32_t n_sets;
    FuzzResult result;
} Input;

/* ------------------------------------------------------------------------- folder */

void fuzz_place_create(FuzzPlace *place)
{
    const char *where = getenv("TMPDIR");
    snprintf(place->folder, sizeof place->folder, "%s/graft-fuzz-XXXXXX", where ? where : "/tmp");
    place->messages = fopen("/dev/null", "w");
    if (!mkdtemp(place->folder) || !place->messages) {
        perror(place->folder);
        exit(EXIT_FILE);
    }
}

static void file_path(const FuzzPlace *place, const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", place->folder, name);
}

void fuzz_place_remove(FuzzPlace *place)
{
    char path[512];
    for (uint32_t i = 0; i < N_FILES; i++) {
        file_path(place, FILES[i], path, sizeof path);
        unlink(path);
    }
    rmdir(place->folder);
    fclose(place->messages);
}

static void write_file(const FuzzPlace *place, const char *name, const char *bytes, size_t n)
{
    char path[512];
    file_path(place, name, path, sizeof path);
    FILE *file = fopen(path, "w");
    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FILE);
    }
}

static void write_files(const Input *in)
{
    char path[512];
    for (uint32_t i = 0; i < N_FILES; i++) {
        file_path(in->place, FILES[i], path, sizeof path);
        if (in->present[i])
            write_file(in->place, FILES[i], in->files[i].at, in->files[i].n);
        else
            unlink(path);
    }
}

/* ---------------------------------------------------------------------- taking apart */

/* Index of the file that the line begins, -1 when it begins none. */
static int begins_file(const char *line, size_t n)
{
    static const char mark[] = "#@ file ";
    size_t length = strlen(mark);
    if (n < length || memcmp(line, mark, length) != 0)
        return -1;
    for (int i = 0; i < N_FILES; i++)
        if (n - length == strlen(FILES[i]) && memcmp(line + length, FILES[i], n - length) == 0)
            return i;
    return -1;
}

/* Adds the option when the line is one. */
static bool is_set(Ctx *ctx, Input *in, const char *line, size_t n)
{
    static const char mark[] = "#@ set ";
    size_t length = strlen(mark);
    const char *equals = n > length ? memchr(line + length, '=', n - length) : NULL;
    if (!equals || memcmp(line, mark, length) != 0 || in->n_sets == MAX_SETS)
        return false;
    const char *path = line + length;
    in->sets[in->n_sets++] = (SetOption){
        .path = arena_strndup(ctx->arena, path, (size_t)(equals - path)),
        .value = arena_strndup(ctx->arena, equals + 1, (size_t)(line + n - equals - 1))};
    return true;
}

/* Whether the input begins with a backbone file. */
static bool begins_with_net(const char *bytes, size_t n)
{
    static const char mark[] = "\nlayers:", file[] = "\n#@ file ";
    const char *at = memmem(bytes, n, mark, strlen(mark));
    const char *end = memmem(bytes, n, file, strlen(file));
    return (n >= strlen(mark) && memcmp(bytes, mark + 1, strlen(mark) - 1) == 0) ||
           (at && (!end || at < end));
}

static void take_apart(Ctx *ctx, Input *in, const char *bytes, size_t n)
{
    for (int i = 0; i < N_FILES; i++) {
        in->files[i] = buf_create(ctx->arena);
        buf_add(&in->files[i], "", 0);
    }
    int current = begins_with_net(bytes, n) ? NET : SPEC;
    for (const char *at = bytes, *end = bytes + n; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);
        int file = begins_file(at, length);
        if (file >= 0)
            current = file;
        else if (!is_set(ctx, in, at, length))
            buf_add(&in->files[current], at, length + (newline != NULL));
        in->present[current] = true;
        at += length + (newline != NULL);
    }
    if (!in->files[SPEC].n && in->present[NET])
        buf_puts(&in->files[SPEC], NET_SPEC);
    in->present[SPEC] = true;
}

/* -------------------------------------------------------------------------- stages */

static SourceFile *text_file(Ctx *ctx, const char *text)
{
    SourceFile *file = arena_new(ctx->arena, SourceFile);
    *file = (SourceFile){"printed", text, strlen(text)};
    return file;
}

/* A tree is printed as YAML that is the same tree. */
static void check_tree(Ctx *ctx, const YNode *tree)
{
    Buf first = buf_create(ctx->arena), second = buf_create(ctx->arena);
    ytree_print(tree, &first);
    uint32_t errors = ctx->n_errors;
    YNode *again = ytree_parse(ctx, text_file(ctx, first.at));
    if (!again || ctx->n_errors != errors)
        bug("the printed tree cannot be read:\n%s", first.at);
    ytree_print(again, &second);
    if (strcmp(first.at, second.at) != 0)
        bug("the printed tree is another one:\n%s\nis read as\n%s", first.at, second.at);
}

/* The canonical text is a spec, and the same one. */
static void check_canonical(Ctx *ctx, const Input *in, const Spec *spec)
{
    write_file(in->place, FILES[SPEC], spec->canonical, strlen(spec->canonical));
    const Spec *again = spec_read(ctx, in->spec, NULL, 0);
    if (!again)
        bug("the canonical spec cannot be read:\n%s", spec->canonical);
    if (strcmp(again->canonical, spec->canonical) != 0)
        bug("the canonical spec is another one:\n%s\nis read as\n%s", spec->canonical,
            again->canonical);
}

static bool is_affordable(const Graph *graph)
{
    int64_t values = 0;
    for (uint32_t i = 0; i < graph->nodes.n; i++)
        for (uint32_t k = 0; k < graph->nodes.at[i].params.n; k++)
            if (!graph->nodes.at[i].trainable)
                values += param_size(&graph->nodes.at[i].params.at[k]);
    return graph->nodes.n <= MAX_PLAN_LAYERS && values <= MAX_PLAN_VALUES;
}

/* A processor for the input: they differ by the width and number of their registers. */
static Target some_target(const Input *in)
{
    static const Target targets[] = {
        {.cpu = "x86-64-v2", .lanes = 4, .registers = 16},
        {.cpu = "x86-64-v3", .lanes = 8, .registers = 16},
        {.cpu = "x86-64-v4", .lanes = 16, .registers = 32},
    };
    return targets[in->files[SPEC].n % COUNT_OF(targets)];
}

/* The bill of a Plan adds up, for some number of images or for none that is known. */
static void check_bill(Ctx *ctx, const Plan *plan, int64_t n_images)
{
    Bill bill = plan_bill(plan, n_images, n_images / 2);
    check_bug(bill.weights <= bill.block && bill.io <= bill.block && bill.scratch <= bill.block);
    check_bug(bill.weights + bill.io + bill.scratch == bill.block);
    check_bug(bill.epoch_seconds >= 0 && bill.features_seconds >= 0);
    for (int p = 0; p < GRT_N_PHASES; p++) {
        uint32_t step;
        check_bug(plan_peak(plan, p, &step) <= bill.scratch);
    }
    plan_check_memory(ctx, plan, bill.block + bill.constants);
    Buf text = buf_create(ctx->arena);
    plan_bill_print(plan, &bill, &text);
    plan_json(plan, &bill, &text);
}

/* The Plan holds, and what is said of it without values is what it is with them. */
static void check_plan(Ctx *ctx, const Input *in, const Graph *graph)
{
    Plan *plan = plan_build(ctx, graph, some_target(in));
    Plan *sizes = plan_sizes(ctx, graph, some_target(in));
    plan_verify(plan);
    plan_verify(sizes);
    Buf first = buf_create(ctx->arena), second = buf_create(ctx->arena);
    plan_print(plan, &first);
    plan_print(sizes, &second);
    if (strcmp(first.at, second.at) != 0)
        bug("without values the plan is another one:\n%s\nand not\n%s", second.at, first.at);
    check_bill(ctx, plan, in->files[SPEC].n % 3 ? (int64_t)in->files[SPEC].n : -1);
}

static int stages(Ctx *ctx, const void *arg)
{
    Input *in = *(Input *const *)arg;
    CompileOptions options = {
        .spec_path = in->spec, .sets = in->sets, .n_sets = in->n_sets, .no_weights = true};
    Compilation done;
    Buf text = buf_create(ctx->arena);
    bool good = compile(ctx, &options, STAGE_WEIGHTS, &done);
    diag_print_all(ctx, in->place->messages, in->files[SPEC].n % 2);
    if (!good) {
        in->result = done.spec ? FUZZ_SPEC : FUZZ_REFUSED;
        check_bug(ctx->n_errors > 0);
        return EXIT_SPEC;
    }
    in->result = FUZZ_GRAPH;
    check_bug(ctx->n_errors == 0);
    check_tree(ctx, done.spec->tree);
    spec_with_origins(ctx, done.spec);
    graph_print(done.graph, &text);
    graph_summary(done.graph, &text);
    graph_summary_json(done.graph, &text);
    if (is_affordable(done.graph)) {
        check_plan(ctx, in, done.graph);
        in->result = FUZZ_PLAN;
    }
    if (!in->n_sets) /* their paths are relative to another folder */
        check_canonical(ctx, in, done.spec);
    check_bug(ctx->n_errors == 0);
    return EXIT_OK;
}

/* Runs the input once: the bytes of memory that are left over. */
static size_t run_once(const FuzzPlace *place, const char *bytes, size_t n, FuzzResult *result)
{
    size_t before = allocated_bytes();
    char path[512];
    file_path(place, FILES[SPEC], path, sizeof path);
    Input input = {.place = place, .spec = path}, *in = &input;
    Ctx *ctx = compile_create();
    take_apart(ctx, in, bytes, n);
    write_files(in);
    compile_run(ctx, stages, &in);
    compile_destroy(ctx);
    *result = in->result;
    return allocated_bytes() > before ? allocated_bytes() - before : 0;
}

FuzzResult fuzz_run(const FuzzPlace *place, const char *bytes, size_t n)
{
    FuzzResult result;
    /* LLVM and the C library keep what they make on first use; and LLVM, each time, a few types */
    if (run_once(place, bytes, n, &result) == 0)
        return result;
    size_t left = run_once(place, bytes, n, &result);
    if (left > LEFT_BY_LLVM)
        bug("%zu bytes of memory are left over", left);
    return result;
}
