/* fuzz_main.c - runs a fuzzer for a number of inputs or seconds.
 *
 *   fuzz bytes|grammar [--seed N] [--seconds S] [--runs N] [--dict FILE] [FILE...]
 *   fuzz print bytes|grammar --seed N --run K [--dict FILE] [FILE...]    the input of one run
 *   fuzz run FILE...                                                     these inputs, as they are
 *
 * The inputs are run in a child. When it dies, the input is written to fuzz-KIND-SEED-RUN.yaml and
 * the exit code is 1. An input depends on the seed, its number and the files alone. */
#include "compiler/base/base.h"
#include "compiler/tool/compile.h"
#include "tests/fuzz/fuzz.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_SECONDS = 20 }; /* of processor time */

static const double MADE = 0.5; /* share of the inputs to be changed that the grammar made */

typedef struct Fuzz {
    bool grammar;
    uint64_t seed, runs, run;
    double seconds;
    Ctx *ctx; /* of the corpus */
    Corpus corpus;
    FuzzPlace place;
} Fuzz;

/* What the child tells the parent. */
typedef struct Progress {
    uint64_t run, results[FUZZ_N_RESULTS];
} Progress;

/* Of the address sanitizer, where there is one. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "hard_rss_limit_mb=4096:max_allocation_size_mb=3072:detect_leaks=0:"
           "quarantine_size_mb=16";
}

static void limit_memory(void)
{
    struct rlimit limit = {(rlim_t)4 << 30, (rlim_t)4 << 30};
    if (!fuzz_is_sanitized()) /* which takes all addresses and has a limit of its own */
        setrlimit(RLIMIT_AS, &limit);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static Buf make_input(const Fuzz *fuzz, Ctx *ctx, uint64_t run)
{
    Random r = random_stream(fuzz->seed, run);
    Buf input = buf_create(ctx->arena);
    if (fuzz->grammar || random_chance(&r, MADE))
        fuzz_from_grammar(&r, ctx, &input);
    else if (fuzz->corpus.inputs.n)
        corpus_pick(&r, &fuzz->corpus, &input);
    if (!fuzz->grammar)
        fuzz_mutate(&r, &fuzz->corpus, &input);
    return input;
}

/* ------------------------------------------------------------------------ running */

/* An input that takes too long ends the child. */
static void start_clock(void)
{
    struct itimerval limit = {.it_value.tv_sec = INPUT_SECONDS};
    setitimer(ITIMER_PROF, &limit, NULL);
}

static void run_all(const Fuzz *fuzz, Progress *progress)
{
    limit_memory();
    for (double end = now() + fuzz->seconds; progress->run < fuzz->runs && now() < end;
         progress->run++) {
        start_clock();
        Ctx *ctx = compile_create();
        Buf input = make_input(fuzz, ctx, progress->run);
        progress->results[fuzz_run(&fuzz->place, input.at, input.n)]++;
        compile_destroy(ctx);
    }
}

static int report_failure(const Fuzz *fuzz, const Progress *progress, int status)
{
    const char *kind = fuzz->grammar ? "grammar" : "bytes";
    const char *path = arena_printf(fuzz->ctx->arena, "fuzz-%s-%" PRIu64 "-%" PRIu64 ".yaml", kind,
                                    fuzz->seed, progress->run);
    Buf input = make_input(fuzz, fuzz->ctx, progress->run);
    file_write_whole(path, input.at, input.n, 0644);
    if (WIFSIGNALED(status))
        printf("died of signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        printf("ended with exit code %d", WEXITSTATUS(status));
    printf(": fuzz %s --seed %" PRIu64 ", run %" PRIu64 "; the input is in %s\n", kind, fuzz->seed,
           progress->run, path);
    return EXIT_FAILURE;
}

static int run_in_child(Fuzz *fuzz)
{
    Progress *progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED)
        return EXIT_FILE;
    int status = 0;
    double start = now();
    fuzz_place_create(&fuzz->place);
    pid_t child = fork();
    if (child == 0) {
        run_all(fuzz, progress);
        exit(EXIT_SUCCESS);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        status = EXIT_FILE << 8;
    fuzz_place_remove(&fuzz->place);
    printf("%" PRIu64 " inputs in %.1f s: %" PRIu64 " refused, %" PRIu64 " specs, %" PRIu64
           " graphs, %" PRIu64 " plans\n",
           progress->run, now() - start, progress->results[FUZZ_REFUSED],
           progress->results[FUZZ_SPEC], progress->results[FUZZ_GRAPH],
           progress->results[FUZZ_PLAN]);
    return status ? report_failure(fuzz, progress, status) : EXIT_SUCCESS;
}

/* --------------------------------------------------------------------- command line */

static int print_input(const Fuzz *fuzz)
{
    Buf input = make_input(fuzz, fuzz->ctx, fuzz->run);
    fwrite(input.at, 1, input.n, stdout);
    return EXIT_SUCCESS;
}

/* The inputs as they are, with their diagnostics, in this process: for a debugger. */
static int run_files(Fuzz *fuzz)
{
    fuzz_place_create(&fuzz->place);
    fclose(fuzz->place.messages);
    fuzz->place.messages = stderr;
    limit_memory();
    for (uint32_t i = 0; i < fuzz->corpus.inputs.n; i++) {
        start_clock();
        fuzz_run(&fuzz->place, fuzz->corpus.inputs.at[i].at, fuzz->corpus.inputs.at[i].n);
    }
    fuzz_place_remove(&fuzz->place);
    return EXIT_SUCCESS;
}

static int usage(void)
{
    fputs("usage: fuzz [print] bytes|grammar [--seed N] [--seconds S] [--runs N] [--run K]\n"
          "            [--dict FILE] [FILE...]\n"
          "       fuzz run FILE...\n",
          stderr);
    return EXIT_USAGE;
}

static const SourceFile *read_or_die(Ctx *ctx, const char *path)
{
    const SourceFile *file = file_read(ctx, path);
    if (!file) {
        perror(path);
        exit(EXIT_FILE);
    }
    return file;
}

static bool read_arguments(Fuzz *fuzz, char **argv)
{
    for (; *argv; argv++) {
        const char *value = argv[1];
        if ((*argv)[0] != '-') {
            corpus_add_input(fuzz->ctx, &fuzz->corpus, read_or_die(fuzz->ctx, *argv));
            continue;
        }
        if (!value)
            return false;
        if (!strcmp(*argv, "--seed"))
            fuzz->seed = strtoull(value, NULL, 10);
        else if (!strcmp(*argv, "--runs"))
            fuzz->runs = strtoull(value, NULL, 10);
        else if (!strcmp(*argv, "--run"))
            fuzz->run = strtoull(value, NULL, 10);
        else if (!strcmp(*argv, "--seconds"))
            fuzz->seconds = strtod(value, NULL);
        else if (!strcmp(*argv, "--dict"))
            corpus_add_words(fuzz->ctx, &fuzz->corpus, read_or_die(fuzz->ctx, value));
        else
            return false;
        argv++;
    }
    return true;
}

int main(int argc, char **argv)
{
    (void)argc;
    const char *what = argv[1] ? argv[1] : "";
    bool print = !strcmp(what, "print"), files = !strcmp(what, "run");
    if (print)
        what = argv[2] ? argv[2] : "";
    Fuzz fuzz = {.grammar = !strcmp(what, "grammar"), .runs = UINT64_MAX, .seconds = 1e9};
    if (!fuzz.grammar && !files && strcmp(what, "bytes") != 0)
        return usage();
    fuzz.ctx = compile_create();
    if (!read_arguments(&fuzz, argv + 2 + print))
        return usage();
    int code = print ? print_input(&fuzz) : files ? run_files(&fuzz) : run_in_child(&fuzz);
    compile_destroy(fuzz.ctx);
    return code;
}
