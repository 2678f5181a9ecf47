/* unit_kir.c - the kernel IR: builder, verifier, interpreter, text, and the C printer against the
 * interpreter on random kernels. */
#include "compiler/base/base.h"
#include "compiler/emit/emit.h"
#include "tests/kir/random_kernel.h"
#include "tests/tap.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------------- builder */

static void test_folding(Arena *arena)
{
    KB *kb = kb_begin(arena, "folding", 7);
    KVal x = kb_task(kb), y = kb_iop(kb, K_IXOR, x, kb_i(kb, 5));
    ok(kb_iadd(kb, x, kb_i(kb, 0)) == x && kb_iaddc(kb, x, 0) == x, "x + 0 is x");
    ok(kb_imulc(kb, x, 1) == x && kb_imulc(kb, x, 0) == kb_i(kb, 0), "x * 1 and x * 0");
    ok(kb_iop(kb, K_IMUL, kb_i(kb, 6), kb_i(kb, 7)) == kb_i(kb, 42), "constants are computed");
    ok(kb_iaddc(kb, kb_iaddc(kb, x, 2), 3) == kb_iaddc(kb, x, 5), "(x + 2) + 3 is x + 5");
    ok(kb_iop(kb, K_ISUB, kb_iaddc(kb, x, 2), kb_i(kb, 2)) == x, "(x + 2) - 2 is x");
    ok(kb_imad(kb, kb_iaddc(kb, x, 2), 10, y) ==
           kb_iaddc(kb, kb_iadd(kb, y, kb_imulc(kb, x, 10)), 20),
       "(x + 2) * 10 + y is (y + x * 10) + 20");
    ok(kb_imulc(kb, kb_imulc(kb, x, 3), 5) == kb_imulc(kb, x, 15), "x * 3 * 5 is x * 15");
    ok(kb_idivc(kb, kb_idivc(kb, x, 3), 5) == kb_idivc(kb, x, 15), "x / 3 / 5 is x / 15");
    ok(kb_idivc(kb, x, 1) == x && kb_iremc(kb, x, 1) == kb_i(kb, 0), "x / 1 and x %% 1");
    ok(kb_iadd(kb, x, y) == kb_iadd(kb, y, x) &&
           kb_iop(kb, K_IMIN, x, y) == kb_iop(kb, K_IMIN, y, x),
       "sums and minima commute");
    ok(kb_iop(kb, K_IMIN, x, x) == x && kb_iop(kb, K_IXOR, y, y) == kb_i(kb, 0), "x op x");
    ok(kb_splat(kb, kb_f(kb, 2.0f, 1), 8) == kb_f(kb, 2.0f, 8), "a constant splat is a constant");
    ok(kb_f(kb, 0.0f, 4) != kb_f(kb, -0.0f, 4) && kb_f(kb, 0.0f, 4) != kb_f(kb, 0.0f, 8),
       "0, -0 and other lanes are different constants");
}

static void test_sharing(Arena *arena)
{
    KB *kb = kb_begin(arena, "sharing", 7);
    int y = kb_buffer(kb, "y", KE_F32, 4000, true);
    KVal x = kb_task(kb), outer = kb_imulc(kb, x, 10);
    KVal i = kb_for_n(kb, 5);
    KVal inner = kb_imulc(kb, i, 20), again = kb_imulc(kb, x, 10);
    kb_store(kb, y, kb_iadd(kb, outer, inner), kb_f(kb, 1.0f, 1), 1);
    kb_if(kb, kb_iop(kb, K_ILT, i, x));
    KVal hidden = kb_imulc(kb, x, 30);
    kb_store(kb, y, hidden, kb_f(kb, 2.0f, 1), 1);
    kb_end(kb);
    KVal fresh = kb_imulc(kb, x, 30);
    kb_store(kb, y, fresh, kb_f(kb, 3.0f, 1), 1);
    kb_end(kb);
    ok(again == outer, "what stands outside of a loop is shared in it");
    ok(fresh != hidden, "what a closed condition held is not shared");
    ok(kb_for_n(kb, 1) == kb_i(kb, 0), "a loop of one turn is the constant 0");
    kb_end_n(kb, 1);
    KVal lo = kb_iaddc(kb, x, 3);
    ok(kb_for(kb, lo, kb_iaddc(kb, x, 4), 1) == lo, "a loop from x + 3 to x + 4 is x + 3");
    kb_end(kb);
    kb_finish(kb);
    ok(true, "the verifier agrees");
}

static Kernel *small_kernel(Arena *arena, const char *name, int64_t n_tasks, float value)
{
    KB *kb = kb_begin(arena, name, n_tasks);
    int y = kb_buffer(kb, "y", KE_F32, 160, true);
    KVal unused = kb_fop(kb, K_FADD, kb_f(kb, 1.0f, 4), kb_f(kb, 2.0f, 4));
    KVal never_read = kb_var(kb, unused);
    kb_set(kb, never_read, unused);
    KVal i = kb_for_n(kb, 4);
    kb_store(kb, y, kb_imad(kb, kb_task(kb), 16, kb_imulc(kb, i, 4)), kb_f(kb, value, 4), 4);
    kb_end(kb);
    return kb_finish(kb);
}

static void test_finish(Arena *arena)
{
    Kernel *a = small_kernel(arena, "one", 9, 1.5f), *b = small_kernel(arena, "two", 9, 1.5f);
    ok(a->hash == b->hash, "the hash does not hang on the name");
    ok(a->hash != small_kernel(arena, "one", 8, 1.5f)->hash, "it hangs on the tasks");
    ok(a->hash != small_kernel(arena, "one", 9, 2.5f)->hash, "it hangs on constants");
    bool found = false;
    for (KVal v = 0; v < a->insts.n; v++)
        found = found || a->insts.at[v].op == K_VAR || a->insts.at[v].op == K_FADD;
    ok(!found, "what nobody uses is dropped");
}

/* ------------------------------------------------------------------ verifier */

typedef void (*Breaker)(Kernel *kernel);

/* Instruction of the kernel by operation. */
static KInst *first(Kernel *k, KOp op)
{
    for (KVal v = 0; v < k->insts.n; v++)
        if (k->insts.at[v].op == op)
            return &k->insts.at[v];
    abort();
}

static KVal place_of(Kernel *k, KOp op)
{
    return (KVal)(first(k, op) - k->insts.at);
}

static Kernel *whole_kernel(Arena *arena)
{
    KB *kb = kb_begin(arena, "whole", 4);
    int x = kb_buffer(kb, "x", KE_F32, 64, false), y = kb_buffer(kb, "y", KE_F32, 64, true);
    int n = kb_buffer(kb, "n", KE_I32, 4, false);
    kb_local(kb, "spare", KE_F32, 8);
    KVal sum = kb_var(kb, kb_f(kb, 0.0f, 8));
    KVal task = kb_task(kb);
    KVal i = kb_for(kb, kb_i(kb, 0), kb_iop(kb, K_IREM, kb_iload(kb, n, task), kb_i(kb, 9)), 8);
    kb_set(kb, sum, kb_fop(kb, K_FADD, kb_get(kb, sum), kb_load(kb, x, i, 8, 5)));
    kb_end(kb);
    kb_store(kb, y, kb_i(kb, 40), kb_get(kb, sum), 8);
    return kb_finish(kb);
}

/* clang-format off */
static void break_order(Kernel *k) { first(k, K_FADD)->a = k->insts.n - 1; }
static void break_type(Kernel *k) { first(k, K_FADD)->a = first(k, K_LOAD)->a; }
static void break_lanes(Kernel *k) { first(k, K_LOAD)->lanes = 4; }
static void break_lane_count(Kernel *k) { first(k, K_FCONST)->lanes = 3; }
static void break_end(Kernel *k) { first(k, K_END)->op = K_TASK; }
static void break_second_end(Kernel *k) { k->insts.at[k->insts.n - 1] = *first(k, K_END); }
static void break_dominance(Kernel *k) { first(k, K_STORE)->a = place_of(k, K_FOR); }
static void break_buffer(Kernel *k) { first(k, K_LOAD)->buf = 9; }
static void break_const_buffer(Kernel *k) { first(k, K_STORE)->buf = 0; }
static void break_elem(Kernel *k) { first(k, K_LOAD)->buf = 2; }
static void break_active(Kernel *k) { first(k, K_LOAD)->imm = 9; }
static void break_place(Kernel *k) { k->insts.at[first(k, K_STORE)->a].imm = 57; }
static void break_var(Kernel *k) { first(k, K_FADD)->a = place_of(k, K_VAR); }
static void break_divisor(Kernel *k) { k->insts.at[first(k, K_IREM)->b].imm = 0; }
static void break_step(Kernel *k) { first(k, K_FOR)->imm = 0; }
static void break_operands(Kernel *k) { first(k, K_GET)->b = 0; }
static void break_operation(Kernel *k) { first(k, K_FADD)->op = K_COUNT; }
static void break_names(Kernel *k) { k->buffers[1].name = "x"; }
static void break_local(Kernel *k) { k->buffers[0].local = true; }
static void break_tasks(Kernel *k) { k->n_tasks = 0; }
/* clang-format on */

static void verify(void *kernel)
{
    kir_verify(kernel);
}

/* Whether fn aborts; in a process of its own, silent. */
static bool aborts(void (*fn)(void *), void *arg)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        fn(arg);
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_verifier(Arena *arena)
{
    static const struct {
        const char *what;
        Breaker breaker;
    } cases[] = {
        {"an operand that stands later", break_order},
        {"an index where a float belongs", break_type},
        {"operands of different lanes", break_lanes},
        {"three lanes", break_lane_count},
        {"a loop that is not closed", break_end},
        {"an end too many", break_second_end},
        {"a value of a closed loop", break_dominance},
        {"a buffer that does not exist", break_buffer},
        {"a store to an input", break_const_buffer},
        {"a load of integers", break_elem},
        {"more active lanes than lanes", break_active},
        {"a constant place outside of the buffer", break_place},
        {"a var used as a value", break_var},
        {"a division by 0", break_divisor},
        {"a step of 0", break_step},
        {"an operand too many", break_operands},
        {"an unknown operation", break_operation},
        {"two buffers of one name", break_names},
        {"an argument after local memory", break_local},
        {"no tasks", break_tasks},
    };
    ok(!aborts(verify, whole_kernel(arena)), "a whole kernel passes");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Kernel *kernel = whole_kernel(arena);
        cases[i].breaker(kernel);
        ok(aborts(verify, kernel), "found: %s", cases[i].what);
    }
}

/* --------------------------------------------------------------- interpreter */

static void test_eval_index(void)
{
    ok(kir_index_op(K_IMUL, INT64_MAX, 3) == (int64_t)(UINT64_MAX / 2 * 3), "imul wraps");
    ok(kir_index_op(K_ISHR, -1, 60) == 15, "ishr is logical");
    ok(kir_index_op(K_ILT, -5, 3) == 1 && kir_index_op(K_IMIN, -5, 3) == -5,
       "ilt and imin are signed");
    ok(kir_index_op(K_IDIV, 17, 5) == 3 && kir_index_op(K_IREM, 17, 5) == 2, "idiv and irem");
}

/* y[0..3] one number a lane of op(a, b) on 4 lanes; partial loads and reductions after it. */
static void test_eval_floats(Arena *arena)
{
    KB *kb = kb_begin(arena, "floats", 1);
    int x = kb_buffer(kb, "x", KE_F32, 8, false), p = kb_buffer(kb, "p", KE_U8, 4, false);
    int y = kb_buffer(kb, "y", KE_F32, 32, true);
    KVal a = kb_load(kb, x, kb_i(kb, 0), 4, 4), b = kb_load(kb, x, kb_i(kb, 4), 4, 4);
    kb_store(kb, y, kb_i(kb, 0), kb_fop(kb, K_FMIN, a, b), 4);
    kb_store(kb, y, kb_i(kb, 4), kb_fop(kb, K_FMAX, a, b), 4);
    kb_store(kb, y, kb_i(kb, 8), kb_load(kb, p, kb_i(kb, 0), 4, 3), 4);
    kb_store(kb, y, kb_i(kb, 12), kb_select(kb, kb_fop(kb, K_FLT, a, b), a, kb_iota(kb, 4)), 3);
    kb_store(kb, y, kb_i(kb, 16), kb_fun(kb, K_RMAX, a), 1);
    kb_store(kb, y, kb_i(kb, 17), kb_fun(kb, K_RSUM, kb_load(kb, x, kb_i(kb, 1), 4, 4)), 1);
    KVal near_one = kb_f(kb, 1.0f + 0x1p-12f, 1);
    kb_store(kb, y, kb_i(kb, 18), kb_fma(kb, near_one, near_one, kb_f(kb, -1.0f, 1)), 1);
    Kernel *k = kb_finish(kb);
    float xs[8] = {NAN, 1e8f, 1.0f, -1e8f, 1.0f, NAN, 2.0f, -2e8f}, ys[32];
    uint8_t ps[4] = {0, 255, 7, 9};
    for (int i = 0; i < 32; i++)
        ys[i] = 77.0f;
    kir_eval(k, (void *[]){xs, ps, ys}, 0, 1);
    ok(ys[0] == 1.0f && isnan(ys[1]) && ys[2] == 1.0f && ys[3] == -2e8f,
       "fmin takes b unless a < b");
    ok(ys[4] == 1.0f && isnan(ys[5]) && ys[6] == 2.0f && ys[7] == -1e8f,
       "fmax takes b unless a > b");
    ok(ys[8] == 0 && ys[9] == 255.0f && ys[10] == 7.0f && ys[11] == 0,
       "bytes; a lane not active is 0");
    ok(ys[12] == 0 && ys[13] == 1.0f && ys[14] == 1.0f && ys[15] == 77.0f,
       "select; a lane not active is not written");
    ok(ys[16] == 1e8f, "rmax joins halves with fmax");
    ok(ys[17] == 2.0f, "rsum adds halves: (1e8 - 1e8) + (1 + 1)");
    ok(ys[18] == 0x1p-11f + 0x1p-24f, "fma rounds once");
}

static void test_eval_loops(Arena *arena)
{
    KB *kb = kb_begin(arena, "loops", 3);
    int n = kb_buffer(kb, "n", KE_I32, 3, false), y = kb_buffer(kb, "y", KE_F32, 3, true);
    KVal task = kb_task(kb), sum = kb_var(kb, kb_f(kb, 0.5f, 1));
    KVal i = kb_for(kb, kb_i(kb, 0), kb_iload(kb, n, task), 2);
    kb_if(kb, kb_iop(kb, K_ILT, kb_i(kb, 2), i));
    kb_set(kb, sum, kb_fop(kb, K_FADD, kb_get(kb, sum), kb_itof(kb, i)));
    kb_end(kb);
    kb_end(kb);
    kb_store(kb, y, task, kb_get(kb, sum), 1);
    Kernel *k = kb_finish(kb);
    int32_t ns[3] = {-4, 9, 3};
    float ys[3] = {0};
    kir_eval(k, (void *[]){ns, ys}, 1, 3);
    ok(ys[0] == 0 && ys[1] == 18.5f && ys[2] == 0.5f,
       "loops, conditions, vars, and only the tasks asked for");
    kir_eval(k, (void *[]){ns, ys}, 0, 1);
    ok(ys[0] == 0.5f, "a loop with nothing to do");
}

static void eval_outside(void *kernel)
{
    float x[64] = {0}, y[64] = {0};
    int32_t n[4] = {8, 8, 8, 8};
    kir_eval(kernel, (void *[]){x, y, n}, 0, 4);
}

static void test_eval_bounds(Arena *arena)
{
    Kernel *kernel = whole_kernel(arena);
    ok(!aborts(eval_outside, kernel), "accesses inside of the buffers");
    kernel->buffers[0].n = 4;
    ok(aborts(eval_outside, kernel), "an access outside of its buffer is found");
}

/* ---------------------------------------------------------------------- text */

static void test_texts(Arena *arena)
{
    KB *kb = kb_begin(arena, "scale", 8);
    kb_title(kb, "y (8, 20) = x (8, 20) * 2 */ 1");
    int x = kb_buffer(kb, "x", KE_F32, 160, false), y = kb_buffer(kb, "int", KE_F32, 160, true);
    KVal i = kb_for(kb, kb_i(kb, 0), kb_i(kb, 16), 4);
    KVal at = kb_imad(kb, kb_task(kb), 20, i), value = kb_load(kb, x, at, 4, 4);
    kb_store(kb, y, at, kb_fop(kb, K_FMUL, value, kb_f(kb, 2.0f, 4)), 4);
    kb_end(kb);
    Kernel *k = kb_finish(kb);
    Buf text = buf_create(arena), c = buf_create(arena);
    kir_print(k, &text);
    emit_c_kernel(k, &c);
    const char *expected = arena_printf(arena,
                                        "kernel scale tasks 8 hash %016llx\n"
                                        "  ; y (8, 20) = x (8, 20) * 2 */ 1\n"
                                        "  in    f32 x[160]\n"
                                        "  inout f32 int[160]\n"
                                        "  %%2 = for 0, 16 step 4\n"
                                        "    %%3 = task\n"
                                        "    %%5 = imul %%3, 20\n"
                                        "    %%6 = iadd %%2, %%5\n"
                                        "    %%7 = load.4 x[%%6]\n"
                                        "    %%8 = fconst.4 2\n"
                                        "    %%9 = fmul.4 %%7, %%8\n"
                                        "    store.4 int[%%6] = %%9\n"
                                        "  end\n",
                                        (unsigned long long)k->hash);
    static const char expected_c[] =
        "/* y (8, 20) = x (8, 20) * 2 * / 1\n"
        " * x: 160 float\n"
        " * buf_int: 160 float, written\n"
        " * 8 tasks */\n"
        "void gk_scale(void *const *args, int64_t first, int64_t last)\n"
        "{\n"
        "    const float *restrict x = args[0];\n"
        "    float *restrict buf_int = args[1];\n"
        "\n"
        "    for (int64_t task = first; task < last; task++) {\n"
        "        for (int64_t i = 0; i < 16; i += 4) {\n"
        "            int64_t t1 = i + task * 20;\n"
        "            store(&buf_int[t1], load(vec4, &x[t1]) * 2.0f);\n"
        "        }\n"
        "    }\n"
        "}\n";
    ok(strcmp(text.at, expected) == 0, "a kernel as text");
    ok(strcmp(c.at, expected_c) == 0, "a kernel as C");
    if (strcmp(c.at, expected_c) != 0)
        fprintf(stderr, "%s", c.at);
    if (strcmp(text.at, expected) != 0)
        fprintf(stderr, "%s", text.at);
}

/* ------------------------------------------------------------ random kernels */

enum { N_RANDOM = 200, N_KERNELS = N_RANDOM + 1 };

static int run(const char *fmt, ...) PRINTF_LIKE(1, 2);
static int run(const char *fmt, ...)
{
    char command[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    fflush(stdout);
    return system(command);
}

static bool has_compiler(const char *cc)
{
    return run("%s --version >/dev/null 2>&1", cc) == 0;
}

/* Runs all kernels of the library and counts those whose results are not the interpreter's. */
static int count_different(Arena *arena, void *library, Kernel *const *kernels)
{
    int different = 0;
    for (int i = 0; i < N_KERNELS; i++) {
        Kernel *k = kernels[i];
        void *expected[K_MAX_BUFFERS], *got[K_MAX_BUFFERS];
        random_kernel_args(arena, k, (uint64_t)i, expected);
        random_kernel_args(arena, k, (uint64_t)i, got);
        if (i >= N_RANDOM) {
            random_kernel_tame(k, expected);
            random_kernel_tame(k, got);
        }
        kir_eval(k, expected, 0, k->n_tasks);
        GrtKernel function = NULL;
        void *symbol = dlsym(library, arena_printf(arena, "gk_%s", k->name));
        memcpy(&function, &symbol, sizeof function);
        if (!function) {
            different++;
            continue;
        }
        function(got, 0, 1);
        function(got, 1, k->n_tasks);
        if (!random_kernel_same(k, expected, got))
            different++;
    }
    return different;
}

static void compare_with(Arena *arena, const char *folder, const char *cc, const char *flags,
                         Kernel *const *kernels)
{
    static int n_libraries;
    const char *path = arena_printf(arena, "%s/random%d.so", folder, n_libraries++);
    if (!has_compiler(cc)) {
        ok(true, "C of random kernels with %s # SKIP no such compiler", cc);
        return;
    }
    int rc = run("%s -std=gnu11 -O2 %s -Wall -Wextra -Werror -fPIC -shared -o %s %s/random.c -lm",
                 cc, flags, path, folder);
    ok(rc == 0, "%s %s compiles the C without a warning", cc, flags);
    void *library = rc == 0 ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    int different = library ? count_different(arena, library, kernels) : N_KERNELS;
    ok(different == 0, "%s %s: %d of %d kernels differ from the interpreter", cc, flags, different,
       N_KERNELS);
    if (library)
        dlclose(library);
}

static void test_random(Arena *arena)
{
    Kernel *kernels[N_KERNELS];
    Buf source = buf_create(arena);
    emit_c_prelude(&source);
    size_t n_insts = 0;
    for (int i = 0; i < N_RANDOM; i++) {
        kernels[i] =
            random_kernel(arena, arena_printf(arena, "random%d", i), (uint64_t)i * 7919, 16);
        n_insts += kernels[i]->insts.n;
        emit_c_kernel(kernels[i], &source);
    }
    kernels[N_RANDOM] = winograd_kernel(arena, "winograd", 16);
    emit_c_kernel(kernels[N_RANDOM], &source);
    printf("# %d random kernels, %zu instructions, and one by Winograd in bfloat16\n", N_RANDOM,
           n_insts);
    const char *tmp = getenv("TMPDIR"), *cc = getenv("CC");
    if (!cc || !*cc)
        cc = "cc";
    char *folder = arena_printf(arena, "%s/unit_kir-XXXXXX", tmp && *tmp ? tmp : ".");
    if (!mkdtemp(folder)) {
        ok(false, "cannot make a folder");
        return;
    }
    FILE *file = fopen(arena_printf(arena, "%s/random.c", folder), "w");
    bool written = file && fwrite(source.at, 1, source.n, file) == source.n;
    written = file && fclose(file) == 0 && written;
    ok(written, "the C is written");
    compare_with(arena, folder, cc, "", kernels);
    compare_with(arena, folder, cc, "-march=native -fno-math-errno", kernels);
    if (strstr(cc, "clang"))
        compare_with(arena, folder, "gcc", "-march=native", kernels);
    else
        compare_with(arena, folder, "clang-19", "-march=native", kernels);
    run("rm -r '%s'", folder);
}

int main(void)
{
    Arena *arena = arena_create();
    test_folding(arena);
    test_sharing(arena);
    test_finish(arena);
    test_verifier(arena);
    test_eval_index();
    test_eval_floats(arena);
    test_eval_loops(arena);
    test_eval_bounds(arena);
    test_texts(arena);
    test_random(arena);
    points_end();
    arena_destroy(arena);
    return 0;
}
