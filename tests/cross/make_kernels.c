/* make_kernels.c - kernels for another processor, with arguments and the interpreter's results.
 *
 *   make_kernels CPU FOLDER [SPEC [KEY=VALUE...]]
 *
 * Writes kernels.o, table.c with their functions, and steps.bin, which run_kernels.c reads: runs of
 * kernels, each with its arguments before, and what is written after. Without SPEC the kernels are
 * random ones; else those of the spec's plan, in the order of its phases, on random numbers. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_llvm.h"
#include "compiler/tool/compile.h"
#include "tests/cross/libm.h"
#include "tests/kir/random_kernel.h"

#include <stdlib.h>

enum { N_RANDOM = 400, MAX_LANES = 4, MAX_SETS = 16 };

typedef ARR(const Kernel *) Kernels;

typedef struct Maker {
    Ctx *ctx;
    const char *folder;
    Kernels kernels;
    FILE *steps;
    uint64_t random;
} Maker;

static FILE *open_file(const Maker *m, const char *name)
{
    const char *path = arena_printf(m->ctx->arena, "%s/%s", m->folder, name);
    FILE *file = fopen(path, "wb");
    if (!file)
        fatal(m->ctx, EXIT_FILE, "cannot write %s", path);
    return file;
}

static void close_file(const Maker *m, FILE *file)
{
    if (ferror(file) || fclose(file) != 0)
        fatal(m->ctx, EXIT_FILE, "cannot write in %s", m->folder);
}

/* Number of the kernel among those that are emitted. */
static uint32_t kernel_number(Maker *m, const Kernel *kernel)
{
    uint32_t i = 0;
    while (i < m->kernels.n && m->kernels.at[i] != kernel)
        i++;
    if (i == m->kernels.n)
        *arr_push(m->ctx->arena, &m->kernels) = kernel;
    return i;
}

/* Runs the kernel in the interpreter, and writes down what was before and what is after. */
static void write_step(Maker *m, const Kernel *kernel, void **args)
{
    uint32_t n_args = 0;
    while (n_args < kernel->n_buffers && !kernel->buffers[n_args].local)
        n_args++;
    const int64_t head[] = {kernel_number(m, kernel), kernel->n_tasks, n_args};
    fwrite(head, sizeof head, 1, m->steps);
    for (uint32_t b = 0; b < n_args; b++) {
        const KBuffer *buffer = &kernel->buffers[b];
        const int64_t shape[] = {buffer->elem == KE_F32    ? 'f'
                                 : buffer->elem == KE_BF16 ? 'h'
                                                           : 'i',
                                 (int64_t)kelem_size(buffer->elem), buffer->n, buffer->written};
        fwrite(shape, sizeof shape, 1, m->steps);
        fwrite(args[b], kelem_size(buffer->elem), (size_t)buffer->n, m->steps);
    }
    kir_eval(kernel, args, 0, kernel->n_tasks);
    for (uint32_t b = 0; b < n_args; b++)
        if (kernel->buffers[b].written)
            fwrite(args[b], kelem_size(kernel->buffers[b].elem), (size_t)kernel->buffers[b].n,
                   m->steps);
}

static void random_kernels(Maker *m)
{
    Arena *arena = m->ctx->arena;
    for (int i = 0; i < N_RANDOM; i++) {
        const Kernel *kernel =
            random_kernel(arena, arena_printf(arena, "random_%d", i), (uint64_t)i + 1, MAX_LANES);
        void *args[K_MAX_BUFFERS];
        random_kernel_args(arena, kernel, (uint64_t)i + 100, args);
        write_step(m, kernel, args);
    }
}

/* ---------------------------------------------------------------------- a plan */

/* In [0, 1): a linear congruential generator (Knuth's constants). */
static float uniform(Maker *m)
{
    m->random = m->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (float)(m->random >> 40) / 0x1p24f;
}

static void *place(const Plan *plan, char *block, BufId id)
{
    const PlanBuffer *b = &plan->buffers.at[id];
    /* no step writes rodata: plan_verify has seen to that */
    return b->kind == BUF_RODATA ? (void *)(uintptr_t)b->data : block + b->offset;
}

/* Whatever the runtime and the data put into memory before a phase. */
static void fill_state(Maker *m, const Plan *plan, char *block)
{
    const Spec *spec = plan->graph->spec;
    for (uint32_t b = 0; b < plan->buffers.n; b++) {
        const PlanBuffer *buffer = &plan->buffers.at[b];
        for (int64_t i = 0; buffer->kind == BUF_STATE && buffer->elem == KE_F32 && i < buffer->n;
             i++)
            ((float *)place(plan, block, b))[i] = uniform(m);
    }
    for (uint32_t p = 0; p < plan->params.n; p++) {
        const GrtParam *param = &plan->params.at[p];
        bool positive = strcmp(param->name, "moving_variance") == 0;
        for (int64_t i = 0; !positive && i < plan->buffers.at[param->value].n; i++)
            ((float *)place(plan, block, param->value))[i] -= 0.5f;
    }
    uint8_t *images = place(plan, block, plan->io.images);
    for (int64_t i = 0; i < plan->buffers.at[plan->io.images].n; i++)
        images[i] = (uint8_t)(uniform(m) * 256);
    const BufId labels[] = {plan->io.train_labels, plan->io.eval_labels};
    for (size_t l = 0; l < COUNT_OF(labels); l++)
        for (int64_t i = 0; i < plan->buffers.at[labels[l]].n; i++)
            ((int32_t *)place(plan, block, labels[l]))[i] =
                (int32_t)(uniform(m) * (float)plan->graph->n_classes);
    float *hyper = place(plan, block, plan->io.hyper);
    hyper[GRT_HYPER_LR] = hyper[GRT_HYPER_ALPHA] = (float)spec->learning_rate;
    int64_t *counters = place(plan, block, plan->io.counters);
    counters[GRT_COUNTER_VALID] = 1;
    counters[GRT_COUNTER_SEED] = spec->seed;
}

static void plan_kernels(Maker *m, const Plan *plan)
{
    char *block = arena_alloc(m->ctx->arena, plan->block_bytes);
    fill_state(m, plan, block);
    for (int p = 0; p < GRT_N_PHASES; p++) {
        const PlanPhase *phase = &plan->phases[p];
        for (uint32_t s = 0; s < phase->steps.n; s++) {
            const PlanStep *step = &phase->steps.at[s];
            void *args[K_MAX_BUFFERS];
            for (uint32_t a = 0; a < step->kernel->n_buffers && !step->kernel->buffers[a].local;
                 a++)
                args[a] = place(plan, block, step->args[a]);
            write_step(m, step->kernel, args);
        }
    }
}

/* ------------------------------------------------------------------------ files */

static void write_table(const Maker *m)
{
    FILE *file = open_file(m, "table.c");
    fputs("#include <stdint.h>\n"
          "typedef struct {\n    const char *name;\n"
          "    void (*run)(void *const *args, int64_t first, int64_t last);\n} Row;\n",
          file);
    for (uint32_t i = 0; i < m->kernels.n; i++)
        fprintf(file, "void gk_%s(void *const *, int64_t, int64_t);\n", m->kernels.at[i]->name);
    fputs("extern const Row table[];\nconst Row table[] = {\n", file);
    for (uint32_t i = 0; i < m->kernels.n; i++)
        fprintf(file, "    {\"%s\", gk_%s},\n", m->kernels.at[i]->name, m->kernels.at[i]->name);
    fputs("};\n", file);
    close_file(m, file);
}

static int make(Ctx *ctx, const void *arg)
{
    char **argv = *(char **const *)arg;
    Maker m = {.ctx = ctx, .folder = argv[2], .random = 1};
    m.steps = open_file(&m, "steps.bin");
    if (argv[3]) {
        SetOption sets[MAX_SETS] = {{"target.cpu", argv[1]}};
        uint32_t n_sets = 1;
        for (char **set = argv + 4; *set && n_sets < MAX_SETS; set++) {
            char *equal = strchr(*set, '=');
            *equal = '\0';
            sets[n_sets++] = (SetOption){*set, equal + 1};
        }
        CompileOptions options = {
            .spec_path = argv[3], .sets = sets, .n_sets = n_sets, .no_weights = true};
        Compilation done;
        if (!compile(ctx, &options, STAGE_PLAN, &done))
            return EXIT_SPEC;
        plan_kernels(&m, done.plan);
    } else {
        random_kernels(&m);
    }
    close_file(&m, m.steps);
    write_table(&m);
    Target target = target_resolve(ctx, argv[1]);
    emit_llvm_kernels(ctx, &target, m.kernels.at, m.kernels.n, EMIT_OBJ,
                      arena_printf(ctx->arena, "%s/kernels.o", m.folder));
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: make_kernels CPU FOLDER [SPEC [KEY=VALUE...]]\n", stderr);
        return EXIT_USAGE;
    }
    Ctx *ctx = compile_create();
    int code = compile_guard(ctx, make, &argv);
    compile_destroy(ctx);
    return code;
}
