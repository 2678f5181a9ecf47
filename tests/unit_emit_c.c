/* unit_emit_c.c - a whole program in C: the tables read back through grt.h, the struct declarations
 * against grt.h, read-only data, and the kernels run from the tables. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_tables.h"
#include "tests/kir/tiny_plan.h"
#include "tests/tap.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool differs(const char *field)
{
    printf("# %s differs\n", field);
    return false;
}

#define SAME(field) (a->field == b->field ? true : differs(#field))
#define SAME_TEXT(field) (same_text(a->field, b->field) ? true : differs(#field))
#define SAME_BYTES(field) \
    (memcmp(&a->field, &b->field, sizeof a->field) == 0 ? true : differs(#field))

static bool same_buffers(const GrtProgram *p, const GrtProgram *q)
{
    bool same = p->n_buffers == q->n_buffers;
    for (uint32_t i = 0; same && i < p->n_buffers; i++) {
        const GrtBuffer *a = &p->buffers[i], *b = &q->buffers[i];
        same = SAME_TEXT(name) && SAME(elem) && SAME(place) && SAME(offset) && SAME(n);
    }
    return same;
}

static bool same_params(const GrtProgram *p, const GrtProgram *q)
{
    bool same = p->n_params == q->n_params;
    for (uint32_t i = 0; same && i < p->n_params; i++) {
        const GrtParam *a = &p->params[i], *b = &q->params[i];
        same = SAME_TEXT(layer) && SAME_TEXT(name) && SAME(rank) && SAME_BYTES(dims) &&
               SAME(rows) && SAME(cols) && SAME(panel) && SAME(value) && SAME_BYTES(slot) &&
               SAME(n_slots) && SAME(init) && SAME(init_scale) && SAME(init_offset) &&
               SAME(trainable);
    }
    return same;
}

static bool same_steps(const GrtPhase *p, const GrtPhase *q)
{
    for (uint32_t s = 0; s < p->n_steps; s++) {
        const GrtStep *a = &p->steps[s], *b = &q->steps[s];
        if (!(SAME_TEXT(name) && SAME(n_tasks) && SAME(n_args) && SAME(macs) && b->kernel != NULL))
            return false;
        if (memcmp(a->args, b->args, a->n_args * sizeof *a->args) != 0)
            return differs("args");
    }
    return true;
}

static bool same_phases(const GrtProgram *p, const GrtProgram *q)
{
    bool same = true;
    for (int i = 0; same && i < GRT_N_PHASES; i++) {
        const GrtPhase *a = &p->phases[i], *b = &q->phases[i];
        same = SAME_TEXT(name) && SAME(n_steps) && SAME(batch) && same_steps(a, b);
    }
    return same;
}

static bool same_experiment(const GrtProgram *a, const GrtProgram *b)
{
    bool texts = SAME_TEXT(name) && SAME_TEXT(version) && SAME_TEXT(target) &&
                 SAME_TEXT(spec_hash) && SAME_TEXT(prefix_hash) && SAME_TEXT(spec_text) &&
                 SAME_TEXT(weights_report) && SAME_TEXT(train_path) && SAME_TEXT(test_path);
    bool data = SAME(abi) && SAME(data_format) && SAME(skip_bad_files) && SAME(height) &&
                SAME(width) && SAME(channels) && SAME(n_classes) && SAME(feature_size) &&
                SAME(head_input_size) && SAME(head_input_rank) && SAME_BYTES(head_input_dims);
    bool training = SAME(batch_size) && SAME(validation_batch_size) && SAME(epochs) && SAME(seed) &&
                    SAME(shuffle) && SAME(optimizer) && SAME(learning_rate) && SAME(beta_1) &&
                    SAME(beta_2);
    bool memory = SAME_BYTES(io) && SAME(block_bytes) && SAME(stream_offset) &&
                  SAME(stream_bytes) && SAME(rodata_bytes) && SAME(n_weights) &&
                  SAME(n_trainable_weights) && SAME(macs_image);
    return texts && data && training && memory;
}

/* ------------------------------------------------------------------- program */

static bool write_file(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "w");
    bool written = file && fwrite(bytes, 1, n, file) == n;
    return file && fclose(file) == 0 && written;
}

static int run(Arena *arena, const char *command, const char *folder)
{
    const char *cc = getenv("CC");
    fflush(stdout);
    return system(arena_printf(arena, "%s -std=gnu11 -O2 -Wall -Wextra -Werror %s",
                               cc && *cc ? cc : "cc",
                               arena_printf(arena, command, folder, folder, folder)));
}

/* Top of the source tree, from this file's own name. */
static const char *top_folder(Arena *arena)
{
    char *path = arena_strdup(arena, __FILE__), *slash = strrchr(path, '/');
    if (!slash)
        return "..";
    *slash = '\0';
    return arena_printf(arena, "%s/..", path);
}

/* The declarations in program.c, renamed, against grt.h. */
static const char LAYOUT[] =
    "#define GrtBuffer CBuffer\n#define GrtStep CStep\n#define GrtPhase CPhase\n#define GrtIo CIo\n"
    "#define GrtParam CParam\n#define GrtProgram CProgram\n#define grt_program c_program\n"
    "#include \"program.c\"\n"
    "#undef GrtBuffer\n#undef GrtStep\n#undef GrtPhase\n#undef GrtIo\n"
    "#undef GrtParam\n#undef GrtProgram\n#undef grt_program\n"
    "#include \"runtime/grt.h\"\n"
    "#define SIZE(x) _Static_assert(sizeof(Grt##x) == sizeof(C##x), #x);\n"
    "SIZE(Buffer) SIZE(Step) SIZE(Phase) SIZE(Io) SIZE(Param) SIZE(Program)\n"
    "#define AT(x, f) _Static_assert(offsetof(Grt##x, f) == offsetof(C##x, f), #f);\n"
    "AT(Buffer, n) AT(Step, args) AT(Step, macs) AT(Phase, batch) AT(Io, hyper) AT(Io, counters)\n"
    "AT(Param, panel) AT(Param, slot) AT(Param, init_scale) AT(Param, trainable)\n"
    "AT(Program, weights_report) AT(Program, test_path) AT(Program, head_input_dims)\n"
    "AT(Program, optimizer) AT(Program, beta_2) AT(Program, phases) AT(Program, io)\n"
    "AT(Program, rodata) AT(Program, macs_image)\n";

static void test_layout(Arena *arena, const char *folder)
{
    ok(write_file(arena_printf(arena, "%s/layout.c", folder), LAYOUT, sizeof LAYOUT - 1),
       "layout.c is written");
    const char *command =
        arena_printf(arena, "-I%s -c '%%s/layout.c' -o '%%s/layout.o'", top_folder(arena));
    ok(run(arena, command, folder) == 0, "the declarations agree with grt.h");
}

static void test_kernels(const GrtProgram *program)
{
    float x[32], bias[8], y[32] = {0};
    for (int i = 0; i < 32; i++)
        x[i] = (float)i;
    for (int i = 0; i < 8; i++)
        bias[i] = 100.0f * (float)i;
    const GrtStep *step = &program->phases[GRT_TRAIN].steps[0];
    step->kernel((void *[]){x, bias, y}, 1, 4);
    ok(y[7] == 0 && y[8] == 8.0f && y[31] == 31.0f + 700.0f, "the kernel of a step runs");
    unsigned char pixels[6] = {1, 2, 3, 250, 251, 252};
    program->phases[GRT_PREFIX].steps[0].kernel((void *[]){pixels, y}, 0, 1);
    ok(y[0] == 1.0f && y[5] == 252.0f && y[6] == 0, "a kernel with local memory runs");
}

static void test_tables(const ProgramTables *tables, const GrtProgram *program)
{
    ok(same_experiment(&tables->program, program), "names, data, training, sizes");
    ok(same_buffers(&tables->program, program), "buffers");
    ok(same_params(&tables->program, program), "parameters");
    ok(same_phases(&tables->program, program), "phases and steps");
    bool same = program->rodata && (uintptr_t)program->rodata % 64 == 0;
    for (int i = 0; same && i < TINY_RODATA_BYTES; i++)
        same = program->rodata[i] == tiny_rodata(i);
    ok(same, "read-only data, at a multiple of 64");
    ok(program->n_weights == 15 + 18 && program->n_trainable_weights == 18, "weights are counted");
    ok(program->head_input_rank == 3 && program->head_input_dims[2] == 5,
       "shape of the head's input");
    test_kernels(program);
}

static void write_program(Ctx *ctx, const ProgramInfo *info, const char *path)
{
    Buf source = buf_create(ctx->arena);
    emit_c(ctx, info, &source);
    ok(write_file(path, source.at, source.n), "the C is written");
}

static void test_program(Ctx *ctx, const char *folder)
{
    Arena *arena = ctx->arena;
    ProgramInfo *info = tiny_program(arena);
    unsigned char rodata[TINY_RODATA_BYTES];
    for (int i = 0; i < TINY_RODATA_BYTES; i++)
        rodata[i] = tiny_rodata(i);
    info->rodata_path = arena_printf(arena, "%s/read \"only\" data", folder);
    ok(write_file(info->rodata_path, rodata, sizeof rodata), "the read-only data is written");
    write_program(ctx, info, arena_printf(arena, "%s/program.c", folder));
    ok(run(arena, "-fPIC -shared '%s/program.c' -o '%s/program.so' -lm", folder) == 0,
       "the program compiles without a warning");
    void *library = dlopen(arena_printf(arena, "%s/program.so", folder), RTLD_NOW | RTLD_LOCAL);
    const GrtProgram *program = library ? dlsym(library, "grt_program") : NULL;
    ok(program != NULL, "it exports grt_program");
    if (program)
        test_tables(emit_tables(ctx, info), program);
    test_layout(arena, folder);
    info->rodata_path = NULL;
    write_program(ctx, info, arena_printf(arena, "%s/program.c", folder));
    ok(run(arena, "-c '%s/program.c' -o '%s/program.o'", folder) == 0,
       "without a file of read-only data");
}

int main(void)
{
    Ctx ctx = {.arena = arena_create()};
    const char *tmp = getenv("TMPDIR");
    char *folder = arena_printf(ctx.arena, "%s/unit_emit_c-XXXXXX", tmp && *tmp ? tmp : ".");
    if (!mkdtemp(folder)) {
        printf("Bail out! cannot make a folder\n");
        return 1;
    }
    test_program(&ctx, folder);
    fflush(stdout);
    if (system(arena_printf(ctx.arena, "rm -r '%s'", folder)) != 0)
        printf("# %s stays\n", folder);
    points_end();
    return 0;
}
