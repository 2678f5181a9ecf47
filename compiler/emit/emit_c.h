/* emit_c.h - inside of the C printer: what its files share. */
#ifndef GRAFT_EMIT_C_H
#define GRAFT_EMIT_C_H

#include "compiler/emit/emit.h"

/* How the value of an instruction appears in C. */
typedef enum {
    CF_DEAD,   /* nobody uses it: not printed */
    CF_INLINE, /* as an expression where it is used */
    CF_NAMED   /* as a variable (a statement, for what has no value) */
} CForm;

typedef struct CRange {
    int64_t lo, hi; /* inclusive */
} CRange;

/* One kernel being printed. Arrays are by instruction. */
typedef struct CKernel {
    const Kernel *k;
    Arena *arena;
    Buf *out;
    int depth;                          /* of indentation */
    const char *buffers[K_MAX_BUFFERS]; /* names in C */
    uint32_t *uses;
    CForm *form;
    bool *wraps;        /* index arithmetic that may leave int64 */
    const char **names; /* of CF_NAMED, once declared */
    uint32_t n_values, n_indices, n_masks, n_vars, n_loops;
} CKernel;

/* Fills uses, form and wraps (emit_c_analyse.c). */
void emit_c_analyse(CKernel *ck);
/* The value as an expression (emit_c_value.c); parenthesised when it binds less than `binding`. */
enum { BIND_ANY, BIND_TERNARY, BIND_BITS, BIND_COMPARE, BIND_ADD, BIND_MUL, BIND_ATOM };
void emit_c_value(CKernel *ck, KVal v, int binding);
/* The expression of v itself, though it has a name. */
void emit_c_expression(CKernel *ck, KVal v, int binding);
/* buffer[index] with & or without. */
void emit_c_element(CKernel *ck, const KInst *inst, bool address);
/* "float", "vec16", "mask8", "int64_t" */
const char *emit_c_type(CKernel *ck, KVal v);

/* Text inside of a C comment, and as a C string literal (emit_c_program.c). */
void emit_c_comment(Buf *out, const char *text);
void emit_c_string(Buf *out, const char *text);

#endif
