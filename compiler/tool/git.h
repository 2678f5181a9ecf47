/* git.h - asking git: its command is started, without a shell. */
#ifndef GRAFT_GIT_H
#define GRAFT_GIT_H

#include "compiler/base/base.h"

/* Starts `git WORDS...` (NULL-terminated); what it prints goes to `out`, or where ours goes when
 * out is NULL. quiet: what it complains about is not shown. The exit status, -1 when there is none.
 */
int git_run(Ctx *ctx, const char *const *words, bool quiet, Buf *out);
/* The first line of what git prints; NULL when it fails. */
const char *git_line(Ctx *ctx, const char *const *words);
#define git_ask(ctx, ...) git_line((ctx), (const char *const[]){__VA_ARGS__, NULL})

/* The files of a revision: REV:./PATH, paths from the top of the repository. folder is the top. */
const FileSource *git_source(Ctx *ctx, const char *revision, const char *folder);
/* The file system, but for one file, whose text is in another one. */
const FileSource *git_overlay(Ctx *ctx, const char *path, const char *file);
/* Whether REV:FILE names a file of a revision; then its path for the source, and the source.
 * fatal(EXIT_FILE) when it looks like one, but git does not know it. */
bool git_take(Ctx *ctx, const char *word, const char **path, const FileSource **source);
/* A revision in which this path (from the top) is this blob, so that what the spec extends can be
 * read from there, too; "" is the index. NULL when there is none. */
const char *git_revision_of(Ctx *ctx, const char *path, const char *blob);

#endif
