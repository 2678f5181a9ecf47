/* run_folder.c - reads runs/NAME: spec.yaml and history.csv, as runtime/grt_train.c and
 * grt_history.c write them. */
#include "compiler/base/base.h"
#include "compiler/tool/run_folder.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { EPOCHS, BEST, LAST, VAL_LOSS, ACCURACY, SECONDS };
const ResultDesc RESULTS[N_RESULTS] = {
    [EPOCHS] = {"epochs_done", "epochs done"}, [BEST] = {"best_val_accuracy", "best val acc"},
    [LAST] = {"val_accuracy", "val acc"},      [VAL_LOSS] = {"val_loss", "val loss"},
    [ACCURACY] = {"accuracy", "train acc"},    [SECONDS] = {"seconds", "seconds"},
};

const char *run_spec(Ctx *ctx, const char *folder)
{
    const char *path = arena_printf(ctx->arena, "%s/spec.yaml", folder);
    return access(path, F_OK) == 0 ? path : NULL;
}

Names runs_in(Ctx *ctx, const char *folder)
{
    Names out = {0};
    uint32_t n = 0;
    const char *const *names = folder_names(ctx, folder, &n);
    for (uint32_t i = 0; names && i < n; i++) {
        const char *path = arena_printf(ctx->arena, "%s/%s", folder, names[i]);
        if (run_spec(ctx, path))
            *arr_push(ctx->arena, &out) = path;
    }
    return out;
}

/* ---------------------------------------------------------------------- history.csv */

enum { MAX_COLUMNS = 16 };
typedef struct Csv {
    char *heads[MAX_COLUMNS], *cells[MAX_COLUMNS]; /* of the line under way */
    uint32_t n_heads, n_cells;
} Csv;

/* Cuts a line into cells at its commas. */
static uint32_t cut(char *line, char **cells)
{
    uint32_t n = 0;
    for (char *cell; n < MAX_COLUMNS && (cell = strsep(&line, ",")); n++)
        cells[n] = cell;
    return n;
}

/* The cell under this head; NaN when there is none. */
static double cell(const Csv *csv, const char *head)
{
    for (uint32_t i = 0; i < csv->n_heads && i < csv->n_cells; i++)
        if (strcmp(csv->heads[i], head) == 0 && *csv->cells[i])
            return strtod(csv->cells[i], NULL);
    return NAN;
}

RunResults run_results(Ctx *ctx, const char *folder)
{
    RunResults out = {.any = false};
    Csv csv = {.n_heads = 0};
    const SourceFile *file = file_read(ctx, arena_printf(ctx->arena, "%s/history.csv", folder));
    char *text = file ? arena_strdup(ctx->arena, file->text) : NULL, *line = strsep(&text, "\n");
    for (int i = 0; i < N_RESULTS; i++)
        out.values[i] = NAN;
    csv.n_heads = line ? cut(line, csv.heads) : 0;
    double seconds = 0;
    while ((line = strsep(&text, "\n")) && *line) {
        csv.n_cells = cut(line, csv.cells);
        double accuracy = cell(&csv, "val_accuracy"), eval = cell(&csv, "val_seconds");
        seconds += cell(&csv, "seconds") + (isnan(eval) ? 0 : eval);
        out.any = true;
        out.values[EPOCHS] = cell(&csv, "epoch");
        out.values[BEST] = fmax(out.values[BEST], accuracy);
        out.values[LAST] = accuracy;
        out.values[VAL_LOSS] = cell(&csv, "val_loss");
        out.values[ACCURACY] = cell(&csv, "accuracy");
        out.values[SECONDS] = seconds;
    }
    return out;
}
