/* unit_llvm.c - what LLVM makes of kernels and tables: objects that are linked, loaded and
 * compared, bit for bit, with the interpreter and with the tables that they come from. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_llvm.h"
#include "compiler/emit/emit_tables.h"
#include "tests/kir/random_kernel.h"
#include "tests/kir/tiny_plan.h"
#include "tests/tap.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_RANDOM = 60, PAGE = 4096 };

/* ----------------------------------------------------------------------- files */

static const char *in_folder(Ctx *ctx, const char *folder, const char *name)
{
    return arena_printf(ctx->arena, "%s/%s", folder, name);
}

/* Whole file with a NUL behind it, NULL when it cannot be read. */
static char *read_all(Ctx *ctx, const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    if (!file || fstat(fileno(file), &st) != 0)
        return NULL;
    char *bytes = arena_alloc(ctx->arena, (size_t)st.st_size + 1);
    *n = fread(bytes, 1, (size_t)st.st_size, file);
    fclose(file);
    return bytes;
}

static bool write_all(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(bytes, 1, n, file) == n;
    return file && fclose(file) == 0 && written;
}

static bool same_files(Ctx *ctx, const char *a, const char *b)
{
    size_t na = 0, nb = 0;
    const char *bytes_a = read_all(ctx, a, &na), *bytes_b = read_all(ctx, b, &nb);
    return bytes_a && bytes_b && na > 0 && na == nb && memcmp(bytes_a, bytes_b, na) == 0;
}

static bool contains(Ctx *ctx, const char *path, const char *text)
{
    size_t n = 0;
    const char *bytes = read_all(ctx, path, &n);
    return bytes && strstr(bytes, text) != NULL;
}

static int shell(const char *command)
{
    fflush(stdout);
    return system(command);
}

/* The object as a loaded library, NULL when it does not link. */
static void *load_object(Ctx *ctx, const char *object)
{
    const char *cc = getenv("CC"), *library = arena_printf(ctx->arena, "%s.so", object);
    if (shell(arena_printf(ctx->arena, "%s -shared '%s' -o '%s' -lm", cc && *cc ? cc : "cc", object,
                           library)) != 0)
        return NULL;
    return dlopen(library, RTLD_NOW | RTLD_LOCAL);
}

static GrtKernel kernel_of(Ctx *ctx, void *library, const Kernel *kernel)
{
    GrtKernel function = NULL;
    void *symbol = dlsym(library, arena_printf(ctx->arena, "gk_%s", kernel->name));
    memcpy(&function, &symbol, sizeof function);
    return function;
}

/* --------------------------------------------------------------------- kernels */

static bool agrees(Ctx *ctx, void *library, const Kernel *kernel, uint64_t seed, bool tame)
{
    void *expected[K_MAX_BUFFERS], *got[K_MAX_BUFFERS];
    random_kernel_args(ctx->arena, kernel, seed, expected);
    random_kernel_args(ctx->arena, kernel, seed, got);
    if (tame) {
        random_kernel_tame(kernel, expected);
        random_kernel_tame(kernel, got);
    }
    GrtKernel function = kernel_of(ctx, library, kernel);
    if (!function)
        return false;
    kir_eval(kernel, expected, 0, kernel->n_tasks);
    /* tasks in another order, and a run of none */
    function(got, kernel->n_tasks / 2, kernel->n_tasks);
    function(got, 0, kernel->n_tasks / 2);
    function(got, 1, 1);
    return random_kernel_same(kernel, expected, got);
}

/* Loops whose bounds are equal, crossed, or not a multiple of the step. */
static const Kernel *loops_kernel(Arena *arena)
{
    KB *kb = kb_begin(arena, "loops", 6);
    int y = kb_buffer(kb, "y", KE_F32, 6 * 4, true);
    KVal task = kb_task(kb), two = kb_i(kb, 2);
    for (int n = 0; n < 4; n++) {
        KVal count = kb_var(kb, kb_f(kb, 0.0f, 1));
        KVal lo = n == 2 ? kb_iop(kb, K_ISUB, kb_i(kb, 3), task) : task;
        KVal hi = n == 1 ? kb_imulc(kb, task, 3) : n == 3 ? kb_iaddc(kb, task, 7) : two;
        KVal i = kb_for(kb, lo, hi, n == 3 ? 3 : 1);
        kb_set(kb, count, kb_fop(kb, K_FADD, kb_get(kb, count), kb_itof(kb, kb_iaddc(kb, i, 1))));
        kb_end(kb);
        kb_store(kb, y, kb_iaddc(kb, kb_imulc(kb, task, 4), n), kb_get(kb, count), 1);
    }
    return kb_finish(kb);
}

/* 64-bit hashing: sums and products leave the range of int64. */
static const Kernel *hash_kernel(Arena *arena)
{
    KB *kb = kb_begin(arena, "hash", 8);
    int counters = kb_buffer(kb, "counters", KE_I64, 8, false);
    int y = kb_buffer(kb, "y", KE_F32, 8, true);
    KVal x = kb_iload(kb, counters, kb_task(kb));
    for (int round = 0; round < 3; round++) {
        x = kb_iadd(kb, x, kb_i(kb, INT64_C(0x1E3779B97F4A7C15)));
        x = kb_iop(kb, K_IXOR, x, kb_iop(kb, K_ISHR, x, kb_i(kb, 29)));
        x = kb_iop(kb, K_IMUL, x, kb_i(kb, INT64_C(-0x40A7B892E31B1A47)));
    }
    kb_store(kb, y, kb_task(kb), kb_itof(kb, x), 1);
    return kb_finish(kb);
}

/* a * b + c rounded twice, min and max of NaN and of two zeros, as the operations are defined. */
static const Kernel *rounding_kernel(Arena *arena, int lanes)
{
    KB *kb = kb_begin(arena, "rounding", 8);
    int n = lanes * 8, x = kb_buffer(kb, "x", KE_F32, n + 2, false);
    int y = kb_buffer(kb, "y", KE_F32, n * 7, true);
    KVal at = kb_imulc(kb, kb_task(kb), lanes);
    KVal a = kb_load(kb, x, at, lanes, lanes),
         b = kb_load(kb, x, kb_iaddc(kb, at, 1), lanes, lanes);
    KVal c = kb_load(kb, x, kb_iaddc(kb, at, 2), lanes, lanes);
    KVal zero = kb_f(kb, 0.0f, lanes), nan = kb_f(kb, NAN, lanes);
    KVal results[] = {kb_fop(kb, K_FADD, kb_fop(kb, K_FMUL, a, b), c),
                      kb_fop(kb, K_FMIN, a, b),
                      kb_fop(kb, K_FMAX, a, zero),
                      kb_fop(kb, K_FSUB, kb_fop(kb, K_FADD, a, b), b),
                      kb_fun(kb, K_FSQRT, kb_fop(kb, K_FDIV, a, c)),
                      kb_fop(kb, K_FMIN, nan, b),
                      kb_fop(kb, K_FMAX, nan, b)};
    for (size_t r = 0; r < COUNT_OF(results); r++)
        kb_store(kb, y, kb_iaddc(kb, at, (int64_t)r * n), results[r], lanes);
    return kb_finish(kb);
}

/* y (rows, vectors * lanes) = x (rows, k) w (k, vectors * lanes), the sum unrolled twice. */
static const Kernel *tile_kernel(Arena *arena, const char *name, int rows, int vectors, int lanes)
{
    enum { K = 64 };
    int cols = vectors * lanes;
    KB *kb = kb_begin(arena, name, 1);
    int x = kb_buffer(kb, "x", KE_F32, rows * K, false);
    int w = kb_buffer(kb, "w", KE_F32, K * cols, false);
    int y = kb_buffer(kb, "y", KE_F32, rows * cols, true);
    KVal sum[64], b[8];
    for (int s = 0; s < rows * vectors; s++)
        sum[s] = kb_var(kb, kb_f(kb, 0.0f, lanes));
    KVal k = kb_for(kb, kb_i(kb, 0), kb_i(kb, K), 2);
    for (int u = 0; u < 2; u++) {
        KVal row = kb_imulc(kb, kb_iaddc(kb, k, u), cols);
        for (int v = 0; v < vectors; v++)
            b[v] = kb_load(kb, w, kb_iaddc(kb, row, v * lanes), lanes, lanes);
        for (int s = 0; s < rows * vectors; s++) {
            KVal a = kb_load(kb, x, kb_iaddc(kb, k, s / vectors * K + u), 1, 1);
            kb_set(kb, sum[s],
                   kb_fma(kb, kb_splat(kb, a, lanes), b[s % vectors], kb_get(kb, sum[s])));
        }
    }
    kb_end(kb);
    for (int s = 0; s < rows * vectors; s++)
        kb_store(kb, y, kb_i(kb, s * lanes), kb_get(kb, sum[s]), lanes);
    return kb_finish(kb);
}

static void test_kernels(Ctx *ctx, const char *folder, const char *target_name, int max_lanes)
{
    Arena *arena = ctx->arena;
    Target target = target_resolve(ctx, target_name);
    const Kernel *kernels[N_RANDOM + 5];
    uint32_t n = 0;
    for (int i = 0; i < N_RANDOM; i++)
        kernels[n++] =
            random_kernel(arena, arena_printf(arena, "random_%d", i), (uint64_t)i + 1, max_lanes);
    kernels[n++] = loops_kernel(arena);
    kernels[n++] = hash_kernel(arena);
    kernels[n++] = rounding_kernel(arena, max_lanes);
    kernels[n++] = tile_kernel(arena, "tile", 5, 2, max_lanes);
    kernels[n++] = winograd_kernel(arena, "winograd", max_lanes);
    const char *object = arena_printf(arena, "%s/kernels-%d.o", folder, max_lanes);
    emit_llvm_kernels(ctx, &target, kernels, n, EMIT_OBJ, object);
    void *library = load_object(ctx, object);
    ok(library != NULL, arena_printf(arena, "kernels for %s link", target_name));
    uint32_t n_same = 0;
    for (uint32_t i = 0; library && i < n; i++) {
        bool same = agrees(ctx, library, kernels[i], i + 100, i == n - 1);
        n_same += same;
        if (i >= N_RANDOM)
            ok(same, arena_printf(arena, "%s, %s: the interpreter's bits", kernels[i]->name,
                                  target_name));
        else if (!same)
            printf("# random kernel %u differs\n", i);
    }
    ok(n_same == n, arena_printf(arena, "%u kernels, %s: the interpreter's bits", n, target_name));
    const char *again = arena_printf(arena, "%s/again.o", folder);
    emit_llvm_kernels(ctx, &target, kernels, n, EMIT_OBJ, again);
    ok(same_files(ctx, object, again), "twice the same object");
}

/* What is kept for other programs must not depend on this one. */
static void test_alone(Ctx *ctx)
{
    Target target = target_resolve(ctx, "x86-64-v3");
    Kernel a = *tile_kernel(ctx->arena, "tile", 2, 2, 8), b = a;
    b.name = "tile_7";
    b.title = "another";
    for (uint32_t i = 0; i < b.n_buffers; i++)
        b.buffers[i].name = arena_printf(ctx->arena, "other%u", b.n_buffers - i);
    EmitLlvm em;
    emit_llvm_open(&em, ctx, &target, true);
    Buf first = emit_llvm_alone(&em, &a), other = emit_llvm_alone(&em, loops_kernel(ctx->arena));
    Buf second = emit_llvm_alone(&em, &b);
    emit_llvm_close(&em);
    ok(first.n == second.n && memcmp(first.at, second.at, first.n) == 0,
       "an object does not hang on names and on earlier ones");
    ok(other.n != first.n || memcmp(first.at, other.at, first.n) != 0, "but on the kernel");
}

/* The compiler has to keep the accumulators of the tiles that the generators choose. */
static void test_registers(Ctx *ctx, const char *folder)
{
    static const struct {
        const char *target, *reg;
        int lanes, rows, vectors;
    } tiles[] = {{"x86-64-v4", "%zmm", 16, 14, 2}, {"x86-64-v4", "%zmm", 16, 9, 3},
                 {"x86-64-v4", "%zmm", 16, 6, 4},  {"x86-64-v4", "%zmm", 16, 16, 1},
                 {"x86-64-v3", "%ymm", 8, 6, 2},   {"x86-64-v3", "%ymm", 8, 4, 3}};
    const char *path = in_folder(ctx, folder, "tile.s");
    for (size_t i = 0; i < COUNT_OF(tiles); i++) {
        Target target = target_resolve(ctx, tiles[i].target);
        const Kernel *kernel =
            tile_kernel(ctx->arena, "tile", tiles[i].rows, tiles[i].vectors, tiles[i].lanes);
        emit_llvm_kernels(ctx, &target, &kernel, 1, EMIT_ASM, path);
        size_t n = 0;
        char *text = read_all(ctx, path, &n), *rest = NULL;
        int n_fma = 0, n_stack = 0;
        for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
             line = strtok_r(NULL, "\n", &rest)) {
            n_fma += strstr(line, "vfmadd") && strstr(line, tiles[i].reg);
            n_stack += strstr(line, "(%rsp)") || strstr(line, "(%rbp)");
        }
        ok(n_fma == 2 * tiles[i].rows * tiles[i].vectors && n_stack == 0,
           arena_printf(ctx->arena, "%s keeps a tile of %d x %d in registers", tiles[i].target,
                        tiles[i].rows, tiles[i].vectors));
    }
}

/* The last n bytes before a page that cannot be touched. */
static void *before_a_wall(size_t n)
{
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + PAGE, PAGE, PROT_NONE) != 0)
        return NULL;
    return pages + PAGE - n;
}

/* y (5) = x (5) + pixels (5), with vectors of max_lanes */
static void test_tails(Ctx *ctx, const char *folder, const char *target_name, int lanes)
{
    enum { N = 5 };
    KB *kb = kb_begin(ctx->arena, "tails", 1);
    int x = kb_buffer(kb, "x", KE_F32, N, false), pixels = kb_buffer(kb, "pixels", KE_U8, N, false);
    int y = kb_buffer(kb, "y", KE_F32, N, true);
    KVal zero = kb_i(kb, 0);
    KVal a = kb_load(kb, x, zero, lanes, N), b = kb_load(kb, pixels, zero, lanes, N);
    kb_store(kb, y, zero, kb_fop(kb, K_FADD, a, b), N);
    const Kernel *kernel = kb_finish(kb);
    Target target = target_resolve(ctx, target_name);
    const char *object = arena_printf(ctx->arena, "%s/tails-%d.o", folder, lanes);
    emit_llvm_kernels(ctx, &target, &kernel, 1, EMIT_OBJ, object);
    void *library = load_object(ctx, object);
    float *in = before_a_wall(N * sizeof(float)), *out = before_a_wall(N * sizeof(float));
    unsigned char *bytes = before_a_wall(N);
    bool same = library && in && out && bytes;
    for (int i = 0; same && i < N; i++) {
        in[i] = 0.25f;
        bytes[i] = (unsigned char)(255 - i);
    }
    if (same)
        kernel_of(ctx, library, kernel)((void *[]){in, bytes, out}, 0, 1);
    for (int i = 0; same && i < N; i++)
        same = out[i] == 255.25f - (float)i;
    ok(same, arena_printf(ctx->arena, "%s: tails touch nothing behind a buffer", target_name));
}

/* --------------------------------------------------------------------- targets */

/* Whether target_resolve refuses the name as the user's mistake, with `word` in the message. */
static bool refused(Arena *arena, const char *name, const char *word)
{
    Ctx *ctx = arena_new(arena, Ctx);
    ctx->arena = arena;
    if (setjmp(ctx->landing) == 0) {
        target_resolve(ctx, name);
        return false;
    }
    return ctx->fatal_exit == EXIT_SPEC && strstr(ctx->fatal_message, word) != NULL;
}

static void test_targets(Ctx *ctx)
{
    Target v3 = target_resolve(ctx, "x86-64-v3"), v4 = target_resolve(ctx, "x86-64-v4");
    ok(v3.lanes == 8 && v3.registers == 16, "x86-64-v3: 8 lanes, 16 registers");
    ok(v4.lanes == 16 && v4.registers == 32, "x86-64-v4: 16 lanes, 32 registers");
    ok(strcmp(v3.needs, "popcnt lzcnt bmi bmi2 avx f16c fma avx2") == 0, "what x86-64-v3 has");
    ok(strcmp(v4.needs, arena_printf(ctx->arena, "%s avx512f avx512cd avx512bw avx512dq avx512vl",
                                     v3.needs)) == 0,
       "what x86-64-v4 has");
    ok(!v4.dot_bfloat16 && target_resolve(ctx, "znver4").dot_bfloat16 &&
           !target_resolve(ctx, "sierraforest").dot_bfloat16,
       "who multiplies bfloat16");
    Target arm = target_resolve(ctx, "neoverse-n1");
    ok(arm.lanes == 4 && arm.registers == 32 && !*arm.needs && strstr(arm.triple, "aarch64"),
       "neoverse-n1: 4 lanes, 32 registers, nothing that another aarch64 lacks");
    ok(target_resolve(ctx, "native").lanes > 0, "native is this machine");
    ok(refused(ctx->arena, "pdp11", "'pdp11'"), "an unknown processor is refused");
    ok(refused(ctx->arena, "help", "'help'") && refused(ctx->arena, "", "''") &&
           refused(ctx->arena, "znver3,+fma", "'znver3,+fma'"),
       "what is no name is refused");
    ok(refused(ctx->arena, "x86-64", "fused multiply-add") &&
           refused(ctx->arena, "pentium", "fused multiply-add") &&
           refused(ctx->arena, "bdver1", "fused multiply-add"),
       "a processor without fused multiply-add is refused");
}

/* ---------------------------------------------------------------------- tables */

#define TEXT(value) ((value) ? (value) : "(none)")

static void describe_phases(const GrtProgram *p, Buf *out)
{
    for (int i = 0; i < GRT_N_PHASES; i++) {
        const GrtPhase *phase = &p->phases[i];
        buf_printf(out, "phase %s %u %u\n", TEXT(phase->name), phase->n_steps, phase->batch);
        for (uint32_t s = 0; s < phase->n_steps; s++) {
            const GrtStep *step = &phase->steps[s];
            buf_printf(out, "step %s %" PRId64 " %" PRIu64, TEXT(step->name), step->n_tasks,
                       step->macs);
            for (uint32_t a = 0; a < step->n_args; a++)
                buf_printf(out, " %u", step->args[a]);
            buf_puts(out, "\n");
        }
    }
    const uint32_t *io = &p->io.images;
    for (size_t i = 0; i < sizeof p->io / sizeof *io; i++)
        buf_printf(out, "io %u\n", io[i]);
}

static void describe_memory(const GrtProgram *p, Buf *out)
{
    for (uint32_t b = 0; b < p->n_buffers; b++)
        buf_printf(out, "buffer %s %u %u %" PRIu64 " %" PRIu64 "\n", TEXT(p->buffers[b].name),
                   p->buffers[b].elem, p->buffers[b].place, p->buffers[b].offset, p->buffers[b].n);
    for (uint32_t i = 0; i < p->n_params; i++) {
        const GrtParam *q = &p->params[i];
        buf_printf(out, "param %s %s %u ", TEXT(q->layer), TEXT(q->name), q->rank);
        for (int d = 0; d < 4; d++)
            buf_printf(out, "%" PRId64 " ", q->dims[d]);
        buf_printf(out, "%" PRId64 " %" PRId64 " %" PRId64 " %u %u %u %u %u %a %" PRIu64 " %u\n",
                   q->rows, q->cols, q->panel, q->value, q->slot[0], q->slot[1], q->n_slots,
                   q->init, (double)q->init_scale, q->init_offset, q->trainable);
    }
    buf_printf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " ", p->block_bytes,
               p->stream_offset, p->stream_bytes, p->rodata_bytes);
    buf_printf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", p->n_weights, p->n_trainable_weights,
               p->macs_image);
}

/* Every field of the tables as text, but for the addresses of kernels and of read-only data. */
static const char *describe(Arena *arena, const GrtProgram *p)
{
    Buf out = buf_create(arena);
    const char *const texts[] = {p->name,       p->version,     p->target,    p->needs,
                                 p->spec_hash,  p->prefix_hash, p->spec_text, p->weights_report,
                                 p->train_path, p->test_path};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        buf_printf(&out, "text %s\n", TEXT(texts[i]));
    const int64_t numbers[] = {p->abi,
                               p->data_format,
                               p->skip_bad_files,
                               p->height,
                               p->width,
                               p->channels,
                               p->n_classes,
                               p->feature_size,
                               p->head_input_size,
                               p->head_input_rank,
                               p->head_input_dims[0],
                               p->head_input_dims[1],
                               p->head_input_dims[2],
                               p->batch_size,
                               p->validation_batch_size,
                               p->epochs,
                               p->seed,
                               p->shuffle,
                               p->optimizer};
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        buf_printf(&out, "number %" PRId64 "\n", numbers[i]);
    buf_printf(&out, "training %a %a %a\n", p->learning_rate, p->beta_1, p->beta_2);
    describe_phases(p, &out);
    describe_memory(p, &out);
    return out.at;
}

static void test_program(Ctx *ctx, const ProgramInfo *info, const char *object)
{
    void *library = load_object(ctx, object);
    const GrtProgram *program = library ? dlsym(library, "grt_program") : NULL;
    ok(program != NULL, "an object with tables exports grt_program");
    if (!program)
        return;
    const char *want = describe(ctx->arena, &emit_tables(ctx, info)->program);
    const char *have = describe(ctx->arena, program);
    ok(strcmp(want, have) == 0, "every field of the tables comes through");
    bool same = program->rodata && (uintptr_t)program->rodata % 64 == 0;
    for (int i = 0; same && i < TINY_RODATA_BYTES; i++)
        same = program->rodata[i] == tiny_rodata(i);
    ok(same, "read-only data, at a multiple of 64");
    ok(!dlsym(library, "gk_tiny_add") && !dlsym(library, "grt_rodata"),
       "nothing but grt_program is exported");
    float x[32], bias[8], y[32] = {0};
    for (int i = 0; i < 32; i++)
        x[i] = (float)i;
    for (int i = 0; i < 8; i++)
        bias[i] = 100.0f * (float)i;
    program->phases[GRT_TRAIN].steps[0].kernel((void *[]){x, bias, y}, 1, 4);
    ok(y[7] == 0 && y[8] == 8.0f && y[31] == 31.0f + 700.0f, "the kernel of a step runs");
    unsigned char pixels[6] = {1, 2, 3, 250, 251, 252};
    program->phases[GRT_PREFIX].steps[0].kernel((void *[]){pixels, y}, 0, 1);
    ok(y[0] == 1.0f && y[5] == 252.0f && y[6] == 0, "a kernel with local memory runs");
}

/* Whether emitting the object fails as a file that cannot be read or written. */
static bool emit_fails(Arena *arena, const ProgramInfo *info, const char *path)
{
    Ctx *ctx = arena_new(arena, Ctx);
    ctx->arena = arena;
    if (setjmp(ctx->landing) == 0) {
        emit_llvm(ctx, info, EMIT_OBJ, path);
        return false;
    }
    return ctx->fatal_exit == EXIT_FILE && access(path, F_OK) != 0;
}

static void test_texts(Ctx *ctx, ProgramInfo *info, const char *folder)
{
    const char *path = in_folder(ctx, folder, "program.ll");
    emit_llvm(ctx, info, EMIT_LLVM, path);
    ok(contains(ctx, path, "@gk_tiny_add(") && contains(ctx, path, "@grt_program ="),
       "the module as text");
    emit_llvm(ctx, info, EMIT_LLVM_OPT, path);
    ok(contains(ctx, path, "@gk_tiny_add(") && !contains(ctx, path, "alloca float"),
       "the module after the passes");
    path = in_folder(ctx, folder, "program.s");
    emit_llvm(ctx, info, EMIT_ASM, path);
    ok(contains(ctx, path, "gk_tiny_add:") && contains(ctx, path, "grt_program:"), "as assembly");
    info->rodata_path = NULL;
    path = in_folder(ctx, folder, "program.ll");
    emit_llvm(ctx, info, EMIT_LLVM, path);
    ok(contains(ctx, path, "@grt_rodata = external"), "without a file the data stays undefined");
    info->rodata_path = in_folder(ctx, folder, "missing");
    ok(emit_fails(ctx->arena, info, in_folder(ctx, folder, "none.o")),
       "a missing file of read-only data is the file's fault");
}

/* ----------------------------------------------------------- read-only data, link */

static void test_rodata(Ctx *ctx, const char *folder)
{
    Plan plan = {.rodata_bytes = 256};
    float first[3] = {1.0f, 2.0f, 3.0f};
    unsigned char second[5] = "abcd";
    *arr_push(ctx->arena, &plan.buffers) = (PlanBuffer){
        .name = "second", .kind = BUF_RODATA, .elem = KE_U8, .n = 5, .offset = 128, .data = second};
    *arr_push(ctx->arena, &plan.buffers) =
        (PlanBuffer){.name = "state", .kind = BUF_STATE, .elem = KE_F32, .n = 900, .offset = 64};
    *arr_push(ctx->arena, &plan.buffers) = (PlanBuffer){
        .name = "first", .kind = BUF_RODATA, .elem = KE_F32, .n = 3, .offset = 0, .data = first};
    char want[256] = {0};
    memcpy(want, first, sizeof first);
    memcpy(want + 128, second, sizeof second);
    const char *path = in_folder(ctx, folder, "rodata");
    emit_rodata(ctx, &plan, path);
    size_t n = 0;
    const char *bytes = read_all(ctx, path, &n);
    ok(bytes && n == sizeof want && memcmp(bytes, want, n) == 0,
       "read-only data at its offsets, zeros between");
    Ctx *other = arena_new(ctx->arena, Ctx);
    other->arena = ctx->arena;
    if (setjmp(other->landing) == 0)
        emit_rodata(other, &plan, in_folder(ctx, folder, "no/such/folder"));
    ok(other->fatal_exit == EXIT_FILE, "read-only data to a folder that is not there");
}

static bool link_fails(Arena *arena, const char *const *objects, uint32_t n, const char *path)
{
    Ctx *ctx = arena_new(arena, Ctx);
    ctx->arena = arena;
    if (setjmp(ctx->landing) == 0) {
        link_program(ctx, objects, n, path);
        return false;
    }
    return ctx->fatal_exit == EXIT_FILE && access(path, F_OK) != 0;
}

/* Stands for the runtime: says the program's name. */
static const char MAIN[] = "#include \"runtime/grt.h\"\n#include <math.h>\n#include <stdio.h>\n"
                           "int main(int argc, char **argv)\n{\n    (void)argv;\n"
                           "    printf(\"%s %u %g\\n\", grt_program.name, grt_program.rodata[1],\n"
                           "           exp((double)argc - 1));\n    return 0;\n}\n";

/* libgrt.a with MAIN in it. */
static bool make_runtime(Ctx *ctx, const char *folder)
{
    const char *cc = getenv("CC"), *slash = strrchr(__FILE__, '/');
    const char *top =
        slash ? arena_printf(ctx->arena, "%.*s/..", (int)(slash - __FILE__), __FILE__) : "..";
    return write_all(in_folder(ctx, folder, "main.c"), MAIN, sizeof MAIN - 1) &&
           shell(arena_printf(ctx->arena, "%s -I'%s' -c '%s/main.c' -o '%s/main.o'",
                              cc && *cc ? cc : "cc", top, folder, folder)) == 0 &&
           shell(arena_printf(ctx->arena, "ar rcs '%s/libgrt.a' '%s/main.o'", folder, folder)) == 0;
}

static void test_link(Ctx *ctx, const char *folder, const char *object)
{
    const char *a = in_folder(ctx, folder, "a b"), *b = in_folder(ctx, folder, "b");
    ok(make_runtime(ctx, folder), "a runtime is made");
    setenv("GRAFT_RUNTIME", in_folder(ctx, folder, "nothing"), true);
    ok(link_fails(ctx->arena, &object, 1, a), "without a runtime the link fails");
    setenv("GRAFT_RUNTIME", folder, true);
    link_program(ctx, &object, 1, a);
    const char *out = in_folder(ctx, folder, "out");
    ok(shell(arena_printf(ctx->arena, "'%s' > '%s'", a, out)) == 0 &&
           contains(ctx, out, arena_printf(ctx->arena, "tiny %d 1\n", tiny_rodata(1))),
       "the linked program runs");
    link_program(ctx, &object, 1, b);
    ok(same_files(ctx, a, b), "twice the same program");
    const char *needed = "readelf -d '%s' | grep NEEDED | grep -v -e 'libc\\.so' -e 'libm\\.so'";
    /* the sanitizers are shared libraries */
    ok(strstr(GRAFT_LINK_LIBS, "-fsanitize") || shell(arena_printf(ctx->arena, needed, a)) != 0,
       "it needs libc and libm only");
    const char *objects[] = {object, object};
    ok(link_fails(ctx->arena, objects, 2, in_folder(ctx, folder, "twice")),
       "a linker that fails is the file's fault");
}

/* Whether this machine runs what is compiled for x86-64-v3. */
static bool runs_v3(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi2");
#else
    return false;
#endif
}

static void test_all(Ctx *ctx, const char *folder)
{
    test_targets(ctx);
    test_kernels(ctx, folder, "native", 16);
    test_tails(ctx, folder, "native", 16);
    if (runs_v3()) {
        test_kernels(ctx, folder, "x86-64-v3", 8);
        test_tails(ctx, folder, "x86-64-v3", 8);
    }
    test_registers(ctx, folder);
    test_alone(ctx);
    test_rodata(ctx, folder);
    ProgramInfo *info = tiny_program(ctx->arena);
    Plan plan = *info->plan;
    plan.target = target_resolve(ctx, "native");
    info->plan = &plan;
    unsigned char rodata[TINY_RODATA_BYTES];
    for (int i = 0; i < TINY_RODATA_BYTES; i++)
        rodata[i] = tiny_rodata(i);
    info->rodata_path = in_folder(ctx, folder, "read \"only\" \\data");
    ok(write_all(info->rodata_path, rodata, sizeof rodata), "the read-only data is written");
    const char *object = in_folder(ctx, folder, "program.o");
    emit_llvm(ctx, info, EMIT_OBJ, object);
    test_program(ctx, info, object);
    test_link(ctx, folder, object);
    test_texts(ctx, info, folder);
}

int main(void)
{
    Ctx ctx = {.arena = arena_create()};
    const char *tmp = getenv("TMPDIR");
    char *folder = arena_printf(ctx.arena, "%s/unit_llvm-XXXXXX", tmp && *tmp ? tmp : ".");
    if (!mkdtemp(folder)) {
        printf("Bail out! cannot make a folder\n");
        return 1;
    }
    if (setjmp(ctx.landing) == 0)
        test_all(&ctx, folder);
    else
        ok(false, ctx.fatal_message);
    if (shell(arena_printf(ctx.arena, "rm -r '%s'", folder)) != 0)
        printf("# %s stays\n", folder);
    points_end();
    return 0;
}
