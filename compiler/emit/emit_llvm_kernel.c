/* emit_llvm_kernel.c - a kernel as an LLVM function: flow, registers and memory.
 *
 * A FOR is tested before its first turn and then at its end, so that the body is one straight run.
 * VARs are allocas of the entry block; the passes turn them into registers. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_llvm.h"

/* A loop or condition that is not closed yet. */
typedef struct Open {
    KVal inst; /* KVAL_NONE: the loop over tasks */
    LLVMValueRef phi;
    LLVMBasicBlockRef body, exit;
} Open;

typedef ARR(Open) Nest;

static LLVMBasicBlockRef new_block(const LlvmKernel *lk, const char *name)
{
    return LLVMAppendBasicBlockInContext(lk->em->llvm, lk->function, name);
}

static LLVMValueRef const_i64(const EmitLlvm *em, int64_t value)
{
    return LLVMConstInt(em->i64, (unsigned long long)value, true);
}

/* ------------------------------------------------------------------------ flow */

/* for (i = lo; i < hi; ...): leaves the builder in the body. */
static Open open_loop(LlvmKernel *lk, KVal inst, LLVMValueRef lo, LLVMValueRef hi)
{
    EmitLlvm *em = lk->em;
    Open open = {.inst = inst, .body = new_block(lk, "loop"), .exit = new_block(lk, "done")};
    LLVMBasicBlockRef before = LLVMGetInsertBlock(em->build);
    LLVMValueRef some = LLVMBuildICmp(em->build, LLVMIntSLT, lo, hi, "");
    LLVMBuildCondBr(em->build, some, open.body, open.exit);
    LLVMPositionBuilderAtEnd(em->build, open.body);
    open.phi = LLVMBuildPhi(em->build, em->i64, "i");
    LLVMAddIncoming(open.phi, &lo, &before, 1);
    return open;
}

/* The end of a turn; leaves the builder behind the loop. */
static void close_loop(LlvmKernel *lk, const Open *open, LLVMValueRef hi, int64_t step)
{
    EmitLlvm *em = lk->em;
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(em->build);
    LLVMValueRef next = LLVMBuildAdd(em->build, open->phi, const_i64(em, step), "");
    if (step == 1) /* i < hi, so i + 1 <= hi */
        LLVMSetNSW(next, true);
    LLVMValueRef more = LLVMBuildICmp(em->build, LLVMIntSLT, next, hi, "");
    LLVMBuildCondBr(em->build, more, open->body, open->exit);
    LLVMAddIncoming(open->phi, &next, &latch, 1);
    LLVMPositionBuilderAtEnd(em->build, open->exit);
}

static Open open_condition(LlvmKernel *lk, KVal inst, LLVMValueRef condition)
{
    EmitLlvm *em = lk->em;
    Open open = {.inst = inst, .body = new_block(lk, "then"), .exit = new_block(lk, "endif")};
    LLVMValueRef holds = LLVMBuildICmp(em->build, LLVMIntNE, condition, const_i64(em, 0), "");
    LLVMBuildCondBr(em->build, holds, open.body, open.exit);
    LLVMPositionBuilderAtEnd(em->build, open.body);
    return open;
}

static void close_inner(LlvmKernel *lk, const Open *open)
{
    const KInst *inst = &lk->k->insts.at[open->inst];
    if (inst->op == K_FOR) {
        close_loop(lk, open, lk->val[inst->b], inst->imm);
    } else {
        LLVMBuildBr(lk->em->build, open->exit);
        LLVMPositionBuilderAtEnd(lk->em->build, open->exit);
    }
}

/* ---------------------------------------------------------------------- memory */

static LLVMTypeRef elem_type(const EmitLlvm *em, KElem elem)
{
    const LLVMTypeRef types[] = {[KE_F32] = em->f32,
                                 [KE_U8] = em->i8,
                                 [KE_I32] = em->i32,
                                 [KE_I64] = em->i64,
                                 [KE_BF16] = em->i16};
    return types[elem];
}

/* Address of the element that the instruction names. A constant at the end of the sum stays apart:
 * it becomes the displacement of the access, and the accesses of a tile share the rest. */
static LLVMValueRef address(LlvmKernel *lk, const KInst *inst)
{
    EmitLlvm *em = lk->em;
    const KInst *index = &lk->k->insts.at[inst->a];
    LLVMTypeRef type = elem_type(em, lk->k->buffers[inst->buf].elem);
    LLVMValueRef base = lk->buffers[inst->buf];
    if (index->op != K_IADD || lk->k->insts.at[index->b].op != K_ICONST)
        return LLVMBuildInBoundsGEP2(em->build, type, base, &lk->val[inst->a], 1, "");
    base = LLVMBuildGEP2(em->build, type, base, &lk->val[index->a], 1, "");
    return LLVMBuildGEP2(em->build, type, base, &lk->val[index->b], 1, "");
}

static void set_metadata(EmitLlvm *em, LLVMValueRef inst, const char *kind, LLVMValueRef node)
{
    LLVMSetMetadata(inst, LLVMGetMDKindIDInContext(em->llvm, kind, (unsigned)strlen(kind)), node);
}

/* What is known of an access: buffers do not overlap, and one that the kernel does not write keeps
 * its values while the kernel runs. */
static void describe_access(LlvmKernel *lk, LLVMValueRef access, uint32_t buf)
{
    EmitLlvm *em = lk->em;
    const KBuffer *buffer = &lk->k->buffers[buf];
    if (buffer->local)
        return;
    set_metadata(em, access, "alias.scope", lk->own_scope[buf]);
    if (lk->other_scopes[buf])
        set_metadata(em, access, "noalias", lk->other_scopes[buf]);
    if (!buffer->written)
        set_metadata(em, access, "invariant.load",
                     LLVMMetadataAsValue(em->llvm, LLVMMDNodeInContext2(em->llvm, NULL, 0)));
}

/* The first `active` lanes. */
static LLVMValueRef lane_mask(const EmitLlvm *em, int lanes, int64_t active)
{
    LLVMValueRef bits[K_MAX_LANES];
    for (int l = 0; l < lanes; l++)
        bits[l] = LLVMConstInt(em->i1, l < active, false);
    return LLVMConstVector(bits, (unsigned)lanes);
}

static LLVMValueRef load_lanes(LlvmKernel *lk, const KInst *inst, LLVMTypeRef elem)
{
    EmitLlvm *em = lk->em;
    LLVMTypeRef type = emit_llvm_lanes(elem, inst->lanes);
    LLVMValueRef at = address(lk, inst), value;
    unsigned align = (unsigned)kelem_size(lk->k->buffers[inst->buf].elem);
    if (inst->imm == inst->lanes) {
        value = LLVMBuildLoad2(em->build, type, at, "");
        LLVMSetAlignment(value, align);
    } else {
        LLVMValueRef args[] = {at, LLVMConstInt(em->i32, align, false),
                               lane_mask(em, inst->lanes, inst->imm), LLVMConstNull(type)};
        value =
            emit_llvm_intrinsic(em, "llvm.masked.load", (LLVMTypeRef[]){type, em->ptr}, 2, args, 4);
    }
    describe_access(lk, value, inst->buf);
    return value;
}

/* The code generator puts loads from one address and its neighbours side by side. In an unrolled
 * sum that fills the registers the vectors of all turns would then be held at once, and
 * accumulators would go to memory. An empty instruction that counts as an effect keeps the turns
 * apart; it touches no memory that the passes know of, so that they see through it. */
static void keep_turns_apart(LlvmKernel *lk)
{
    EmitLlvm *em = lk->em;
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(em->llvm), NULL, 0, false);
    LLVMValueRef nothing =
        LLVMGetInlineAsm(type, "", 0, "", 0, true, false, LLVMInlineAsmDialectATT, false);
    LLVMValueRef call = LLVMBuildCall2(em->build, type, nothing, NULL, 0, "");
    LLVMAttributeRef attributes[] = {emit_llvm_attribute(em, "nounwind", 0),
                                     emit_llvm_attribute(em, "willreturn", 0),
                                     emit_llvm_attribute(em, "memory", MEMORY_INACCESSIBLE)};
    for (size_t i = 0; i < COUNT_OF(attributes); i++)
        LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex, attributes[i]);
    lk->after_set = false;
}

static LLVMValueRef load(LlvmKernel *lk, const KInst *inst)
{
    EmitLlvm *em = lk->em;
    if (lk->after_set && inst->lanes > 1)
        keep_turns_apart(lk);
    KElem elem = lk->k->buffers[inst->buf].elem;
    if (elem == KE_F32 || inst->op == K_LOADPAIR)
        return load_lanes(lk, inst, em->f32);
    if (elem == KE_BF16)
        return emit_llvm_from_bfloat16(em, load_lanes(lk, inst, em->i16), inst->lanes);
    LLVMValueRef bytes = load_lanes(lk, inst, em->i8);
    return LLVMBuildUIToFP(em->build, bytes, emit_llvm_lanes(em->f32, inst->lanes), "");
}

static void store(LlvmKernel *lk, const KInst *inst)
{
    EmitLlvm *em = lk->em;
    LLVMValueRef at = address(lk, inst), value = lk->val[inst->b], access;
    KElem elem = lk->k->buffers[inst->buf].elem;
    unsigned align = (unsigned)kelem_size(elem);
    if (elem == KE_BF16)
        value = emit_llvm_to_bfloat16(em, value, inst->lanes);
    if (inst->imm == inst->lanes) {
        access = LLVMBuildStore(em->build, value, at);
        LLVMSetAlignment(access, align);
    } else {
        LLVMTypeRef types[] = {LLVMTypeOf(value), em->ptr};
        LLVMValueRef args[] = {value, at, LLVMConstInt(em->i32, align, false),
                               lane_mask(em, inst->lanes, inst->imm)};
        access = emit_llvm_intrinsic(em, "llvm.masked.store", types, 2, args, 4);
    }
    describe_access(lk, access, inst->buf);
}

static LLVMValueRef load_index(LlvmKernel *lk, const KInst *inst)
{
    EmitLlvm *em = lk->em;
    KElem elem = lk->k->buffers[inst->buf].elem;
    LLVMValueRef value = LLVMBuildLoad2(em->build, elem_type(em, elem), address(lk, inst), "");
    LLVMSetAlignment(value, (unsigned)kelem_size(elem));
    describe_access(lk, value, inst->buf);
    return elem == KE_I32 ? LLVMBuildSExt(em->build, value, em->i64, "") : value;
}

/* ----------------------------------------------------------------------- entry */

static LLVMValueRef md_list(EmitLlvm *em, LLVMMetadataRef *nodes, size_t n)
{
    return LLVMMetadataAsValue(em->llvm, LLVMMDNodeInContext2(em->llvm, nodes, n));
}

/* An alias scope for every argument, in the kernel's own domain. */
static void make_scopes(LlvmKernel *lk, uint32_t n_args)
{
    EmitLlvm *em = lk->em;
    LLVMMetadataRef scopes[K_MAX_BUFFERS], others[K_MAX_BUFFERS];
    size_t length;
    const char *domain_name = LLVMGetValueName2(lk->function, &length);
    LLVMMetadataRef domain = LLVMMDStringInContext2(em->llvm, domain_name, length);
    domain = LLVMMDNodeInContext2(em->llvm, &domain, 1);
    for (uint32_t b = 0; b < n_args; b++) {
        const char *name =
            arena_printf(em->ctx->arena, "%s.%u.%s", domain_name, b, lk->k->buffers[b].name);
        LLVMMetadataRef parts[] = {LLVMMDStringInContext2(em->llvm, name, strlen(name)), domain};
        scopes[b] = LLVMMDNodeInContext2(em->llvm, parts, 2);
    }
    for (uint32_t b = 0; b < n_args; b++) {
        size_t n = 0;
        for (uint32_t o = 0; o < n_args; o++)
            if (o != b)
                others[n++] = scopes[o];
        lk->own_scope[b] = md_list(em, &scopes[b], 1);
        lk->other_scopes[b] = n ? md_list(em, others, n) : NULL;
    }
}

/* Addresses of the buffers: arguments first, then memory of the task on the stack. */
static void make_buffers(LlvmKernel *lk)
{
    EmitLlvm *em = lk->em;
    LLVMValueRef args = LLVMGetParam(lk->function, 0);
    uint32_t n_args = 0;
    for (uint32_t b = 0; b < lk->k->n_buffers; b++) {
        const KBuffer *buffer = &lk->k->buffers[b];
        if (buffer->local) {
            LLVMTypeRef type = LLVMArrayType2(elem_type(em, buffer->elem), (uint64_t)buffer->n);
            lk->buffers[b] = LLVMBuildAlloca(em->build, type, buffer->name);
            LLVMSetAlignment(lk->buffers[b], 64);
            continue;
        }
        LLVMValueRef place = const_i64(em, b);
        place = LLVMBuildInBoundsGEP2(em->build, em->ptr, args, &place, 1, "");
        lk->buffers[b] = LLVMBuildLoad2(em->build, em->ptr, place, buffer->name);
        set_metadata(em, lk->buffers[b], "invariant.load", md_list(em, NULL, 0));
        n_args++;
    }
    make_scopes(lk, n_args);
}

static void make_vars(LlvmKernel *lk)
{
    for (KVal v = 0; v < lk->k->insts.n; v++) {
        const KInst *inst = &lk->k->insts.at[v];
        if (inst->op == K_VAR)
            lk->val[v] =
                LLVMBuildAlloca(lk->em->build, emit_llvm_lanes(lk->em->f32, inst->lanes), "var");
    }
}

/* ------------------------------------------------------------------------ body */

static void emit_inst(LlvmKernel *lk, KVal v, Nest *nest)
{
    EmitLlvm *em = lk->em;
    const KInst *inst = &lk->k->insts.at[v];
    LLVMValueRef *val = lk->val;
    if (inst->op == K_FOR || inst->op == K_IF || inst->op == K_END)
        lk->after_set = false;
    switch (inst->op) {
    case K_FOR:
        *arr_push(em->ctx->arena, nest) = open_loop(lk, v, val[inst->a], val[inst->b]);
        val[v] = nest->at[nest->n - 1].phi;
        break;
    case K_IF:
        *arr_push(em->ctx->arena, nest) = open_condition(lk, v, val[inst->a]);
        break;
    case K_END:
        close_inner(lk, &nest->at[--nest->n]);
        break;
    case K_ILOAD:
        val[v] = load_index(lk, inst);
        break;
    case K_LOAD:
    case K_LOADPAIR:
        val[v] = load(lk, inst);
        break;
    case K_STORE:
        store(lk, inst);
        break;
    case K_VAR:
        LLVMBuildStore(em->build, val[inst->a], val[v]);
        break;
    case K_GET:
        val[v] = LLVMBuildLoad2(em->build, emit_llvm_lanes(em->f32, inst->lanes), val[inst->a], "");
        break;
    case K_SET:
        LLVMBuildStore(em->build, val[inst->b], val[inst->a]);
        lk->after_set = true;
        break;
    default:
        val[v] = emit_llvm_value(lk, v);
    }
}

static void function_attributes(EmitLlvm *em, LLVMValueRef function)
{
    static const char *const parameter[] = {"nocapture", "noundef", "readonly"};
    LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex,
                            emit_llvm_attribute(em, "nounwind", 0));
    for (size_t i = 0; i < COUNT_OF(parameter); i++)
        LLVMAddAttributeAtIndex(function, 1, emit_llvm_attribute(em, parameter[i], 0));
    emit_target_attributes(em, function);
}

LLVMValueRef emit_llvm_kernel_function(EmitLlvm *em, const Kernel *kernel)
{
    const char *name = em->apart ? arena_printf(em->ctx->arena, "gk_%s_%016llx", kernel->kind,
                                                (unsigned long long)kernel->hash)
                                 : arena_printf(em->ctx->arena, "gk_%s", kernel->name);
    LLVMValueRef function = LLVMGetNamedFunction(em->module, name);
    if (function)
        return function;
    LLVMTypeRef params[] = {em->ptr, em->i64, em->i64};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(em->llvm), params, 3, false);
    function = LLVMAddFunction(em->module, name, type);
    if (em->apart)
        LLVMSetVisibility(function, LLVMHiddenVisibility);
    return function;
}

LLVMValueRef emit_llvm_kernel(EmitLlvm *em, const Kernel *kernel)
{
    LlvmKernel lk = {.em = em, .k = kernel};
    lk.function = emit_llvm_kernel_function(em, kernel);
    if (LLVMCountBasicBlocks(lk.function) > 0)
        bug("two kernels are called %s", kernel->name);
    lk.val = arena_array(em->ctx->arena, LLVMValueRef, kernel->insts.n);
    function_attributes(em, lk.function);
    LLVMPositionBuilderAtEnd(em->build, new_block(&lk, "entry"));
    make_buffers(&lk);
    make_vars(&lk);
    LLVMValueRef last = LLVMGetParam(lk.function, 2);
    Open tasks = open_loop(&lk, KVAL_NONE, LLVMGetParam(lk.function, 1), last);
    lk.task = tasks.phi;
    Nest nest = {0};
    for (KVal v = 0; v < kernel->insts.n; v++)
        emit_inst(&lk, v, &nest);
    close_loop(&lk, &tasks, last, 1);
    LLVMBuildRetVoid(em->build);
    return lk.function;
}
