/* emit_tables.h - what grt_program says, decided once for the printers to LLVM and to C. */
#ifndef GRAFT_EMIT_TABLES_H
#define GRAFT_EMIT_TABLES_H

#include "compiler/emit/emit.h"

/* A GrtProgram as it will stand in the program, but for what only exists there: `kernel` of each
 * step and `rodata` are NULL. kernels[phase][step] is the step's kernel. */
typedef struct ProgramTables {
    GrtProgram program;
    const Kernel **kernels[GRT_N_PHASES];
} ProgramTables;

ProgramTables *emit_tables(Ctx *ctx, const ProgramInfo *info);

#endif
