/* kir_build.c - the builder of kernels: folds index arithmetic and shares what is equal.
 *
 * Sums keep their constant outermost, (x + 3) * 64 + y becomes (x * 64 + y) + 192, so that the
 * elements of a tile differ from one shared index by a constant. An equal pure instruction is used
 * again only where it dominates: entries of a FOR or IF leave the table when it is closed. Loops
 * of one turn and conditions that always hold leave no instructions. kb_finish drops what nobody
 * uses. */
#include "compiler/base/base.h"
#include "compiler/kernel/kir.h"

#include <xxhash.h>

enum { KB_BUCKETS = 1024 };

typedef struct Shared {
    KVal inst;
    uint32_t bucket;
    uint32_t next; /* in the bucket: position in kb->shared + 1, 0 is the end */
} Shared;

struct KB {
    Arena *arena;
    Kernel *kernel;
    uint32_t buckets[KB_BUCKETS]; /* position in shared + 1 of the newest entry, 0 is empty */
    ARR(Shared) shared;           /* what dominates the next instruction, oldest first */
    ARR(uint32_t) scopes;         /* of each open FOR and IF: shared.n when it was opened */
};

KB *kb_begin(Arena *arena, const char *name, int64_t n_tasks)
{
    KB *kb = arena_new(arena, KB);
    kb->arena = arena;
    kb->kernel = arena_new(arena, Kernel);
    kb->kernel->name = kb->kernel->kind = arena_strdup(arena, name);
    kb->kernel->title = "";
    kb->kernel->n_tasks = n_tasks;
    return kb;
}

void kb_share(KB *kb, double share)
{
    kb->kernel->share = share;
}

void kb_title(KB *kb, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    kb->kernel->title = arena_vprintf(kb->arena, fmt, args);
    va_end(args);
}

static int add_buffer(KB *kb, KBuffer buffer)
{
    Kernel *k = kb->kernel;
    if (k->n_buffers == K_MAX_BUFFERS)
        bug("kernel %s has more than %d buffers", k->name, K_MAX_BUFFERS);
    k->buffers[k->n_buffers] = buffer;
    return (int)k->n_buffers++;
}

int kb_buffer(KB *kb, const char *name, KElem elem, int64_t n, bool written)
{
    return add_buffer(kb, (KBuffer){.name = name, .elem = elem, .n = n, .written = written});
}

int kb_local(KB *kb, const char *name, KElem elem, int64_t n)
{
    return add_buffer(
        kb, (KBuffer){.name = name, .elem = elem, .n = n, .written = true, .local = true});
}

/* -------------------------------------------------------------- instructions */

static const KInst *inst_at(const KB *kb, KVal v)
{
    if (v >= kb->kernel->insts.n)
        bug("kernel %s: operand %u does not exist", kb->kernel->name, v);
    return &kb->kernel->insts.at[v];
}

int kb_lanes(const KB *kb, KVal v)
{
    return inst_at(kb, v)->lanes;
}

static KInst make(KOp op, int lanes, KVal a, KVal b, KVal c)
{
    return (KInst){.op = (uint8_t)op, .lanes = (uint8_t)lanes, .a = a, .b = b, .c = c};
}

static KVal append(KB *kb, KInst inst)
{
    KVal v = kb->kernel->insts.n;
    *arr_push(kb->arena, &kb->kernel->insts) = inst;
    return v;
}

static uint32_t float_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static bool same_inst(const KInst *x, const KInst *y)
{
    return x->op == y->op && x->lanes == y->lanes && x->buf == y->buf && x->a == y->a &&
           x->b == y->b && x->c == y->c && x->imm == y->imm && float_bits(x->f) == float_bits(y->f);
}

static uint32_t bucket_of(const KInst *inst)
{
    uint64_t h = (uint64_t)inst->imm * UINT64_C(0x9E3779B97F4A7C15) + float_bits(inst->f);
    h = (h ^ inst->a) * UINT64_C(0xC2B2AE3D27D4EB4F);
    h = (h ^ inst->b) * UINT64_C(0x165667B19E3779F9);
    h = (h ^ inst->op ^ (uint64_t)inst->lanes << 8) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(h >> 32) % KB_BUCKETS;
}

/* An instruction whose value hangs on its operands alone: an equal one that dominates, or a new
 * one. */
static KVal pure(KB *kb, KInst inst)
{
    uint32_t bucket = bucket_of(&inst);
    for (uint32_t e = kb->buckets[bucket]; e; e = kb->shared.at[e - 1].next) {
        KVal v = kb->shared.at[e - 1].inst;
        if (same_inst(inst_at(kb, v), &inst))
            return v;
    }
    KVal v = append(kb, inst);
    *arr_push(kb->arena, &kb->shared) =
        (Shared){.inst = v, .bucket = bucket, .next = kb->buckets[bucket]};
    kb->buckets[bucket] = kb->shared.n;
    return v;
}

static bool is_const(const KB *kb, KVal v, int64_t *value)
{
    const KInst *inst = inst_at(kb, v);
    *value = inst->imm;
    return inst->op == K_ICONST;
}

static int64_t wrap_add(int64_t a, int64_t b)
{
    return kir_index_op(K_IADD, a, b);
}

static int64_t wrap_mul(int64_t a, int64_t b)
{
    return kir_index_op(K_IMUL, a, b);
}

/* v = base + the constant returned; *base is KVAL_NONE when v is a constant. */
static int64_t split_sum(const KB *kb, KVal v, KVal *base)
{
    int64_t c;
    *base = KVAL_NONE;
    if (is_const(kb, v, &c))
        return c;
    const KInst *inst = inst_at(kb, v);
    if (inst->op == K_IADD && is_const(kb, inst->b, &c)) {
        *base = inst->a;
        return c;
    }
    *base = v;
    return 0;
}

/* ----------------------------------------------------------------- structure */

/* In kb->scopes: a loop of one turn or a condition that holds, which has no instructions. */
#define SCOPE_NONE UINT32_MAX

static void open_scope(KB *kb)
{
    *arr_push(kb->arena, &kb->scopes) = kb->shared.n;
}

static void open_nothing(KB *kb)
{
    *arr_push(kb->arena, &kb->scopes) = SCOPE_NONE;
}

KVal kb_task(KB *kb)
{
    if (kb->kernel->n_tasks == 1)
        return kb_i(kb, 0);
    return pure(kb, make(K_TASK, 1, KVAL_NONE, KVAL_NONE, KVAL_NONE));
}

KVal kb_for(KB *kb, KVal lo, KVal hi, int64_t step)
{
    KVal lo_base, hi_base;
    int64_t lo_const = split_sum(kb, lo, &lo_base), hi_const = split_sum(kb, hi, &hi_base);
    if (lo_base == hi_base && lo_const < hi_const && hi_const <= wrap_add(lo_const, step)) {
        open_nothing(kb);
        return lo;
    }
    KInst inst = make(K_FOR, 1, lo, hi, KVAL_NONE);
    inst.imm = step;
    open_scope(kb);
    return append(kb, inst);
}

KVal kb_for_n(KB *kb, int64_t n)
{
    return n == 1 ? kb_i(kb, 0) : kb_for(kb, kb_i(kb, 0), kb_i(kb, n), 1);
}

void kb_if(KB *kb, KVal cond)
{
    int64_t value;
    if (is_const(kb, cond, &value) && value != 0) {
        open_nothing(kb);
        return;
    }
    open_scope(kb);
    append(kb, make(K_IF, 1, cond, KVAL_NONE, KVAL_NONE));
}

void kb_end(KB *kb)
{
    if (kb->scopes.n == 0)
        bug("kernel %s: kb_end without kb_for or kb_if", kb->kernel->name);
    uint32_t keep = kb->scopes.at[--kb->scopes.n];
    if (keep == SCOPE_NONE)
        return;
    while (kb->shared.n > keep) {
        Shared last = kb->shared.at[--kb->shared.n];
        kb->buckets[last.bucket] = last.next;
    }
    append(kb, make(K_END, 1, KVAL_NONE, KVAL_NONE, KVAL_NONE));
}

void kb_end_n(KB *kb, int64_t n)
{
    if (n != 1)
        kb_end(kb);
}

/* ---------------------------------------------------------- index arithmetic */

KVal kb_i(KB *kb, int64_t value)
{
    KInst inst = make(K_ICONST, 1, KVAL_NONE, KVAL_NONE, KVAL_NONE);
    inst.imm = value;
    return pure(kb, inst);
}

static KVal iop(KB *kb, KOp op, KVal a, KVal b)
{
    return pure(kb, make(op, 1, a, b, KVAL_NONE));
}

KVal kb_iadd(KB *kb, KVal a, KVal b)
{
    KVal x, y;
    int64_t ca = split_sum(kb, a, &x), cb = split_sum(kb, b, &y);
    if (x == KVAL_NONE && y == KVAL_NONE)
        return kb_i(kb, wrap_add(ca, cb));
    KVal sum = x == KVAL_NONE   ? y
               : y == KVAL_NONE ? x
               : x < y          ? iop(kb, K_IADD, x, y)
                                : iop(kb, K_IADD, y, x);
    int64_t c = wrap_add(ca, cb);
    return c == 0 ? sum : iop(kb, K_IADD, sum, kb_i(kb, c));
}

KVal kb_iaddc(KB *kb, KVal a, int64_t c)
{
    return c == 0 ? a : kb_iadd(kb, a, kb_i(kb, c));
}

KVal kb_imulc(KB *kb, KVal a, int64_t c)
{
    if (c == 1)
        return a;
    if (c == 0)
        return kb_i(kb, 0);
    KVal x;
    int64_t ca = split_sum(kb, a, &x), factor;
    if (x == KVAL_NONE)
        return kb_i(kb, wrap_mul(ca, c));
    if (ca != 0)
        return kb_iaddc(kb, kb_imulc(kb, x, c), wrap_mul(ca, c));
    const KInst *inst = inst_at(kb, a);
    if (inst->op == K_IMUL && is_const(kb, inst->b, &factor))
        return kb_imulc(kb, inst->a, wrap_mul(factor, c));
    return iop(kb, K_IMUL, a, kb_i(kb, c));
}

KVal kb_imad(KB *kb, KVal a, int64_t scale, KVal b)
{
    return kb_iadd(kb, kb_imulc(kb, a, scale), b);
}

KVal kb_idivc(KB *kb, KVal a, int64_t c)
{
    int64_t value, inner;
    if (c == 1)
        return a;
    if (is_const(kb, a, &value))
        return kb_i(kb, kir_index_op(K_IDIV, value, c));
    const KInst *inst = inst_at(kb, a);
    if (inst->op == K_IDIV && is_const(kb, inst->b, &inner) && inner > 0 && c > 0 &&
        c <= INT64_MAX / inner)
        return kb_idivc(kb, inst->a, inner * c);
    return iop(kb, K_IDIV, a, kb_i(kb, c));
}

KVal kb_iremc(KB *kb, KVal a, int64_t c)
{
    int64_t value;
    if (c == 1)
        return kb_i(kb, 0);
    if (is_const(kb, a, &value))
        return kb_i(kb, kir_index_op(K_IREM, value, c));
    return iop(kb, K_IREM, a, kb_i(kb, c));
}

/* a op a, and a op constant, where this needs no instruction; else KVAL_NONE. */
static KVal fold_simple(KB *kb, KOp op, KVal a, KVal b)
{
    int64_t c;
    if (a == b) {
        if (op == K_IMIN || op == K_IMAX || op == K_IAND)
            return a;
        if (op == K_IXOR || op == K_ISUB || op == K_ILT)
            return kb_i(kb, 0);
        if (op == K_IEQ)
            return kb_i(kb, 1);
    }
    if (!is_const(kb, b, &c))
        return KVAL_NONE;
    if (c == 0 && op == K_IAND)
        return b;
    if ((c == 0 && (op == K_IXOR || op == K_ISHR)) || (c == -1 && op == K_IAND))
        return a;
    return KVAL_NONE;
}

static bool commutes(KOp op)
{
    return op == K_IADD || op == K_IMUL || op == K_IMIN || op == K_IMAX || op == K_IAND ||
           op == K_IXOR || op == K_IEQ;
}

KVal kb_iop(KB *kb, KOp op, KVal a, KVal b)
{
    int64_t ca, cb;
    bool const_a = is_const(kb, a, &ca), const_b = is_const(kb, b, &cb);
    if (op < K_IADD || op > K_IEQ)
        bug("%s is no index operation", KOPS[op].text);
    if (const_a && const_b)
        return kb_i(kb, kir_index_op(op, ca, cb));
    if (commutes(op) && (const_a || (!const_b && b < a)))
        return kb_iop(kb, op, b, a);
    switch (op) {
    case K_IADD:
        return kb_iadd(kb, a, b);
    case K_ISUB:
        if (const_b)
            return kb_iaddc(kb, a, wrap_mul(cb, -1));
        break;
    case K_IMUL:
        if (const_b)
            return kb_imulc(kb, a, cb);
        break;
    case K_IDIV:
        if (const_b)
            return kb_idivc(kb, a, cb);
        break;
    case K_IREM:
        if (const_b)
            return kb_iremc(kb, a, cb);
        break;
    default:
        break;
    }
    KVal simple = fold_simple(kb, op, a, b);
    return simple != KVAL_NONE ? simple : iop(kb, op, a, b);
}

/* No STORE writes to an integer buffer, so equal loads give equal values. */
KVal kb_iload(KB *kb, int buf, KVal index)
{
    KInst inst = make(K_ILOAD, 1, index, KVAL_NONE, KVAL_NONE);
    inst.buf = (uint8_t)buf;
    return pure(kb, inst);
}

/* -------------------------------------------------------------------- floats */

KVal kb_f(KB *kb, float value, int lanes)
{
    KInst inst = make(K_FCONST, lanes, KVAL_NONE, KVAL_NONE, KVAL_NONE);
    inst.f = value;
    return pure(kb, inst);
}

KVal kb_iota(KB *kb, int lanes)
{
    return pure(kb, make(K_IOTA, lanes, KVAL_NONE, KVAL_NONE, KVAL_NONE));
}

KVal kb_itof(KB *kb, KVal index)
{
    return append(kb, make(K_ITOF, 1, index, KVAL_NONE, KVAL_NONE));
}

KVal kb_splat(KB *kb, KVal scalar, int lanes)
{
    const KInst *inst = inst_at(kb, scalar);
    if (lanes == 1)
        return scalar;
    if (inst->op == K_FCONST)
        return kb_f(kb, inst->f, lanes);
    return pure(kb, make(K_SPLAT, lanes, scalar, KVAL_NONE, KVAL_NONE));
}

static void check_lanes(const KB *kb, KOp op, KVal a, KVal b)
{
    if (kb_lanes(kb, a) != kb_lanes(kb, b))
        bug("kernel %s: %s of %d and %d lanes", kb->kernel->name, KOPS[op].text, kb_lanes(kb, a),
            kb_lanes(kb, b));
}

KVal kb_fop(KB *kb, KOp op, KVal a, KVal b)
{
    check_lanes(kb, op, a, b);
    return append(kb, make(op, kb_lanes(kb, a), a, b, KVAL_NONE));
}

KVal kb_fun(KB *kb, KOp op, KVal a)
{
    int lanes = op == K_RSUM || op == K_RMAX ? 1 : kb_lanes(kb, a);
    return append(kb, make(op, lanes, a, KVAL_NONE, KVAL_NONE));
}

KVal kb_fma(KB *kb, KVal a, KVal b, KVal c)
{
    check_lanes(kb, K_FMA, a, b);
    check_lanes(kb, K_FMA, a, c);
    return append(kb, make(K_FMA, kb_lanes(kb, a), a, b, c));
}

KVal kb_dot2(KB *kb, KVal a, KVal b, KVal c)
{
    check_lanes(kb, K_DOT2, a, b);
    check_lanes(kb, K_DOT2, a, c);
    return append(kb, make(K_DOT2, kb_lanes(kb, a), a, b, c));
}

KVal kb_select(KB *kb, KVal mask, KVal a, KVal b)
{
    check_lanes(kb, K_SELECT, mask, a);
    check_lanes(kb, K_SELECT, a, b);
    return append(kb, make(K_SELECT, kb_lanes(kb, a), mask, a, b));
}

KVal kb_load(KB *kb, int buf, KVal index, int lanes, int active)
{
    KInst inst = make(K_LOAD, lanes, index, KVAL_NONE, KVAL_NONE);
    inst.buf = (uint8_t)buf;
    inst.imm = active;
    return append(kb, inst);
}

KVal kb_load_pair(KB *kb, int buf, KVal index, int lanes)
{
    KInst inst = make(K_LOADPAIR, lanes, index, KVAL_NONE, KVAL_NONE);
    inst.buf = (uint8_t)buf;
    inst.imm = lanes;
    return append(kb, inst);
}

void kb_store(KB *kb, int buf, KVal index, KVal value, int active)
{
    KInst inst = make(K_STORE, kb_lanes(kb, value), index, value, KVAL_NONE);
    inst.buf = (uint8_t)buf;
    inst.imm = active;
    append(kb, inst);
}

KVal kb_var(KB *kb, KVal start)
{
    return append(kb, make(K_VAR, kb_lanes(kb, start), start, KVAL_NONE, KVAL_NONE));
}

KVal kb_get(KB *kb, KVal var)
{
    return append(kb, make(K_GET, kb_lanes(kb, var), var, KVAL_NONE, KVAL_NONE));
}

void kb_set(KB *kb, KVal var, KVal value)
{
    check_lanes(kb, K_SET, var, value);
    append(kb, make(K_SET, kb_lanes(kb, var), var, value, KVAL_NONE));
}

/* -------------------------------------------------------------------- finish */

static bool has_effect(KOp op)
{
    return op == K_STORE || op == K_FOR || op == K_IF || op == K_END;
}

/* What has an effect, and what that needs. A SET is needed once a needed GET reads its VAR; that
 * GET may stand before it in a loop, hence the repetition. */
static void mark_used(const Kernel *k, bool *used, bool *read)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (KVal v = k->insts.n; v-- > 0;) {
            const KInst *inst = &k->insts.at[v];
            KOp op = (KOp)inst->op;
            if (!used[v] && (has_effect(op) || (op == K_SET && read[inst->a])))
                used[v] = changed = true;
            if (!used[v])
                continue;
            if (op == K_GET)
                read[inst->a] = true;
            const KVal operands[] = {inst->a, inst->b, inst->c};
            for (size_t o = 0; o < COUNT_OF(operands); o++)
                if (operands[o] != KVAL_NONE)
                    used[operands[o]] = true;
        }
    }
}

static void drop_unused(Arena *arena, Kernel *k)
{
    bool *used = arena_array(arena, bool, k->insts.n), *read = arena_array(arena, bool, k->insts.n);
    KVal *renamed = arena_array(arena, KVal, k->insts.n);
    mark_used(k, used, read);
    uint32_t n = 0;
    for (KVal v = 0; v < k->insts.n; v++) {
        if (!used[v])
            continue;
        KInst inst = k->insts.at[v];
        inst.a = inst.a == KVAL_NONE ? KVAL_NONE : renamed[inst.a];
        inst.b = inst.b == KVAL_NONE ? KVAL_NONE : renamed[inst.b];
        inst.c = inst.c == KVAL_NONE ? KVAL_NONE : renamed[inst.c];
        renamed[v] = n;
        k->insts.at[n++] = inst;
    }
    k->insts.n = n;
}

static void add_word(Buf *out, uint64_t word)
{
    buf_add(out, &word, sizeof word);
}

void kir_content(const Kernel *k, Buf *out)
{
    add_word(out, (uint64_t)k->n_tasks);
    add_word(out, k->n_buffers);
    for (uint32_t b = 0; b < k->n_buffers; b++) {
        const KBuffer *buffer = &k->buffers[b];
        add_word(out, (uint64_t)buffer->n);
        add_word(out, (uint64_t)buffer->elem | (uint64_t)buffer->written << 8 |
                          (uint64_t)buffer->local << 9);
    }
    for (KVal v = 0; v < k->insts.n; v++) {
        const KInst *inst = &k->insts.at[v];
        add_word(out, (uint64_t)inst->op | (uint64_t)inst->lanes << 8 | (uint64_t)inst->buf << 16);
        add_word(out, (uint64_t)inst->a | (uint64_t)inst->b << 32);
        add_word(out, (uint64_t)inst->c | (uint64_t)float_bits(inst->f) << 32);
        add_word(out, (uint64_t)inst->imm);
    }
}

static uint64_t hash_kernel(Arena *arena, const Kernel *k)
{
    Buf content = buf_create(arena);
    kir_content(k, &content);
    return XXH3_64bits(content.at, content.n);
}

Kernel *kb_finish(KB *kb)
{
    Kernel *k = kb->kernel;
    if (kb->scopes.n > 0)
        bug("kernel %s: %u loops or conditions are still open", k->name, kb->scopes.n);
    drop_unused(kb->arena, k);
    k->hash = hash_kernel(kb->arena, k);
    kir_verify(k);
    return k;
}

void kernel_retype(Arena *arena, Kernel *kernel, uint32_t buffer, KElem elem)
{
    kernel->buffers[buffer].elem = elem;
    kernel->hash = hash_kernel(arena, kernel);
    kir_verify(kernel);
}
