/* runtime_dir.c - finds libgrt.a for a compiler in its build folder or installed. */
#include "compiler/base/base.h"
#include "compiler/emit/runtime_dir.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static bool has_runtime(Ctx *ctx, const char *folder)
{
    return access(arena_printf(ctx->arena, "%s/libgrt.a", folder), R_OK) == 0;
}

/* Folder of this program's file, NULL when the system does not say. */
static const char *own_folder(Ctx *ctx)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return NULL;
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash)
        return NULL;
    return arena_strndup(ctx->arena, path, (size_t)(slash - path));
}

const char *runtime_dir(Ctx *ctx)
{
    const char *chosen = getenv("GRAFT_RUNTIME");
    if (chosen && *chosen) {
        if (!has_runtime(ctx, chosen))
            fatal(ctx, EXIT_FILE, "there is no libgrt.a in GRAFT_RUNTIME, %s", chosen);
        return chosen;
    }
    const char *own = own_folder(ctx);
    const char *folders[] = {
        own ? own : GRAFT_RUNTIME_DIR,
        own ? arena_printf(ctx->arena, "%s/runtime", own) : GRAFT_RUNTIME_DIR,
        GRAFT_RUNTIME_DIR,
    };
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        if (has_runtime(ctx, folders[i]))
            return folders[i];
    fatal(ctx, EXIT_FILE, "the runtime's library libgrt.a is neither in %s nor in %s", folders[0],
          GRAFT_RUNTIME_DIR);
}
