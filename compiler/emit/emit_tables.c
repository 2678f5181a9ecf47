/* emit_tables.c - fills the tables of grt_program from the Plan and the Spec. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_tables.h"

static uint32_t data_format(DataFormat format)
{
    static const uint32_t formats[] = {[DATA_IMAGE_FOLDER] = GRT_DATA_IMAGE_FOLDER,
                                       [DATA_CIFAR10] = GRT_DATA_CIFAR10,
                                       [DATA_NPY] = GRT_DATA_NPY};
    return formats[format];
}

static uint32_t elem(KElem elem)
{
    static const uint32_t elems[] = {[KE_F32] = GRT_F32,
                                     [KE_U8] = GRT_U8,
                                     [KE_I32] = GRT_I32,
                                     [KE_I64] = GRT_I64,
                                     [KE_BF16] = GRT_BF16};
    return elems[elem];
}

static void fill_names(GrtProgram *out, const ProgramInfo *info)
{
    const Spec *spec = info->spec;
    out->abi = GRT_ABI;
    out->name = spec->name;
    out->version = info->version;
    out->target = info->plan->target.cpu;
    out->needs = info->plan->target.needs;
    out->spec_hash = spec->hash;
    out->prefix_hash = info->plan->prefix_hash;
    out->spec_text = spec->canonical;
    out->weights_report = info->weights_report ? info->weights_report : "";
}

static void fill_data(GrtProgram *out, const Spec *spec, const Plan *plan)
{
    const Graph *graph = plan->graph;
    const Shape *head = &graph->nodes.at[graph->head_input].shape;
    out->data_format = data_format(spec->format);
    out->train_path = spec->train;
    out->test_path = spec->test;
    out->skip_bad_files = spec->on_error == ON_ERROR_SKIP;
    out->height = spec->height;
    out->width = spec->width;
    out->channels = spec->channels;
    out->n_classes = graph->n_classes;
    out->feature_size = plan->feature_size;
    out->head_input_size = plan->head_input_size;
    const int64_t dims[] = {head->h, head->w, head->c};
    out->head_input_rank = head->flat ? 1 : 3;
    for (uint32_t d = 0; d < out->head_input_rank; d++)
        out->head_input_dims[d] = head->flat ? head->c : dims[d];
}

static void fill_training(GrtProgram *out, const Spec *spec)
{
    out->batch_size = spec->batch_size;
    out->validation_batch_size = spec->validation_batch_size;
    out->epochs = spec->epochs;
    out->seed = spec->seed;
    out->shuffle = spec->shuffle;
    out->optimizer = spec->optimizer == OPT_ADAM ? 0 : 1;
    out->learning_rate = spec->learning_rate;
    out->beta_1 = spec->beta_1;
    out->beta_2 = spec->beta_2;
}

static const GrtBuffer *fill_buffers(Arena *arena, const Plan *plan)
{
    GrtBuffer *buffers = arena_array(arena, GrtBuffer, plan->buffers.n);
    for (uint32_t b = 0; b < plan->buffers.n; b++) {
        const PlanBuffer *from = &plan->buffers.at[b];
        buffers[b] = (GrtBuffer){.name = from->name,
                                 .elem = elem(from->elem),
                                 .place = from->kind == BUF_RODATA ? GRT_RODATA : GRT_BLOCK,
                                 .offset = from->offset,
                                 .n = (uint64_t)from->n};
    }
    return buffers;
}

static uint32_t count_args(const Kernel *kernel)
{
    uint32_t n = 0;
    while (n < kernel->n_buffers && !kernel->buffers[n].local)
        n++;
    return n;
}

static void fill_phase(Arena *arena, GrtPhase *out, const Kernel ***kernels, const PlanPhase *phase)
{
    GrtStep *steps = arena_array(arena, GrtStep, phase->steps.n);
    *kernels = arena_array(arena, const Kernel *, phase->steps.n);
    for (uint32_t s = 0; s < phase->steps.n; s++) {
        const PlanStep *step = &phase->steps.at[s];
        steps[s] = (GrtStep){.name = step->name,
                             .n_tasks = step->kernel->n_tasks,
                             .n_args = count_args(step->kernel),
                             .args = step->args,
                             .macs = step->macs};
        (*kernels)[s] = step->kernel;
    }
    *out = (GrtPhase){.name = phase->name,
                      .steps = steps,
                      .n_steps = phase->steps.n,
                      .batch = (uint32_t)phase->batch};
}

static void fill_counts(GrtProgram *out, const Graph *graph)
{
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        const Node *node = &graph->nodes.at[i];
        for (uint32_t p = 0; p < node->params.n; p++) {
            const Param *param = &node->params.at[p];
            uint64_t size = (uint64_t)param_size(param);
            out->n_weights += size;
            if (node->trainable && !param->statistic)
                out->n_trainable_weights += size;
        }
        out->macs_image += (uint64_t)node_macs(graph, node, true);
    }
}

ProgramTables *emit_tables(Ctx *ctx, const ProgramInfo *info)
{
    const Plan *plan = info->plan;
    ProgramTables *tables = arena_new(ctx->arena, ProgramTables);
    GrtProgram *out = &tables->program;
    fill_names(out, info);
    fill_data(out, info->spec, plan);
    fill_training(out, info->spec);
    for (int p = 0; p < GRT_N_PHASES; p++)
        fill_phase(ctx->arena, &out->phases[p], &tables->kernels[p], &plan->phases[p]);
    out->buffers = fill_buffers(ctx->arena, plan);
    out->n_buffers = plan->buffers.n;
    out->params = plan->params.at;
    out->n_params = plan->params.n;
    out->io = plan->io;
    out->block_bytes = plan->block_bytes;
    out->stream_offset = plan->stream_offset;
    out->stream_bytes = plan->stream_bytes;
    out->rodata_bytes = plan->rodata_bytes;
    fill_counts(out, plan->graph);
    return tables;
}
