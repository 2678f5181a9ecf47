/* table.c - prints a table in blocks that fit, or as Markdown. */
#include "compiler/base/base.h"
#include "compiler/tool/table.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { GAP = 2, WIDEST = 44 };

Table table_create(Arena *arena, uint32_t n_rows)
{
    return (Table){.arena = arena, .n_rows = n_rows};
}

void table_column(Table *table, const char *head, bool right)
{
    TableColumn *column = arr_push(table->arena, &table->columns);
    *column = (TableColumn){head, right, arena_array(table->arena, const char *, table->n_rows)};
}

void table_cell(Table *table, uint32_t row, const char *text)
{
    table->columns.at[table->columns.n - 1].cells[row] = text;
}

int terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    if (columns && atoi(columns) > 0)
        return atoi(columns);
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* Bytes of UTF-8 that begin a character. */
static int characters(const char *text, size_t n)
{
    int count = 0;
    for (size_t i = 0; i < n && text[i]; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static int width_of(const char *text)
{
    int n = characters(text, SIZE_MAX);
    return n < WIDEST ? n : WIDEST;
}

static int column_width(const Table *table, const TableColumn *column)
{
    int width = width_of(column->head);
    for (uint32_t i = 0; i < table->n_rows; i++)
        if (width_of(column->cells[i]) > width)
            width = width_of(column->cells[i]);
    return width;
}

static void put_cell(Buf *line, const char *text, int width, bool right)
{
    int n = characters(text, SIZE_MAX);
    size_t bytes = strlen(text);
    bool cut = n > WIDEST;
    if (cut) {
        bytes = 0;
        while (characters(text, bytes + 1) <= WIDEST - 3)
            bytes++;
        n = WIDEST;
    }
    buf_printf(line, "%*s", right ? width - n : 0, "");
    buf_add(line, text, bytes);
    buf_printf(line, "%s%*s", cut ? "..." : "", right ? 0 : width - n, "");
}

static void put_line(Buf *line, Buf *out)
{
    while (line->n && line->at[line->n - 1] == ' ')
        line->n--;
    buf_add(out, line->at, line->n);
    buf_puts(out, "\n");
}

/* The first column and those from `first` to before `end`; row -1 is the heads. */
static void print_row(const Table *table, const int *widths, uint32_t first, uint32_t end, int row,
                      Buf *out)
{
    Buf line = buf_create(out->arena);
    for (uint32_t k = 0; k < end; k = k == 0 ? first : k + 1) {
        const TableColumn *column = &table->columns.at[k];
        buf_printf(&line, "%*s", k ? GAP : 0, "");
        put_cell(&line, row < 0 ? column->head : column->cells[row], widths[k], column->right);
    }
    put_line(&line, out);
}

void table_print_text(const Table *table, int width, Buf *out)
{
    uint32_t n = table->columns.n;
    int *widths = arena_array(out->arena, int, n);
    for (uint32_t k = 0; k < n; k++)
        widths[k] = column_width(table, &table->columns.at[k]);
    for (uint32_t first = 1, end; first < n; first = end) {
        int used = widths[0];
        for (end = first; end < n; end++) {
            if (width && end > first && used + GAP + widths[end] > width)
                break;
            used += GAP + widths[end];
        }
        if (first > 1)
            buf_puts(out, "\n");
        for (int row = -1; row < (int)table->n_rows; row++)
            print_row(table, widths, first, end, row, out);
    }
}

static void md_cell(Buf *out, const char *text)
{
    for (const char *c = text; *c; c++)
        buf_printf(out, *c == '|' ? "\\%c" : "%c", *c);
    buf_puts(out, " |");
}

void table_print_md(const Table *table, Buf *out)
{
    for (int row = -2; row < (int)table->n_rows; row++) {
        buf_puts(out, "|");
        for (uint32_t k = 0; k < table->columns.n; k++) {
            const TableColumn *column = &table->columns.at[k];
            buf_puts(out, " ");
            if (row == -1)
                md_cell(out, column->right ? "---:" : "---");
            else
                md_cell(out, row < 0 ? column->head : column->cells[row]);
        }
        buf_puts(out, "\n");
    }
}
