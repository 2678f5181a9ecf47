/* graph_summary.c - the table of layers with their shapes, parameters and costs. */
#include "compiler/base/base.h"
#include "compiler/graph/graph_summary.h"

#include <inttypes.h>

static int64_t node_n_params(const Node *node)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < node->params.n; i++)
        n += param_size(&node->params.at[i]);
    return n;
}

static int64_t node_n_trainable(const Node *node)
{
    int64_t n = 0;
    for (uint32_t i = 0; node->trainable && i < node->params.n; i++)
        if (!node->params.at[i].statistic)
            n += param_size(&node->params.at[i]);
    return n;
}

GraphTotals graph_totals(const Graph *graph)
{
    GraphTotals totals = {0};
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        const Node *node = &graph->nodes.at[i];
        totals.params += node_n_params(node);
        totals.trainable += node_n_trainable(node);
        totals.macs += node_macs(graph, node, false);
        totals.live_macs += node_macs(graph, node, true);
    }
    return totals;
}

/* ----------------------------------------------------------------------- table */

enum { N_COLUMNS = 6, GAP = 2 };
typedef struct Row {
    const char *cells[N_COLUMNS];
} Row;
static const bool RIGHT[N_COLUMNS] = {[3] = true, [5] = true};

/* "" for none */
static const char *rounded(Arena *arena, int64_t n)
{
    return n ? text_rounded(arena, n) : "";
}

static const char *shape_cell(Arena *arena, Shape s)
{
    if (s.flat)
        return arena_printf(arena, "(None, %" PRId64 ")", s.c);
    return arena_printf(arena, "(None, %" PRId64 ", %" PRId64 ", %" PRId64 ")", s.h, s.w, s.c);
}

static Row node_row(Arena *arena, const Graph *graph, const Node *node)
{
    const char *state = !node->params.n ? "" : node->trainable ? "trains" : "frozen";
    return (Row){{node->name, LAYER_KINDS[node->kind].name, shape_cell(arena, node->shape),
                  text_grouped(arena, node_n_params(node)), state,
                  rounded(arena, node_macs(graph, node, false))}};
}

static void print_row(const Row *row, const int *widths, Buf *out)
{
    Buf line = buf_create(out->arena);
    for (int i = 0; i < N_COLUMNS; i++) {
        int gap = i ? GAP : 0;
        buf_printf(&line, "%*s", gap, "");
        buf_printf(&line, RIGHT[i] ? "%*s" : "%-*s", widths[i], row->cells[i]);
    }
    while (line.n && line.at[line.n - 1] == ' ')
        line.n--;
    buf_add(out, line.at, line.n);
    buf_puts(out, "\n");
}

static void print_rule(const int *widths, Buf *out)
{
    int width = GAP * (N_COLUMNS - 1);
    for (int i = 0; i < N_COLUMNS; i++)
        width += widths[i];
    while (width-- > 0)
        buf_puts(out, "-");
    buf_puts(out, "\n");
}

static void print_totals(const Graph *graph, Buf *out)
{
    Arena *arena = out->arena;
    GraphTotals totals = graph_totals(graph);
    double kib = (double)totals.params * 4 / 1024;
    buf_printf(out, "Total params: %s (%.1f %s)\n", text_grouped(arena, totals.params),
               kib < 1024 ? kib : kib / 1024, kib < 1024 ? "KiB" : "MiB");
    buf_printf(out, "Trainable params: %s\n", text_grouped(arena, totals.trainable));
    buf_printf(out, "Non-trainable params: %s\n",
               text_grouped(arena, totals.params - totals.trainable));
    buf_printf(out, "Multiply-adds an image: %s, %s without those that meet only padding\n",
               rounded(arena, totals.macs), rounded(arena, totals.live_macs));
    if (graph->n_dropped)
        buf_printf(out, "Dropped by the slice at %s: %u layers of %s\n", graph->spec->slice,
                   graph->n_dropped, graph->backbone->name);
}

void graph_summary(const Graph *graph, Buf *out)
{
    Row head = {{"Layer", "Type", "Output shape", "Params", "Train", "MACs"}};
    Row *rows = arena_array(out->arena, Row, graph->nodes.n + 1);
    int widths[N_COLUMNS] = {0};
    for (uint32_t i = 0; i <= graph->nodes.n; i++) {
        rows[i] = i ? node_row(out->arena, graph, &graph->nodes.at[i - 1]) : head;
        for (int k = 0; k < N_COLUMNS; k++) {
            int length = (int)strlen(rows[i].cells[k]);
            if (widths[k] < length)
                widths[k] = length;
        }
    }
    print_row(&rows[0], widths, out);
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        if (i == 0 || graph->nodes.at[i].part != graph->nodes.at[i - 1].part)
            print_rule(widths, out);
        print_row(&rows[i + 1], widths, out);
    }
    print_rule(widths, out);
    print_totals(graph, out);
}

/* ------------------------------------------------------------------------ JSON */

static void json_node(const Graph *graph, const Node *node, Buf *out)
{
    Shape s = node->shape;
    buf_puts(out, "{\"name\":");
    buf_json_string(out, node->name);
    buf_printf(out, ",\"type\":\"%s\",\"output_shape\":[null,", LAYER_KINDS[node->kind].name);
    if (!s.flat)
        buf_printf(out, "%" PRId64 ",%" PRId64 ",", s.h, s.w);
    buf_printf(out, "%" PRId64 "],\"params\":%" PRId64 ",\"trainable\":%s,\"macs\":%" PRId64 "}",
               s.c, node_n_params(node), node->trainable ? "true" : "false",
               node_macs(graph, node, false));
}

void graph_summary_json(const Graph *graph, Buf *out)
{
    GraphTotals totals = graph_totals(graph);
    buf_puts(out, "{\"layers\":[");
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        if (i)
            buf_puts(out, ",");
        buf_puts(out, "\n");
        json_node(graph, &graph->nodes.at[i], out);
    }
    buf_printf(out,
               "],\n\"total_params\":%" PRId64 ",\"trainable_params\":%" PRId64 ",\"macs\":%" PRId64
               ",\"live_macs\":%" PRId64 "}\n",
               totals.params, totals.trainable, totals.macs, totals.live_macs);
}
