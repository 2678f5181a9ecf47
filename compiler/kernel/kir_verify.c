/* kir_verify.c - the rules that every kernel keeps: types, lanes, nesting, dominance, buffers. */
#include "compiler/base/base.h"
#include "compiler/kernel/kir.h"

#include <inttypes.h>

/* Types of an operation's operands, a letter each: I index, F floats of the instruction's lanes, S
 * one float, V floats of any lanes, M mask of the instruction's lanes, R the VAR itself. */
static const char *const OPERANDS[K_COUNT] = {
    [K_TASK] = "",      [K_FOR] = "II",   [K_IF] = "I",    [K_END] = "",    [K_ICONST] = "",
    [K_IADD] = "II",    [K_ISUB] = "II",  [K_IMUL] = "II", [K_IDIV] = "II", [K_IREM] = "II",
    [K_IMIN] = "II",    [K_IMAX] = "II",  [K_IAND] = "II", [K_IXOR] = "II", [K_ISHR] = "II",
    [K_ILT] = "II",     [K_IEQ] = "II",   [K_ILOAD] = "I", [K_FCONST] = "", [K_IOTA] = "",
    [K_ITOF] = "I",     [K_SPLAT] = "S",  [K_FADD] = "FF", [K_FSUB] = "FF", [K_FMUL] = "FF",
    [K_FDIV] = "FF",    [K_FMA] = "FFF",  [K_FMIN] = "FF", [K_FMAX] = "FF", [K_FSQRT] = "F",
    [K_FEXP] = "F",     [K_FLOG] = "F",   [K_FTANH] = "F", [K_FLT] = "FF",  [K_FEQ] = "FF",
    [K_SELECT] = "MFF", [K_RSUM] = "V",   [K_RMAX] = "V",  [K_LOAD] = "I",  [K_STORE] = "IF",
    [K_LOADPAIR] = "I", [K_DOT2] = "FFF", [K_VAR] = "F",   [K_GET] = "R",   [K_SET] = "RF",
};

typedef struct Verify {
    const Kernel *k;
    Arena *arena;
    uint32_t *scope;    /* by instruction: FOR or IF whose body it stands in, KVAL_NONE outermost */
    bool *open;         /* by instruction: a FOR or IF that is not closed yet */
    ARR(uint32_t) nest; /* open FORs and IFs */
} Verify;

/* Says what is wrong with instruction v, shows the kernel, and aborts. */
_Noreturn static void broken(const Verify *vf, KVal v, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void broken(const Verify *vf, KVal v, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *what = arena_vprintf(vf->arena, fmt, args);
    va_end(args);
    Buf text = buf_create(vf->arena);
    kir_print(vf->k, &text);
    if (v == KVAL_NONE)
        bug("kernel %s: %s\n%s", vf->k->name, what, text.at);
    bug("kernel %s: %%%u: %s\n%s", vf->k->name, v, what, text.at);
}

static bool is_identifier(const char *name)
{
    if (!name || !*name || (*name >= '0' && *name <= '9'))
        return false;
    for (const char *p = name; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              *p == '_'))
            return false;
    return true;
}

static void check_buffers(const Verify *vf)
{
    const Kernel *k = vf->k;
    if (!is_identifier(k->name))
        broken(vf, KVAL_NONE, "its name is no C identifier");
    if (k->n_tasks < 1)
        broken(vf, KVAL_NONE, "%" PRId64 " tasks", k->n_tasks);
    if (k->n_buffers > K_MAX_BUFFERS)
        broken(vf, KVAL_NONE, "%u buffers", k->n_buffers);
    for (uint32_t b = 0; b < k->n_buffers; b++) {
        const KBuffer *buffer = &k->buffers[b];
        if (!is_identifier(buffer->name) || buffer->n < 1 || buffer->elem >= KE_COUNT)
            broken(vf, KVAL_NONE, "buffer %u has no proper name, size or element", b);
        bool floats = buffer->elem == KE_F32 || buffer->elem == KE_BF16;
        if ((buffer->written || buffer->local) && !floats)
            broken(vf, KVAL_NONE, "buffer %s is written or local but holds no floats",
                   buffer->name);
        if (!buffer->local && b > 0 && k->buffers[b - 1].local)
            broken(vf, KVAL_NONE, "argument %s stands after a local buffer", buffer->name);
        for (uint32_t other = 0; other < b; other++)
            if (strcmp(k->buffers[other].name, buffer->name) == 0)
                broken(vf, KVAL_NONE, "two buffers are called %s", buffer->name);
    }
}

static void check_type(const Verify *vf, KVal v, KVal operand, char type)
{
    const KInst *inst = &vf->k->insts.at[v], *from = &vf->k->insts.at[operand];
    KResult result = KOPS[from->op].result;
    KResult wanted = type == 'I' ? KR_INDEX : type == 'M' ? KR_MASK : KR_FLOAT;
    if (result != wanted)
        broken(vf, v, "operand %%%u has the wrong type", operand);
    if ((from->op == K_VAR) != (type == 'R'))
        broken(vf, v,
               type == 'R' ? "operand %%%u is no var" : "operand %%%u is a var, not its value",
               operand);
    if (type == 'S' && from->lanes != 1)
        broken(vf, v, "operand %%%u has %d lanes, not 1", operand, from->lanes);
    if ((type == 'F' || type == 'M' || type == 'R') && from->lanes != inst->lanes)
        broken(vf, v, "operand %%%u has %d lanes, not %d", operand, from->lanes, inst->lanes);
}

static void check_operands(const Verify *vf, KVal v)
{
    const KInst *inst = &vf->k->insts.at[v];
    const KVal operands[] = {inst->a, inst->b, inst->c};
    uint32_t n = KOPS[inst->op].n_operands;
    check_bug(n == strlen(OPERANDS[inst->op]));
    for (uint32_t o = 0; o < COUNT_OF(operands); o++) {
        KVal x = operands[o];
        if (o >= n) {
            if (x != KVAL_NONE)
                broken(vf, v, "has more than %u operands", n);
            continue;
        }
        if (x >= v)
            broken(vf, v, "operand %u does not stand before it", o);
        if (vf->scope[x] != KVAL_NONE && !vf->open[vf->scope[x]])
            broken(vf, v, "operand %%%u stands in a loop or condition that is closed", x);
        check_type(vf, v, x, OPERANDS[inst->op][o]);
    }
}

static void check_lanes(const Verify *vf, KVal v)
{
    const KInst *inst = &vf->k->insts.at[v];
    int lanes = inst->lanes;
    if (lanes < 1 || lanes > K_MAX_LANES || (lanes & (lanes - 1)) != 0)
        broken(vf, v, "%d lanes", lanes);
    bool one = KOPS[inst->op].result == KR_INDEX || inst->op == K_ITOF || inst->op == K_RSUM ||
               inst->op == K_RMAX;
    if (one && lanes != 1)
        broken(vf, v, "%d lanes of a result that has one", lanes);
}

static void check_access(const Verify *vf, KVal v)
{
    const KInst *inst = &vf->k->insts.at[v];
    if (inst->buf >= vf->k->n_buffers)
        broken(vf, v, "buffer %d does not exist", inst->buf);
    const KBuffer *buffer = &vf->k->buffers[inst->buf];
    int64_t active = inst->op == K_ILOAD ? 1 : inst->imm;
    bool floats = buffer->elem == KE_F32 || buffer->elem == KE_BF16,
         integers = buffer->elem == KE_I32 || buffer->elem == KE_I64;
    if (inst->op == K_ILOAD && !integers)
        broken(vf, v, "buffer %s has no integers", buffer->name);
    if (inst->op == K_LOAD && integers)
        broken(vf, v, "buffer %s has integers", buffer->name);
    if (inst->op == K_LOADPAIR && (buffer->elem != KE_BF16 || inst->imm != inst->lanes))
        broken(vf, v, "pairs of %s, which holds none", buffer->name);
    if (inst->op == K_STORE && (!floats || !buffer->written))
        broken(vf, v, "buffer %s is not to be written", buffer->name);
    if (active < 1 || active > inst->lanes)
        broken(vf, v, "%" PRId64 " active lanes of %d", active, inst->lanes);
    const KInst *index = &vf->k->insts.at[inst->a];
    int64_t n = inst->op == K_LOADPAIR ? 2 * active : active;
    if (index->op == K_ICONST && (index->imm < 0 || index->imm > buffer->n - n))
        broken(vf, v, "element %" PRId64 " is outside of %s", index->imm, buffer->name);
}

/* Constants that an operation has no meaning for. */
static void check_constants(const Verify *vf, KVal v)
{
    const KInst *inst = &vf->k->insts.at[v];
    if (inst->op == K_FOR && inst->imm < 1)
        broken(vf, v, "step %" PRId64, inst->imm);
    if (inst->op != K_IDIV && inst->op != K_IREM && inst->op != K_ISHR)
        return;
    const KInst *by = &vf->k->insts.at[inst->b];
    if (by->op == K_ICONST && inst->op == K_ISHR && (by->imm < 0 || by->imm > 63))
        broken(vf, v, "shift by %" PRId64, by->imm);
    if (by->op == K_ICONST && inst->op != K_ISHR && by->imm < 1)
        broken(vf, v, "division by %" PRId64, by->imm);
}

static void check_inst(Verify *vf, KVal v)
{
    const KInst *inst = &vf->k->insts.at[v];
    if (inst->op >= K_COUNT)
        broken(vf, v, "operation %d does not exist", inst->op);
    check_lanes(vf, v);
    check_operands(vf, v);
    check_constants(vf, v);
    if (inst->op == K_LOAD || inst->op == K_STORE || inst->op == K_ILOAD || inst->op == K_LOADPAIR)
        check_access(vf, v);
    if (inst->op == K_END) {
        if (vf->nest.n == 0)
            broken(vf, v, "closes nothing");
        vf->open[vf->nest.at[--vf->nest.n]] = false;
    }
    vf->scope[v] = vf->nest.n ? vf->nest.at[vf->nest.n - 1] : KVAL_NONE;
    if (inst->op == K_FOR || inst->op == K_IF) {
        vf->open[v] = true;
        vf->scope[v] = v; /* a loop's number is known in its body */
        *arr_push(vf->arena, &vf->nest) = v;
    }
}

void kir_verify(const Kernel *kernel)
{
    Verify vf = {.k = kernel, .arena = arena_create()};
    vf.scope = arena_array(vf.arena, uint32_t, kernel->insts.n);
    vf.open = arena_array(vf.arena, bool, kernel->insts.n);
    check_buffers(&vf);
    for (KVal v = 0; v < kernel->insts.n; v++)
        check_inst(&vf, v);
    if (vf.nest.n > 0)
        broken(&vf, vf.nest.at[vf.nest.n - 1], "is not closed");
    arena_destroy(vf.arena);
}
