/* random_kernel.c - makes random valid kernels from a seed. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel_winograd.h"
#include "tests/kir/random_kernel.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { N_TASKS = 3, REGION = 96, N_INPUT = 200, N_LOCAL = 40, MAX_POOL = 64, MAX_DEPTH = 4 };

/* Index values are kept between 0 and this. */
static const int64_t INDEX_LIMIT = INT64_C(1) << 40;

typedef struct Index {
    KVal v;
    int64_t max;
} Index;

typedef struct Gen {
    KB *kb;
    uint64_t state;
    int max_lanes;
    int budget; /* statements left */
    int x, pixels, halves, labels, counters, y, z, local, local_halves;
    Index indices[MAX_POOL];
    KVal floats[MAX_POOL], vars[MAX_POOL];
    int float_lanes[MAX_POOL], var_lanes[MAX_POOL];
    int n_indices, n_floats, n_vars, depth;
} Gen;

/* SplitMix64 (Steele, Lea and Flood, 2014). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static int below(Gen *g, int n)
{
    return (int)(next(&g->state) % (uint64_t)n);
}

static int some_lanes(Gen *g)
{
    int lanes = 1 << below(g, 5);
    return lanes > g->max_lanes ? g->max_lanes : lanes;
}

/* ------------------------------------------------------------------- indices */

static Index keep_index(Gen *g, KVal v, int64_t max)
{
    Index index = {v, max};
    if (max > INDEX_LIMIT) {
        index.v = kb_iremc(g->kb, v, 1000);
        index.max = 999;
    }
    if (g->n_indices < MAX_POOL)
        g->indices[g->n_indices++] = index;
    return index;
}

static Index pick_index(Gen *g)
{
    if (g->n_indices == 0 || below(g, 5) == 0) {
        int64_t c = below(g, 50);
        return (Index){kb_i(g->kb, c), c};
    }
    return g->indices[below(g, g->n_indices)];
}

/* A number of the integer buffers, made small and not negative. */
static Index loaded_index(Gen *g)
{
    bool wide = below(g, 2);
    KVal at = kb_iremc(g->kb, pick_index(g).v, 8);
    KVal value = kb_iload(g->kb, wide ? g->counters : g->labels, at);
    if (below(g, 2)) /* as a hash is made: modulo 2^64 */
        value = kb_iop(g->kb, K_IMUL, value, kb_i(g->kb, INT64_C(0x5851F42D4C957F2D)));
    if (below(g, 2))
        value =
            kb_iop(g->kb, K_ISHR, kb_iop(g->kb, K_ISUB, value, pick_index(g).v), kb_i(g->kb, 33));
    return keep_index(g, kb_iop(g->kb, K_IAND, value, kb_i(g->kb, 1023)), 1023);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void new_index(Gen *g)
{
    Index a = pick_index(g), b = pick_index(g);
    int64_t c = 1 + below(g, 60);
    KB *kb = g->kb;
    switch (below(g, 12)) {
    case 0:
        keep_index(g, kb_iadd(kb, a.v, b.v), a.max + b.max);
        break;
    case 1:
        keep_index(g, kb_iaddc(kb, a.v, c), a.max + c);
        break;
    case 2:
        keep_index(g, kb_imulc(kb, a.v, c), a.max * c);
        break;
    case 3:
        keep_index(g, kb_imad(kb, a.v, c, b.v), a.max * c + b.max);
        break;
    case 4:
        keep_index(g, kb_idivc(kb, a.v, c), a.max / c);
        break;
    case 5:
        keep_index(g, kb_iremc(kb, a.v, c), smaller(a.max, c - 1));
        break;
    case 6:
        keep_index(g, kb_iop(kb, K_IMIN, a.v, b.v), smaller(a.max, b.max));
        break;
    case 7:
        keep_index(g, kb_iop(kb, K_IMAX, kb_iop(kb, K_ISUB, a.v, b.v), kb_i(kb, 0)), a.max);
        break;
    case 8:
        keep_index(g, kb_iop(kb, below(g, 2) ? K_ILT : K_IEQ, a.v, b.v), 1);
        break;
    case 9:
        keep_index(g, kb_iop(kb, K_IXOR, a.v, b.v), 2 * larger(a.max, b.max) + 1);
        break;
    case 10:
        keep_index(g, kb_iop(kb, K_IDIV, a.v, kb_iaddc(kb, b.v, 1)), a.max);
        break;
    default:
        loaded_index(g);
    }
}

/* First of `active` elements inside of n. */
static KVal place(Gen *g, int64_t n, int active)
{
    Index index = pick_index(g);
    int64_t slack = below(g, 12);
    if (index.max + slack + active <= n)
        return kb_iaddc(g->kb, index.v, slack);
    return kb_iremc(g->kb, kb_iaddc(g->kb, index.v, slack), n - active + 1);
}

/* Inside of the part of y that is the task's. */
static KVal place_in_region(Gen *g, int active)
{
    KVal at = place(g, REGION, active);
    return kb_imad(g->kb, kb_task(g->kb), REGION, at);
}

/* -------------------------------------------------------------------- floats */

static KVal keep_float(Gen *g, KVal v, int lanes)
{
    if (g->n_floats < MAX_POOL) {
        g->float_lanes[g->n_floats] = lanes;
        g->floats[g->n_floats++] = v;
    }
    return v;
}

static int some_active(Gen *g, int lanes)
{
    return below(g, 2) ? lanes : 1 + below(g, lanes);
}

static KVal new_load(Gen *g, int lanes)
{
    int active = some_active(g, lanes);
    switch (below(g, 7)) {
    case 6:
        return kb_load(g->kb, g->local_halves, place(g, N_LOCAL, active), lanes, active);
    case 4:
        return kb_load(g->kb, g->halves, place(g, N_INPUT, active), lanes, active);
    case 5:
        return kb_load(g->kb, g->z, place_in_region(g, active), lanes, active);
    case 0:
        return kb_load(g->kb, g->pixels, place(g, N_INPUT, active), lanes, active);
    case 1:
        return kb_load(g->kb, g->y, place_in_region(g, active), lanes, active);
    case 2:
        return kb_load(g->kb, g->local, place(g, N_LOCAL, active), lanes, active);
    default:
        return kb_load(g->kb, g->x, place(g, N_INPUT, active), lanes, active);
    }
}

/* Pairs of the numbers that are there, or of those that were stored. */
static KVal new_pairs(Gen *g, int lanes)
{
    int from = below(g, 3) == 0 ? 1 : lanes; /* one pair to all lanes */
    int where = below(g, 3);
    KVal pairs = where == 0 ? kb_load_pair(g->kb, g->halves, place(g, N_INPUT, 2 * from), from)
                 : where == 1
                     ? kb_load_pair(g->kb, g->z, place_in_region(g, 2 * from), from)
                     : kb_load_pair(g->kb, g->local_halves, place(g, N_LOCAL, 2 * from), from);
    return from == lanes ? pairs : kb_splat(g->kb, pairs, lanes);
}

static KVal pick_float(Gen *g, int lanes);

static KVal new_leaf(Gen *g, int lanes)
{
    static const float constants[] = {0.0f,     -0.0f, 1.0f,  -1.0f,    0.5f,
                                      3.14159f, 1e-7f, 1e30f, INFINITY, NAN};
    switch (below(g, 6)) {
    case 0:
        return kb_f(g->kb, constants[below(g, (int)COUNT_OF(constants))], lanes);
    case 1:
        return kb_iota(g->kb, lanes);
    case 2:
        return kb_splat(g->kb, kb_itof(g->kb, pick_index(g).v), lanes);
    case 3:
        return lanes == 1 ? new_load(g, 1) : kb_splat(g->kb, pick_float(g, 1), lanes);
    default:
        return new_load(g, lanes);
    }
}

static KVal pick_float(Gen *g, int lanes)
{
    for (int tries = 0; tries < 6 && g->n_floats > 0; tries++) {
        int i = below(g, g->n_floats);
        if (g->float_lanes[i] == lanes)
            return g->floats[i];
    }
    for (int i = 0; i < g->n_vars; i++)
        if (g->var_lanes[i] == lanes && below(g, 2))
            return kb_get(g->kb, g->vars[i]);
    return new_leaf(g, lanes);
}

static KVal new_operation(Gen *g, int lanes)
{
    static const KOp binary[] = {K_FADD, K_FSUB, K_FMUL, K_FDIV, K_FMIN, K_FMAX};
    static const KOp functions[] = {K_FSQRT, K_FEXP, K_FLOG, K_FTANH};
    KVal a = pick_float(g, lanes), b = pick_float(g, lanes), c = pick_float(g, lanes), one;
    switch (below(g, 10)) {
    case 9:
        return kb_dot2(g->kb, new_pairs(g, lanes), new_pairs(g, lanes), c);
    case 0:
    case 1:
        return kb_fma(g->kb, a, b, c);
    case 2:
        return kb_select(g->kb, kb_fop(g->kb, below(g, 2) ? K_FLT : K_FEQ, a, b), c, a);
    case 3:
        return kb_fun(g->kb, functions[below(g, (int)COUNT_OF(functions))], a);
    case 4:
        one = kb_fun(g->kb, K_RSUM, pick_float(g, some_lanes(g)));
        return kb_splat(g->kb, one, lanes);
    case 5:
        one = kb_fun(g->kb, K_RMAX, pick_float(g, some_lanes(g)));
        return kb_splat(g->kb, one, lanes);
    default:
        return kb_fop(g->kb, binary[below(g, (int)COUNT_OF(binary))], a, b);
    }
}

/* ---------------------------------------------------------------- statements */

static void new_store(Gen *g)
{
    int lanes = some_lanes(g), active = some_active(g, lanes);
    KVal value = below(g, 2) ? new_operation(g, lanes) : pick_float(g, lanes);
    int where = below(g, 6);
    if (where == 5)
        kb_store(g->kb, g->local_halves, place(g, N_LOCAL, active), value, active);
    else if (where == 0)
        kb_store(g->kb, g->local, place(g, N_LOCAL, active), value, active);
    else if (where == 1)
        kb_store(g->kb, g->z, place_in_region(g, active), value, active);
    else
        kb_store(g->kb, g->y, place_in_region(g, active), value, active);
}

static void new_var(Gen *g)
{
    if (g->n_vars == MAX_POOL)
        return;
    int lanes = some_lanes(g);
    g->var_lanes[g->n_vars] = lanes;
    g->vars[g->n_vars] = kb_var(g->kb, pick_float(g, lanes));
    g->n_vars++;
}

static void change_var(Gen *g)
{
    if (g->n_vars == 0)
        return;
    int i = below(g, g->n_vars), lanes = g->var_lanes[i];
    KVal a = pick_float(g, lanes), b = pick_float(g, lanes), old = kb_get(g->kb, g->vars[i]);
    if (below(g, 2))
        kb_set(g->kb, g->vars[i], kb_fma(g->kb, a, b, old));
    else
        kb_set(g->kb, g->vars[i], kb_fop(g->kb, K_FADD, old, new_operation(g, lanes)));
}

static void block(Gen *g);

static void new_loop(Gen *g)
{
    Index from = pick_index(g);
    int64_t lo_max = smaller(from.max, 3), extent = 1 + below(g, 4), step = 1 + below(g, 3);
    KVal lo = kb_iremc(g->kb, from.v, 4);
    bool counted = below(g, 2);
    KVal i = counted ? kb_for_n(g->kb, extent)
                     : kb_for(g->kb, lo, kb_iaddc(g->kb, lo, extent * 2), step);
    keep_index(g, i, lo_max + extent * 2);
    block(g);
    if (counted)
        kb_end_n(g->kb, extent);
    else
        kb_end(g->kb);
}

static void new_condition(Gen *g)
{
    Index a = pick_index(g), b = pick_index(g);
    KVal a7 = kb_iremc(g->kb, a.v, 7), b7 = kb_iremc(g->kb, b.v, 7);
    kb_if(g->kb, kb_iop(g->kb, below(g, 3) ? K_ILT : K_IEQ, a7, b7));
    block(g);
    kb_end(g->kb);
}

/* A loop or condition with its body; what the body made is forgotten after it. */
static void nested(Gen *g)
{
    if (g->depth == MAX_DEPTH)
        return;
    int n_indices = g->n_indices, n_floats = g->n_floats, n_vars = g->n_vars;
    g->depth++;
    if (below(g, 3))
        new_loop(g);
    else
        new_condition(g);
    g->depth--;
    g->n_indices = n_indices;
    g->n_floats = n_floats;
    g->n_vars = n_vars;
}

static void block(Gen *g)
{
    for (int n = 2 + below(g, 8); n > 0 && g->budget > 0; n--, g->budget--) {
        int lanes = some_lanes(g);
        switch (below(g, 10)) {
        case 0:
        case 1:
            new_index(g);
            break;
        case 2:
        case 3:
            keep_float(g, new_operation(g, lanes), lanes);
            break;
        case 4:
            keep_float(g, new_leaf(g, lanes), lanes);
            break;
        case 5:
            new_var(g);
            break;
        case 6:
            change_var(g);
            break;
        case 7:
            nested(g);
            break;
        default:
            new_store(g);
        }
    }
}

Kernel *random_kernel(Arena *arena, const char *name, uint64_t seed, int max_lanes)
{
    Gen g = {.state = seed, .max_lanes = max_lanes, .kb = kb_begin(arena, name, N_TASKS)};
    KB *kb = g.kb;
    kb_title(kb, "random kernel, seed %" PRIu64, seed);
    g.x = kb_buffer(kb, "x", KE_F32, N_INPUT, false);
    g.pixels = kb_buffer(kb, "pixels", KE_U8, N_INPUT, false);
    g.halves = kb_buffer(kb, "halves", KE_BF16, N_INPUT, false);
    g.labels = kb_buffer(kb, "labels", KE_I32, 8, false);
    g.counters = kb_buffer(kb, "counters", KE_I64, 8, false);
    g.y = kb_buffer(kb, "y", KE_F32, N_TASKS * REGION, true);
    g.z = kb_buffer(kb, "z", KE_BF16, N_TASKS * REGION, true);
    g.local = kb_local(kb, "sums", KE_F32, N_LOCAL);
    g.local_halves = kb_local(kb, "local_halves", KE_BF16, N_LOCAL);
    KVal i = kb_for_n(kb, N_LOCAL);
    kb_store(kb, g.local, i, kb_itof(kb, i), 1);
    kb_store(kb, g.local_halves, i, kb_itof(kb, i), 1);
    kb_end(kb);
    keep_index(&g, kb_task(kb), N_TASKS - 1);
    g.budget = 60;
    while (g.budget > 0)
        block(&g);
    new_store(&g);
    kb_store(kb, g.y, place_in_region(&g, 1), kb_load(kb, g.local, kb_i(kb, 0), 1, 1), 1);
    kb_store(kb, g.y, place_in_region(&g, 1), kb_load(kb, g.local_halves, kb_i(kb, 0), 1, 1), 1);
    return kb_finish(kb);
}

Kernel *winograd_kernel(Arena *arena, const char *name, int lanes)
{
    KernelTarget target = {lanes, lanes == 16 ? 32 : 16};
    WinogradForm form = {
        .h = &WINOGRAD_AXES[WINOGRAD_4_3], .w = &WINOGRAD_AXES[WINOGRAD_WHOLE_2], .bfloat16 = true};
    ConvGeom g = {.n = 3, .sh = 5, .sw = 2, .sc = 18, .dh = 5, .dw = 2, .dc = 20, .dst_stride = 20};
    g.kh = g.kw = 3;
    g.pad_t = g.pad_l = g.stride_h = g.stride_w = g.up_h = g.up_w = 1;
    ConvOptions o = {.bias = true, .residual = true, .bfloat16 = true};
    Kernel *kernel = kernel_winograd(arena, target, form, &g, 1, &o, kernel_panel(target, g.dc));
    kernel->name = name;
    kernel_retype(arena, kernel, 2, KE_BF16); /* y */
    return kernel;
}

/* ---------------------------------------------------------------------- data */

static float some_float(uint64_t *state)
{
    static const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e-40f, -1e-42f, 3e38f};
    uint64_t r = next(state);
    if (r % 16 == 0)
        return special[(r >> 8) % COUNT_OF(special)];
    return (float)((double)(int64_t)(r >> 16) / (double)(INT64_C(1) << 45) - 4.0);
}

/* The upper half of a float: of a denormal one, too. */
static uint16_t some_half(uint64_t *state)
{
    float f = some_float(state);
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return isnan(f) ? 0x7fc0 : (uint16_t)(bits >> 16);
}

void random_kernel_args(Arena *arena, const Kernel *kernel, uint64_t seed, void **args)
{
    uint64_t state = seed;
    for (uint32_t b = 0; b < kernel->n_buffers && !kernel->buffers[b].local; b++) {
        const KBuffer *buffer = &kernel->buffers[b];
        size_t n = (size_t)buffer->n;
        args[b] = arena_alloc(arena, n * kelem_size(buffer->elem));
        for (size_t i = 0; i < n; i++) {
            if (buffer->elem == KE_F32)
                ((float *)args[b])[i] = some_float(&state);
            else if (buffer->elem == KE_BF16)
                ((uint16_t *)args[b])[i] = some_half(&state);
            else if (buffer->elem == KE_U8)
                ((uint8_t *)args[b])[i] = (uint8_t)next(&state);
            else if (buffer->elem == KE_I32)
                ((int32_t *)args[b])[i] = (int32_t)next(&state);
            else
                ((int64_t *)args[b])[i] = (int64_t)next(&state);
        }
    }
}

void random_kernel_tame(const Kernel *kernel, void *const *args)
{
    for (uint32_t b = 0; b < kernel->n_buffers && !kernel->buffers[b].local; b++) {
        const KBuffer *buffer = &kernel->buffers[b];
        for (int64_t i = 0; i < buffer->n; i++) {
            if (buffer->elem == KE_F32 && !(fabsf(((float *)args[b])[i]) < 8))
                ((float *)args[b])[i] = 1;
            else if (buffer->elem == KE_BF16 &&
                     !(fabsf(kir_from_bfloat16(((uint16_t *)args[b])[i])) < 8))
                ((uint16_t *)args[b])[i] = kir_to_bfloat16(1);
        }
    }
}

static float element(const KBuffer *buffer, const void *data, int64_t i)
{
    return buffer->elem == KE_F32 ? ((const float *)data)[i]
                                  : kir_from_bfloat16(((const uint16_t *)data)[i]);
}

static uint32_t bits_of(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return isnan(f) ? UINT32_C(0x7FC00000) : bits;
}

bool random_kernel_same(const Kernel *kernel, void *const *expected, void *const *got)
{
    for (uint32_t b = 0; b < kernel->n_buffers; b++) {
        const KBuffer *buffer = &kernel->buffers[b];
        if (buffer->local || !buffer->written)
            continue;
        for (int64_t i = 0; i < buffer->n; i++) {
            float want = element(buffer, expected[b], i), have = element(buffer, got[b], i);
            if (bits_of(want) == bits_of(have))
                continue;
            printf("# kernel %s: %s[%" PRId64 "] is %.9g (%08" PRIx32 "), not %.9g (%08" PRIx32
                   ")\n",
                   kernel->name, buffer->name, i, (double)have, bits_of(have), (double)want,
                   bits_of(want));
            return false;
        }
    }
    return true;
}
