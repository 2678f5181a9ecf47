/* kernel_tile.h - register tiles and the cutting of work into tasks, shared by the generators. */
#ifndef GRAFT_KERNEL_TILE_H
#define GRAFT_KERNEL_TILE_H

#include "compiler/kernel/kernel.h"

enum {
    TILE_MAX_ROWS = 16,
    TILE_MAX_VECTORS = 4,
    L1_WAY = 4096,    /* bytes; on all machines with pages of 4 KiB */
    L1_WAYS = 8,      /* or more */
    COLUMN_TASKS = 8, /* of a step of a Dense layer's training: each has some of its columns */
    CORE_PARTS = 2,   /* runs of tasks with memory of their own: cores need not share a cache */
    TRANSPOSED_AT_ONCE = 4, /* columns side by side, so that what one load brings is used at once */
    VECTOR = 16 /* lanes that operations are counted in: choices are the same on all machines */
};

/* rows x vectors accumulators. */
typedef struct Tile {
    int rows, vectors, lanes;
    int last_active; /* lanes of b's last vector that may be read; 0: all */
    KVal sum[TILE_MAX_ROWS * TILE_MAX_VECTORS]; /* VARs */
} Tile;
#define tile_at(tile, r, v) ((tile)->sum[(r)*TILE_MAX_VECTORS + (v)])

/* The same of pairs of bfloat16: sum[r][v] += the two at a[a0 + r * a_stride] with those of each
 * column at b[b0 + 2 * v * lanes ..]. */
void tile_dot2(KB *kb, const Tile *tile, int a_buf, KVal a0, int64_t a_stride, int b_buf, KVal b0);
/* sum[r][v] += a[a0 + r * a_stride] * b[b0 + v * lanes ..] */
void tile_fma(KB *kb, const Tile *tile, int a_buf, KVal a0, int64_t a_stride, int b_buf, KVal b0);
/* A tile of sums that start from zero. */
Tile tile_zeros(KB *kb, int rows, int vectors, int lanes);
/* Its sums in whole vectors: those of row r at buf[to + r * pitch ..]. */
void tile_store(KB *kb, const Tile *tile, int buf, KVal to, int64_t pitch);
/* What tile_store stored is added to the sums. */
void tile_add(KB *kb, const Tile *tile, int buf, KVal from, int64_t pitch);
/* What follows the sum y of a convolution: bias, residual (loaded at `res`), activation; bias and
 * residual where the options have them. The bias comes last: where it is large, a sum that starts
 * from it is rounded at its size at every step. */
KVal tile_finish(KB *kb, const ConvOptions *options, KVal y, KVal bias, int residual_buf, KVal res,
                 int active);
/* Where a tile is the result of a convolution: row r, vector v at dst[(row + r) * dst_pitch + col
 * + v * lanes ..], the last vector with so many active lanes. */
typedef struct TileResult {
    const ConvOptions *options;
    int dst, bias, residual;
    KVal row, col;
    int64_t dst_pitch, residual_pitch;
    int last_active;
} TileResult;
/* What follows the sums of a tile, then the store. */
void tile_result(KB *kb, const Tile *tile, const TileResult *at);
/* Rows of the tile that take the fewest cycles for `rows` rows, `pitch` bytes apart, and `vectors`
 * vectors. Rows whose distance is a multiple of L1_WAY compete for one set of the cache: there are
 * no more of them than it holds. */
int tile_choose_rows(KernelTarget target, int64_t rows, int vectors, int64_t pitch);

/* The share of the multiply-adds a second that a product of (rows x k) and (k x cols) in such tiles
 * is expected to have. */
double tile_share(int64_t rows, int tile_rows, int64_t cols, int64_t panel, int lanes);

/* Tasks of a step that takes so many operations on vectors, `most` at most: one where waking
 * another core would take as long as the step. */
int64_t tasks_for(int64_t operations, int64_t most);

/* Whether a convolution is one product, all pixels of all samples being its rows; it is then given
 * that form, of one pixel. */
bool conv_as_product(ConvGeom *geom);

/* n things in `groups` runs of `each` (the last may be shorter). */
typedef struct Split {
    int64_t n, groups, each;
} Split;
Split split_even(int64_t n, int64_t max_groups);
KVal split_lo(KB *kb, Split split, KVal group);
KVal split_hi(KB *kb, Split split, KVal group);

/* A loop over `n` floats in whole vectors, then the rest: calls body(kb, index, lanes, active, arg)
 * once in the loop and once for the rest. Used by element-wise kernels. */
typedef void (*VectorBody)(KB *kb, KVal index, int lanes, int active, void *arg);
void vector_loop(KB *kb, KVal base, int64_t n, int lanes, VectorBody body, void *arg);

/* A flat kernel over n elements cut into tasks of whole vectors: returns the task's first element
 * and opens nothing; use flat_loop. */
int64_t flat_tasks(int64_t n, int lanes, int64_t *each);
void flat_loop(KB *kb, int64_t n, int64_t each, int lanes, VectorBody body, void *arg);

#endif
