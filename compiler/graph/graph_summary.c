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

/* Of parameters as float32, as files have them. */
static uint64_t param_bytes(int64_t n)
{
    return (uint64_t)n * sizeof(float);
}

/* "" for a layer without weights. */
static const char *node_state(const Node *node)
{
    return !node->params.n ? "" : node->trainable ? "trains" : "frozen";
}

typedef ARR(const LayerSpec *) DroppedLayers;

/* Layers of the backbone that the slice dropped, in the order of its file. */
static DroppedLayers find_dropped(Arena *arena, const Graph *graph)
{
    DroppedLayers dropped = {0};
    StrMap *kept = strmap_create(arena);
    for (uint32_t i = 0; i < graph->nodes.n; i++)
        strmap_put(kept, graph->nodes.at[i].name, &graph->nodes.at[i]);
    for (uint32_t i = 0; graph->backbone && i < graph->backbone->layers.n; i++)
        if (!strmap_get(kept, graph->backbone->layers.at[i].name))
            *arr_push(arena, &dropped) = &graph->backbone->layers.at[i];
    check_bug(dropped.n == graph->n_dropped);
    return dropped;
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

enum { N_COLUMNS = 8, GAP = 2 };
typedef struct Row {
    const char *cells[N_COLUMNS];
} Row;
static const bool RIGHT[N_COLUMNS] = {[3] = true, [5] = true, [6] = true, [7] = true};

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
    int64_t n = node_n_params(node);
    return (Row){{node->name, LAYER_KINDS[node->kind].name, shape_cell(arena, node->shape),
                  text_grouped(arena, n), node_state(node),
                  rounded(arena, node_macs(graph, node, false)),
                  rounded(arena, node_macs(graph, node, true)),
                  n ? text_bytes(arena, param_bytes(n)) : ""}};
}

static Row dropped_row(const LayerSpec *layer)
{
    return (Row){{layer->name, LAYER_KINDS[layer->kind].name, "", "", "dropped", "", "", ""}};
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
    buf_printf(out, "Total params: %s (%s)\n", text_grouped(arena, totals.params),
               text_bytes(arena, param_bytes(totals.params)));
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
    Row head = {{"Layer", "Type", "Output shape", "Params", "Train", "MACs", "Live", "Bytes"}};
    DroppedLayers dropped = find_dropped(out->arena, graph);
    uint32_t n = graph->nodes.n + 1, n_rows = n + dropped.n;
    Row *rows = arena_array(out->arena, Row, n_rows);
    int widths[N_COLUMNS] = {0};
    rows[0] = head;
    for (uint32_t i = 0; i < n_rows; i++) {
        if (i)
            rows[i] = i < n ? node_row(out->arena, graph, &graph->nodes.at[i - 1])
                            : dropped_row(dropped.at[i - n]);
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
    for (uint32_t i = n; i < n_rows; i++) {
        if (i == n)
            print_rule(widths, out);
        print_row(&rows[i], widths, out);
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
    const char *state = node_state(node);
    buf_printf(out, "%" PRId64 "],\"params\":%" PRId64 ",\"trainable\":%s,\"state\":", s.c,
               node_n_params(node), node->trainable ? "true" : "false");
    buf_json_string(out, *state ? state : "none");
    buf_printf(out, ",\"macs\":%" PRId64 ",\"live_macs\":%" PRId64 ",\"bytes\":%" PRIu64 "}",
               node_macs(graph, node, false), node_macs(graph, node, true),
               param_bytes(node_n_params(node)));
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
    buf_puts(out, "],\n\"dropped\":[");
    DroppedLayers dropped = find_dropped(out->arena, graph);
    for (uint32_t i = 0; i < dropped.n; i++) {
        buf_puts(out, i ? "," : "");
        buf_json_string(out, dropped.at[i]->name);
    }
    buf_printf(out,
               "],\n\"total_params\":%" PRId64 ",\"trainable_params\":%" PRId64 ",\"macs\":%" PRId64
               ",\"live_macs\":%" PRId64 "}\n",
               totals.params, totals.trainable, totals.macs, totals.live_macs);
}
