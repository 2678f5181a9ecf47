/* compare.c - a test's tool: compares numbers of a program with reference numbers.
 *
 *   compare npy OURS GOLDEN TOLERANCE [STRIDE]   float32 .npy; GOLDEN has every STRIDE-th column
 *   compare probs OURS.json GOLDEN TOLERANCE     "probabilities" of predict --json, a row a file
 *   compare csv OURS GOLDEN COLUMN TOLERANCE     one column of two .csv files with a header line
 *
 * npy and probs: the largest difference in units of the reference's standard deviation. csv: the
 * largest difference relative to the reference's value. Prints one line; exit 0 when it is at most
 * TOLERANCE, 1 when it is not or a number is not finite, 2 when the files do not go together. */
#include "compiler/base/base.h"

#include <math.h>
#include <stdlib.h>

typedef struct Table {
    double *at; /* row-major */
    size_t rows, cols;
} Table;

static _Noreturn void trouble(const char *path, const char *what)
{
    fprintf(stderr, "compare: %s: %s\n", path, what);
    exit(2);
}

/* Whole file with a NUL behind it; leaves the program when it cannot be read. */
static char *slurp(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        trouble(path, "cannot be opened");
    size_t cap = 1 << 16, n = 0, got;
    char *text = malloc(cap + 1);
    while (text && (got = fread(text + n, 1, cap - n, file)) > 0) {
        n += got;
        if (n == cap)
            text = realloc(text, (cap *= 2) + 1);
    }
    if (!text || ferror(file))
        trouble(path, "cannot be read");
    fclose(file);
    text[n] = '\0';
    *length = n;
    return text;
}

/* --------------------------------------------------------------------- readers */

/* "(6, 4, 4, 512)": the first number is the rows, the product of the others the columns. */
static void npy_shape(const char *path, const char *header, Table *table)
{
    const char *p = strstr(header, "'shape': (");
    if (!p)
        trouble(path, "has no shape");
    p += strlen("'shape': (");
    table->rows = table->cols = 1;
    for (int axis = 0; *p != ')'; axis++) {
        char *end;
        unsigned long size = strtoul(p, &end, 10);
        if (end == p)
            trouble(path, "has a damaged shape");
        *(axis == 0 ? &table->rows : &table->cols) *= size;
        p = end + strspn(end, ", ");
    }
}

static Table read_npy(const char *path)
{
    size_t length;
    char *bytes = slurp(path, &length);
    if (length < 10 || memcmp(bytes, "\x93NUMPY\x01", 7) != 0)
        trouble(path, "is not a version 1 .npy file");
    size_t header = (size_t)(uint8_t)bytes[8] + 256 * (size_t)(uint8_t)bytes[9],
           start = 10 + header;
    if (start > length)
        trouble(path, "is cut short");
    char *text = strndup(bytes + 10, header);
    if (!strstr(text, "'<f4'") || strstr(text, "'fortran_order': True"))
        trouble(path, "is not float32 in C order");
    Table table;
    npy_shape(path, text, &table);
    size_t n = table.rows * table.cols;
    if (length - start != n * sizeof(float))
        trouble(path, "has another size than its shape says");
    table.at = malloc((n + 1) * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        float value;
        memcpy(&value, bytes + start + i * sizeof value, sizeof value);
        table.at[i] = (double)value;
    }
    free(text);
    free(bytes);
    return table;
}

static void table_push(Table *table, size_t *cap, double value, size_t *n)
{
    if (*n == *cap)
        table->at = realloc(table->at, (*cap = *cap * 2 + 64) * sizeof(double));
    table->at[(*n)++] = value;
}

/* Every number between the bracket behind `p` and its end, be it a list or an object. */
static const char *read_numbers(const char *p, Table *table, size_t *cap, size_t *n)
{
    p += strcspn(p, "[{");
    for (int depth = 0; *p; p++) {
        if (*p == '"') {
            for (p++; *p && *p != '"'; p++)
                p += *p == '\\' && p[1];
        } else if (*p == '[' || *p == '{') {
            depth++;
        } else if (*p == ']' || *p == '}') {
            if (--depth == 0)
                return p;
        } else if (strchr("-+.0123456789", *p)) {
            char *end;
            table_push(table, cap, strtod(p, &end), n);
            p = end > p ? end - 1 : p;
        }
        if (!*p)
            break;
    }
    return p;
}

/* A row for each "probabilities" of the file. */
static Table read_probs(const char *path)
{
    size_t length, cap = 0, n = 0;
    char *text = slurp(path, &length);
    Table table = {0};
    static const char key[] = "\"probabilities\"";
    for (const char *p = text; (p = strstr(p, key)); table.rows++)
        p = read_numbers(p + strlen(key), &table, &cap, &n);
    if (table.rows == 0 || n % table.rows != 0)
        trouble(path, "has no probabilities, or rows of different length");
    table.cols = n / table.rows;
    free(text);
    return table;
}

/* One column of a .csv file; its rows with an empty cell there are an error. */
static Table read_csv(const char *path, const char *column)
{
    size_t length, cap = 0, n = 0;
    char *text = slurp(path, &length), *line_state = NULL;
    Table table = {.cols = 1};
    int wanted = -1;
    for (char *line = strtok_r(text, "\r\n", &line_state); line;
         line = strtok_r(NULL, "\r\n", &line_state)) {
        int index = 0;
        bool header = wanted < 0, found = false;
        for (char *cell; (cell = strsep(&line, ",")); index++) {
            if (header && strcmp(cell, column) == 0)
                wanted = index;
            if (header || index != wanted)
                continue;
            char *end;
            double value = strtod(cell, &end);
            found = end != cell;
            table_push(&table, &cap, value, &n);
        }
        if (wanted < 0)
            trouble(path, "has no such column");
        if (!header && !found)
            trouble(path, "has a line without a number in the column");
    }
    table.rows = n;
    free(text);
    return table;
}

/* ------------------------------------------------------------------ comparison */

static double deviation(const Table *table)
{
    size_t n = table->rows * table->cols;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += table->at[i];
    for (size_t i = 0; i < n; i++)
        squares += (table->at[i] - sum / (double)n) * (table->at[i] - sum / (double)n);
    return sqrt(squares / (double)n);
}

/* unit 0: each difference counts relative to its reference. The exit code. */
static int compare(const Table *ours, const Table *golden, size_t stride, double unit,
                   double tolerance)
{
    double worst = -1;
    size_t row = 0, col = 0;
    for (size_t r = 0; r < golden->rows; r++) {
        for (size_t c = 0; c < golden->cols; c++) {
            double a = ours->at[r * ours->cols + c * stride], b = golden->at[r * golden->cols + c];
            double d = fabs(a - b) / (unit > 0 ? unit : fabs(b));
            d = a == b ? 0 : isfinite(d) ? d : INFINITY;
            if (d > worst) {
                worst = d;
                row = r;
                col = c;
            }
        }
    }
    printf("largest difference %.3g (at most %.3g), row %zu, column %zu: %.7g, reference %.7g\n",
           worst, tolerance, row, col * stride, ours->at[row * ours->cols + col * stride],
           golden->at[row * golden->cols + col]);
    return worst >= 0 && worst <= tolerance ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "";
    bool csv = strcmp(kind, "csv") == 0, probs = strcmp(kind, "probs") == 0;
    if (!csv && !probs && strcmp(kind, "npy") != 0)
        trouble(kind, "is not npy, probs or csv");
    if (argc < (csv ? 6 : 5) || argc > 6 || (probs && argc > 5))
        trouble(kind, "takes OURS GOLDEN [COLUMN] TOLERANCE [STRIDE]");
    Table ours = csv ? read_csv(argv[2], argv[4]) : probs ? read_probs(argv[2]) : read_npy(argv[2]);
    Table golden = csv ? read_csv(argv[3], argv[4]) : read_npy(argv[3]);
    size_t stride = !csv && argc == 6 ? strtoul(argv[5], NULL, 10) : 1;
    double tolerance = strtod(argv[csv ? 5 : 4], NULL);
    int status = 2;
    if (stride == 0 || ours.rows != golden.rows || (ours.cols + stride - 1) / stride != golden.cols)
        fprintf(stderr, "compare: %s is %zu x %zu, %s is %zu x %zu\n", argv[2], ours.rows,
                ours.cols, argv[3], golden.rows, golden.cols);
    else
        status = compare(&ours, &golden, stride, csv ? 0 : deviation(&golden), tolerance);
    free(ours.at);
    free(golden.at);
    return status;
}
