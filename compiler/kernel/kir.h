/* kir.h - the kernel IR: straight loops over static shapes, scalars, vectors and masks of float32.
 *
 * A kernel is the work of one task; the runtime runs the tasks 0 .. n_tasks-1 in any order and on any
 * thread, so tasks of a kernel write disjoint elements. On a GPU a task is a block. Instructions are
 * a flat array in which FOR/IF ... END nest; an operand is the index of an earlier instruction that
 * dominates it. The builder (kir_build.c) folds constants and shares equal index arithmetic. */
#ifndef GRAFT_KIR_H
#define GRAFT_KIR_H

#include "compiler/base/base.h"

typedef enum {
#define KOP(id, ...) K_##id,
#include "compiler/kernel/kir.def"
#undef KOP
    K_COUNT
} KOp;

typedef enum { KR_NONE, KR_INDEX, KR_FLOAT, KR_MASK } KResult;
typedef struct KOpInfo {
    const char *text;
    uint32_t n_operands;
    KResult result;
} KOpInfo;
extern const KOpInfo KOPS[K_COUNT];

typedef uint32_t KVal; /* index of an instruction */
#define KVAL_NONE UINT32_MAX

typedef enum { KE_F32, KE_U8, KE_I32, KE_I64, KE_BF16, KE_COUNT } KElem;
size_t kelem_size(KElem elem);

enum { K_MAX_LANES = 16, K_MAX_BUFFERS = 16 };

typedef struct KInst {
    uint8_t op;    /* KOp */
    uint8_t lanes; /* of the result (of b for STORE, of a for SET); 1, 2, 4, 8 or 16 */
    uint8_t buf;   /* LOAD, STORE, ILOAD */
    KVal a, b, c;
    int64_t imm;   /* ICONST: value; FOR: step; LOAD, STORE: active lanes */
    float f;       /* FCONST */
} KInst;

typedef struct KBuffer {
    const char *name;
    KElem elem;
    int64_t n;     /* elements; every access is inside */
    bool written;  /* by STORE: float32 or bfloat16; other buffers are const */
    bool local;    /* private memory of the task, not an argument; starts undefined */
} KBuffer;

typedef struct Kernel {
    const char *name;   /* C identifier without the gk_ prefix */
    const char *kind;   /* the name that its generator gave it; kernels of a plan have one each */
    const char *title;  /* a line for people: what it computes, shapes */
    int64_t n_tasks;
    uint32_t n_buffers; /* arguments first, in order, then locals */
    KBuffer buffers[K_MAX_BUFFERS];
    ARR(KInst) insts;
    double share;       /* of the processor's multiply-adds a second, expected from the register tiles
                           and the sums that are saved; 0: it has few or none */
    uint64_t hash;      /* of kir_content: equal kernels are emitted once */
} Kernel;

/* -------------------------------------------------------------- kir_build.c */

typedef struct KB KB; /* a kernel being built */
KB *kb_begin(Arena *arena, const char *name, int64_t n_tasks);
void kb_share(KB *kb, double share);
void kb_title(KB *kb, const char *fmt, ...) PRINTF_LIKE(2, 3);
int kb_buffer(KB *kb, const char *name, KElem elem, int64_t n, bool written);
int kb_local(KB *kb, const char *name, KElem elem, int64_t n);
Kernel *kb_finish(KB *kb); /* verified */
/* The same work on a buffer of another type of numbers: LOAD and STORE convert. */
void kernel_retype(Arena *arena, Kernel *kernel, uint32_t buffer, KElem elem);
/* Everything but names and title, as bytes: equal ones mean equal kernels. */
void kir_content(const Kernel *kernel, Buf *out);

KVal kb_task(KB *kb);
KVal kb_for(KB *kb, KVal lo, KVal hi, int64_t step);
KVal kb_for_n(KB *kb, int64_t n); /* 0 .. n-1; n == 1 makes no loop, only the constant 0 */
void kb_if(KB *kb, KVal cond);
void kb_end(KB *kb);
void kb_end_n(KB *kb, int64_t n); /* closes kb_for_n(kb, n) */

KVal kb_i(KB *kb, int64_t value);
KVal kb_iop(KB *kb, KOp op, KVal a, KVal b);
KVal kb_iadd(KB *kb, KVal a, KVal b);
KVal kb_iaddc(KB *kb, KVal a, int64_t c);
KVal kb_imulc(KB *kb, KVal a, int64_t c);
KVal kb_idivc(KB *kb, KVal a, int64_t c);
KVal kb_iremc(KB *kb, KVal a, int64_t c);
/* a * scale + b */
KVal kb_imad(KB *kb, KVal a, int64_t scale, KVal b);
KVal kb_iload(KB *kb, int buf, KVal index);

int kb_lanes(const KB *kb, KVal value); /* of a float or mask */
KVal kb_f(KB *kb, float value, int lanes);
KVal kb_iota(KB *kb, int lanes);
KVal kb_itof(KB *kb, KVal index);
KVal kb_splat(KB *kb, KVal scalar, int lanes);
KVal kb_fop(KB *kb, KOp op, KVal a, KVal b); /* FADD FSUB FMUL FDIV FMIN FMAX FLT FEQ */
KVal kb_fun(KB *kb, KOp op, KVal a);         /* FSQRT FEXP FLOG FTANH RSUM RMAX */
KVal kb_fma(KB *kb, KVal a, KVal b, KVal c);
KVal kb_select(KB *kb, KVal mask, KVal a, KVal b);
KVal kb_load(KB *kb, int buf, KVal index, int lanes, int active);
void kb_store(KB *kb, int buf, KVal index, KVal value, int active);
KVal kb_load_pair(KB *kb, int buf, KVal index, int lanes); /* index: of the first element */
KVal kb_dot2(KB *kb, KVal a, KVal b, KVal c);
KVal kb_var(KB *kb, KVal start);
KVal kb_get(KB *kb, KVal var);
void kb_set(KB *kb, KVal var, KVal value);

/* ------------------------------------------- kir_verify.c, kir_print.c, kir_eval.c */

/* Types, nesting, dominance, lanes, tasks' buffers; bug() with the kernel's text when broken. */
void kir_verify(const Kernel *kernel);
void kir_print(const Kernel *kernel, Buf *out);
/* Runs tasks first .. last-1 on args (one pointer an argument buffer). Every access is checked
 * against the buffer's size: bug() when it is outside. */
void kir_eval(const Kernel *kernel, void *const *args, int64_t first, int64_t last);
/* bfloat16 as STORE writes it, and its value (kir_eval.c). */
uint16_t kir_to_bfloat16(float value);
float kir_from_bfloat16(uint16_t bits);
/* The meaning of the index operations IADD .. IEQ on constants; bug() where it is undefined. */
int64_t kir_index_op(KOp op, int64_t a, int64_t b);

#endif
