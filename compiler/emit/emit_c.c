/* emit_c.c - kernels as C functions that read as if written by hand. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_c.h"

#include <inttypes.h>

/* Words that a buffer cannot be called by: C's, and those of a printed kernel and its prelude. */
static const char *const TAKEN[] = {
    "auto",     "break",  "case",   "char",     "const",    "continue", "default",  "do",
    "double",   "else",   "enum",   "extern",   "float",    "for",      "goto",     "if",
    "inline",   "int",    "long",   "register", "restrict", "return",   "short",    "signed",
    "sizeof",   "static", "struct", "switch",   "typedef",  "union",    "unsigned", "void",
    "volatile", "while",  "asm",    "typeof",   "args",     "first",    "last",     "task",
    "load",     "store",  "splat",  "iota",     "imin",     "imax",     "smin",     "smax",
    "fmaf",     "sqrtf",  "memcpy", "NAN",      "INFINITY", "LANES",
};

static bool all_digits(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool is_taken(const CKernel *ck, uint32_t n_buffers, const char *name)
{
    if (strchr("vtmrqi", name[0]) && all_digits(name + 1))
        return true;
    if (name[0] == '_' || name[strlen(name) - 1] == '_')
        return true; /* the compiler's, and the variables of the prelude's macros */
    for (size_t i = 0; i < COUNT_OF(TAKEN); i++)
        if (strcmp(TAKEN[i], name) == 0)
            return true;
    for (uint32_t b = 0; b < n_buffers; b++)
        if (strcmp(ck->buffers[b], name) == 0)
            return true;
    return false;
}

static void name_buffers(CKernel *ck)
{
    for (uint32_t b = 0; b < ck->k->n_buffers; b++) {
        const char *name = ck->k->buffers[b].name;
        for (int i = 0; is_taken(ck, b, name); i++)
            name = i == 0 ? arena_printf(ck->arena, "buf_%s", ck->k->buffers[b].name)
                          : arena_printf(ck->arena, "buf%d_%s", i, ck->k->buffers[b].name);
        ck->buffers[b] = name;
    }
}

/* i, j, k, l, p, q by depth of the loop, but for letters that are buffers; q6, q7, ... deeper. */
static const char *loop_name(const CKernel *ck, uint32_t depth)
{
    static const char *const letters[] = {"i", "j", "k", "l", "p", "q"};
    uint32_t free_letters = 0;
    for (size_t i = 0; i < COUNT_OF(letters); i++)
        if (!is_taken(ck, ck->k->n_buffers, letters[i]) && free_letters++ == depth)
            return letters[i];
    return arena_printf(ck->arena, "q%u", depth);
}

static void indent(const CKernel *ck)
{
    for (int d = 0; d < ck->depth; d++)
        buf_puts(ck->out, "    ");
}

static const char *new_name(CKernel *ck, KVal v)
{
    const KInst *inst = &ck->k->insts.at[v];
    KResult result = KOPS[inst->op].result;
    if (inst->op == K_VAR)
        return arena_printf(ck->arena, "r%u", ++ck->n_vars);
    if (result == KR_INDEX)
        return arena_printf(ck->arena, "t%u", ++ck->n_indices);
    if (result == KR_MASK)
        return arena_printf(ck->arena, "m%u", ++ck->n_masks);
    return arena_printf(ck->arena, "v%u", ++ck->n_values);
}

static void declare(CKernel *ck, KVal v)
{
    indent(ck);
    ck->names[v] = new_name(ck, v);
    buf_printf(ck->out, "%s %s = ", emit_c_type(ck, v), ck->names[v]);
    emit_c_expression(ck, v, BIND_ANY);
    buf_puts(ck->out, ";\n");
}

static void open_loop(CKernel *ck, KVal v)
{
    const KInst *inst = &ck->k->insts.at[v];
    const char *name = loop_name(ck, ck->n_loops++);
    ck->names[v] = name;
    indent(ck);
    buf_printf(ck->out, "for (int64_t %s = ", name);
    emit_c_value(ck, inst->a, BIND_ANY);
    buf_printf(ck->out, "; %s < ", name);
    emit_c_value(ck, inst->b, BIND_ADD);
    if (inst->imm == 1)
        buf_printf(ck->out, "; %s++) {\n", name);
    else
        buf_printf(ck->out, "; %s += %" PRId64 ") {\n", name, inst->imm);
    ck->depth++;
}

static void open_condition(CKernel *ck, const KInst *inst)
{
    indent(ck);
    buf_puts(ck->out, "if (");
    emit_c_value(ck, inst->a, BIND_ANY);
    buf_puts(ck->out, ") {\n");
    ck->depth++;
}

static void store(CKernel *ck, const KInst *inst)
{
    bool half = ck->k->buffers[inst->buf].elem == KE_BF16;
    indent(ck);
    if (inst->lanes == 1) {
        emit_c_element(ck, inst, false);
        buf_puts(ck->out, half ? " = to_bfloat16(" : " = ");
        emit_c_value(ck, inst->b, BIND_ANY);
        buf_puts(ck->out, half ? ");\n" : ";\n");
        return;
    }
    bool part = inst->imm < inst->lanes;
    buf_printf(ck->out, "store%s%s(", half ? "_bfloat16" : "", part ? "_part" : "");
    emit_c_element(ck, inst, true);
    buf_puts(ck->out, ", ");
    emit_c_value(ck, inst->b, BIND_ANY);
    if (part)
        buf_printf(ck->out, ", %" PRId64, inst->imm);
    buf_puts(ck->out, ");\n");
}

static void set(CKernel *ck, const KInst *inst)
{
    indent(ck);
    buf_printf(ck->out, "%s = ", ck->names[inst->a]);
    emit_c_value(ck, inst->b, BIND_ANY);
    buf_puts(ck->out, ";\n");
}

static void statement(CKernel *ck, KVal v, bool closes_loop)
{
    const KInst *inst = &ck->k->insts.at[v];
    switch (inst->op) {
    case K_FOR:
        open_loop(ck, v);
        break;
    case K_IF:
        open_condition(ck, inst);
        break;
    case K_END:
        ck->depth--;
        if (closes_loop)
            ck->n_loops--;
        indent(ck);
        buf_puts(ck->out, "}\n");
        break;
    case K_STORE:
        store(ck, inst);
        break;
    case K_SET:
        set(ck, inst);
        break;
    default:
        declare(ck, v);
    }
}

static void body(CKernel *ck)
{
    ARR(bool) nest = {0}; /* of each open block: it is a loop */
    for (KVal v = 0; v < ck->k->insts.n; v++) {
        KOp op = (KOp)ck->k->insts.at[v].op;
        bool closes_loop = op == K_END && nest.at[--nest.n];
        if (op == K_FOR || op == K_IF)
            *arr_push(ck->arena, &nest) = op == K_FOR;
        if (ck->form[v] == CF_NAMED)
            statement(ck, v, closes_loop);
    }
}

static bool buffer_is_used(const Kernel *k, uint32_t b)
{
    for (KVal v = 0; v < k->insts.n; v++) {
        KOp op = (KOp)k->insts.at[v].op;
        if ((op == K_LOAD || op == K_STORE || op == K_ILOAD || op == K_LOADPAIR) &&
            k->insts.at[v].buf == b)
            return true;
    }
    return false;
}

static const char *elem_type(KElem elem)
{
    static const char *const types[] = {[KE_F32] = "float",
                                        [KE_U8] = "uint8_t",
                                        [KE_I32] = "int32_t",
                                        [KE_I64] = "int64_t",
                                        [KE_BF16] = "bfloat16"};
    return types[elem];
}

static void heading(const CKernel *ck)
{
    const Kernel *k = ck->k;
    buf_puts(ck->out, "/* ");
    emit_c_comment(ck->out, *k->title ? k->title : k->name);
    for (uint32_t b = 0; b < k->n_buffers; b++) {
        const KBuffer *buffer = &k->buffers[b];
        buf_printf(ck->out, "\n * %s: %" PRId64 " %s%s", ck->buffers[b], buffer->n,
                   elem_type(buffer->elem),
                   buffer->local     ? ", memory of the task"
                   : buffer->written ? ", written"
                                     : "");
    }
    buf_printf(ck->out, "\n * %" PRId64 " task%s */\n", k->n_tasks, k->n_tasks == 1 ? "" : "s");
}

static void declare_arguments(CKernel *ck)
{
    bool any = false;
    for (uint32_t b = 0; b < ck->k->n_buffers; b++) {
        const KBuffer *buffer = &ck->k->buffers[b];
        if (buffer->local || !buffer_is_used(ck->k, b))
            continue;
        any = true;
        buf_printf(ck->out, "    %s%s *restrict %s = args[%u];\n", buffer->written ? "" : "const ",
                   elem_type(buffer->elem), ck->buffers[b], b);
    }
    buf_puts(ck->out, any ? "\n" : "    (void)args;\n\n");
}

static void declare_locals(CKernel *ck)
{
    for (uint32_t b = 0; b < ck->k->n_buffers; b++) {
        const KBuffer *buffer = &ck->k->buffers[b];
        if (buffer->local && buffer_is_used(ck->k, b))
            buf_printf(ck->out, "        %s %s[%" PRId64 "] __attribute__((aligned(64)));\n",
                       elem_type(buffer->elem), ck->buffers[b], buffer->n);
    }
}

void emit_c_kernel(const Kernel *kernel, Buf *out)
{
    CKernel ck = {.k = kernel, .arena = out->arena, .out = out};
    ck.names = arena_array(ck.arena, const char *, kernel->insts.n);
    name_buffers(&ck);
    emit_c_analyse(&ck);
    heading(&ck);
    buf_printf(out, "void gk_%s(void *const *args, int64_t first, int64_t last)\n{\n",
               kernel->name);
    declare_arguments(&ck);
    buf_puts(out, "    for (int64_t task = first; task < last; task++) {\n");
    declare_locals(&ck);
    ck.depth = 2;
    body(&ck);
    buf_puts(out, "    }\n}\n");
}
