/* cmd_git.c - graftc git-setup, and what git calls after it: git-diff, git-text, git-merge. */
#include "compiler/base/base.h"
#include "compiler/diff/diff_print.h"
#include "compiler/tool/git.h"
#include "compiler/tool/side.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* ------------------------------------------------------------------------ git-setup */

static const char ATTRIBUTES[] = "*.graft.yaml diff=graft merge=graft";

/* Keys of .git/config, and the command that each one gets; NULL: `text` is the value. */
static const struct {
    const char *key, *command, *text;
} CONFIG[] = {
    {"diff.graft.command", "git-diff --", NULL},
    {"diff.graft.textconv", "git-text --", NULL},
    {"merge.graft.name", NULL, "specs of Graft, checked after the merge"},
    {"merge.graft.driver", "git-merge -- %O %A %B %L %P", NULL},
};

/* The running graftc in quotes, for a shell. */
static const char *quoted_self(Ctx *ctx)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        fatal(ctx, EXIT_FILE, "cannot find out where graftc is: %s", strerror(errno));
    Buf out = buf_create(ctx->arena);
    buf_puts(&out, "'");
    for (ssize_t i = 0; i < n; i++)
        buf_printf(&out, path[i] == '\'' ? "'\\%c'" : "%c", path[i]);
    buf_puts(&out, "'");
    return out.at;
}

/* The file without the line of ATTRIBUTES; *had: it was there. */
static Buf other_attributes(Ctx *ctx, const char *path, bool *had)
{
    Buf out = buf_create(ctx->arena);
    const SourceFile *file = file_read(ctx, path);
    *had = false;
    if (!file && errno != ENOENT)
        fatal(ctx, EXIT_FILE, "cannot read %s: %s", path, strerror(errno));
    for (const char *at = file ? file->text : ""; *at;) {
        size_t n = strcspn(at, "\n");
        if (n == strlen(ATTRIBUTES) && strncmp(at, ATTRIBUTES, n) == 0) {
            *had = true;
        } else {
            buf_add(&out, at, n);
            buf_puts(&out, "\n");
        }
        at += n + (at[n] == '\n');
    }
    return out;
}

static void write_attributes(Ctx *ctx, const char *path, bool remove)
{
    bool had, done;
    Buf text = other_attributes(ctx, path, &had);
    if (had != remove)
        return;
    if (!remove)
        buf_printf(&text, "%s\n", ATTRIBUTES);
    done = text.n ? file_write_whole(path, text.at, text.n, 0666) : unlink(path) == 0;
    if (!done)
        fatal(ctx, EXIT_FILE, "cannot write %s: %s", path, strerror(errno));
    printf("%s: %s%s\n", path, remove ? "without " : "", ATTRIBUTES);
}

static void write_config(Ctx *ctx)
{
    const char *self = quoted_self(ctx);
    for (size_t i = 0; i < COUNT_OF(CONFIG); i++) {
        const char *value = CONFIG[i].text;
        if (!value)
            value = arena_printf(ctx->arena, "%s %s", self, CONFIG[i].command);
        const char *const words[] = {"config", "--local", CONFIG[i].key, value, NULL};
        if (git_run(ctx, words, false, NULL) != 0)
            fatal(ctx, EXIT_FILE, "git cannot set %s", CONFIG[i].key);
        printf("git config %s \"%s\"\n", CONFIG[i].key, value);
    }
}

static void remove_config(Ctx *ctx)
{
    for (size_t i = 0; i < COUNT_OF(CONFIG); i++) {
        const char *const words[] = {"config", "--local", "--unset-all", CONFIG[i].key, NULL};
        if (git_run(ctx, words, true, NULL) == 0)
            printf("git config --unset-all %s\n", CONFIG[i].key);
    }
}

int cmd_git_setup(Ctx *ctx, const Args *args)
{
    const char *top = git_ask(ctx, "rev-parse", "--show-toplevel");
    if (!top)
        fatal(ctx, EXIT_FILE, "this is no work tree of git");
    write_attributes(ctx, arena_printf(ctx->arena, "%s/.gitattributes", top), args->remove);
    if (args->remove)
        remove_config(ctx);
    else
        write_config(ctx);
    return EXIT_OK;
}

/* ------------------------------------------------------------------------- git-diff */

static bool is_nothing(const char *file)
{
    return strcmp(file, "/dev/null") == 0;
}

/* What to compile for one side: the file of the work tree, or of a revision that has it, so that
 * what it extends comes from the same revision; else the text that git gives, in the work tree. */
static SideRequest driver_request(Ctx *ctx, const char *path, const char *file, const char *hex)
{
    SideRequest request = {.path = path};
    if (strcmp(path, file) == 0)
        return request;
    const char *revision = hex[strspn(hex, "0")] ? git_revision_of(ctx, path, hex) : NULL;
    if (revision) {
        request.source = git_source(ctx, revision, ".");
        request.path = arena_printf(ctx->arena, "%s%s", request.source->prefix, path);
    } else {
        request.source = git_overlay(ctx, path, file);
    }
    return request;
}

/* git's own diff of the two files. */
static void print_textual(Ctx *ctx, const char *old_file, const char *new_file, bool colour)
{
    const char *const words[] = {"--no-pager",
                                 "diff",
                                 "--no-index",
                                 "--no-ext-diff",
                                 "--no-textconv",
                                 colour ? "--color=always" : "--color=never",
                                 "--",
                                 old_file,
                                 new_file,
                                 NULL};
    git_run(ctx, words, false, NULL);
}

static bool git_wants_colour(Ctx *ctx)
{
    bool terminal = isatty(STDOUT_FILENO) || getenv("GIT_PAGER_IN_USE");
    const char *answer =
        git_ask(ctx, "config", "--get-colorbool", "color.diff", terminal ? "true" : "false");
    return answer && strcmp(answer, "true") == 0;
}

/* Both sides by meaning; false when one of them cannot be read. */
static bool print_meaning(Ctx *ctx, SideRequest requests[2], bool colour)
{
    Ctx *own[2] = {compile_create(), compile_create()};
    DiffSide sides[2];
    bool good = true;
    for (int i = 0; i < 2; i++)
        good = side_load(own[i], &requests[i], &sides[i]) == EXIT_OK && good;
    if (good) {
        Diff diff = diff_sides(ctx, &sides[0], &sides[1]);
        Buf out = buf_create(ctx->arena);
        diff_print_text(ctx, &diff, colour, &out);
        fwrite(out.at, 1, out.n, stdout);
    }
    for (int i = 0; i < 2; i++)
        compile_destroy(own[i]);
    return good;
}

typedef struct DriverCall {
    const char *path, *old_file, *old_hex, *new_file, *new_hex, *new_path;
} DriverCall;

static int drive(Ctx *ctx, const void *arg)
{
    const DriverCall *call = arg;
    bool colour = git_wants_colour(ctx);
    printf("graftc diff a/%s b/%s\n", call->path, call->new_path);
    if (is_nothing(call->old_file) || is_nothing(call->new_file)) {
        print_textual(ctx, call->old_file, call->new_file, colour);
        return EXIT_OK;
    }
    SideRequest requests[] = {
        driver_request(ctx, call->path, call->old_file, call->old_hex),
        driver_request(ctx, call->new_path, call->new_file, call->new_hex),
    };
    requests[0].label = arena_printf(ctx->arena, "a/%s", call->path);
    requests[1].label = arena_printf(ctx->arena, "b/%s", call->new_path);
    if (!print_meaning(ctx, requests, colour))
        print_textual(ctx, call->old_file, call->new_file, colour);
    return EXIT_OK;
}

/* PATH OLD_FILE OLD_HEX OLD_MODE NEW_FILE NEW_HEX NEW_MODE [NEW_PATH ABOUT_THE_RENAME], or PATH
 * alone where it is not merged. What goes wrong is shown and is no failure: git would stop. */
int cmd_git_diff(Ctx *ctx, const Args *args)
{
    const char *const *words = args->words.at;
    if (args->words.n < 7) {
        printf("* Unmerged path %s\n", words[0]);
        return EXIT_OK;
    }
    DriverCall call = {.path = words[0],
                       .old_file = words[1],
                       .old_hex = words[2],
                       .new_file = words[4],
                       .new_hex = words[5],
                       .new_path = args->words.n > 7 ? words[7] : words[0]};
    (void)ctx;
    dup2(STDOUT_FILENO, STDERR_FILENO); /* the pager shows the mistakes, too */
    Ctx *own = compile_create();
    compile_guard(own, drive, &call);
    compile_destroy(own);
    return EXIT_OK;
}

/* ------------------------------------------------------------------------- git-text */

/* From `git log --raw`: a commit, then `:mode mode old new status<tab>path[<tab>path]`. The
 * revision that has the blob, and its path there; NULL when there is none. */
static const char *take_raw(Ctx *ctx, const char *text, const char *blob, const char **path)
{
    const char *raw = strstr(text, "\n:");
    const char *tab = raw ? strchr(raw, '\t') : NULL, *old = raw ? strstr(raw, blob) : NULL;
    if (!tab || !old || old > tab)
        return NULL;
    size_t n = strlen(blob);
    bool is_new = strncmp(old + n, " ", 1) == 0 && old[n + 1] >= 'A' && old[n + 1] <= 'Z';
    const char *end = tab + strcspn(tab, "\n"),
               *second = memchr(tab + 1, '\t', (size_t)(end - tab - 1));
    const char *from = second && is_new ? second + 1 : tab + 1;
    const char *to = second && !is_new ? second : end;
    *path = arena_strndup(ctx->arena, from, (size_t)(to - from));
    return arena_printf(ctx->arena, "%.*s%s", (int)strcspn(text, "\n"), text, is_new ? "" : "^");
}

/* The index's entry of the blob: `mode blob stage<tab>path`. */
static const char *take_staged(Ctx *ctx, const char *text, const char *blob, const char **path)
{
    const char *at = strstr(text, blob), *tab = at ? strchr(at, '\t') : NULL;
    if (!tab)
        return NULL;
    *path = arena_strndup(ctx->arena, tab + 1, strcspn(tab + 1, "\n"));
    return "";
}

/* git gives a file without saying of which revision or path. It is looked for by its content among
 * the files of its name: in the commits, the last one first, then in the index. */
static SideRequest text_request(Ctx *ctx, const char *file)
{
    SideRequest request = {.path = file};
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file, *path = NULL;
    if (git_ask(ctx, "ls-files", "--error-unmatch", "--", file))
        return request;
    const char *blob = git_ask(ctx, "hash-object", "--no-filters", "--", file);
    if (!blob || !*blob)
        return request;
    const char *like = arena_printf(ctx->arena, ":(top,glob)**/%s", name);
    const char *find = arena_printf(ctx->arena, "--find-object=%s", blob);
    Buf log = buf_create(ctx->arena), staged = buf_create(ctx->arena);
    const char *const in_log[] = {
        "-c",          "core.quotePath=false", "log", "--all", "-1", "--raw", "--no-abbrev",
        "--format=%H", "--no-ext-diff",        find,  "--",    like, NULL};
    const char *const in_index[] = {"-c", "core.quotePath=false", "ls-files", "-s", "--", like,
                                    NULL};
    const char *revision = NULL;
    if (git_run(ctx, in_log, true, &log) == 0 && log.n)
        revision = take_raw(ctx, log.at, blob, &path);
    if (!revision && git_run(ctx, in_index, true, &staged) == 0 && staged.n)
        revision = take_staged(ctx, staged.at, blob, &path);
    if (!revision)
        return request;
    request.source = git_source(ctx, revision, ".");
    request.path = arena_printf(ctx->arena, "%s%s", request.source->prefix, path);
    return request;
}

static void print_file(Ctx *ctx, const char *path)
{
    const SourceFile *file = file_read(ctx, path);
    if (!file)
        fatal(ctx, EXIT_FILE, "cannot read %s: %s", path, strerror(errno));
    fwrite(file->text, 1, file->length, stdout);
}

/* A spec that does not resolve is shown as it is: history has such, and git would stop. */
int cmd_git_text(Ctx *ctx, const Args *args)
{
    const char *file = args->words.at[0];
    SideRequest request = text_request(ctx, file);
    DiffSide side;
    Ctx *own = compile_create();
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC), before = dup(STDERR_FILENO);
    dup2(null, STDERR_FILENO);
    int code = side_load(own, &request, &side);
    dup2(before, STDERR_FILENO);
    close(null);
    close(before);
    if (code == EXIT_OK) {
        Buf out = buf_create(ctx->arena);
        side_print(&side, &out);
        fwrite(out.at, 1, out.n, stdout);
    } else {
        printf("# this spec does not resolve: graftc check says why\n");
        print_file(ctx, file);
    }
    compile_destroy(own);
    return EXIT_OK;
}

/* ------------------------------------------------------------------------ git-merge */

/* What the spec extends may come with the same merge and not be there yet; then keys are missing.
 */
static bool only_lacks_base(const Ctx *own)
{
    bool lacks = false;
    for (uint32_t i = 0; i < own->diags.n; i++) {
        const Diag *diag = &own->diags.at[i];
        bool unread = diag->rule == R_extends_file;
        if (diag->level == DIAG_ERROR && !unread && diag->rule != R_missing_key)
            return false;
        lacks |= unread;
    }
    return lacks;
}

/* Git's own merge, into OURS; then what came out has to be a spec. 1: a conflict. */
int cmd_git_merge(Ctx *ctx, const Args *args)
{
    const char *base = args->words.at[0], *ours = args->words.at[1], *theirs = args->words.at[2];
    const char *path = args->words.at[4];
    const char *size = arena_printf(ctx->arena, "--marker-size=%s", args->words.at[3]);
    const char *const words[] = {"merge-file", "-q",     size, "-L", "ours", "-L", "base",
                                 "-L",         "theirs", ours, base, theirs, NULL};
    int status = git_run(ctx, words, false, NULL);
    if (status != 0)
        return status > 0 && status < 128 ? 1 : 2;
    DiffSide side;
    SideRequest request = {.path = path, .source = git_overlay(ctx, path, ours)};
    Ctx *own = compile_create();
    bool good = side_load(own, &request, &side) == EXIT_OK, unknown = only_lacks_base(own);
    compile_destroy(own);
    if (good)
        return EXIT_OK;
    if (unknown)
        fprintf(stderr, "graftc: %s could not be checked: run graftc check after the merge\n",
                path);
    else
        fprintf(stderr, "graftc: %s merges as text, but not to a valid spec: a conflict\n", path);
    return unknown ? EXIT_OK : 1;
}
