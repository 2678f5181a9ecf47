/* tiny_plan.h - a hand-made Plan with every kind of table entry, for tests of the printers. */
#ifndef GRAFT_TINY_PLAN_H
#define GRAFT_TINY_PLAN_H

#include "compiler/emit/emit.h"

/* Two kernels, three phases (the last without steps), buffers in the block and in read-only data
 * (tiny_rodata), two parameters. rodata_path is NULL. */
ProgramInfo *tiny_program(Arena *arena);

enum { TINY_RODATA_BYTES = 192 };
/* Byte i of the read-only data. */
unsigned char tiny_rodata(int i);

#endif
