/* emit_c_program.c - a whole program in C: prelude, kernels, read-only data, grt_program. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_c.h"
#include "compiler/emit/emit_tables.h"

#include <inttypes.h>

/* Vectors are the compiler's own (gcc and clang). The helpers are macros because a vector that is
 * wider than the machine's would change the calling convention as an argument of a function. */
static const char PRELUDE[] =
    "#include <math.h>\n"
    "#include <stddef.h>\n"
    "#include <stdint.h>\n"
    "#include <string.h>\n"
    "\n"
    "/* Results do not hang on the compiler: a * b + c is fused only where fma is written. */\n"
    "#ifdef __clang__\n"
    "#pragma STDC FP_CONTRACT OFF\n"
    "#else\n"
    "#pragma GCC optimize(\"fp-contract=off\")\n"
    "#pragma GCC diagnostic ignored \"-Wstringop-overflow\" /* wrong about local arrays */\n"
    "#endif\n"
    "\n"
    "#define INLINE static inline __attribute__((always_inline, unused))\n"
    "#define VECTOR(type, n) __attribute__((vector_size((n) * sizeof(type)))) type\n"
    "typedef uint16_t bfloat16;\n"
    "typedef VECTOR(float, 2) vec2;\n"
    "typedef VECTOR(float, 4) vec4;\n"
    "typedef VECTOR(float, 8) vec8;\n"
    "typedef VECTOR(float, 16) vec16;\n"
    "typedef VECTOR(int32_t, 2) mask2;\n"
    "typedef VECTOR(int32_t, 4) mask4;\n"
    "typedef VECTOR(int32_t, 8) mask8;\n"
    "typedef VECTOR(int32_t, 16) mask16;\n"
    "#define LANES(v) ((int)(sizeof(v) / sizeof(float)))\n"
    "\n"
    "/* Memory at any address; _part: n lanes, the others are 0 or stay as they are. */\n"
    "#define load(T, p) ({ T x_; memcpy(&x_, (p), sizeof x_); x_; })\n"
    "#define load_part(T, p, n) ({ T x_ = {0}; memcpy(&x_, (p), (n) * sizeof(float)); x_; })\n"
    "#define load_bytes(T, p) load_bytes_part(T, p, LANES(T))\n"
    "#define load_bytes_part(T, p, n) \\\n"
    "    ({ T x_ = {0}; const uint8_t *p_ = (p); \\\n"
    "       for (int l_ = 0; l_ < (n); l_++) { x_[l_] = p_[l_]; } x_; })\n"
    "#define store(p, v) ({ __auto_type x_ = (v); memcpy((p), &x_, sizeof x_); })\n"
    "#define store_part(p, v, n) \\\n"
    "    ({ __auto_type x_ = (v); memcpy((p), &x_, (n) * sizeof(float)); })\n"
    "\n"
    "/* One lane to all; 0, 1, 2, ...; mask ? a : b, lane by lane. */\n"
    "#define splat(T, a) \\\n"
    "    ({ float a_ = (a); T x_ = {0}; \\\n"
    "       for (int l_ = 0; l_ < LANES(T); l_++) { x_[l_] = a_; } x_; })\n"
    "#define iota(T) \\\n"
    "    ({ T x_ = {0}; for (int l_ = 0; l_ < LANES(T); l_++) { x_[l_] = (float)l_; } x_; })\n"
    "#define vselect(m, a, b) \\\n"
    "    ({ __auto_type m_ = (m); __auto_type a_ = (a); __auto_type b_ = (b); \\\n"
    "       (__typeof__(a_))((m_ & (__typeof__(m_))a_) | (~m_ & (__typeof__(m_))b_)); })\n"
    "\n"
    "/* a * b + c, rounded once; a function of libm, lane by lane. */\n"
    "#define vfma(a, b, c) \\\n"
    "    ({ __auto_type a_ = (a); __auto_type b_ = (b); __auto_type c_ = (c); \\\n"
    "       for (int l_ = 0; l_ < LANES(c_); l_++) { c_[l_] = fmaf(a_[l_], b_[l_], c_[l_]); } \\\n"
    "       c_; })\n"
    "\n"
    "/* bfloat16: the upper 16 bits of a float. Rounded to nearest even; what is denormal is "
    "zero. */\n"
    "INLINE uint32_t bits_of(float x) { uint32_t u; memcpy(&u, &x, sizeof u); return u; }\n"
    "INLINE float float_of(uint32_t u) { float x; memcpy(&x, &u, sizeof x); return x; }\n"
    "INLINE float flush(float x)\n"
    "{\n"
    "    return float_of(bits_of(x) & 0x7f800000 ? bits_of(x) : bits_of(x) & 0x80000000);\n"
    "}\n"
    "INLINE float from_bfloat16(bfloat16 h) { return float_of((uint32_t)h << 16); }\n"
    "INLINE bfloat16 to_bfloat16(float x)\n"
    "{\n"
    "    uint32_t u = bits_of(flush(x));\n"
    "    return (bfloat16)(x != x ? u >> 16 | 0x40 : (u + 0x7fff + (u >> 16 & 1)) >> 16);\n"
    "}\n"
    "#define load_bfloat16(T, p) load_bfloat16_part(T, p, LANES(T))\n"
    "#define load_bfloat16_part(T, p, n) \\\n"
    "    ({ T x_ = {0}; const bfloat16 *p_ = (p); \\\n"
    "       for (int l_ = 0; l_ < (n); l_++) { x_[l_] = from_bfloat16(p_[l_]); } x_; })\n"
    "#define store_bfloat16(p, v) store_bfloat16_part(p, v, LANES(v))\n"
    "#define store_bfloat16_part(p, v, n) \\\n"
    "    ({ __auto_type x_ = (v); bfloat16 *p_ = (p); \\\n"
    "       for (int l_ = 0; l_ < (n); l_++) { p_[l_] = to_bfloat16(x_[l_]); } })\n"
    "/* Two bfloat16 in the bits of a float: c + high * high, then + low * low. */\n"
    "INLINE float dot2(float a, float b, float c)\n"
    "{\n"
    "    float ah = flush(float_of(bits_of(a) & 0xffff0000)), al = flush(float_of(bits_of(a) << "
    "16));\n"
    "    float bh = flush(float_of(bits_of(b) & 0xffff0000)), bl = flush(float_of(bits_of(b) << "
    "16));\n"
    "    return flush(fmaf(al, bl, flush(fmaf(ah, bh, flush(c)))));\n"
    "}\n"
    "#define vdot2(a, b, c) \\\n"
    "    ({ __auto_type a_ = (a); __auto_type b_ = (b); __auto_type c_ = (c); \\\n"
    "       for (int l_ = 0; l_ < LANES(c_); l_++) { c_[l_] = dot2(a_[l_], b_[l_], c_[l_]); } \\\n"
    "       c_; })\n"
    "\n"
    "#define vmap(f, a) \\\n"
    "    ({ __auto_type a_ = (a); \\\n"
    "       for (int l_ = 0; l_ < LANES(a_); l_++) { a_[l_] = f(a_[l_]); } a_; })\n"
    "#define vsqrt(a) vmap(sqrtf, a)\n"
    "#define vexp(a) vmap(libm_expf, a)\n"
    "#define vlog(a) vmap(libm_logf, a)\n"
    "#define vtanh(a) vmap(libm_tanhf, a)\n"
    "/* Through pointers, so that no compiler puts its own value for libm's. */\n"
    "__attribute__((unused)) static float (*const volatile libm_expf)(float) = expf;\n"
    "__attribute__((unused)) static float (*const volatile libm_logf)(float) = logf;\n"
    "__attribute__((unused)) static float (*const volatile libm_tanhf)(float) = tanhf;\n"
    "\n"
    "/* The second where the comparison does not hold, of NaN too. */\n"
    "INLINE float smin(float a, float b) { return a < b ? a : b; }\n"
    "INLINE float smax(float a, float b) { return a > b ? a : b; }\n"
    "#define vmin(a, b) \\\n"
    "    ({ __auto_type x_ = (a); __auto_type y_ = (b); vselect(x_ < y_, x_, y_); })\n"
    "#define vmax(a, b) \\\n"
    "    ({ __auto_type x_ = (a); __auto_type y_ = (b); vselect(x_ > y_, x_, y_); })\n"
    "\n"
    "/* Lanes to one: the upper half joined to the lower until one is left. */\n"
    "#define reduce(v, join) \\\n"
    "    ({ __auto_type x_ = (v); \\\n"
    "       for (int h_ = LANES(x_) / 2; h_ >= 1; h_ /= 2) { \\\n"
    "           for (int l_ = 0; l_ < h_; l_++) { x_[l_] = join(x_[l_], x_[l_ + h_]); } \\\n"
    "       } \\\n"
    "       x_[0]; })\n"
    "#define reduce_sum(v) reduce(v, sadd)\n"
    "#define reduce_max(v) reduce(v, smax)\n"
    "INLINE float sadd(float a, float b) { return a + b; }\n"
    "\n"
    "/* Index arithmetic; wrap_: modulo 2^64, where the numbers may be that large. */\n"
    "INLINE int64_t imin(int64_t a, int64_t b) { return a < b ? a : b; }\n"
    "INLINE int64_t imax(int64_t a, int64_t b) { return a > b ? a : b; }\n"
    "#define UNSIGNED(a, op, b) ((int64_t)((uint64_t)(a)op(uint64_t)(b)))\n"
    "INLINE int64_t shift_right(int64_t a, int64_t b) { return UNSIGNED(a, >>, b); }\n"
    "INLINE int64_t wrap_add(int64_t a, int64_t b) { return UNSIGNED(a, +, b); }\n"
    "INLINE int64_t wrap_sub(int64_t a, int64_t b) { return UNSIGNED(a, -, b); }\n"
    "INLINE int64_t wrap_mul(int64_t a, int64_t b) { return UNSIGNED(a, *, b); }\n";

void emit_c_prelude(Buf *out)
{
    buf_puts(out, PRELUDE);
}

void emit_c_comment(Buf *out, const char *text)
{
    for (const char *p = text; *p; p++)
        buf_puts(out, p[0] == '*' && p[1] == '/' ? "* " : (char[]){*p, '\0'});
}

/* Lines of text as lines of literals. */
void emit_c_string(Buf *out, const char *text)
{
    if (!text) {
        buf_puts(out, "NULL");
        return;
    }
    buf_puts(out, "\"");
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '\n')
            buf_puts(out, p[1] ? "\\n\"\n        \"" : "\\n");
        else if (*p == '"' || *p == '\\')
            buf_printf(out, "\\%c", *p);
        else if (*p < 0x20 || *p >= 0x7f || *p == '?')
            buf_printf(out, "\\%03o", *p);
        else
            buf_add(out, p, 1);
    }
    buf_puts(out, "\"");
}

/* -------------------------------------------------------------------- tables */

/* The declarations of runtime/grt.h that the tables need, field by field. */
static const char DECLARATIONS[] =
    "typedef struct { const char *name; uint32_t elem, place; uint64_t offset, n; } GrtBuffer;\n"
    "typedef struct {\n"
    "    const char *name;\n"
    "    void (*kernel)(void *const *args, int64_t first, int64_t last);\n"
    "    int64_t n_tasks;\n"
    "    uint32_t n_args;\n"
    "    const uint32_t *args;\n"
    "    uint64_t macs;\n"
    "} GrtStep;\n"
    "typedef struct {\n"
    "    const char *name;\n"
    "    const GrtStep *steps;\n"
    "    uint32_t n_steps, batch;\n"
    "} GrtPhase;\n"
    "typedef struct {\n"
    "    uint32_t images, features_out, train_features, train_labels, train_loss, train_correct;\n"
    "    uint32_t eval_features, eval_labels, eval_loss, eval_correct, eval_probs;\n"
    "    uint32_t eval_head_input, prefix_head_input, hyper, counters;\n"
    "} GrtIo;\n"
    "typedef struct {\n"
    "    const char *layer, *name;\n"
    "    uint32_t rank;\n"
    "    int64_t dims[4], rows, cols, panel;\n"
    "    uint32_t value, slot[2], n_slots, init;\n"
    "    float init_scale;\n"
    "    uint64_t init_offset;\n"
    "    uint32_t trainable;\n"
    "} GrtParam;\n"
    "typedef struct {\n"
    "    uint32_t abi;\n"
    "    const char *name, *version, *target, *needs, *spec_hash, *prefix_hash;\n"
    "    const char *spec_text, *weights_report;\n"
    "    uint32_t data_format;\n"
    "    const char *train_path, *test_path;\n"
    "    uint32_t skip_bad_files;\n"
    "    int64_t height, width, channels, n_classes, feature_size, head_input_size;\n"
    "    uint32_t head_input_rank;\n"
    "    int64_t head_input_dims[3], batch_size, validation_batch_size, epochs, seed;\n"
    "    uint32_t shuffle, optimizer;\n"
    "    double learning_rate, beta_1, beta_2;\n"
    "    GrtPhase phases[4];\n"
    "    const GrtBuffer *buffers;\n"
    "    uint32_t n_buffers;\n"
    "    const GrtParam *params;\n"
    "    uint32_t n_params;\n"
    "    GrtIo io;\n"
    "    uint64_t block_bytes, stream_offset, stream_bytes;\n"
    "    const unsigned char *rodata;\n"
    "    uint64_t rodata_bytes, n_weights, n_trainable_weights, macs_image;\n"
    "} GrtProgram;\n";

static const char *const PHASES[GRT_N_PHASES] = {"prefix", "train", "eval", "peak"};

static void buffers_table(const GrtProgram *p, Buf *out)
{
    if (p->n_buffers == 0)
        return;
    buf_puts(out, "\nstatic const GrtBuffer buffers[] = {\n");
    for (uint32_t b = 0; b < p->n_buffers; b++) {
        const GrtBuffer *buffer = &p->buffers[b];
        buf_printf(out, "    /* %u */ {", b);
        emit_c_string(out, buffer->name);
        buf_printf(out, ", %u, %u, %" PRIu64 "u, %" PRIu64 "u},\n", buffer->elem, buffer->place,
                   buffer->offset, buffer->n);
    }
    buf_puts(out, "};\n");
}

static void params_table(const GrtProgram *p, Buf *out)
{
    if (p->n_params == 0)
        return;
    buf_puts(out, "\nstatic const GrtParam params[] = {\n");
    for (uint32_t i = 0; i < p->n_params; i++) {
        const GrtParam *q = &p->params[i];
        buf_puts(out, "    {");
        emit_c_string(out, q->layer);
        buf_puts(out, ", ");
        emit_c_string(out, q->name);
        buf_printf(out, ", %u, {%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 "}, ", q->rank,
                   q->dims[0], q->dims[1], q->dims[2], q->dims[3]);
        buf_printf(out, "%" PRId64 ", %" PRId64 ", %" PRId64 ", %u, {%uu, %uu}, %u, %u,\n     ",
                   q->rows, q->cols, q->panel, q->value, q->slot[0], q->slot[1], q->n_slots,
                   q->init);
        buf_float(out, (double)q->init_scale, true);
        buf_printf(out, ", %" PRIu64 "u, %u},\n", q->init_offset, q->trainable);
    }
    buf_puts(out, "};\n");
}

static void steps_table(const ProgramTables *tables, int phase, Buf *out)
{
    const GrtPhase *p = &tables->program.phases[phase];
    if (p->n_steps == 0)
        return;
    buf_printf(out, "\nstatic const GrtStep steps_%s[] = {\n", PHASES[phase]);
    for (uint32_t s = 0; s < p->n_steps; s++) {
        const GrtStep *step = &p->steps[s];
        buf_puts(out, "    {");
        emit_c_string(out, step->name);
        buf_printf(out, ", gk_%s, %" PRId64 ", %u, ", tables->kernels[phase][s]->name,
                   step->n_tasks, step->n_args);
        if (step->n_args == 0)
            buf_puts(out, "NULL");
        else
            buf_puts(out, "(const uint32_t[]){");
        for (uint32_t a = 0; a < step->n_args; a++)
            buf_printf(out, "%s%u", a ? ", " : "", step->args[a]);
        buf_printf(out, "%s, %" PRIu64 "u},\n", step->n_args ? "}" : "", step->macs);
    }
    buf_puts(out, "};\n");
}

/* --------------------------------------------------------------- grt_program */

static void field_string(Buf *out, const char *field, const char *text)
{
    buf_printf(out, "    .%s = ", field);
    emit_c_string(out, text);
    buf_puts(out, ",\n");
}

static void field_double(Buf *out, const char *field, double value)
{
    buf_printf(out, "    .%s = ", field);
    buf_float(out, value, false);
    buf_puts(out, ",\n");
}

static void field_int(Buf *out, const char *field, int64_t value)
{
    if (value == INT64_MIN)
        buf_printf(out, "    .%s = INT64_MIN,\n", field);
    else
        buf_printf(out, "    .%s = %" PRId64 ",\n", field, value);
}

static void field_uint(Buf *out, const char *field, uint64_t value)
{
    buf_printf(out, "    .%s = %" PRIu64 "u,\n", field, value);
}

static void experiment_fields(const GrtProgram *p, Buf *out)
{
    field_uint(out, "abi", p->abi);
    field_string(out, "name", p->name);
    field_string(out, "version", p->version);
    field_string(out, "target", p->target);
    field_string(out, "needs", ""); /* the C compiler decides */
    field_string(out, "spec_hash", p->spec_hash);
    field_string(out, "prefix_hash", p->prefix_hash);
    field_string(out, "spec_text", p->spec_text);
    field_string(out, "weights_report", p->weights_report);
    field_uint(out, "data_format", p->data_format);
    field_string(out, "train_path", p->train_path);
    field_string(out, "test_path", p->test_path);
    field_uint(out, "skip_bad_files", p->skip_bad_files);
    field_int(out, "height", p->height);
    field_int(out, "width", p->width);
    field_int(out, "channels", p->channels);
    field_int(out, "n_classes", p->n_classes);
    field_int(out, "feature_size", p->feature_size);
    field_int(out, "head_input_size", p->head_input_size);
    field_uint(out, "head_input_rank", p->head_input_rank);
    buf_printf(out, "    .head_input_dims = {%" PRId64 ", %" PRId64 ", %" PRId64 "},\n",
               p->head_input_dims[0], p->head_input_dims[1], p->head_input_dims[2]);
    field_int(out, "batch_size", p->batch_size);
    field_int(out, "validation_batch_size", p->validation_batch_size);
    field_int(out, "epochs", p->epochs);
    field_int(out, "seed", p->seed);
    field_uint(out, "shuffle", p->shuffle);
    field_uint(out, "optimizer", p->optimizer);
    field_double(out, "learning_rate", p->learning_rate);
    field_double(out, "beta_1", p->beta_1);
    field_double(out, "beta_2", p->beta_2);
}

static void phase_fields(const GrtProgram *p, Buf *out)
{
    buf_puts(out, "    .phases = {\n");
    for (int i = 0; i < GRT_N_PHASES; i++) {
        const GrtPhase *phase = &p->phases[i];
        buf_puts(out, "        {");
        emit_c_string(out, phase->name);
        buf_printf(out, ", %s%s, %u, %u},\n", phase->n_steps ? "steps_" : "NULL",
                   phase->n_steps ? PHASES[i] : "", phase->n_steps, phase->batch);
    }
    buf_puts(out, "    },\n");
}

static void io_field(Buf *out, const char *field, uint32_t buffer)
{
    if (buffer == UINT32_MAX)
        buf_printf(out, "        .%s = UINT32_MAX,\n", field);
    else
        buf_printf(out, "        .%s = %u,\n", field, buffer);
}

static void io_fields(const GrtIo *io, Buf *out)
{
    buf_puts(out, "    .io = {\n");
    io_field(out, "images", io->images);
    io_field(out, "features_out", io->features_out);
    io_field(out, "train_features", io->train_features);
    io_field(out, "train_labels", io->train_labels);
    io_field(out, "train_loss", io->train_loss);
    io_field(out, "train_correct", io->train_correct);
    io_field(out, "eval_features", io->eval_features);
    io_field(out, "eval_labels", io->eval_labels);
    io_field(out, "eval_loss", io->eval_loss);
    io_field(out, "eval_correct", io->eval_correct);
    io_field(out, "eval_probs", io->eval_probs);
    io_field(out, "eval_head_input", io->eval_head_input);
    io_field(out, "prefix_head_input", io->prefix_head_input);
    io_field(out, "hyper", io->hyper);
    io_field(out, "counters", io->counters);
    buf_puts(out, "    },\n");
}

static void program_table(const GrtProgram *p, bool has_rodata, Buf *out)
{
    buf_puts(out, "\nextern const GrtProgram grt_program;\nconst GrtProgram grt_program = {\n");
    experiment_fields(p, out);
    phase_fields(p, out);
    buf_printf(out, "    .buffers = %s,\n", p->n_buffers ? "buffers" : "NULL");
    field_uint(out, "n_buffers", p->n_buffers);
    buf_printf(out, "    .params = %s,\n", p->n_params ? "params" : "NULL");
    field_uint(out, "n_params", p->n_params);
    io_fields(&p->io, out);
    field_uint(out, "block_bytes", p->block_bytes);
    field_uint(out, "stream_offset", p->stream_offset);
    field_uint(out, "stream_bytes", p->stream_bytes);
    buf_printf(out, "    .rodata = %s,\n", has_rodata ? "grt_rodata" : "NULL");
    field_uint(out, "rodata_bytes", p->rodata_bytes);
    field_uint(out, "n_weights", p->n_weights);
    field_uint(out, "n_trainable_weights", p->n_trainable_weights);
    field_uint(out, "macs_image", p->macs_image);
    buf_puts(out, "};\n");
}

/* The symbol grt_rodata; its bytes when there is a file of them (quoted for the assembler, then for
 * C). */
static void read_only_data(const char *path, Buf *out)
{
    buf_puts(out, "\n/* Frozen weights and other constants. */\n"
                  "extern const unsigned char grt_rodata[];\n");
    if (!path)
        return;
    Buf text = buf_create(out->arena);
    buf_puts(&text, ".pushsection .rodata,\"a\",@progbits\n.balign 64\n.globl grt_rodata\n"
                    "grt_rodata:\n.incbin \"");
    for (const char *p = path; *p; p++)
        buf_printf(&text, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    buf_puts(&text, "\"\n.popsection\n");
    buf_puts(out, "__asm__(\n        ");
    emit_c_string(out, text.at);
    buf_puts(out, ");\n");
}

void emit_c(Ctx *ctx, const ProgramInfo *info, Buf *out)
{
    const Plan *plan = info->plan;
    const ProgramTables *tables = emit_tables(ctx, info);
    bool has_rodata = info->rodata_path || plan->rodata_bytes > 0;
    buf_puts(out, "/* ");
    emit_c_comment(out, tables->program.name);
    buf_puts(out, " - kernels and tables, printed by graftc ");
    emit_c_comment(out, tables->program.version);
    buf_puts(out,
             ".\n *\n * gcc or clang: cc -std=gnu11 -O2 -march=native -fno-math-errno -c\n"
             " * The results are the same bits with any of these flags. Link with libgrt.a. */\n");
    emit_c_prelude(out);
    for (uint32_t k = 0; k < plan->kernels.n; k++) {
        buf_puts(out, "\n");
        emit_c_kernel(plan->kernels.at[k], out);
    }
    buf_puts(out, "\n/* What the runtime reads: runtime/grt.h says what each field means. */\n");
    buf_puts(out, DECLARATIONS);
    if (has_rodata)
        read_only_data(info->rodata_path, out);
    buffers_table(&tables->program, out);
    params_table(&tables->program, out);
    for (int p = 0; p < GRT_N_PHASES; p++)
        steps_table(tables, p, out);
    program_table(&tables->program, has_rodata, out);
}
