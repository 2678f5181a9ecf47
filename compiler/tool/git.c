/* git.c - git's answers, and files of its revisions. */
#include "compiler/base/base.h"
#include "compiler/tool/git.h"

#include <errno.h>
#include <unistd.h>

/* -------------------------------------------------------------------------- asking */

int git_run(Ctx *ctx, const char *const *words, bool quiet, Buf *out)
{
    ARR(char *) argv = {0};
    *arr_push(ctx->arena, &argv) = arena_strdup(ctx->arena, "git");
    for (; *words; words++)
        *arr_push(ctx->arena, &argv) = arena_strdup(ctx->arena, *words);
    *arr_push(ctx->arena, &argv) = NULL;
    Process git = {
        .argv = argv.at, .to = out ? OUTPUT_TO_BUF : OUTPUT_TO_OUTPUT, .out = out, .quiet = quiet};
    int status = -1;
    return process_run(ctx, &git, &status) == 0 ? status : -1;
}

const char *git_line(Ctx *ctx, const char *const *words)
{
    Buf out = buf_create(ctx->arena);
    if (git_run(ctx, words, true, &out) != 0)
        return NULL;
    return out.n ? arena_strndup(ctx->arena, out.at, strcspn(out.at, "\n")) : "";
}

/* --------------------------------------------------------------- files of a revision */

/* REV:./a/../b/c is REV:b/c for git. */
static bool read_revision(Ctx *ctx, const FileSource *self, const char *path,
                          const SourceFile **out)
{
    size_t n = strlen(self->prefix);
    if (strncmp(path, self->prefix, n) != 0)
        return false;
    const char *inside = path_absolute(ctx->arena, arena_printf(ctx->arena, "/%s", path + n)) + 1;
    const char *object =
        arena_printf(ctx->arena, "%.*s%s", (int)(n - strlen("./")), self->prefix, inside);
    Buf text = buf_create(ctx->arena);
    *out = NULL;
    if (git_run(ctx, (const char *const[]){"cat-file", "blob", object, NULL}, true, &text) != 0) {
        errno = ENOENT;
        return true;
    }
    SourceFile *file = arena_new(ctx->arena, SourceFile);
    *file = (SourceFile){arena_strdup(ctx->arena, path), text.n ? text.at : "", text.n};
    *out = file;
    return true;
}

const FileSource *git_source(Ctx *ctx, const char *revision, const char *folder)
{
    FileSource *source = arena_new(ctx->arena, FileSource);
    *source = (FileSource){read_revision, arena_printf(ctx->arena, "%s:./", revision), folder};
    return source;
}

typedef struct Overlay {
    FileSource source;
    const char *path, *file;
} Overlay;

static bool read_overlay(Ctx *ctx, const FileSource *self, const char *path, const SourceFile **out)
{
    const Overlay *overlay = (const Overlay *)self;
    if (strcmp(path, overlay->path) != 0)
        return false;
    const SourceFile *text = file_read(ctx, overlay->file);
    *out = NULL;
    if (!text)
        return true;
    SourceFile *file = arena_new(ctx->arena, SourceFile);
    *file = (SourceFile){path, text->text, text->length};
    *out = file;
    return true;
}

const FileSource *git_overlay(Ctx *ctx, const char *path, const char *file)
{
    Overlay *overlay = arena_new(ctx->arena, Overlay);
    *overlay = (Overlay){.source = {.read = read_overlay}, .path = path, .file = file};
    return &overlay->source;
}

bool git_take(Ctx *ctx, const char *word, const char **path, const FileSource **source)
{
    const char *colon = strchr(word, ':');
    *source = NULL;
    *path = word;
    if (!colon || access(word, F_OK) == 0)
        return false;
    const char *revision = arena_strndup(ctx->arena, word, (size_t)(colon - word));
    const char *top = git_ask(ctx, "rev-parse", "--show-toplevel");
    const char *here = git_ask(ctx, "rev-parse", "--show-prefix");
    if (!top || !here)
        fatal(ctx, EXIT_FILE, "cannot read %s: no such file, and this is no git repository", word);
    if (*revision && !git_ask(ctx, "rev-parse", "-q", "--verify", "--end-of-options",
                              arena_printf(ctx->arena, "%s^{commit}", revision)))
        fatal(ctx, EXIT_FILE, "cannot read %s: git knows no revision '%s'", word, revision);
    const char *file = colon + 1;
    if (strncmp(file, "./", 2) == 0 || strncmp(file, "../", 3) == 0)
        file = arena_printf(ctx->arena, "%s%s", here, file);
    *source = git_source(ctx, revision, top);
    *path = arena_printf(ctx->arena, "%s%s", (*source)->prefix, file);
    return true;
}

/* --------------------------------------------------------------- where a blob is from */

static bool holds_blob(Ctx *ctx, const char *revision, const char *path, const char *blob)
{
    const char *object = arena_printf(ctx->arena, "%s:%s", revision, path);
    const char *got = git_ask(ctx, "rev-parse", "-q", "--verify", object);
    return got && strcmp(got, blob) == 0;
}

/* The last commit that brought or removed the blob has it itself, or its parent has. */
const char *git_revision_of(Ctx *ctx, const char *path, const char *blob)
{
    static const char *const likely[] = {"", "HEAD"};
    for (size_t i = 0; i < COUNT_OF(likely); i++)
        if (holds_blob(ctx, likely[i], path, blob))
            return likely[i];
    const char *commit = git_ask(ctx, "log", "--all", "-1", "--format=%H",
                                 arena_printf(ctx->arena, "--find-object=%s", blob), "--", path);
    if (!commit || !*commit)
        return NULL;
    if (holds_blob(ctx, commit, path, blob))
        return commit;
    const char *parent = arena_printf(ctx->arena, "%s^", commit);
    return holds_blob(ctx, parent, path, blob) ? parent : NULL;
}
