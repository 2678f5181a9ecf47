/* cmd_build.c - graftc build and graftc run. */
#include "compiler/base/base.h"
#include "compiler/emit/runtime_dir.h"
#include "compiler/tool/command.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

/* Where what can be made again is kept; NULL when the environment does not say. */
static const char *cache_folder(Ctx *ctx)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && cache[0] == '/')
        return arena_printf(ctx->arena, "%s/graft", cache);
    return home && *home ? arena_printf(ctx->arena, "%s/.cache/graft", home) : NULL;
}

static CompileOptions build_options(Ctx *ctx, const Args *args, const char *cache)
{
    CompileOptions options = command_options(args, args->words.at[0]);
    if (cache)
        options.kernel_cache = arena_printf(ctx->arena, "%s/kernels", cache);
    return options;
}

int cmd_build(Ctx *ctx, const Args *args)
{
    CompileOptions options = build_options(ctx, args, cache_folder(ctx));
    Compilation done;
    const char *out = args->output;
    if (!out) {
        if (!compile(ctx, &options, STAGE_SPEC, &done))
            return EXIT_SPEC;
        out = done.spec->name;
    }
    bool good = compile_program(ctx, &options, out, &done);
    compile_report_weights(&done);
    return good ? EXIT_OK : EXIT_SPEC;
}

/* ------------------------------------------------------------------------------ run */

static void add_file(Buf *key, const char *path)
{
    if (path)
        file_stamp(key, path);
}

/* Hash of all that decides the program, and whether it may be built: spec, weights, the backbone's
 * file, target, compiler, limit of memory. */
static const char *program_key(Ctx *ctx, const Args *args, const Spec *spec)
{
    Buf key = buf_create(ctx->arena);
    char *folder = getcwd(NULL, 0);
    Target target = target_resolve(ctx, spec->target_cpu);
    emit_compiler(&key);
    buf_printf(&key, "%s\n%s\n%s %s\n%d\n%llu\n", folder ? folder : "", spec->canonical, target.cpu,
               target.features, args->no_weights, (unsigned long long)args->memory_limit);
    free(folder);
    add_file(&key, spec->file->path);
    add_file(&key, spec->backbone_weights.path);
    add_file(&key, spec->weights.path);
    add_file(&key, arena_printf(ctx->arena, "%s/libgrt.a", runtime_dir(ctx)));
    if (spec->has_backbone && spec->backbone_loc.file)
        add_file(&key, path_beside(ctx->arena, spec->backbone_loc.file->path, spec->backbone));
    return arena_printf(ctx->arena, "%016llx", (unsigned long long)XXH3_64bits(key.at, key.n));
}

/* Becomes the program; without a command of its own it trains. */
static _Noreturn void become(Ctx *ctx, const char *program, char **rest)
{
    ARR(char *) argv = {0};
    *arr_push(ctx->arena, &argv) = arena_strdup(ctx->arena, program);
    if (!rest || !*rest || (*rest)[0] == '-')
        *arr_push(ctx->arena, &argv) = arena_strdup(ctx->arena, "train");
    for (; rest && *rest; rest++)
        *arr_push(ctx->arena, &argv) = *rest;
    *arr_push(ctx->arena, &argv) = NULL;
    fflush(NULL);
    execv(program, argv.at);
    fatal(ctx, EXIT_FILE, "cannot start %s: %s", program, strerror(errno));
}

int cmd_run(Ctx *ctx, const Args *args)
{
    const char *cache = cache_folder(ctx);
    CompileOptions options = build_options(ctx, args, cache);
    Compilation done;
    if (!compile(ctx, &options, STAGE_SPEC, &done))
        return EXIT_SPEC;
    if (!cache)
        fatal(ctx, EXIT_FILE, "neither XDG_CACHE_HOME nor HOME says where the cache is");
    const char *key = program_key(ctx, args, done.spec);
    const char *program = arena_printf(ctx->arena, "%s/%s-%s", cache, done.spec->name, key);
    if (access(program, X_OK) != 0) {
        if (!file_make_folders(ctx, cache))
            fatal(ctx, EXIT_FILE, "cannot make the folder %s: %s", cache, strerror(errno));
        bool good = compile_program(ctx, &options, program, &done);
        compile_report_weights(&done);
        if (!good)
            return EXIT_SPEC;
        compile_report(ctx);
    }
    become(ctx, program, args->rest);
}
