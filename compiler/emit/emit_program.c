/* emit_program.c - grt_program and all that it points to, as constants of the module.
 *
 * A table a struct of grt.h says where its fields are; from it come the LLVM type, checked against
 * the C compiler's layout, and the constants, read from the struct that emit_tables.c filled. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_llvm.h"
#include "compiler/emit/emit_tables.h"

#include <llvm-c/Target.h>

/* FIELD_POINTER and FIELD_STRUCT: the constant is made beforehand and handed over. */
typedef enum {
    FIELD_U32,
    FIELD_I64,
    FIELD_F32,
    FIELD_F64,
    FIELD_TEXT,
    FIELD_POINTER,
    FIELD_STRUCT
} FieldKind;

typedef struct Field {
    FieldKind kind;
    size_t offset;
    uint32_t n; /* elements of an array; 0: no array */
} Field;

typedef struct Layout {
    const char *name;
    size_t size;
    const Field *fields;
    uint32_t n_fields;
} Layout;

enum { MAX_FIELDS = 64 };

/* clang-format off */
#define ONE(T, kind, field) {FIELD_##kind, offsetof(T, field), 0}
#define ARRAY(T, kind, field, n) {FIELD_##kind, offsetof(T, field), n}
#define LAYOUT(T, fields) {#T, sizeof(T), fields, COUNT_OF(fields)}
/* clang-format on */

static const Field BUFFER_FIELDS[] = {
    ONE(GrtBuffer, TEXT, name),  ONE(GrtBuffer, U32, elem), ONE(GrtBuffer, U32, place),
    ONE(GrtBuffer, I64, offset), ONE(GrtBuffer, I64, n),
};

static const Field STEP_FIELDS[] = {
    ONE(GrtStep, TEXT, name),  ONE(GrtStep, POINTER, kernel), ONE(GrtStep, I64, n_tasks),
    ONE(GrtStep, U32, n_args), ONE(GrtStep, POINTER, args),   ONE(GrtStep, I64, macs),
};

static const Field PHASE_FIELDS[] = {
    ONE(GrtPhase, TEXT, name),
    ONE(GrtPhase, POINTER, steps),
    ONE(GrtPhase, U32, n_steps),
    ONE(GrtPhase, U32, batch),
};

static const Field IO_FIELDS[] = {
    ONE(GrtIo, U32, images),
    ONE(GrtIo, U32, features_out),
    ONE(GrtIo, U32, train_features),
    ONE(GrtIo, U32, train_labels),
    ONE(GrtIo, U32, train_loss),
    ONE(GrtIo, U32, train_correct),
    ONE(GrtIo, U32, eval_features),
    ONE(GrtIo, U32, eval_labels),
    ONE(GrtIo, U32, eval_loss),
    ONE(GrtIo, U32, eval_correct),
    ONE(GrtIo, U32, eval_probs),
    ONE(GrtIo, U32, eval_head_input),
    ONE(GrtIo, U32, prefix_head_input),
    ONE(GrtIo, U32, hyper),
    ONE(GrtIo, U32, counters),
};

static const Field PARAM_FIELDS[] = {
    ONE(GrtParam, TEXT, layer),      ONE(GrtParam, TEXT, name),     ONE(GrtParam, U32, rank),
    ARRAY(GrtParam, I64, dims, 4),   ONE(GrtParam, I64, rows),      ONE(GrtParam, I64, cols),
    ONE(GrtParam, I64, panel),       ONE(GrtParam, U32, value),     ARRAY(GrtParam, U32, slot, 2),
    ONE(GrtParam, U32, n_slots),     ONE(GrtParam, U32, init),      ONE(GrtParam, F32, init_scale),
    ONE(GrtParam, I64, init_offset), ONE(GrtParam, U32, trainable),
};

#define P(kind, field) ONE(GrtProgram, kind, field)
static const Field PROGRAM_FIELDS[] = {
    P(U32, abi),
    P(TEXT, name),
    P(TEXT, version),
    P(TEXT, target),
    P(TEXT, needs),
    P(TEXT, spec_hash),
    P(TEXT, prefix_hash),
    P(TEXT, spec_text),
    P(TEXT, weights_report),
    P(U32, data_format),
    P(TEXT, train_path),
    P(TEXT, test_path),
    P(U32, skip_bad_files),
    P(I64, height),
    P(I64, width),
    P(I64, channels),
    P(I64, n_classes),
    P(I64, feature_size),
    P(I64, head_input_size),
    P(U32, head_input_rank),
    ARRAY(GrtProgram, I64, head_input_dims, 3),
    P(I64, batch_size),
    P(I64, validation_batch_size),
    P(I64, epochs),
    P(I64, seed),
    P(U32, shuffle),
    P(U32, optimizer),
    P(F64, learning_rate),
    P(F64, beta_1),
    P(F64, beta_2),
    P(STRUCT, phases),
    P(POINTER, buffers),
    P(U32, n_buffers),
    P(POINTER, params),
    P(U32, n_params),
    P(STRUCT, io),
    P(I64, block_bytes),
    P(I64, stream_offset),
    P(I64, stream_bytes),
    P(POINTER, rodata),
    P(I64, rodata_bytes),
    P(I64, n_weights),
    P(I64, n_trainable_weights),
    P(I64, macs_image),
};
#undef P

static const Layout BUFFER = LAYOUT(GrtBuffer, BUFFER_FIELDS);
static const Layout STEP = LAYOUT(GrtStep, STEP_FIELDS);
static const Layout PHASE = LAYOUT(GrtPhase, PHASE_FIELDS);
static const Layout IO = LAYOUT(GrtIo, IO_FIELDS);
static const Layout PARAM = LAYOUT(GrtParam, PARAM_FIELDS);
static const Layout PROGRAM = LAYOUT(GrtProgram, PROGRAM_FIELDS);

/* ------------------------------------------------------------------- constants */

static LLVMValueRef new_global(EmitLlvm *em, const char *name, LLVMValueRef value)
{
    LLVMValueRef global = LLVMAddGlobal(em->module, LLVMTypeOf(value), name);
    LLVMSetInitializer(global, value);
    LLVMSetGlobalConstant(global, true);
    LLVMSetLinkage(global, LLVMPrivateLinkage);
    return global;
}

static LLVMValueRef text_constant(EmitLlvm *em, const char *text)
{
    if (!text)
        return LLVMConstNull(em->ptr);
    LLVMValueRef bytes = LLVMConstStringInContext2(em->llvm, text, strlen(text), false);
    LLVMValueRef global = new_global(em, "text", bytes);
    LLVMSetUnnamedAddress(global, LLVMGlobalUnnamedAddr);
    LLVMSetAlignment(global, 1);
    return global;
}

static LLVMTypeRef element_type(const EmitLlvm *em, FieldKind kind)
{
    const LLVMTypeRef types[] = {
        [FIELD_U32] = em->i32, [FIELD_I64] = em->i64,  [FIELD_F32] = em->f32,
        [FIELD_F64] = em->f64, [FIELD_TEXT] = em->ptr,
    };
    return types[kind];
}

/* The element at `at`, in the C struct. */
static LLVMValueRef element_constant(EmitLlvm *em, FieldKind kind, const void *at)
{
    switch (kind) {
    case FIELD_U32:
        return LLVMConstInt(em->i32, *(const uint32_t *)at, false);
    case FIELD_I64:
        return LLVMConstInt(em->i64, *(const uint64_t *)at, false);
    case FIELD_F32:
        return LLVMConstReal(em->f32, (double)*(const float *)at);
    case FIELD_F64:
        return LLVMConstReal(em->f64, *(const double *)at);
    default:
        return text_constant(em, *(const char *const *)at);
    }
}

static size_t element_size(FieldKind kind)
{
    return kind == FIELD_U32 || kind == FIELD_F32 ? 4 : 8;
}

static LLVMValueRef field_constant(EmitLlvm *em, const Field *field, const void *from)
{
    const char *at = (const char *)from + field->offset;
    LLVMValueRef elements[MAX_FIELDS];
    if (field->n == 0)
        return element_constant(em, field->kind, at);
    for (uint32_t i = 0; i < field->n; i++)
        elements[i] = element_constant(em, field->kind, at + i * element_size(field->kind));
    return LLVMConstArray2(element_type(em, field->kind), elements, field->n);
}

/* The named type is made at the first use; every field must stand where the C compiler has it. */
static LLVMTypeRef struct_type(EmitLlvm *em, const Layout *layout, const LLVMValueRef *values)
{
    LLVMTypeRef type = LLVMGetTypeByName2(em->llvm, layout->name), fields[MAX_FIELDS];
    if (type)
        return type;
    for (uint32_t f = 0; f < layout->n_fields; f++)
        fields[f] = LLVMTypeOf(values[f]);
    type = LLVMStructCreateNamed(em->llvm, layout->name);
    LLVMStructSetBody(type, fields, layout->n_fields, false);
    for (uint32_t f = 0; f < layout->n_fields; f++)
        if (LLVMOffsetOfElement(em->layout, type, f) != layout->fields[f].offset)
            bug("field %u of %s stands elsewhere in C", f, layout->name);
    if (LLVMABISizeOfType(em->layout, type) != layout->size)
        bug("%s has another size in C", layout->name);
    return type;
}

/* given: the constants of FIELD_POINTER and FIELD_STRUCT, in order. */
static LLVMValueRef struct_constant(EmitLlvm *em, const Layout *layout, const void *from,
                                    const LLVMValueRef *given)
{
    LLVMValueRef values[MAX_FIELDS];
    check_bug(layout->n_fields <= MAX_FIELDS);
    for (uint32_t f = 0; f < layout->n_fields; f++) {
        const Field *field = &layout->fields[f];
        bool is_given = field->kind == FIELD_POINTER || field->kind == FIELD_STRUCT;
        values[f] = is_given ? *given++ : field_constant(em, field, from);
    }
    LLVMTypeRef type = struct_type(em, layout, values);
    return LLVMConstNamedStruct(type, values, layout->n_fields);
}

/* A private array of n constants of one type, or null when there are none. */
static LLVMValueRef array_global(EmitLlvm *em, const char *name, LLVMValueRef *values, uint32_t n)
{
    if (n == 0)
        return LLVMConstNull(em->ptr);
    return new_global(em, name, LLVMConstArray2(LLVMTypeOf(values[0]), values, n));
}

/* ---------------------------------------------------------------------- tables */

static LLVMValueRef buffers_table(EmitLlvm *em, const GrtProgram *p)
{
    LLVMValueRef *values = arena_array(em->ctx->arena, LLVMValueRef, p->n_buffers);
    for (uint32_t b = 0; b < p->n_buffers; b++)
        values[b] = struct_constant(em, &BUFFER, &p->buffers[b], NULL);
    return array_global(em, "buffers", values, p->n_buffers);
}

static LLVMValueRef params_table(EmitLlvm *em, const GrtProgram *p)
{
    LLVMValueRef *values = arena_array(em->ctx->arena, LLVMValueRef, p->n_params);
    for (uint32_t i = 0; i < p->n_params; i++)
        values[i] = struct_constant(em, &PARAM, &p->params[i], NULL);
    return array_global(em, "params", values, p->n_params);
}

static LLVMValueRef kernel_function(EmitLlvm *em, const Kernel *kernel)
{
    LLVMValueRef function = emit_llvm_kernel_function(em, kernel);
    if (em->apart)
        return function;
    if (LLVMCountBasicBlocks(function) == 0)
        bug("kernel %s is not among the plan's", kernel->name);
    LLVMSetLinkage(function, LLVMInternalLinkage);
    return function;
}

static LLVMValueRef step_constant(EmitLlvm *em, const GrtStep *step, const Kernel *kernel)
{
    LLVMValueRef args[K_MAX_BUFFERS];
    for (uint32_t a = 0; a < step->n_args; a++)
        args[a] = LLVMConstInt(em->i32, step->args[a], false);
    LLVMValueRef given[] = {kernel_function(em, kernel),
                            array_global(em, "args", args, step->n_args)};
    return struct_constant(em, &STEP, step, given);
}

static LLVMValueRef phases_constant(EmitLlvm *em, const ProgramTables *tables)
{
    LLVMValueRef phases[GRT_N_PHASES];
    for (int i = 0; i < GRT_N_PHASES; i++) {
        const GrtPhase *phase = &tables->program.phases[i];
        LLVMValueRef *steps = arena_array(em->ctx->arena, LLVMValueRef, phase->n_steps);
        for (uint32_t s = 0; s < phase->n_steps; s++)
            steps[s] = step_constant(em, &phase->steps[s], tables->kernels[i][s]);
        LLVMValueRef table = array_global(em, "steps", steps, phase->n_steps);
        phases[i] = struct_constant(em, &PHASE, phase, &table);
    }
    return LLVMConstArray2(LLVMTypeOf(phases[0]), phases, GRT_N_PHASES);
}

/* The symbol grt_rodata, with the bytes of the file when there is one. */
static LLVMValueRef read_only_data(EmitLlvm *em, const char *path, uint64_t n_bytes)
{
    if (!path && n_bytes == 0)
        return LLVMConstNull(em->ptr);
    LLVMTypeRef type = LLVMArrayType2(em->i8, n_bytes);
    LLVMValueRef symbol = LLVMAddGlobal(em->module, type, "grt_rodata");
    LLVMSetGlobalConstant(symbol, true);
    if (!path)
        return symbol;
    LLVMSetVisibility(symbol, LLVMHiddenVisibility);
    Buf text = buf_create(em->ctx->arena);
    buf_puts(&text, ".pushsection .rodata,\"a\",@progbits\n.balign 64\n.globl grt_rodata\n"
                    ".hidden grt_rodata\n.type grt_rodata,@object\ngrt_rodata:\n.incbin \"");
    for (const char *p = path; *p; p++)
        buf_printf(&text, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    buf_puts(&text, "\"\n.size grt_rodata, .-grt_rodata\n.popsection\n");
    LLVMSetModuleInlineAsm2(em->module, text.at, text.n);
    return symbol;
}

void emit_llvm_tables(EmitLlvm *em, const ProgramInfo *info)
{
    const ProgramTables *tables = emit_tables(em->ctx, info);
    const GrtProgram *p = &tables->program;
    LLVMValueRef given[] = {
        phases_constant(em, tables),
        buffers_table(em, p),
        params_table(em, p),
        struct_constant(em, &IO, &p->io, NULL),
        read_only_data(em, info->rodata_path, p->rodata_bytes),
    };
    LLVMValueRef program = new_global(em, "grt_program", struct_constant(em, &PROGRAM, p, given));
    LLVMSetLinkage(program, LLVMExternalLinkage);
}
