/* kir_print.c - the table of operations, and kernels as text for people. */
#include "compiler/base/base.h"
#include "compiler/kernel/kir.h"

#include <inttypes.h>

enum { I = KR_INDEX, F = KR_FLOAT, M = KR_MASK, N = KR_NONE };
const KOpInfo KOPS[K_COUNT] = {
#define KOP(id, text, operands, result) [K_##id] = {text, operands, (KResult)result},
#include "compiler/kernel/kir.def"
#undef KOP
};

size_t kelem_size(KElem elem)
{
    static const size_t sizes[] = {
        [KE_F32] = 4, [KE_U8] = 1, [KE_I32] = 4, [KE_I64] = 8, [KE_BF16] = 2};
    return sizes[elem];
}

static const char *elem_name(KElem elem)
{
    static const char *const names[] = {
        [KE_F32] = "f32", [KE_U8] = "u8", [KE_I32] = "i32", [KE_I64] = "i64", [KE_BF16] = "bf16"};
    return elem < KE_COUNT ? names[elem] : "?";
}

static void print_buffers(const Kernel *k, Buf *out)
{
    for (uint32_t b = 0; b < k->n_buffers && b < K_MAX_BUFFERS; b++) {
        const KBuffer *buffer = &k->buffers[b];
        const char *role = buffer->local ? "local" : buffer->written ? "inout" : "in";
        buf_printf(out, "  %-5s %s %s[%" PRId64 "]\n", role, elem_name(buffer->elem), buffer->name,
                   buffer->n);
    }
}

static void print_operand(const Kernel *k, KVal v, Buf *out)
{
    if (v < k->insts.n && k->insts.at[v].op == K_ICONST)
        buf_printf(out, "%" PRId64, k->insts.at[v].imm);
    else if (v == KVAL_NONE)
        buf_puts(out, "none");
    else
        buf_printf(out, "%%%u", v);
}

static const char *buffer_name(const Kernel *k, const KInst *inst)
{
    return inst->buf < k->n_buffers ? k->buffers[inst->buf].name : "?";
}

/* name[index] or, for part of a vector, name[index] active/lanes */
static void print_access(const Kernel *k, const KInst *inst, Buf *out)
{
    buf_printf(out, " %s[", buffer_name(k, inst));
    print_operand(k, inst->a, out);
    buf_puts(out, "]");
    if (inst->op != K_ILOAD && inst->imm != inst->lanes)
        buf_printf(out, " active %" PRId64, inst->imm);
}

static void print_inst(const Kernel *k, KVal v, Buf *out)
{
    const KInst *inst = &k->insts.at[v];
    const KOpInfo *info = &KOPS[inst->op];
    if (info->result != KR_NONE)
        buf_printf(out, "%%%u = ", v);
    buf_puts(out, info->text);
    if (inst->lanes != 1 && inst->op != K_END && inst->op != K_IF)
        buf_printf(out, ".%d", inst->lanes);
    if (inst->op == K_LOAD || inst->op == K_ILOAD || inst->op == K_STORE ||
        inst->op == K_LOADPAIR) {
        print_access(k, inst, out);
        if (inst->op == K_STORE) {
            buf_puts(out, " = ");
            print_operand(k, inst->b, out);
        }
        return;
    }
    const KVal operands[] = {inst->a, inst->b, inst->c};
    for (uint32_t o = 0; o < info->n_operands; o++) {
        buf_puts(out, o ? ", " : " ");
        print_operand(k, operands[o], out);
    }
    if (inst->op == K_FOR)
        buf_printf(out, " step %" PRId64, inst->imm);
    if (inst->op == K_FCONST) {
        buf_puts(out, " ");
        buf_float(out, (double)inst->f, true);
    }
}

void kir_print(const Kernel *k, Buf *out)
{
    buf_printf(out, "kernel %s tasks %" PRId64 " hash %016" PRIx64 "\n", k->name, k->n_tasks,
               k->hash);
    if (k->title && *k->title)
        buf_printf(out, "  ; %s\n", k->title);
    print_buffers(k, out);
    int depth = 1;
    for (KVal v = 0; v < k->insts.n; v++) {
        KOp op = (KOp)k->insts.at[v].op;
        if (op == K_ICONST)
            continue; /* printed where it is used */
        if (op >= K_COUNT) {
            buf_printf(out, "  %%%u = operation %d?\n", v, (int)op);
            continue;
        }
        if (op == K_END && depth > 1)
            depth--;
        for (int d = 0; d < depth; d++)
            buf_puts(out, "  ");
        print_inst(k, v, out);
        buf_puts(out, "\n");
        if (op == K_FOR || op == K_IF)
            depth++;
    }
}
