/* tiny_plan.c - a Plan made by hand; its numbers are all different, so that a mix-up shows. */
#include "compiler/base/base.h"
#include "tests/kir/tiny_plan.h"

unsigned char tiny_rodata(int i)
{
    return (unsigned char)(i * 37 + 11);
}

/* y (4, 8) = x (4, 8) + bias (8) */
static Kernel *add_kernel(Arena *arena)
{
    KB *kb = kb_begin(arena, "tiny_add", 4);
    kb_title(kb, "y (4, 8) = x (4, 8) + bias (8)");
    int x = kb_buffer(kb, "x", KE_F32, 32, false), bias = kb_buffer(kb, "bias", KE_F32, 8, false);
    int y = kb_buffer(kb, "y", KE_F32, 32, true);
    KVal at = kb_imulc(kb, kb_task(kb), 8);
    KVal a = kb_load(kb, x, at, 8, 8), b = kb_load(kb, bias, kb_i(kb, 0), 8, 8);
    kb_store(kb, y, at, kb_fop(kb, K_FADD, a, b), 8);
    return kb_finish(kb);
}

/* y (6) = float of pixels (6), through memory of the task */
static Kernel *convert_kernel(Arena *arena)
{
    KB *kb = kb_begin(arena, "tiny_convert", 1);
    int pixels = kb_buffer(kb, "pixels", KE_U8, 6, false), y = kb_buffer(kb, "y", KE_F32, 6, true);
    int local = kb_local(kb, "local", KE_F32, 8);
    kb_store(kb, local, kb_i(kb, 0), kb_load(kb, pixels, kb_i(kb, 0), 8, 6), 8);
    kb_store(kb, y, kb_i(kb, 0), kb_load(kb, local, kb_i(kb, 0), 8, 8), 6);
    return kb_finish(kb);
}

static void add_buffer(Arena *arena, Plan *plan, const char *name, BufKind kind, KElem elem,
                       int64_t n, uint64_t offset)
{
    *arr_push(arena, &plan->buffers) =
        (PlanBuffer){.name = name, .kind = kind, .elem = elem, .n = n, .offset = offset};
}

static void fill_buffers(Arena *arena, Plan *plan)
{
    add_buffer(arena, plan, "images", BUF_STATE, KE_U8, 6, 0);
    add_buffer(arena, plan, "features \"quoted\\\" \?\?/", BUF_SCRATCH, KE_F32, 32, 64);
    add_buffer(arena, plan, "bias", BUF_RODATA, KE_F32, 8, 128);
    add_buffer(arena, plan, "labels", BUF_STATE, KE_I32, 3, 256);
    add_buffer(arena, plan, "counters", BUF_STATE, KE_I64, 8, 320);
    add_buffer(arena, plan, "out", BUF_SCRATCH, KE_F32, 32, 384);
    plan->block_bytes = 512;
    plan->rodata_bytes = TINY_RODATA_BYTES;
}

static void add_step(Arena *arena, PlanPhase *phase, const char *name, const Kernel *kernel,
                     uint64_t macs, BufId a, BufId b, BufId c)
{
    PlanStep *step = arr_push(arena, &phase->steps);
    *step = (PlanStep){.name = name, .kernel = kernel, .macs = macs, .args = {a, b, c}};
}

static void fill_phases(Arena *arena, Plan *plan)
{
    Kernel *add = add_kernel(arena), *convert = convert_kernel(arena);
    *arr_push(arena, &plan->kernels) = add;
    *arr_push(arena, &plan->kernels) = convert;
    plan->phases[GRT_PREFIX].name = "prefix";
    plan->phases[GRT_PREFIX].batch = 5;
    add_step(arena, &plan->phases[GRT_PREFIX], "convert", convert, 12, 0, 1, 0);
    add_step(arena, &plan->phases[GRT_PREFIX], "dense \xC3\xA9 add", add, UINT64_C(5000000000), 1,
             2, 5);
    plan->phases[GRT_TRAIN].name = "train";
    plan->phases[GRT_TRAIN].batch = 32;
    add_step(arena, &plan->phases[GRT_TRAIN], "add", add, 7, 1, 2, 5);
    plan->phases[GRT_EVAL].name = "eval";
    plan->phases[GRT_EVAL].batch = 64;
    plan->phases[GRT_PEAK].name = "peak";
    plan->phases[GRT_PEAK].batch = 1;
}

static void fill_params(Arena *arena, Plan *plan)
{
    *arr_push(arena, &plan->params) = (GrtParam){.layer = "dense",
                                                 .name = "kernel",
                                                 .rank = 2,
                                                 .dims = {2, 4, 0, 0},
                                                 .rows = 2,
                                                 .cols = 4,
                                                 .panel = 16,
                                                 .value = 1,
                                                 .slot = {5, 3},
                                                 .n_slots = 2,
                                                 .init = GRT_INIT_UNIFORM,
                                                 .init_scale = 0.1234567f,
                                                 .init_offset = 0,
                                                 .trainable = 1};
    *arr_push(arena, &plan->params) = (GrtParam){.layer = "bn",
                                                 .name = "moving_mean",
                                                 .rank = 1,
                                                 .dims = {9, 0, 0, 0},
                                                 .rows = 1,
                                                 .cols = 9,
                                                 .panel = 0,
                                                 .value = 5,
                                                 .slot = {UINT32_MAX, UINT32_MAX},
                                                 .n_slots = 0,
                                                 .init = GRT_INIT_DATA,
                                                 .init_scale = 1.0f,
                                                 .init_offset = 64,
                                                 .trainable = 0};
    plan->io = (GrtIo){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, UINT32_MAX, 13, 14};
}

static Graph *tiny_graph(Arena *arena, const Spec *spec)
{
    Graph *graph = arena_new(arena, Graph);
    graph->spec = spec;
    graph->n_classes = 17;
    for (NodeId id = 0; id < 2; id++) {
        Node *node = arr_push(arena, &graph->nodes);
        *node =
            (Node){.id = id, .kind = LAYER_input, .name = "node", .shape = {2, 3, 4 + id, false}};
        *arr_push(arena, &node->params) = (Param){.name = "w", .rank = 2, .dims = {3, 5 + id}};
        node->trainable = id == 1;
    }
    graph->head_input = 1;
    return graph;
}

static Spec *tiny_spec(Arena *arena)
{
    Spec *spec = arena_new(arena, Spec);
    spec->name = "tiny";
    spec->canonical = "graft: 1\nname: tiny # \"quoted\"\n";
    memcpy(spec->hash, "0123456789abcdef", 17);
    spec->format = DATA_CIFAR10;
    spec->train = "data/train";
    spec->on_error = ON_ERROR_SKIP;
    spec->height = 32;
    spec->width = 33;
    spec->channels = 3;
    spec->batch_size = 31;
    spec->validation_batch_size = 62;
    spec->epochs = 11;
    spec->seed = INT64_C(-123456789012);
    spec->shuffle = true;
    spec->optimizer = OPT_SGD;
    spec->learning_rate = 1e-4;
    spec->beta_1 = 0.9;
    spec->beta_2 = 0.99900000000000011;
    return spec;
}

ProgramInfo *tiny_program(Arena *arena)
{
    Spec *spec = tiny_spec(arena);
    Plan *plan = arena_new(arena, Plan);
    plan->graph = tiny_graph(arena, spec);
    plan->target.cpu = "x86-64-v4";
    plan->target.needs = "avx avx512f";
    plan->feature_size = 111;
    plan->head_input_size = 30;
    memcpy(plan->prefix_hash, "fedcba9876543210", 17);
    fill_buffers(arena, plan);
    fill_phases(arena, plan);
    fill_params(arena, plan);
    ProgramInfo *info = arena_new(arena, ProgramInfo);
    *info =
        (ProgramInfo){.plan = plan, .spec = spec, .version = "0.1 */", .weights_report = "none\n"};
    return info;
}
