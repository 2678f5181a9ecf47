/* emit_objects.c - a program as objects, each kernel apart: an object depends on what its kernel
 * computes, on the target and on the compiler, and on nothing else of the program, so that it can
 * be kept for others. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_llvm.h"
#include "compiler/emit/kernel_cache.h"

#include <errno.h>

/* All that decides about the objects of a target but for the kernel. */
static Buf common_key(Ctx *ctx, const Target *target)
{
    Buf key = buf_create(ctx->arena);
    emit_compiler(&key);
    buf_printf(&key, "%s %s %s\n%d %d %d\n", target->triple, target->cpu, target->features,
               target->lanes, target->registers, target->dot_bfloat16);
    return key;
}

static KernelKey kernel_key(Ctx *ctx, const Buf *common, const Kernel *kernel)
{
    Buf key = buf_create(ctx->arena);
    buf_add(&key, common->at, common->n);
    buf_printf(&key, "%s\n", kernel->kind); /* it is in the function's name */
    kir_content(kernel, &key);
    return kernel_cache_key(&key);
}

static void write_object(Ctx *ctx, const char *path, const Buf *object)
{
    if (!file_write_unsynced(path, object->at, object->n, 0666))
        fatal(ctx, EXIT_FILE, "cannot write %s: %s", path, strerror(errno));
}

void emit_objects(Ctx *ctx, const ProgramInfo *info, const char *folder, const char *kernel_cache,
                  ProgramObjects *out)
{
    const Plan *plan = info->plan;
    Buf common = common_key(ctx, &plan->target);
    EmitLlvm em;
    *out = (ProgramObjects){.n_kernels = plan->kernels.n};
    out->paths = arena_array(ctx->arena, const char *, plan->kernels.n + 1);
    emit_llvm_open(&em, ctx, &plan->target, true);
    for (uint32_t i = 0; i < plan->kernels.n; i++) {
        const Kernel *kernel = plan->kernels.at[i];
        const char *path = arena_printf(ctx->arena, "%s/%s.o", folder, kernel->name);
        KernelKey key = kernel_key(ctx, &common, kernel);
        Buf object;
        if (kernel_cache && kernel_cache_get(ctx, kernel_cache, &key, &object)) {
            out->n_cached++;
        } else {
            object = emit_llvm_alone(&em, kernel);
            if (kernel_cache)
                kernel_cache_put(ctx, kernel_cache, &key, &object);
        }
        write_object(ctx, path, &object);
        out->paths[out->n++] = path;
    }
    const char *tables = arena_printf(ctx->arena, "%s/program.o", folder);
    emit_llvm_tables_alone(&em, info, tables);
    out->paths[out->n++] = tables;
    emit_llvm_close(&em);
    if (kernel_cache && out->n_cached < out->n_kernels)
        kernel_cache_trim(ctx, kernel_cache, KERNEL_CACHE_MAX);
}
