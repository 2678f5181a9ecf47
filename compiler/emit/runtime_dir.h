/* runtime_dir.h - where the runtime's library is. */
#ifndef GRAFT_RUNTIME_DIR_H
#define GRAFT_RUNTIME_DIR_H

#include "compiler/base/base.h"

/* Folder of libgrt.a: $GRAFT_RUNTIME, else beside the compiler's own file (as it was built), else
 * where it was installed. fatal(EXIT_FILE) when it is in none of them. */
const char *runtime_dir(Ctx *ctx);

#endif
