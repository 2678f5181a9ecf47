/* emit_llvm_value.c - the operations of the kernel IR that only compute, as LLVM values.
 *
 * No fast-math flag is set anywhere: every operation rounds as the interpreter's. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_llvm.h"

LLVMTypeRef emit_llvm_lanes(LLVMTypeRef elem, int lanes)
{
    return lanes == 1 ? elem : LLVMVectorType(elem, (unsigned)lanes);
}

LLVMValueRef emit_llvm_intrinsic(EmitLlvm *em, const char *name, LLVMTypeRef *types,
                                 uint32_t n_types, LLVMValueRef *args, uint32_t n_args)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    if (id == 0)
        bug("LLVM has no %s", name);
    LLVMValueRef function = LLVMGetIntrinsicDeclaration(em->module, id, types, n_types);
    LLVMTypeRef type = LLVMIntrinsicGetType(em->llvm, id, types, n_types);
    return LLVMBuildCall2(em->build, type, function, args, n_args, "");
}

static const KInst *inst_of(const LlvmKernel *lk, KVal v)
{
    return &lk->k->insts.at[v];
}

/* ------------------------------------------------------------ index arithmetic */

static LLVMValueRef index_select(EmitLlvm *em, LLVMIntPredicate predicate, LLVMValueRef a,
                                 LLVMValueRef b)
{
    return LLVMBuildSelect(em->build, LLVMBuildICmp(em->build, predicate, a, b, ""), a, b, "");
}

static LLVMValueRef index_flag(EmitLlvm *em, LLVMIntPredicate predicate, LLVMValueRef a,
                               LLVMValueRef b)
{
    return LLVMBuildZExt(em->build, LLVMBuildICmp(em->build, predicate, a, b, ""), em->i64, "");
}

/* IADD .. IEQ */
static LLVMValueRef index_op(EmitLlvm *em, KOp op, LLVMValueRef a, LLVMValueRef b)
{
    switch (op) {
    case K_IADD:
        return LLVMBuildAdd(em->build, a, b, "");
    case K_ISUB:
        return LLVMBuildSub(em->build, a, b, "");
    case K_IMUL:
        return LLVMBuildMul(em->build, a, b, "");
    case K_IDIV:
        return LLVMBuildUDiv(em->build, a, b, "");
    case K_IREM:
        return LLVMBuildURem(em->build, a, b, "");
    case K_IMIN:
        return index_select(em, LLVMIntSLT, a, b);
    case K_IMAX:
        return index_select(em, LLVMIntSGT, a, b);
    case K_IAND:
        return LLVMBuildAnd(em->build, a, b, "");
    case K_IXOR:
        return LLVMBuildXor(em->build, a, b, "");
    case K_ISHR:
        return LLVMBuildLShr(em->build, a, b, "");
    case K_ILT:
        return index_flag(em, LLVMIntSLT, a, b);
    case K_IEQ:
        return index_flag(em, LLVMIntEQ, a, b);
    default:
        bug("%s is no index operation", KOPS[op].text);
    }
}

/* --------------------------------------------------------------------- vectors */

static LLVMValueRef lane_number(EmitLlvm *em, int lane)
{
    return LLVMConstInt(em->i32, (unsigned long long)lane, false);
}

/* `n` lanes of x from lane `first` on. */
static LLVMValueRef part(EmitLlvm *em, LLVMValueRef x, int first, int n)
{
    if (n == 1)
        return LLVMBuildExtractElement(em->build, x, lane_number(em, first), "");
    LLVMValueRef lanes[K_MAX_LANES];
    for (int l = 0; l < n; l++)
        lanes[l] = lane_number(em, first + l);
    return LLVMBuildShuffleVector(em->build, x, LLVMGetPoison(LLVMTypeOf(x)),
                                  LLVMConstVector(lanes, (unsigned)n), "");
}

static LLVMValueRef splat(EmitLlvm *em, LLVMValueRef scalar, int lanes)
{
    if (lanes == 1)
        return scalar;
    LLVMTypeRef type = LLVMVectorType(em->f32, (unsigned)lanes);
    LLVMValueRef first =
        LLVMBuildInsertElement(em->build, LLVMGetPoison(type), scalar, lane_number(em, 0), "");
    LLVMValueRef zeros = LLVMConstNull(LLVMVectorType(em->i32, (unsigned)lanes));
    return LLVMBuildShuffleVector(em->build, first, LLVMGetPoison(type), zeros, "");
}

static LLVMValueRef constant(EmitLlvm *em, float value, int lanes)
{
    LLVMValueRef elems[K_MAX_LANES];
    for (int l = 0; l < lanes; l++)
        elems[l] = LLVMConstReal(em->f32, (double)value);
    return lanes == 1 ? elems[0] : LLVMConstVector(elems, (unsigned)lanes);
}

static LLVMValueRef iota(EmitLlvm *em, int lanes)
{
    LLVMValueRef elems[K_MAX_LANES];
    for (int l = 0; l < lanes; l++)
        elems[l] = LLVMConstReal(em->f32, (double)l);
    return lanes == 1 ? elems[0] : LLVMConstVector(elems, (unsigned)lanes);
}

/* The constant, as a value that LLVM knows nothing of. */
static LLVMValueRef hide_constant(EmitLlvm *em, LLVMValueRef value)
{
    static const char constraints[] = "=w,0";
    LLVMTypeRef type = LLVMTypeOf(value), function = LLVMFunctionType(type, &type, 1, false);
    LLVMValueRef nothing = LLVMGetInlineAsm(function, "", 0, constraints, strlen(constraints),
                                            false, false, LLVMInlineAsmDialectATT, false);
    return LLVMBuildCall2(em->build, function, nothing, &value, 1, "");
}

/* FMIN with OLT, FMAX with OGT: a where the comparison holds, else b, of NaN too. Of two zeros that
 * is b; LLVM 19 makes it fminnm or fmaxnm where b is constant, which go by the sign. */
static LLVMValueRef select_by(EmitLlvm *em, LLVMRealPredicate predicate, LLVMValueRef a,
                              LLVMValueRef b)
{
    if (LLVMIsConstant(b) && emit_target_is_aarch64(em->target))
        b = hide_constant(em, b);
    return LLVMBuildSelect(em->build, LLVMBuildFCmp(em->build, predicate, a, b, ""), a, b, "");
}

static LLVMValueRef reduce(EmitLlvm *em, KOp op, LLVMValueRef x, int lanes)
{
    for (int half = lanes / 2; half >= 1; half /= 2) {
        LLVMValueRef low = part(em, x, 0, half), high = part(em, x, half, half);
        x = op == K_RSUM ? LLVMBuildFAdd(em->build, low, high, "")
                         : select_by(em, LLVMRealOGT, low, high);
    }
    return x;
}

/* A function of libm, float -> float. Its errno is nobody's, so it counts as pure. */
static LLVMValueRef libm_function(EmitLlvm *em, const char *name, LLVMTypeRef type)
{
    LLVMValueRef function = LLVMGetNamedFunction(em->module, name);
    if (function)
        return function;
    function = LLVMAddFunction(em->module, name, type);
    LLVMAttributeRef attributes[] = {emit_llvm_attribute(em, "nounwind", 0),
                                     emit_llvm_attribute(em, "willreturn", 0),
                                     emit_llvm_attribute(em, "memory", MEMORY_NONE)};
    for (size_t i = 0; i < COUNT_OF(attributes); i++)
        LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, attributes[i]);
    return function;
}

/* nobuiltin: LLVM puts no value of its own for libm's. */
static LLVMValueRef call_libm(EmitLlvm *em, const char *name, LLVMValueRef x, int lanes)
{
    LLVMTypeRef type = LLVMFunctionType(em->f32, &em->f32, 1, false);
    LLVMValueRef function = libm_function(em, name, type);
    LLVMValueRef result = lanes == 1 ? NULL : LLVMGetPoison(LLVMTypeOf(x));
    for (int l = 0; l < lanes; l++) {
        LLVMValueRef arg = lanes == 1 ? x : part(em, x, l, 1);
        LLVMValueRef y = LLVMBuildCall2(em->build, type, function, &arg, 1, "");
        LLVMAddCallSiteAttribute(y, LLVMAttributeFunctionIndex,
                                 emit_llvm_attribute(em, "nobuiltin", 0));
        result =
            lanes == 1 ? y : LLVMBuildInsertElement(em->build, result, y, lane_number(em, l), "");
    }
    return result;
}

static LLVMValueRef intrinsic(EmitLlvm *em, const char *name, LLVMValueRef *args, uint32_t n)
{
    LLVMTypeRef type = LLVMTypeOf(args[0]);
    return emit_llvm_intrinsic(em, name, &type, 1, args, n);
}

/* --------------------------------------------------------------------- bfloat16 */

static LLVMValueRef splat_bits(EmitLlvm *em, uint32_t bits, int lanes)
{
    LLVMValueRef elems[K_MAX_LANES];
    for (int l = 0; l < lanes; l++)
        elems[l] = LLVMConstInt(em->i32, bits, false);
    return lanes == 1 ? elems[0] : LLVMConstVector(elems, (unsigned)lanes);
}

static LLVMValueRef bits_of(EmitLlvm *em, LLVMValueRef x, int lanes)
{
    return LLVMBuildBitCast(em->build, x, emit_llvm_lanes(em->i32, lanes), "");
}

static LLVMValueRef float_of(EmitLlvm *em, LLVMValueRef bits, int lanes)
{
    return LLVMBuildBitCast(em->build, bits, emit_llvm_lanes(em->f32, lanes), "");
}

/* Zero of the same sign where the exponent is zero. */
static LLVMValueRef flush(EmitLlvm *em, LLVMValueRef bits, int lanes)
{
    LLVMValueRef e = LLVMBuildAnd(em->build, bits, splat_bits(em, 0x7f800000, lanes), "");
    LLVMValueRef small = LLVMBuildICmp(em->build, LLVMIntEQ, e, splat_bits(em, 0, lanes), "");
    LLVMValueRef zero = LLVMBuildAnd(em->build, bits, splat_bits(em, 0x80000000, lanes), "");
    return LLVMBuildSelect(em->build, small, zero, bits, "");
}

static LLVMValueRef to_bfloat16_by_parts(EmitLlvm *em, LLVMValueRef value, int lanes)
{
    LLVMBuilderRef build = em->build;
    LLVMValueRef sixteen = splat_bits(em, 16, lanes);
    LLVMValueRef bits = flush(em, bits_of(em, value, lanes), lanes);
    LLVMValueRef high = LLVMBuildLShr(build, bits, sixteen, "");
    LLVMValueRef odd = LLVMBuildAnd(build, high, splat_bits(em, 1, lanes), "");
    odd = LLVMBuildAdd(build, odd, splat_bits(em, 0x7fff, lanes), "");
    LLVMValueRef number = LLVMBuildLShr(build, LLVMBuildAdd(build, bits, odd, ""), sixteen, "");
    LLVMValueRef none = LLVMBuildOr(build, high, splat_bits(em, 0x40, lanes), "");
    LLVMValueRef is_none = LLVMBuildFCmp(build, LLVMRealUNO, value, value, "");
    bits = LLVMBuildSelect(build, is_none, none, number, "");
    return LLVMBuildTrunc(build, bits, emit_llvm_lanes(em->i16, lanes), "");
}

/* By the instruction of AVX512-BF16 where the processor has it: the same bits. */
LLVMValueRef emit_llvm_to_bfloat16(EmitLlvm *em, LLVMValueRef value, int lanes)
{
    static const char *const names[K_MAX_LANES + 1] = {
        [8] = "llvm.x86.avx512bf16.cvtneps2bf16.256",
        [16] = "llvm.x86.avx512bf16.cvtneps2bf16.512"};
    if (!em->target->dot_bfloat16 || !names[lanes])
        return to_bfloat16_by_parts(em, value, lanes);
    value = emit_llvm_intrinsic(em, names[lanes], NULL, 0, &value, 1);
    return LLVMBuildBitCast(em->build, value, emit_llvm_lanes(em->i16, lanes), "");
}

LLVMValueRef emit_llvm_from_bfloat16(EmitLlvm *em, LLVMValueRef bits, int lanes)
{
    LLVMValueRef wide = LLVMBuildZExt(em->build, bits, emit_llvm_lanes(em->i32, lanes), "");
    wide = LLVMBuildShl(em->build, wide, splat_bits(em, 16, lanes), "");
    return float_of(em, wide, lanes);
}

static LLVMValueRef flush_float(EmitLlvm *em, LLVMValueRef x, int lanes)
{
    return float_of(em, flush(em, bits_of(em, x, lanes), lanes), lanes);
}

/* The high or low halves of pairs, as floats. */
static LLVMValueRef halves(EmitLlvm *em, LLVMValueRef pairs, bool high, int lanes)
{
    LLVMValueRef bits = bits_of(em, pairs, lanes);
    bits = high ? LLVMBuildAnd(em->build, bits, splat_bits(em, 0xffff0000, lanes), "")
                : LLVMBuildShl(em->build, bits, splat_bits(em, 16, lanes), "");
    return flush_float(em, float_of(em, bits, lanes), lanes);
}

static LLVMValueRef dot2_by_parts(EmitLlvm *em, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c,
                                  int lanes)
{
    c = flush_float(em, c, lanes);
    for (int half = 1; half >= 0; half--) {
        LLVMValueRef args[] = {halves(em, a, half, lanes), halves(em, b, half, lanes), c};
        LLVMTypeRef type = LLVMTypeOf(c);
        c = flush_float(em, emit_llvm_intrinsic(em, "llvm.fma", &type, 1, args, 3), lanes);
    }
    return c;
}

/* By the instruction of AVX512-BF16 where the processor has it: the same bits. */
static LLVMValueRef dot2(EmitLlvm *em, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c, int lanes)
{
    static const char *const names[K_MAX_LANES + 1] = {[4] = "llvm.x86.avx512bf16.dpbf16ps.128",
                                                       [8] = "llvm.x86.avx512bf16.dpbf16ps.256",
                                                       [16] = "llvm.x86.avx512bf16.dpbf16ps.512"};
    if (!em->target->dot_bfloat16 || !names[lanes])
        return dot2_by_parts(em, a, b, c, lanes);
    LLVMTypeRef pairs = LLVMVectorType(LLVMBFloatTypeInContext(em->llvm), 2 * (unsigned)lanes);
    LLVMValueRef args[] = {c, LLVMBuildBitCast(em->build, a, pairs, ""),
                           LLVMBuildBitCast(em->build, b, pairs, "")};
    return emit_llvm_intrinsic(em, names[lanes], NULL, 0, args, 3);
}

static LLVMValueRef float_op(LlvmKernel *lk, const KInst *inst, LLVMValueRef a, LLVMValueRef b)
{
    EmitLlvm *em = lk->em;
    switch (inst->op) {
    case K_FADD:
        return LLVMBuildFAdd(em->build, a, b, "");
    case K_FSUB:
        return LLVMBuildFSub(em->build, a, b, "");
    case K_FMUL:
        return LLVMBuildFMul(em->build, a, b, "");
    case K_FDIV:
        return LLVMBuildFDiv(em->build, a, b, "");
    case K_FMA:
        return intrinsic(em, "llvm.fma", (LLVMValueRef[]){a, b, lk->val[inst->c]}, 3);
    case K_DOT2:
        return dot2(em, a, b, lk->val[inst->c], inst->lanes);
    case K_FMIN:
        return select_by(em, LLVMRealOLT, a, b);
    case K_FMAX:
        return select_by(em, LLVMRealOGT, a, b);
    case K_FSQRT:
        return intrinsic(em, "llvm.sqrt", &a, 1);
    case K_FEXP:
        return call_libm(em, "expf", a, inst->lanes);
    case K_FLOG:
        return call_libm(em, "logf", a, inst->lanes);
    case K_FTANH:
        return call_libm(em, "tanhf", a, inst->lanes);
    case K_FLT:
        return LLVMBuildFCmp(em->build, LLVMRealOLT, a, b, "");
    case K_FEQ:
        return LLVMBuildFCmp(em->build, LLVMRealOEQ, a, b, "");
    case K_SELECT:
        return LLVMBuildSelect(em->build, a, b, lk->val[inst->c], "");
    default:
        bug("%s has no LLVM value", KOPS[inst->op].text);
    }
}

LLVMValueRef emit_llvm_value(LlvmKernel *lk, KVal v)
{
    EmitLlvm *em = lk->em;
    const KInst *inst = inst_of(lk, v);
    KOp op = (KOp)inst->op;
    uint32_t n = KOPS[op].n_operands;
    LLVMValueRef a = n > 0 ? lk->val[inst->a] : NULL, b = n > 1 ? lk->val[inst->b] : NULL;
    if (op >= K_IADD && op <= K_IEQ)
        return index_op(em, op, a, b);
    switch (op) {
    case K_TASK:
        return lk->task;
    case K_ICONST:
        return LLVMConstInt(em->i64, (unsigned long long)inst->imm, true);
    case K_FCONST:
        return constant(em, inst->f, inst->lanes);
    case K_IOTA:
        return iota(em, inst->lanes);
    case K_ITOF:
        return LLVMBuildSIToFP(em->build, a, em->f32, "");
    case K_SPLAT:
        return splat(em, a, inst->lanes);
    case K_RSUM:
    case K_RMAX:
        return reduce(em, op, a, inst_of(lk, inst->a)->lanes);
    default:
        return float_op(lk, inst, a, b);
    }
}
