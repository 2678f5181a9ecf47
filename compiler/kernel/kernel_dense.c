/* kernel_dense.c - the gradient of a Dense layer's weights, with the optimizer.
 *
 * The sum of a weight's gradient has only as many products as there are samples: the optimizer's
 * divisions, roots and traffic take as long. A finished tile of gradients therefore waits in the
 * first-level cache while the next one is summed, and its vectors go to the optimizer between the
 * steps of that sum.
 *
 * Rows of x and dy lie a power of two apart as often as not, and would push each other out of the
 * cache. x comes in tiles (kernel_dense_tiles), and a task copies its columns of dy.
 *
 * Cores need not share a cache. What one writes in each step and another reads then costs as much
 * as tens of products a line, so each half of the tasks has x in tiles of its own. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"

enum {
    MAX_SAMPLES = 128, /* above, the optimizer's share is small */
    UPDATE_OPS = 16,   /* of the optimizer on a vector of weights */
    BLOCK_TILES = 16,
    COPY_BYTES = 128 * 1024
};

typedef struct Dense {
    KB *kb;
    const KernelOptimizer *optimizer;
    int64_t n, ci, co, panel;
    Split panels, tiles; /* of the whole matrix: panels of columns; tiles of rows, rest included */
    int lanes, vectors, rows;
    KVal panel_lo, n_panels; /* the task's */
    KVal x_lo;               /* where its copy of x begins */
    int x, dy, dy_panels, waiting;
    UpdateArgs args;
    UpdateConsts consts;
} Dense;

/* Tiles of `rows` rows that stand one after the other from row `ci` on. */
typedef struct Run {
    KVal ci, n_tiles;
    int rows;
} Run;

/* A vector of dy, `active` columns of which there are. */
static void copy_if(const Dense *d, KVal cond, KVal from, KVal to, int active)
{
    KB *kb = d->kb;
    kb_if(kb, cond);
    KVal value = active ? kb_load(kb, d->dy, from, d->lanes, active) : kb_f(kb, 0, d->lanes);
    kb_store(kb, d->dy_panels, to, value, d->lanes);
    kb_end(kb);
}

/* Vector v of the panels' rows: whole in most panels, cut in one, beyond the last column in others;
 * cases that no panel has are left out. */
static void copy_vector(const Dense *d, KVal n, KVal first, KVal to, int v)
{
    KB *kb = d->kb;
    int rest = (int)(d->co % d->lanes);
    int64_t whole = d->co / d->lanes, at = (int64_t)v * d->lanes;
    KVal from = kb_imad(kb, n, d->co, first);
    if (v < whole)
        copy_if(d, kb_iop(kb, K_ILT, first, kb_i(kb, d->co - d->lanes + 1)), from, to, d->lanes);
    if (rest && whole % d->vectors == v)
        copy_if(d, kb_iop(kb, K_IEQ, first, kb_i(kb, d->co - rest)), from, to, rest);
    if ((d->panels.n - 1) * d->panel + at >= d->co)
        copy_if(d, kb_iop(kb, K_ILT, kb_i(kb, d->co - 1), first), from, to, 0);
}

/* The task's columns of dy: (panels, samples, panel), zero where there is no column. */
static void copy_dy(const Dense *d)
{
    KB *kb = d->kb;
    KVal p = kb_for(kb, kb_i(kb, 0), d->n_panels, 1);
    KVal n = kb_for(kb, kb_i(kb, 0), kb_i(kb, d->n), 1);
    KVal col = kb_imulc(kb, kb_iadd(kb, d->panel_lo, p), d->panel);
    KVal to = kb_imulc(kb, kb_imad(kb, p, d->n, n), d->panel);
    for (int v = 0; v < d->vectors; v++)
        copy_vector(d, n, kb_iaddc(kb, col, v * d->lanes), kb_iaddc(kb, to, v * d->lanes), v);
    kb_end(kb);
    kb_end(kb);
}

/* --------------------------------------------------------------------- tiles */

/* First row of turn i's tile: a run goes through a panel's tiles, then the next panel's. */
static KVal turn_row(const Dense *d, const Run *run, KVal i)
{
    return kb_imad(d->kb, kb_iop(d->kb, K_IREM, i, run->n_tiles), run->rows, run->ci);
}

/* Where the weights of turn i's tile begin: they lie side by side. */
static KVal turn_weights(const Dense *d, const Run *run, KVal i)
{
    KB *kb = d->kb;
    KVal panel = kb_iadd(kb, d->panel_lo, kb_iop(kb, K_IDIV, i, run->n_tiles));
    return kb_imulc(kb, kb_imad(kb, panel, d->ci, turn_row(d, run, i)), d->panel);
}

/* `n` vectors of the waiting tile from `first` on; its weights begin at w. */
static void update(const Dense *d, KVal w, KVal first, int64_t n)
{
    KB *kb = d->kb;
    for (int64_t i = 0; i < n; i++) {
        KVal at = kb_imulc(kb, kb_iaddc(kb, first, i), d->lanes);
        KVal gradient = kb_load(kb, d->waiting, at, d->lanes, d->lanes);
        kernel_update_apply(kb, d->args, &d->consts, d->optimizer, kb_iadd(kb, w, at), gradient,
                            d->lanes, d->lanes);
    }
}

/* Samples lo .. hi-1 of the tile's sum; between them `each` vectors of the waiting tile go to the
 * optimizer. */
static void sum(const Dense *d, const Tile *tile, KVal x, KVal panel, int64_t lo, int64_t hi,
                KVal w, int64_t each)
{
    KB *kb = d->kb;
    if (lo == hi)
        return;
    int64_t unroll = (hi - lo) % 2 ? 1 : 2;
    KVal n = kb_for(kb, kb_i(kb, lo), kb_i(kb, hi), unroll);
    for (int64_t u = 0; u < unroll; u++) {
        KVal s = kb_iaddc(kb, n, u);
        if (each)
            update(d, w, kb_imulc(kb, s, each), each);
        KVal dy = kb_imulc(kb, kb_imad(kb, panel, d->n, s), d->panel);
        tile_fma(kb, tile, d->x, kb_imad(kb, s, tile->rows, x), 1, d->dy_panels, dy);
    }
    kb_end(kb);
}

/* Vectors that go to the optimizer in a step of a sum: a divisor of the tile's. */
static int64_t vectors_a_step(const Dense *d, int64_t vectors)
{
    int64_t each = 1;
    while (vectors % each != 0 || vectors / each > d->n)
        each++;
    return each;
}

/* The sum of turn i, which then waits. Before it, unless i is the first turn, waits turn i - 1. */
static void turn(const Dense *d, const Run *run, KVal i, bool first)
{
    KB *kb = d->kb;
    int64_t vectors = (int64_t)run->rows * d->vectors, each = vectors_a_step(d, vectors);
    int64_t shared = first ? 0 : vectors / each;
    KVal panel = kb_iop(kb, K_IDIV, i, run->n_tiles);
    KVal x = kb_imad(kb, turn_row(d, run, i), d->n, d->x_lo);
    Tile tile = tile_zeros(kb, run->rows, d->vectors, d->lanes);
    KVal w = first ? KVAL_NONE : turn_weights(d, run, kb_iaddc(kb, i, -1));
    sum(d, &tile, x, panel, 0, shared, w, each);
    sum(d, &tile, x, panel, shared, d->n, KVAL_NONE, 0);
    tile_store(kb, &tile, d->waiting, kb_i(kb, 0), d->panel);
}

/* All turns of a run of n_tiles >= 1 tiles. */
static void turns(const Dense *d, const Run *run)
{
    KB *kb = d->kb;
    KVal n = kb_iop(kb, K_IMUL, run->n_tiles, d->n_panels);
    turn(d, run, kb_i(kb, 0), true);
    KVal i = kb_for(kb, kb_i(kb, 1), n, 1);
    turn(d, run, i, false);
    kb_end(kb);
    KVal v = kb_for(kb, kb_i(kb, 0), kb_i(kb, (int64_t)run->rows * d->vectors), 1);
    update(d, turn_weights(d, run, kb_iaddc(kb, n, -1)), v, 1);
    kb_end(kb);
}

/* Row tiles lo .. hi-1; the last of all may be narrow. */
static void row_tiles(const Dense *d, KVal lo, KVal hi)
{
    KB *kb = d->kb;
    int64_t full = d->ci / d->rows, rest = d->ci % d->rows;
    if (full > 0) {
        KVal end = kb_iop(kb, K_IMIN, hi, kb_i(kb, full));
        kb_if(kb, kb_iop(kb, K_ILT, lo, end));
        turns(d, &(Run){kb_imulc(kb, lo, d->rows), kb_iop(kb, K_ISUB, end, lo), d->rows});
        kb_end(kb);
    }
    if (rest > 0) {
        kb_if(kb, kb_iop(kb, K_ILT, kb_i(kb, full), hi));
        turns(d, &(Run){kb_i(kb, full * d->rows), kb_i(kb, 1), (int)rest});
        kb_end(kb);
    }
}

/* ------------------------------------------------------ gradient of the weights */

/* Rows of a tile: a vector holds them, and the optimizer has a quarter of the registers. */
static int dense_rows(KernelTarget target, int64_t ci, int vectors)
{
    target.registers -= target.registers / 4;
    int rows = tile_choose_rows(target, ci, vectors, (int64_t)sizeof(float));
    return rows > target.lanes ? target.lanes : rows;
}

/* Tasks that a layer's update is worth. */
static int64_t tasks_of(int64_t n, int64_t ci, int64_t co)
{
    return tasks_for((n + UPDATE_OPS) * ci * co / VECTOR, COLUMN_TASKS);
}

int64_t kernel_dense_copies(const ConvGeom *g)
{
    return tasks_of(g->n, g->sc, g->dc) == 1 ? 1 : CORE_PARTS;
}

typedef struct Tiles {
    KB *kb;
    const ConvGeom *g;
    int lanes, x, out;
    KVal copy; /* where the task's begins */
} Tiles;

/* Part of sample s of x into a tile of `rows` rows. */
static void piece_of_x(const Tiles *t, KVal s, KVal ci, int rows)
{
    KB *kb = t->kb;
    KVal value = kb_load(kb, t->x, kb_imad(kb, s, t->g->sc, ci), t->lanes, rows);
    KVal to = kb_iadd(kb, t->copy, kb_imulc(kb, ci, t->g->n));
    kb_store(kb, t->out, kb_imad(kb, s, rows, to), value, rows);
}

/* In blocks of some tiles sample after sample, not tile after tile: rows of x often lie a multiple
 * of 4 KiB apart and compete for a set of the cache, so each of their lines is used up at once. */
Kernel *kernel_dense_tiles(Arena *arena, KernelTarget target, const ConvGeom *g, int64_t panel)
{
    int rows = dense_rows(target, g->sc, (int)(panel / target.lanes));
    int64_t full = g->sc / rows, rest = g->sc % rows, n = full + (rest > 0);
    int64_t copies = kernel_dense_copies(g);
    Split split = split_even(div_up(n, BLOCK_TILES),
                             copies == 1 ? tasks_for(g->n * g->sc, COLUMN_TASKS) : COLUMN_TASKS);
    KB *kb = kb_begin(arena, "dense_tiles", copies * split.groups);
    kb_title(kb, "(%lld,%lld) in tiles of %d columns%s", (long long)g->n, (long long)g->sc, rows,
             copies > 1 ? ", a copy for each half of the cores" : "");
    Tiles tiles = {.kb = kb, .g = g, .lanes = target.lanes};
    tiles.x = kb_buffer(kb, "x", KE_F32, g->n * g->sc, false);
    tiles.out = kb_buffer(kb, "tiles", KE_F32, copies * g->n * g->sc, true);
    KVal task = kb_task(kb), group = kb_iremc(kb, task, split.groups);
    tiles.copy = kb_imulc(kb, kb_idivc(kb, task, split.groups), g->n * g->sc);
    KVal block = kb_for(kb, split_lo(kb, split, group), split_hi(kb, split, group), 1);
    KVal lo = kb_imulc(kb, block, BLOCK_TILES), hi = kb_iaddc(kb, lo, BLOCK_TILES);
    KVal s = kb_for(kb, kb_i(kb, 0), kb_i(kb, g->n), 1);
    KVal t = kb_for(kb, lo, kb_iop(kb, K_IMIN, hi, kb_i(kb, full)), 1);
    piece_of_x(&tiles, s, kb_imulc(kb, t, rows), rows);
    kb_end(kb);
    if (rest > 0) {
        kb_if(kb, kb_iop(kb, K_ILT, kb_i(kb, full), hi));
        piece_of_x(&tiles, s, kb_i(kb, full * rows), (int)rest);
        kb_end(kb);
    }
    kb_end(kb);
    kb_end(kb);
    return kb_finish(kb);
}

bool kernel_dense_fits(const ConvGeom *g)
{
    return g->kh == 1 && g->kw == 1 && g->dh == 1 && g->dw == 1 && g->sh == 1 && g->sw == 1 &&
           g->n <= MAX_SAMPLES;
}

/* Few tasks, since each copies x, but so many that what they copy of dy stays in the cache. */
static void cut(Dense *d)
{
    int64_t panels = div_up(d->co, d->panel);
    int64_t groups = panels * d->panel * d->n * (int64_t)sizeof(float) / COPY_BYTES + 1;
    int64_t tasks = tasks_of(d->n, d->ci, d->co);
    groups = groups < tasks ? tasks : groups;
    d->panels = split_even(panels, groups);
    d->tiles = split_even(div_up(d->ci, d->rows), div_up(tasks, d->panels.groups));
}

Kernel *kernel_dense_update(Arena *arena, KernelTarget target, const ConvGeom *geom, int64_t panel,
                            const KernelOptimizer *optimizer)
{
    Dense d = {.optimizer = optimizer,
               .n = geom->n,
               .ci = geom->sc,
               .co = geom->dc,
               .panel = panel,
               .lanes = target.lanes,
               .vectors = (int)(panel / target.lanes)};
    d.rows = dense_rows(target, d.ci, d.vectors);
    cut(&d);
    KB *kb = d.kb = kb_begin(arena, "dense_update", d.panels.groups * d.tiles.groups);
    kb_title(kb, "weight gradient and optimizer, %lld x %lld -> %lld, tile %dx%d", (long long)d.n,
             (long long)d.ci, (long long)d.co, d.rows, d.vectors);
    int64_t copies = kernel_dense_copies(geom), tasks = d.panels.groups * d.tiles.groups;
    d.x = kb_buffer(kb, "x", KE_F32, copies * d.n * d.ci, false);
    d.dy = kb_buffer(kb, "dy", KE_F32, d.n * d.co, false);
    d.args = kernel_update_buffers(kb, kernel_panel_size(d.ci, d.co, panel), optimizer);
    d.dy_panels = kb_local(kb, "dy_panels", KE_F32, d.panels.each * d.n * panel);
    d.waiting = kb_local(kb, "waiting", KE_F32, d.rows * panel);
    d.consts = kernel_update_consts(kb, d.args, optimizer, d.lanes);
    KVal task = kb_task(kb), group = kb_idivc(kb, task, d.tiles.groups);
    d.x_lo = kb_imulc(kb, kb_idivc(kb, task, div_up(tasks, copies)), d.n * d.ci);
    d.panel_lo = split_lo(kb, d.panels, group);
    d.n_panels = d.panels.n % d.panels.each
                     ? kb_iop(kb, K_ISUB, split_hi(kb, d.panels, group), d.panel_lo)
                     : kb_i(kb, d.panels.each);
    copy_dy(&d);
    KVal part = kb_iremc(kb, task, d.tiles.groups);
    row_tiles(&d, split_lo(kb, d.tiles, part), split_hi(kb, d.tiles, part));
    return kb_finish(kb);
}
