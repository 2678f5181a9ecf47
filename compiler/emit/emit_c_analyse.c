/* emit_c_analyse.c - which values of a kernel become variables in C and which expressions, and
 * which index arithmetic may leave the range of int64. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_c.h"

enum { MAX_INDEX_SIZE = 7, MAX_FLOAT_SIZE = 8 }; /* operators and operands of one expression */

typedef struct Analysis {
    CKernel *ck;
    const Kernel *k;
    KVal *user;     /* the last instruction that uses the value */
    KVal *scope;    /* FOR or IF whose body the instruction stands in */
    KVal *position; /* where the value is computed when it is an expression */
    uint32_t *size; /* of its expression */
    CRange *range;  /* of an index */
} Analysis;

static bool is_structure(KOp op)
{
    return op == K_FOR || op == K_IF || op == K_END;
}

static void count_uses(Analysis *an)
{
    for (KVal v = an->k->insts.n; v-- > 0;) {
        const KInst *inst = &an->k->insts.at[v];
        KOp op = (KOp)inst->op;
        if (an->ck->uses[v] == 0 && KOPS[op].result != KR_NONE && op != K_FOR)
            continue;
        const KVal operands[] = {inst->a, inst->b, inst->c};
        for (uint32_t o = 0; o < KOPS[op].n_operands; o++) {
            if (an->ck->uses[operands[o]]++ == 0)
                an->user[operands[o]] = v;
        }
    }
}

static void find_scopes(Analysis *an)
{
    ARR(KVal) nest = {0};
    for (KVal v = 0; v < an->k->insts.n; v++) {
        KOp op = (KOp)an->k->insts.at[v].op;
        if (op == K_END)
            nest.n--;
        an->scope[v] = nest.n ? nest.at[nest.n - 1] : KVAL_NONE;
        if (op == K_FOR || op == K_IF)
            *arr_push(an->ck->arena, &nest) = v;
    }
}

/* Size of the expression of v; operands that are variables count one. */
static uint32_t expression_size(const Analysis *an, KVal v)
{
    const KInst *inst = &an->k->insts.at[v];
    const KVal operands[] = {inst->a, inst->b, inst->c};
    uint32_t size = 1;
    for (uint32_t o = 0; o < KOPS[inst->op].n_operands; o++)
        size += an->ck->form[operands[o]] == CF_INLINE ? an->size[operands[o]] : 1;
    return size;
}

/* Index values never change, so any of them may be computed where it is used: those that are used
 * once, and sums and products of a variable and a constant. A division stays outside of inner
 * loops. */
static CForm index_form(const Analysis *an, KVal v)
{
    const KInst *inst = &an->k->insts.at[v];
    KOp op = (KOp)inst->op;
    if (op == K_FOR)
        return CF_NAMED;
    if (an->ck->uses[v] == 0)
        return CF_DEAD;
    if (op == K_ICONST || op == K_TASK)
        return CF_INLINE;
    bool costly = op == K_IDIV || op == K_IREM || op == K_ILOAD;
    if (costly && an->scope[v] != an->scope[an->user[v]])
        return CF_NAMED;
    if (an->ck->uses[v] == 1)
        return an->size[v] <= MAX_INDEX_SIZE ? CF_INLINE : CF_NAMED;
    bool simple = (op == K_IADD || op == K_IMUL) && an->k->insts.at[inst->b].op == K_ICONST &&
                  an->ck->form[inst->a] == CF_NAMED;
    return simple ? CF_INLINE : CF_NAMED;
}

/* Whether v means the same at `position`, in the same block with no loop or condition between. */
static bool may_move(const Analysis *an, KVal v, KVal position)
{
    const KInst *inst = &an->k->insts.at[v];
    for (KVal x = v + 1; x < position; x++) {
        const KInst *between = &an->k->insts.at[x];
        if (is_structure((KOp)between->op))
            return false;
        if (inst->op == K_GET && between->op == K_SET && between->a == inst->a)
            return false;
        if ((inst->op == K_LOAD || inst->op == K_LOADPAIR) && between->op == K_STORE &&
            between->buf == inst->buf)
            return false;
    }
    return true;
}

/* Floats and masks: an expression when it is used once and may move there. From the end, because an
 * expression inside of another is computed where the outermost is. */
static void choose_floats(Analysis *an)
{
    for (KVal v = an->k->insts.n; v-- > 0;) {
        KOp op = (KOp)an->k->insts.at[v].op;
        KResult result = KOPS[op].result;
        an->position[v] = v;
        if (result == KR_INDEX)
            continue;
        CForm *form = &an->ck->form[v];
        *form = result != KR_NONE && an->ck->uses[v] == 0 ? CF_DEAD : CF_NAMED;
        if (op == K_FCONST && *form == CF_NAMED) {
            *form = CF_INLINE;
        } else if (result != KR_NONE && op != K_VAR && an->ck->uses[v] == 1 &&
                   may_move(an, v, an->position[an->user[v]])) {
            *form = CF_INLINE;
            an->position[v] = an->position[an->user[v]];
        }
    }
}

/* Index forms, and the expressions that would grow too long cut. From the start. */
static void choose_rest(Analysis *an)
{
    for (KVal v = 0; v < an->k->insts.n; v++) {
        an->size[v] = expression_size(an, v);
        if (KOPS[an->k->insts.at[v].op].result == KR_INDEX)
            an->ck->form[v] = index_form(an, v);
        else if (an->ck->form[v] == CF_INLINE && an->size[v] > MAX_FLOAT_SIZE)
            an->ck->form[v] = CF_NAMED;
    }
}

/* -------------------------------------------------------------------- ranges */

static const CRange FULL = {INT64_MIN, INT64_MAX};

static void widen(CRange *range, int64_t value)
{
    if (value < range->lo)
        range->lo = value;
    if (value > range->hi)
        range->hi = value;
}

static bool overflows(KOp op, int64_t a, int64_t b, int64_t *result)
{
    return op == K_IADD   ? __builtin_add_overflow(a, b, result)
           : op == K_ISUB ? __builtin_sub_overflow(a, b, result)
                          : __builtin_mul_overflow(a, b, result);
}

/* IADD, ISUB and IMUL: the extremes are among those of the operands' ends. */
static CRange sum_range(KOp op, CRange a, CRange b, bool *wraps)
{
    const int64_t as[] = {a.lo, a.hi}, bs[] = {b.lo, b.hi};
    CRange range = {INT64_MAX, INT64_MIN};
    for (int i = 0; i < 4; i++) {
        int64_t value;
        if (overflows(op, as[i / 2], bs[i % 2], &value)) {
            *wraps = true;
            return FULL;
        }
        widen(&range, value);
    }
    return range;
}

/* The smallest 2^n - 1 that is not below value >= 0. */
static int64_t all_ones(int64_t value)
{
    return value == 0 ? 0 : (int64_t)(UINT64_MAX >> __builtin_clzll((uint64_t)value));
}

static CRange bits_range(KOp op, CRange a, CRange b)
{
    bool a_positive = a.lo >= 0, b_positive = b.lo >= 0;
    if (op == K_ISHR) {
        if (b.lo != b.hi || b.lo < 0 || b.lo > 63)
            return a_positive ? (CRange){0, a.hi} : FULL;
        if (a_positive)
            return (CRange){a.lo >> b.lo, a.hi >> b.lo};
        return b.lo == 0 ? FULL : (CRange){0, (int64_t)(UINT64_MAX >> b.lo)};
    }
    if (op == K_IXOR)
        return a_positive && b_positive ? (CRange){0, all_ones(a.hi > b.hi ? a.hi : b.hi)} : FULL;
    if (a_positive && b_positive)
        return (CRange){0, a.hi < b.hi ? a.hi : b.hi};
    return a_positive ? (CRange){0, a.hi} : b_positive ? (CRange){0, b.hi} : FULL;
}

static int64_t at_least_0(int64_t value)
{
    return value < 0 ? 0 : value;
}

static CRange operation_range(KOp op, CRange a, CRange b, bool *wraps)
{
    switch (op) {
    case K_IADD:
    case K_ISUB:
    case K_IMUL:
        return sum_range(op, a, b, wraps);
    case K_IDIV:
        return (CRange){0, at_least_0(b.lo > 0 ? a.hi / b.lo : a.hi)};
    case K_IREM:
        return (CRange){0, at_least_0(b.hi - 1 < a.hi ? b.hi - 1 : a.hi)};
    case K_IMIN:
        return (CRange){a.lo < b.lo ? a.lo : b.lo, a.hi < b.hi ? a.hi : b.hi};
    case K_IMAX:
        return (CRange){a.lo > b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
    case K_ILT:
    case K_IEQ:
        return (CRange){0, 1};
    default:
        return bits_range(op, a, b);
    }
}

static CRange range_of(Analysis *an, KVal v)
{
    const KInst *inst = &an->k->insts.at[v];
    switch (inst->op) {
    case K_TASK:
        return (CRange){0, an->k->n_tasks - 1};
    case K_FOR: {
        int64_t hi = an->range[inst->b].hi, lo = an->range[inst->a].lo;
        return (CRange){lo, hi > lo ? hi - 1 : lo};
    }
    case K_ICONST:
        return (CRange){inst->imm, inst->imm};
    case K_ILOAD:
        return an->k->buffers[inst->buf].elem == KE_I32 ? (CRange){INT32_MIN, INT32_MAX} : FULL;
    default:
        return operation_range((KOp)inst->op, an->range[inst->a], an->range[inst->b],
                               &an->ck->wraps[v]);
    }
}

void emit_c_analyse(CKernel *ck)
{
    uint32_t n = ck->k->insts.n;
    Analysis an = {.ck = ck, .k = ck->k};
    ck->uses = arena_array(ck->arena, uint32_t, n);
    ck->form = arena_array(ck->arena, CForm, n);
    ck->wraps = arena_array(ck->arena, bool, n);
    an.user = arena_array(ck->arena, KVal, n);
    an.scope = arena_array(ck->arena, KVal, n);
    an.position = arena_array(ck->arena, KVal, n);
    an.size = arena_array(ck->arena, uint32_t, n);
    an.range = arena_array(ck->arena, CRange, n);
    count_uses(&an);
    find_scopes(&an);
    choose_floats(&an);
    choose_rest(&an);
    for (KVal v = 0; v < n; v++)
        if (KOPS[ck->k->insts.at[v].op].result == KR_INDEX)
            an.range[v] = range_of(&an, v);
}
