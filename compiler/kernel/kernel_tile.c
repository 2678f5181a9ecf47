/* kernel_tile.c - register tiles, panels, and the cutting of work into tasks. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel_tile.h"

void tile_fma(KB *kb, const Tile *tile, int a_buf, KVal a0, int64_t a_stride, int b_buf, KVal b0)
{
    KVal b[TILE_MAX_VECTORS];
    for (int v = 0; v < tile->vectors; v++) {
        bool last = tile->last_active && v == tile->vectors - 1;
        b[v] = kb_load(kb, b_buf, kb_iaddc(kb, b0, v * tile->lanes), tile->lanes,
                       last ? tile->last_active : tile->lanes);
    }
    for (int r = 0; r < tile->rows; r++) {
        KVal a =
            kb_splat(kb, kb_load(kb, a_buf, kb_iaddc(kb, a0, r * a_stride), 1, 1), tile->lanes);
        for (int v = 0; v < tile->vectors; v++) {
            KVal sum = tile_at(tile, r, v);
            kb_set(kb, sum, kb_fma(kb, a, b[v], kb_get(kb, sum)));
        }
    }
}

void tile_dot2(KB *kb, const Tile *tile, int a_buf, KVal a0, int64_t a_stride, int b_buf, KVal b0)
{
    KVal b[TILE_MAX_VECTORS];
    for (int v = 0; v < tile->vectors; v++)
        b[v] = kb_load_pair(kb, b_buf, kb_iaddc(kb, b0, (int64_t)2 * v * tile->lanes), tile->lanes);
    for (int r = 0; r < tile->rows; r++) {
        KVal a = kb_load_pair(kb, a_buf, kb_iaddc(kb, a0, r * a_stride), 1);
        a = kb_splat(kb, a, tile->lanes);
        for (int v = 0; v < tile->vectors; v++) {
            KVal sum = tile_at(tile, r, v);
            kb_set(kb, sum, kb_dot2(kb, a, b[v], kb_get(kb, sum)));
        }
    }
}

Tile tile_zeros(KB *kb, int rows, int vectors, int lanes)
{
    Tile tile = {.rows = rows, .vectors = vectors, .lanes = lanes};
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            tile_at(&tile, r, v) = kb_var(kb, kb_f(kb, 0, lanes));
    return tile;
}

void tile_store(KB *kb, const Tile *tile, int buf, KVal to, int64_t pitch)
{
    for (int r = 0; r < tile->rows; r++)
        for (int v = 0; v < tile->vectors; v++)
            kb_store(kb, buf, kb_iaddc(kb, to, r * pitch + v * tile->lanes),
                     kb_get(kb, tile_at(tile, r, v)), tile->lanes);
}

void tile_add(KB *kb, const Tile *tile, int buf, KVal from, int64_t pitch)
{
    for (int r = 0; r < tile->rows; r++) {
        for (int v = 0; v < tile->vectors; v++) {
            KVal sum = tile_at(tile, r, v), at = kb_iaddc(kb, from, r * pitch + v * tile->lanes);
            KVal more = kb_load(kb, buf, at, tile->lanes, tile->lanes);
            kb_set(kb, sum, kb_fop(kb, K_FADD, kb_get(kb, sum), more));
        }
    }
}

bool conv_as_product(ConvGeom *g)
{
    if (g->kh != 1 || g->kw != 1 || g->stride_h != 1 || g->stride_w != 1 || g->pad_t != 0 ||
        g->pad_l != 0 || g->dh != g->sh || g->dw != g->sw || g->up_h != 1 || g->up_w != 1)
        return false;
    g->n *= g->dh * g->dw;
    g->sh = g->sw = g->dh = g->dw = 1;
    return true;
}

KVal tile_finish(KB *kb, const ConvOptions *options, KVal y, KVal bias, int residual_buf, KVal res,
                 int active)
{
    if (options->bias)
        y = kb_fop(kb, K_FADD, y, bias);
    if (options->residual)
        y = kb_fop(kb, K_FADD, y, kb_load(kb, residual_buf, res, kb_lanes(kb, y), active));
    return kernel_act_apply(kb, options->act, y);
}

void tile_result(KB *kb, const Tile *tile, const TileResult *at)
{
    const ConvOptions *o = at->options;
    KVal out = kb_imad(kb, at->row, at->dst_pitch, at->col);
    KVal res = o->residual ? kb_imad(kb, at->row, at->residual_pitch, at->col) : KVAL_NONE;
    for (int v = 0; v < tile->vectors; v++) {
        int lanes = tile->lanes, active = v == tile->vectors - 1 ? at->last_active : lanes;
        KVal col = kb_iaddc(kb, at->col, v * lanes), bias = KVAL_NONE;
        if (o->bias)
            bias = kb_load(kb, at->bias, col, lanes, lanes);
        for (int r = 0; r < tile->rows; r++) {
            KVal from = KVAL_NONE;
            if (o->residual)
                from = kb_iaddc(kb, res, r * at->residual_pitch + v * lanes);
            KVal y = tile_finish(kb, o, kb_get(kb, tile_at(tile, r, v)), bias, at->residual, from,
                                 active);
            kb_store(kb, at->dst, kb_iaddc(kb, out, r * at->dst_pitch + v * lanes), y, active);
        }
    }
}

/* Cycles of one step of the sum, in halves: two fused multiply-adds and two loads a cycle, and no
 * less than the four cycles that a dependent sum waits. */
static int64_t step_cost(int64_t rows, int vectors)
{
    int64_t fma = rows * vectors, loads = rows + vectors;
    int64_t cost = fma > loads ? fma : loads;
    return (cost < 8 ? 8 : cost) + 1;
}

int tile_choose_rows(KernelTarget target, int64_t rows, int vectors, int64_t pitch)
{
    int budget = target.registers >= 32 ? 28 : target.registers - 3;
    int64_t most = budget / vectors;
    if (most > TILE_MAX_ROWS)
        most = TILE_MAX_ROWS;
    if (pitch % L1_WAY == 0 && most > L1_WAYS)
        most = L1_WAYS;
    if (most < 1)
        most = 1;
    int best = 1;
    int64_t best_cost = INT64_MAX;
    for (int64_t r = 1; r <= most && r <= rows; r++) {
        int64_t rest = rows % r;
        int64_t cost = rows / r * step_cost(r, vectors) + (rest ? step_cost(rest, vectors) + 4 : 0);
        if (cost <= best_cost) {
            best_cost = cost;
            best = (int)r;
        }
    }
    return best;
}

double tile_share(int64_t rows, int tile_rows, int64_t cols, int64_t panel, int lanes)
{
    int vectors = (int)(panel / lanes);
    int64_t full = rows / tile_rows, rest = rows % tile_rows;
    int64_t cost = full * step_cost(tile_rows, vectors) + (rest ? step_cost(rest, vectors) : 0);
    int64_t panels = div_up(cols, panel);
    return (double)(rows * vectors) / (double)cost * (double)cols / (double)(panels * panel);
}

int64_t kernel_panel(KernelTarget target, int64_t cols)
{
    int64_t vectors = div_up(cols, target.lanes);
    int64_t v = vectors == 1 ? 1 : vectors % 3 == 0 && target.registers >= 32 ? 3 : 2;
    return v * target.lanes;
}

int64_t kernel_panel_size(int64_t rows, int64_t cols, int64_t panel)
{
    return div_up(cols, panel) * rows * panel;
}

enum { SMALL_STEP = 16 * 1024 /* operations: some microseconds */ };

int64_t tasks_for(int64_t operations, int64_t most)
{
    return operations < SMALL_STEP ? 1 : most;
}

/* n things in runs of `each`. */
static Split runs_of(int64_t n, int64_t each)
{
    return (Split){.n = n, .groups = div_up(n, each), .each = each};
}

/* What the busier of two cores gets, each taking half of the runs. */
static int64_t half_load(Split s)
{
    int64_t first = s.groups / 2 * s.each;
    return first > s.n - first ? first : s.n - first;
}

Split split_even(int64_t n, int64_t max_groups)
{
    int64_t groups = n < max_groups ? n : max_groups;
    Split best = runs_of(n, div_up(n, groups));
    for (int64_t g = groups - 1; g >= 1 && g * 2 >= groups; g--) {
        Split s = runs_of(n, div_up(n, g));
        if (half_load(s) < half_load(best))
            best = s;
    }
    return best;
}

KVal split_lo(KB *kb, Split split, KVal group)
{
    return kb_imulc(kb, group, split.each);
}

KVal split_hi(KB *kb, Split split, KVal group)
{
    KVal hi = kb_iaddc(kb, kb_imulc(kb, group, split.each), split.each);
    return split.n % split.each ? kb_iop(kb, K_IMIN, hi, kb_i(kb, split.n)) : hi;
}

void vector_loop(KB *kb, KVal base, int64_t n, int lanes, VectorBody body, void *arg)
{
    int64_t whole = n / lanes * lanes, rest = n - whole;
    if (whole > 0) {
        if (whole == lanes) {
            body(kb, base, lanes, lanes, arg);
        } else {
            KVal i = kb_for(kb, kb_i(kb, 0), kb_i(kb, whole), lanes);
            body(kb, kb_iadd(kb, base, i), lanes, lanes, arg);
            kb_end(kb);
        }
    }
    if (rest > 0)
        body(kb, kb_iaddc(kb, base, whole), lanes, (int)rest, arg);
}

enum { FLAT_TASK = 8192, FLAT_MAX_TASKS = 64 };

int64_t flat_tasks(int64_t n, int lanes, int64_t *each)
{
    int64_t size = tasks_for(n / lanes, 2) == 1 ? n : FLAT_TASK;
    if (n / size > FLAT_MAX_TASKS)
        size = div_up(n / FLAT_MAX_TASKS, lanes) * lanes;
    *each = size;
    return div_up(n, size);
}

void flat_loop(KB *kb, int64_t n, int64_t each, int lanes, VectorBody body, void *arg)
{
    KVal task = kb_task(kb);
    int64_t tasks = div_up(n, each), rest = n % each;
    if (tasks == 1) {
        vector_loop(kb, kb_i(kb, 0), n, lanes, body, arg);
        return;
    }
    KVal base = kb_imulc(kb, task, each);
    if (!rest) {
        vector_loop(kb, base, each, lanes, body, arg);
        return;
    }
    kb_if(kb, kb_iop(kb, K_ILT, task, kb_i(kb, tasks - 1)));
    vector_loop(kb, base, each, lanes, body, arg);
    kb_end(kb);
    kb_if(kb, kb_iop(kb, K_IEQ, task, kb_i(kb, tasks - 1)));
    vector_loop(kb, base, rest, lanes, body, arg);
    kb_end(kb);
}
