/* temporary.h - the one folder of files that a run of graftc makes for itself and removes again. */
#ifndef GRAFT_TEMPORARY_H
#define GRAFT_TEMPORARY_H

#include "compiler/base/base.h"

/* Makes a folder in `where` (NULL: $TMPDIR or /tmp) and returns its path; fatal(EXIT_FILE) on
 * failure. From now on SIGINT, SIGTERM and SIGHUP remove it and end the program with 128 + their
 * number. */
const char *temporary_create(Ctx *ctx, const char *where);
/* Removes the folder and what is in it; nothing when there is none. Signals are as before. */
void temporary_remove(void);
/* abort(), which bug() calls, shall leave nothing behind either and exit with EXIT_BUG. */
void temporary_guard_bugs(void);

#endif
