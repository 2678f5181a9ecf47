/* link.c - objects and the runtime to one program, by the system's compiler driver.
 *
 * Everything but libc and libm is linked statically. No shell stands between: the driver's words
 * are split at blanks and started as they are. */
#include "compiler/base/base.h"
#include "compiler/emit/emit.h"
#include "compiler/emit/runtime_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

typedef ARR(char *) Words;

static void add(Ctx *ctx, Words *words, const char *word)
{
    *arr_push(ctx->arena, words) = arena_strdup(ctx->arena, word);
}

static void add_split(Ctx *ctx, Words *words, const char *text)
{
    char *copy = arena_strdup(ctx->arena, text), *rest = NULL;
    for (char *word = strtok_r(copy, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest))
        *arr_push(ctx->arena, words) = word;
}

/* An argument of the driver that is a file: one that begins with '-' would read as an option. */
static void add_file(Ctx *ctx, Words *words, const char *path)
{
    add(ctx, words, path[0] == '-' ? arena_printf(ctx->arena, "./%s", path) : path);
}

static Words link_command(Ctx *ctx, const char *const *objects, uint32_t n_objects,
                          const char *out_path)
{
    static const char *const options[] = {"-static-libgcc", "-Wl,--gc-sections",
                                          "-Wl,-z,noexecstack", "-Wl,--build-id=none",
                                          "-Wl,--as-needed"};
    Words words = {0};
    const char *cc = getenv("CC");
    add_split(ctx, &words, cc && cc[strspn(cc, " \t\n")] ? cc : GRAFT_CC);
    for (size_t i = 0; i < COUNT_OF(options); i++)
        add(ctx, &words, options[i]);
    add(ctx, &words, "-o");
    add_file(ctx, &words, out_path);
    for (uint32_t i = 0; i < n_objects; i++)
        add_file(ctx, &words, objects[i]);
    add_file(ctx, &words, arena_printf(ctx->arena, "%s/libgrt.a", runtime_dir(ctx)));
    add_split(ctx, &words, GRAFT_LINK_LIBS);
    add(ctx, &words, "-lm");
    return words;
}

void link_program(Ctx *ctx, const char *const *objects, uint32_t n_objects, const char *path)
{
    const char *whole = arena_printf(ctx->arena, "%s.%ld.tmp", path, (long)getpid());
    Words words = link_command(ctx, objects, n_objects, whole);
    *arr_push(ctx->arena, &words) = NULL;
    int status = 0, error = process_run(ctx, &(Process){.argv = words.at}, &status);
    if (error)
        fatal(ctx, EXIT_FILE, "cannot start %s to link: %s", words.at[0], strerror(error));
    if (status != 0) {
        unlink(whole);
        fatal(ctx, EXIT_FILE, "cannot link %s: %s failed", path, words.at[0]);
    }
    if (rename(whole, path) != 0) {
        error = errno;
        unlink(whole);
        fatal(ctx, EXIT_FILE, "cannot write %s: %s", path, strerror(error));
    }
}
