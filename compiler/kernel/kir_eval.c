/* kir_eval.c - the interpreter: what each operation of the kernel IR means, bit for bit.
 *
 * It is the judge of the printers, so it is plain: one value a lane, every access checked. */
#include "compiler/base/base.h"
#include "compiler/kernel/kir.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

typedef union Value {
    float f[K_MAX_LANES];
    int64_t i;     /* index */
    uint32_t mask; /* bit l: lane l */
} Value;

typedef struct Eval {
    const Kernel *k;
    Arena *arena;
    Value *val;  /* by instruction; of a VAR: what it holds now */
    KVal *match; /* by instruction: END of a FOR or IF, FOR or IF of an END */
    void *data[K_MAX_BUFFERS];
    int64_t task;
} Eval;

int64_t kir_index_op(KOp op, int64_t a, int64_t b)
{
    uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
    switch (op) {
    case K_IADD:
        return (int64_t)(ua + ub);
    case K_ISUB:
        return (int64_t)(ua - ub);
    case K_IMUL:
        return (int64_t)(ua * ub);
    case K_IDIV:
    case K_IREM:
        if (a < 0 || b < 1)
            bug("%s of %" PRId64 " by %" PRId64, KOPS[op].text, a, b);
        return op == K_IDIV ? a / b : a % b;
    case K_IMIN:
        return a < b ? a : b;
    case K_IMAX:
        return a > b ? a : b;
    case K_IAND:
        return (int64_t)(ua & ub);
    case K_IXOR:
        return (int64_t)(ua ^ ub);
    case K_ISHR:
        if (b < 0 || b > 63)
            bug("shift by %" PRId64, b);
        return (int64_t)(ua >> b);
    case K_ILT:
        return a < b;
    case K_IEQ:
        return a == b;
    default:
        bug("%s is no index operation", KOPS[op].text);
    }
}

/* ---------------------------------------------------------------------- bfloat16 */

static float flush(float x)
{
    return fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
}

uint16_t kir_to_bfloat16(float value)
{
    uint32_t bits;
    value = flush(value);
    memcpy(&bits, &value, sizeof bits);
    if (isnan(value))
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float kir_from_bfloat16(uint16_t bits)
{
    uint32_t word = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

static float half_of(float pair, bool high)
{
    uint32_t word;
    memcpy(&word, &pair, sizeof word);
    return flush(kir_from_bfloat16((uint16_t)(high ? word >> 16 : word)));
}

static float dot2(float a, float b, float c)
{
    c = flush(fmaf(half_of(a, true), half_of(b, true), flush(c)));
    return flush(fmaf(half_of(a, false), half_of(b, false), c));
}

/* ------------------------------------------------------------------------ memory */

/* First of n elements at index of the instruction's buffer. */
static void *element(const Eval *ev, KVal v, int64_t n)
{
    const KInst *inst = &ev->k->insts.at[v];
    const KBuffer *buffer = &ev->k->buffers[inst->buf];
    int64_t index = ev->val[inst->a].i;
    if (index < 0 || index > buffer->n - n)
        bug("kernel %s, task %" PRId64 ": %%%u: elements %" PRId64 " .. %" PRId64
            " of %s, which has %" PRId64,
            ev->k->name, ev->task, v, index, index + n - 1, buffer->name, buffer->n);
    return (char *)ev->data[inst->buf] + (size_t)index * kelem_size(buffer->elem);
}

static void load_lanes(Value *out, const void *from, KElem elem, int n)
{
    if (elem == KE_F32)
        memcpy(out->f, from, (size_t)n * sizeof(float));
    for (int l = 0; l < n && elem == KE_U8; l++)
        out->f[l] = ((const uint8_t *)from)[l];
    for (int l = 0; l < n && elem == KE_BF16; l++)
        out->f[l] = kir_from_bfloat16(((const uint16_t *)from)[l]);
}

static void store_lanes(void *to, KElem elem, const Value *value, int n)
{
    if (elem == KE_F32)
        memcpy(to, value->f, (size_t)n * sizeof(float));
    for (int l = 0; l < n && elem == KE_BF16; l++)
        ((uint16_t *)to)[l] = kir_to_bfloat16(value->f[l]);
}

static void eval_memory(Eval *ev, KVal v)
{
    const KInst *inst = &ev->k->insts.at[v];
    KElem elem = ev->k->buffers[inst->buf].elem;
    int active = inst->op == K_ILOAD ? 1 : (int)inst->imm;
    void *at = element(ev, v, inst->op == K_LOADPAIR ? 2 * active : active);
    Value *out = &ev->val[v];
    if (inst->op == K_ILOAD) {
        out->i = elem == KE_I32 ? *(const int32_t *)at : *(const int64_t *)at;
    } else if (inst->op == K_STORE) {
        store_lanes(at, elem, &ev->val[inst->b], active);
    } else {
        memset(out->f, 0, sizeof out->f);
        load_lanes(out, at, inst->op == K_LOADPAIR ? KE_F32 : elem, active);
    }
}

static float float_op(KOp op, float a, float b)
{
    switch (op) {
    case K_FADD:
        return a + b;
    case K_FSUB:
        return a - b;
    case K_FMUL:
        return a * b;
    case K_FDIV:
        return a / b;
    case K_FMIN:
        return a < b ? a : b;
    case K_FMAX:
        return a > b ? a : b;
    case K_FSQRT:
        return sqrtf(a);
    case K_FEXP:
        return expf(a);
    case K_FLOG:
        return logf(a);
    case K_FTANH:
        return tanhf(a);
    default:
        bug("%s is no float operation", KOPS[op].text);
    }
}

static float reduce(KOp op, const Value *a, int lanes)
{
    Value x = *a;
    for (int half = lanes / 2; half >= 1; half /= 2)
        for (int l = 0; l < half; l++)
            x.f[l] = float_op(op == K_RSUM ? K_FADD : K_FMAX, x.f[l], x.f[l + half]);
    return x.f[0];
}

static uint32_t compare(KOp op, const Value *a, const Value *b, int lanes)
{
    uint32_t mask = 0;
    for (int l = 0; l < lanes; l++)
        if (op == K_FLT ? a->f[l] < b->f[l] : a->f[l] == b->f[l])
            mask |= UINT32_C(1) << l;
    return mask;
}

/* Everything but structure, index operations and memory. */
static void eval_float(Eval *ev, KVal v)
{
    const KInst *inst = &ev->k->insts.at[v];
    KOp op = (KOp)inst->op;
    uint32_t n = KOPS[op].n_operands;
    Value *val = ev->val, *out = &val[v];
    const Value *a = n > 0 ? &val[inst->a] : NULL, *b = n > 1 ? &val[inst->b] : NULL;
    const Value *c = n > 2 ? &val[inst->c] : NULL;
    int lanes = inst->lanes;
    switch (op) {
    case K_FMA:
        for (int l = 0; l < lanes; l++)
            out->f[l] = fmaf(a->f[l], b->f[l], c->f[l]);
        break;
    case K_DOT2:
        for (int l = 0; l < lanes; l++)
            out->f[l] = dot2(a->f[l], b->f[l], c->f[l]);
        break;
    case K_FLT:
    case K_FEQ:
        out->mask = compare(op, a, b, lanes);
        break;
    case K_SELECT:
        for (int l = 0; l < lanes; l++)
            out->f[l] = a->mask >> l & 1 ? b->f[l] : c->f[l];
        break;
    case K_RSUM:
    case K_RMAX:
        out->f[0] = reduce(op, a, ev->k->insts.at[inst->a].lanes);
        break;
    case K_FCONST:
    case K_IOTA:
        for (int l = 0; l < lanes; l++)
            out->f[l] = op == K_IOTA ? (float)l : inst->f;
        break;
    case K_SPLAT:
        for (int l = 0; l < lanes; l++)
            out->f[l] = a->f[0];
        break;
    case K_ITOF:
        out->f[0] = (float)a->i;
        break;
    case K_VAR:
    case K_GET:
        *out = *a;
        break;
    case K_SET:
        val[inst->a] = *b;
        break;
    default:
        for (int l = 0; l < lanes; l++)
            out->f[l] = float_op(op, a->f[l], b ? b->f[l] : 0.0f);
    }
}

/* The instruction after v; of a FOR, IF and END what the numbers say. */
static KVal next_inst(Eval *ev, KVal v)
{
    const KInst *inst = &ev->k->insts.at[v];
    Value *val = ev->val;
    if (inst->op == K_IF)
        return val[inst->a].i ? v + 1 : ev->match[v] + 1;
    if (inst->op == K_FOR) {
        val[v].i = val[inst->a].i;
        return val[v].i < val[inst->b].i ? v + 1 : ev->match[v] + 1;
    }
    KVal open = ev->match[v];
    const KInst *loop = &ev->k->insts.at[open];
    if (loop->op == K_IF)
        return v + 1;
    int64_t left = val[loop->b].i - val[open].i;
    if (left <= loop->imm)
        return v + 1;
    val[open].i += loop->imm;
    return open + 1;
}

static void eval_task(Eval *ev)
{
    const Kernel *k = ev->k;
    for (KVal v = 0; v < k->insts.n;) {
        const KInst *inst = &k->insts.at[v];
        KOp op = (KOp)inst->op;
        if (op == K_FOR || op == K_IF || op == K_END) {
            v = next_inst(ev, v);
            continue;
        }
        if (op >= K_IADD && op <= K_IEQ)
            ev->val[v].i = kir_index_op(op, ev->val[inst->a].i, ev->val[inst->b].i);
        else if (op == K_LOAD || op == K_STORE || op == K_ILOAD || op == K_LOADPAIR)
            eval_memory(ev, v);
        else if (op == K_ICONST)
            ev->val[v].i = inst->imm;
        else if (op == K_TASK)
            ev->val[v].i = ev->task;
        else
            eval_float(ev, v);
        v++;
    }
}

/* Local memory starts undefined: filled with NaN, so that a read before the write shows. */
static void clear_locals(Eval *ev)
{
    for (uint32_t b = 0; b < ev->k->n_buffers; b++) {
        const KBuffer *buffer = &ev->k->buffers[b];
        Value nan = {.f = {NAN}};
        for (int64_t i = 0; buffer->local && i < buffer->n; i++)
            store_lanes((char *)ev->data[b] + (size_t)i * kelem_size(buffer->elem), buffer->elem,
                        &nan, 1);
    }
}

static void *local_memory(Arena *arena, const KBuffer *buffer)
{
    return arena_alloc(arena, (size_t)buffer->n * kelem_size(buffer->elem));
}

void kir_eval(const Kernel *kernel, void *const *args, int64_t first, int64_t last)
{
    Eval ev = {.k = kernel, .arena = arena_create()};
    ev.val = arena_array(ev.arena, Value, kernel->insts.n);
    ev.match = arena_array(ev.arena, KVal, kernel->insts.n);
    ARR(KVal) nest = {0};
    for (KVal v = 0; v < kernel->insts.n; v++) {
        KOp op = (KOp)kernel->insts.at[v].op;
        if (op == K_FOR || op == K_IF)
            *arr_push(ev.arena, &nest) = v;
        if (op == K_END) {
            KVal open = nest.at[--nest.n];
            ev.match[open] = v;
            ev.match[v] = open;
        }
    }
    for (uint32_t b = 0; b < kernel->n_buffers; b++)
        ev.data[b] =
            kernel->buffers[b].local ? local_memory(ev.arena, &kernel->buffers[b]) : args[b];
    for (ev.task = first; ev.task < last; ev.task++) {
        clear_locals(&ev);
        eval_task(&ev);
    }
    arena_destroy(ev.arena);
}
