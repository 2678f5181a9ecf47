/* emit_c_value.c - values of the kernel IR as expressions of C. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_c.h"

#include <inttypes.h>
#include <math.h>

/* Operations that are written between their operands. */
typedef struct Infix {
    const char *text;
    int binding;
} Infix;
static const Infix INFIX[K_COUNT] = {
    [K_IADD] = {"+", BIND_ADD},  [K_ISUB] = {"-", BIND_ADD},    [K_IMUL] = {"*", BIND_MUL},
    [K_IDIV] = {"/", BIND_MUL},  [K_IREM] = {"%", BIND_MUL},    [K_IAND] = {"&", BIND_BITS},
    [K_IXOR] = {"^", BIND_BITS}, [K_ILT] = {"<", BIND_COMPARE}, [K_IEQ] = {"==", BIND_COMPARE},
    [K_FADD] = {"+", BIND_ADD},  [K_FSUB] = {"-", BIND_ADD},    [K_FMUL] = {"*", BIND_MUL},
    [K_FDIV] = {"/", BIND_MUL},  [K_FLT] = {"<", BIND_COMPARE}, [K_FEQ] = {"==", BIND_COMPARE},
};

/* Operations that are written as calls, of one float and of a vector. The helpers stand in the
 * prelude. */
typedef struct Call {
    const char *scalar, *vector;
} Call;
static const Call CALLS[K_COUNT] = {
    [K_IMIN] = {"imin", NULL},        [K_IMAX] = {"imax", NULL},
    [K_ISHR] = {"shift_right", NULL}, [K_FMA] = {"fmaf", "vfma"},
    [K_FMIN] = {"smin", "vmin"},      [K_FMAX] = {"smax", "vmax"},
    [K_FSQRT] = {"sqrtf", "vsqrt"},   [K_FEXP] = {"libm_expf", "vexp"},
    [K_FLOG] = {"libm_logf", "vlog"}, [K_FTANH] = {"libm_tanhf", "vtanh"},
    [K_SELECT] = {NULL, "vselect"},   [K_DOT2] = {"dot2", "vdot2"},
};

static const KInst *inst_at(const CKernel *ck, KVal v)
{
    return &ck->k->insts.at[v];
}

const char *emit_c_type(CKernel *ck, KVal v)
{
    const KInst *inst = inst_at(ck, v);
    KResult result = KOPS[inst->op].result;
    if (result == KR_INDEX)
        return "int64_t";
    if (inst->lanes == 1)
        return result == KR_MASK ? "int" : "float";
    return arena_printf(ck->arena, "%s%d", result == KR_MASK ? "mask" : "vec", inst->lanes);
}

static void float_literal(Buf *out, float value)
{
    if (isnan(value)) {
        buf_puts(out, "NAN");
        return;
    }
    if (isinf(value)) {
        buf_puts(out, value < 0 ? "-INFINITY" : "INFINITY");
        return;
    }
    size_t start = out->n;
    buf_float(out, (double)value, true);
    if (!strpbrk(out->at + start, ".e"))
        buf_puts(out, ".0");
    buf_puts(out, "f");
}

static void index_literal(Buf *out, int64_t value)
{
    if (value == INT64_MIN)
        buf_puts(out, "INT64_MIN");
    else
        buf_printf(out, "%" PRId64, value);
}

void emit_c_element(CKernel *ck, const KInst *inst, bool address)
{
    buf_printf(ck->out, "%s%s[", address ? "&" : "", ck->buffers[inst->buf]);
    emit_c_value(ck, inst->a, BIND_ANY);
    buf_puts(ck->out, "]");
}

static void load(CKernel *ck, KVal v)
{
    const KInst *inst = inst_at(ck, v);
    KElem elem = ck->k->buffers[inst->buf].elem;
    bool halves = elem == KE_BF16 && inst->op != K_LOADPAIR;
    if (inst->op == K_ILOAD || (inst->op == K_LOAD && inst->lanes == 1)) {
        buf_puts(ck->out, elem == KE_U8 ? "(float)" : halves ? "from_bfloat16(" : "");
        emit_c_element(ck, inst, false);
        buf_puts(ck->out, halves ? ")" : "");
        return;
    }
    bool part = inst->imm < inst->lanes;
    const char *function = elem == KE_U8 ? "load_bytes" : halves ? "load_bfloat16" : "load";
    buf_printf(ck->out, "%s%s(%s, ", function, part ? "_part" : "", emit_c_type(ck, v));
    emit_c_element(ck, inst, true);
    if (part)
        buf_printf(ck->out, ", %" PRId64, inst->imm);
    buf_puts(ck->out, ")");
}

/* A vector all of whose lanes are one expression that is not a variable. */
static bool is_uniform(const CKernel *ck, KVal v)
{
    const KInst *inst = inst_at(ck, v);
    return ck->form[v] == CF_INLINE && inst->lanes > 1 &&
           (inst->op == K_FCONST || inst->op == K_SPLAT);
}

/* The one lane of a uniform vector: C converts it to a vector beside another vector. */
static void uniform_lane(CKernel *ck, KVal v, int binding)
{
    const KInst *inst = inst_at(ck, v);
    if (inst->op == K_FCONST)
        float_literal(ck->out, inst->f);
    else
        emit_c_value(ck, inst->a, binding);
}

static void splat(CKernel *ck, KVal v)
{
    const KInst *inst = inst_at(ck, v);
    if (inst->lanes == 1) {
        uniform_lane(ck, v, BIND_ATOM);
        return;
    }
    if (inst->op == K_FCONST && inst->f == 0.0f && !signbit(inst->f)) {
        buf_printf(ck->out, "(%s){0}", emit_c_type(ck, v));
        return;
    }
    buf_printf(ck->out, "splat(%s, ", emit_c_type(ck, v));
    uniform_lane(ck, v, BIND_ANY);
    buf_puts(ck->out, ")");
}

/* a op b. Bits and comparisons take nothing that binds less than a sum without parentheses. */
static void infix(CKernel *ck, const KInst *inst)
{
    const Infix *op = &INFIX[inst->op];
    int left = op->binding >= BIND_ADD    ? op->binding
               : op->binding == BIND_BITS ? BIND_ATOM
                                          : BIND_ADD;
    int right = op->binding >= BIND_ADD ? op->binding + 1 : left;
    const KInst *b = inst_at(ck, inst->b);
    bool left_uniform = is_uniform(ck, inst->a), right_uniform = is_uniform(ck, inst->b);
    if (left_uniform && !right_uniform)
        uniform_lane(ck, inst->a, left);
    else
        emit_c_value(ck, inst->a, left);
    if (inst->op == K_IADD && b->op == K_ICONST && b->imm < 0 && b->imm != INT64_MIN) {
        buf_printf(ck->out, " - %" PRId64, -b->imm);
        return;
    }
    buf_printf(ck->out, " %s ", op->text);
    if (right_uniform && !left_uniform)
        uniform_lane(ck, inst->b, right);
    else
        emit_c_value(ck, inst->b, right);
}

static void call(CKernel *ck, const KInst *inst, const char *function)
{
    const KVal operands[] = {inst->a, inst->b, inst->c};
    buf_printf(ck->out, "%s(", function);
    for (uint32_t o = 0; o < KOPS[inst->op].n_operands; o++) {
        if (o)
            buf_puts(ck->out, ", ");
        emit_c_value(ck, operands[o], BIND_ANY);
    }
    buf_puts(ck->out, ")");
}

static void scalar_select(CKernel *ck, const KInst *inst)
{
    emit_c_value(ck, inst->a, BIND_BITS);
    buf_puts(ck->out, " ? ");
    emit_c_value(ck, inst->b, BIND_BITS);
    buf_puts(ck->out, " : ");
    emit_c_value(ck, inst->c, BIND_BITS);
}

static void reduce(CKernel *ck, const KInst *inst, int binding)
{
    if (inst_at(ck, inst->a)->lanes == 1)
        emit_c_value(ck, inst->a, binding);
    else
        call(ck, inst, inst->op == K_RSUM ? "reduce_sum" : "reduce_max");
}

static const char *wrapping(KOp op)
{
    return op == K_IADD ? "wrap_add" : op == K_ISUB ? "wrap_sub" : "wrap_mul";
}

/* What is neither an operator nor a plain call. */
static void special(CKernel *ck, KVal v, int binding)
{
    const KInst *inst = inst_at(ck, v);
    switch (inst->op) {
    case K_TASK:
        buf_puts(ck->out, "task");
        break;
    case K_ICONST:
        index_literal(ck->out, inst->imm);
        break;
    case K_ILOAD:
    case K_LOAD:
    case K_LOADPAIR:
        load(ck, v);
        break;
    case K_FCONST:
    case K_SPLAT:
        splat(ck, v);
        break;
    case K_IOTA:
        if (inst->lanes == 1)
            buf_puts(ck->out, "0.0f");
        else
            buf_printf(ck->out, "iota(%s)", emit_c_type(ck, v));
        break;
    case K_ITOF:
        buf_puts(ck->out, "(float)");
        emit_c_value(ck, inst->a, BIND_ATOM);
        break;
    case K_RSUM:
    case K_RMAX:
        reduce(ck, inst, binding);
        break;
    case K_VAR:
    case K_GET:
        emit_c_value(ck, inst->a, binding);
        break;
    default:
        bug("%s has no value", KOPS[inst->op].text);
    }
}

static void parenthesised(CKernel *ck, const KInst *inst, bool needed,
                          void (*print)(CKernel *, const KInst *))
{
    buf_puts(ck->out, needed ? "(" : "");
    print(ck, inst);
    buf_puts(ck->out, needed ? ")" : "");
}

void emit_c_expression(CKernel *ck, KVal v, int binding)
{
    const KInst *inst = inst_at(ck, v);
    const char *function = inst->lanes == 1 ? CALLS[inst->op].scalar : CALLS[inst->op].vector;
    if (ck->wraps[v])
        call(ck, inst, wrapping((KOp)inst->op));
    else if (INFIX[inst->op].text)
        parenthesised(ck, inst, INFIX[inst->op].binding < binding, infix);
    else if (function)
        call(ck, inst, function);
    else if (inst->op == K_SELECT)
        parenthesised(ck, inst, BIND_TERNARY < binding, scalar_select);
    else
        special(ck, v, binding);
}

void emit_c_value(CKernel *ck, KVal v, int binding)
{
    if (ck->form[v] == CF_INLINE)
        emit_c_expression(ck, v, binding);
    else
        buf_puts(ck->out, ck->names[v]);
}
