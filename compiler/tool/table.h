/* table.h - a table of texts: for a terminal of some width, and as Markdown. */
#ifndef GRAFT_TABLE_H
#define GRAFT_TABLE_H

#include "compiler/base/base.h"

typedef struct TableColumn {
    const char *head;
    bool right; /* numbers stand to the right */
    const char **cells;
} TableColumn;

typedef struct Table {
    Arena *arena;
    uint32_t n_rows;
    ARR(TableColumn) columns;
} Table;

Table table_create(Arena *arena, uint32_t n_rows);
/* A new last column; its cells are set by table_cell. */
void table_column(Table *table, const char *head, bool right);
void table_cell(Table *table, uint32_t row, const char *text);

/* Columns of a terminal: $COLUMNS, or what standard output says; 0 when it is none. */
int terminal_width(void);
/* In blocks of columns that are no wider than `width` (0: one block), each with the first column
 * before it. Long cells are cut. */
void table_print_text(const Table *table, int width, Buf *out);
void table_print_md(const Table *table, Buf *out);

#endif
