/* grt_report.c - report.html: what a training did, in one file that needs no other. */
#include "runtime/grt_int.h"

#include <math.h>
#include <stdlib.h>
#include <sys/utsname.h>

enum { CHART_W = 520, CHART_H = 260, LEFT = 52, RIGHT = 12, TOP = 14, BOTTOM = 30 };

/* In the style, and as attributes of the curves for what shows pages without styles for pictures:
 * previews, printers. */
#define DIM "#667080"
#define LINE "#d9dee5"
#define TRAIN "#2563c9"
#define VAL "#d2621b"

static const char STYLE[] =
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:" DIM ";--line:" LINE ";"
    "--card:#f6f8fa;--a:" TRAIN ";--b:" VAL "}"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171c;--fg:#e4e8ee;--dim:#95a0b0;"
    "--line:#303743;--card:#1c2129;--a:#6ea4ff;--b:#ff9a5a}}"
    "body{margin:0 auto;max-width:70rem;padding:2rem 1.25rem;background:var(--bg);"
    "color:var(--fg);font:15px/1.5 system-ui,sans-serif}"
    "h1{margin:0;font-size:1.7rem}h2{margin:2.2rem 0 .6rem;font-size:1.15rem}"
    "p.sub{margin:.2rem 0 1.4rem;color:var(--dim)}"
    ".tiles{display:flex;flex-wrap:wrap;gap:.8rem}"
    ".tile{flex:1 1 8rem;padding:.7rem 1rem;border-radius:.5rem;background:var(--card)}"
    ".tile b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}"
    ".tile span{color:var(--dim);font-size:.85rem}"
    ".charts{display:flex;flex-wrap:wrap;gap:1rem}figure{flex:1 1 24rem;margin:0}"
    "figcaption{font-weight:600}figcaption i{font-weight:400;font-style:normal;margin-left:.9rem}"
    "svg{width:100%;height:auto;display:block}"
    "svg text{fill:var(--dim);font:11px system-ui,sans-serif}"
    ".train{stroke:var(--a);color:var(--a)}.val{stroke:var(--b);color:var(--b)}"
    "polyline{fill:none;stroke-width:2}circle{fill:currentColor;stroke:none}"
    ".grid{stroke:var(--line)}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;"
    "font-variant-numeric:tabular-nums}"
    "th,td{padding:.3rem .7rem;text-align:right;border-bottom:1px solid var(--line)}"
    "th:first-child,td:first-child{text-align:left}tr.best td{font-weight:700}"
    "th{color:var(--dim);font-weight:500}"
    "pre{overflow-x:auto;padding:1rem;border-radius:.5rem;background:var(--card);"
    "font:13px/1.45 ui-monospace,monospace}"
    "@media print{pre{white-space:pre-wrap}}";

/* ------------------------------------------------------------------ charts */

typedef enum { LOSS, ACCURACY, VAL_LOSS, VAL_ACCURACY } Figure;

static double figure_of(const GrtEpoch *e, Figure figure)
{
    const double values[] = {e->loss, e->accuracy, e->val_loss, e->val_accuracy};
    return values[figure];
}

typedef struct Chart {
    const GrtHistory *history;
    double low, high; /* of the vertical axis */
    double step;      /* between its lines */
} Chart;

static double chart_x(const Chart *chart, double epoch)
{
    int64_t n = chart->history->n;
    double first = (double)chart->history->epochs[0].epoch;
    double last = (double)chart->history->epochs[n - 1].epoch;
    double share = last > first ? (epoch - first) / (last - first) : 0.5;
    return LEFT + share * (CHART_W - LEFT - RIGHT);
}

static double chart_y(const Chart *chart, double value)
{
    double share = (value - chart->low) / (chart->high - chart->low);
    return CHART_H - BOTTOM - share * (CHART_H - TOP - BOTTOM);
}

/* Axis limits at multiples of 1, 2 or 5 times a power of ten. */
static void chart_scale(Chart *chart, Figure train, Figure val)
{
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < chart->history->n; i++) {
        const GrtEpoch *e = &chart->history->epochs[i];
        double a = figure_of(e, train), b = e->has_val ? figure_of(e, val) : a;
        low = fmin(low, fmin(a, b));
        high = fmax(high, fmax(a, b));
    }
    double least = fmax(0.02 * fabs(high), 1e-6); /* one epoch alone, or a flat curve */
    if (high - low < least)
        high = low + least;
    double raw = (high - low) / 4.0, power = pow(10.0, floor(log10(raw)));
    chart->step = power * (raw / power <= 1 ? 1 : raw / power <= 2 ? 2 : raw / power <= 5 ? 5 : 10);
    chart->low = floor(low / chart->step) * chart->step;
    chart->high = ceil(high / chart->step) * chart->step;
    if (chart->high <= chart->low)
        chart->high = chart->low + chart->step;
}

static void chart_curve(const Chart *chart, Figure figure, bool val, GrtText *out)
{
    const GrtHistory *history = chart->history;
    const char *colour = val ? VAL : TRAIN;
    grt_text_printf(out,
                    "<g class=\"%s\"><polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" "
                    "points=\"",
                    val ? "val" : "train", colour);
    for (int64_t i = 0; i < history->n; i++)
        if (!val || history->epochs[i].has_val)
            grt_text_printf(out, "%.1f,%.1f ", chart_x(chart, (double)history->epochs[i].epoch),
                            chart_y(chart, figure_of(&history->epochs[i], figure)));
    grt_text_puts(out, "\"/>");
    for (int64_t i = 0; history->n <= 40 && i < history->n; i++)
        if (!val || history->epochs[i].has_val)
            grt_text_printf(out,
                            "<circle fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>epoch "
                            "%lld: %.4f</title></circle>",
                            colour, chart_x(chart, (double)history->epochs[i].epoch),
                            chart_y(chart, figure_of(&history->epochs[i], figure)),
                            (long long)history->epochs[i].epoch,
                            figure_of(&history->epochs[i], figure));
    grt_text_puts(out, "</g>");
}

static void chart_axes(const Chart *chart, GrtText *out)
{
    const GrtHistory *history = chart->history;
    int digits = chart->step < 1.0 ? (int)ceil(-log10(chart->step) - 1e-9) : 0;
    int n_lines = (int)((chart->high - chart->low) / chart->step + 0.5);
    for (int i = 0; i <= n_lines; i++) {
        double value = chart->low + i * chart->step, y = chart_y(chart, value);
        grt_text_printf(out,
                        "<line class=\"grid\" stroke=\"" LINE
                        "\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                        "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>",
                        LEFT, CHART_W - RIGHT, y, y, LEFT - 6, y + 4.0, digits, value);
    }
    int64_t every = (history->n + 9) / 10;
    for (int64_t i = 0; i < history->n; i += every)
        grt_text_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%lld</text>",
                        chart_x(chart, (double)history->epochs[i].epoch), CHART_H - 10,
                        (long long)history->epochs[i].epoch);
}

static void add_chart(const GrtHistory *history, const char *title, Figure train, Figure val,
                      bool has_val, GrtText *out)
{
    Chart chart = {.history = history};
    chart_scale(&chart, train, val);
    grt_text_printf(out, "<figure><figcaption>%s<i class=\"train\">&#9679; training</i>", title);
    if (has_val)
        grt_text_puts(out, "<i class=\"val\">&#9679; test</i>");
    grt_text_printf(out,
                    "</figcaption><svg viewBox=\"0 0 %d %d\" font-size=\"11\" fill=\"" DIM "\" "
                    "role=\"img\" aria-label=\"%s by epoch\">",
                    CHART_W, CHART_H, title);
    chart_axes(&chart, out);
    chart_curve(&chart, train, false, out);
    if (has_val)
        chart_curve(&chart, val, true, out);
    grt_text_puts(out, "</svg></figure>");
}

/* ---------------------------------------------------------------- sections */

static void add_tile(GrtText *out, const char *value, const char *what)
{
    grt_text_puts(out, "<div class=\"tile\"><b>");
    grt_text_html(out, value);
    grt_text_printf(out, "</b><span>%s</span></div>", what);
}

/* 1234567 as 1,234,567. */
static const char *with_commas(uint64_t value, char text[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value), out = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            text[out++] = ',';
        text[out++] = digits[i];
    }
    text[out] = '\0';
    return text;
}

static void add_summary(const GrtReport *report, bool has_val, GrtText *out)
{
    const GrtHistory *history = report->history;
    char text[32];
    double seconds = 0.0;
    grt_text_puts(out, "<div class=\"tiles\">");
    if (history->n > 0) {
        const GrtEpoch *last = &history->epochs[history->n - 1];
        double best = last->accuracy;
        for (int64_t i = 0; i < history->n; i++) {
            const GrtEpoch *e = &history->epochs[i];
            seconds += e->seconds;
            if (e->epoch == report->progress->best_epoch)
                best = e->has_val ? e->val_accuracy : e->accuracy;
        }
        snprintf(text, sizeof text, "%.2f %%", 100.0 * best);
        add_tile(out, text, has_val ? "best test accuracy" : "accuracy of the best epoch");
        snprintf(text, sizeof text, "%.4f", has_val ? last->val_loss : last->loss);
        add_tile(out, text, has_val ? "test loss, last epoch" : "training loss, last epoch");
        snprintf(text, sizeof text, "%.1f s", seconds / (double)history->n);
        add_tile(out, text, "training pass of an epoch");
    }
    add_tile(out, with_commas((uint64_t)report->train->n, text), "training images");
    if (report->test != NULL)
        add_tile(out, with_commas((uint64_t)report->test->n, text), "test images");
    add_tile(out, with_commas(report->run->program->n_trainable_weights, text),
             "trainable parameters");
    grt_text_puts(out, "</div>");
}

static void add_epochs(const GrtReport *report, bool has_val, GrtText *out)
{
    const GrtHistory *history = report->history;
    grt_text_puts(out, "<h2>Epochs</h2><div class=\"wide\"><table><tr><th>epoch</th><th>loss</th>"
                       "<th>accuracy</th>");
    if (has_val)
        grt_text_puts(out, "<th>val_loss</th><th>val_accuracy</th>");
    grt_text_puts(out, "<th>seconds</th></tr>");
    for (int64_t i = 0; i < history->n; i++) {
        const GrtEpoch *e = &history->epochs[i];
        grt_text_printf(out, "<tr%s><td>%lld</td><td>%.4f</td><td>%.4f</td>",
                        e->epoch == report->progress->best_epoch ? " class=\"best\"" : "",
                        (long long)e->epoch, e->loss, e->accuracy);
        if (has_val && e->has_val)
            grt_text_printf(out, "<td>%.4f</td><td>%.4f</td>", e->val_loss, e->val_accuracy);
        else if (has_val)
            grt_text_puts(out, "<td></td><td></td>");
        grt_text_printf(out, "<td>%.1f</td></tr>", e->seconds);
    }
    grt_text_puts(out, "</table></div>");
}

static void add_row(GrtText *out, const char *what, const char *value)
{
    grt_text_printf(out, "<tr><td>%s</td><td>", what);
    grt_text_html(out, value);
    grt_text_puts(out, "</td></tr>");
}

/* "model name" of the first processor, or the architecture. */
static void cpu_name(char *text, size_t size)
{
    struct utsname system;
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(text, size, "%s", uname(&system) == 0 ? system.machine : "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strstr(line, ": ");
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            snprintf(text, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    if (file != NULL)
        fclose(file);
}

static void add_environment(const GrtReport *report, GrtText *out)
{
    const GrtProgram *p = report->run->program;
    struct utsname system;
    char text[300];
    grt_text_puts(out, "<h2>Environment</h2><div class=\"wide\"><table>");
    add_row(out, "compiler", p->version);
    add_row(out, "target", p->target);
    cpu_name(text, sizeof text);
    add_row(out, "processor", text);
    if (uname(&system) == 0) {
        snprintf(text, sizeof text, "%s %s", system.sysname, system.release);
        add_row(out, "system", text);
    }
    snprintf(text, sizeof text, "%d", report->run->n_threads);
    add_row(out, "threads", text);
    uint64_t streams = (uint64_t)(report->run->n_threads - 1) * p->stream_bytes;
    snprintf(text, sizeof text, "%.1f MB planned, %.1f MB of constants in the program",
             (double)(p->block_bytes + streams) / 1e6, (double)p->rodata_bytes / 1e6);
    add_row(out, "memory", text);
    snprintf(text, sizeof text, "%lld", (long long)report->progress->seed);
    add_row(out, "seed", text);
    add_row(out, "spec", p->spec_hash);
    add_row(out, "frozen prefix", p->prefix_hash);
    snprintf(text, sizeof text, "%016llx", (unsigned long long)report->train->hash);
    add_row(out, "training images", text);
    grt_text_puts(out, "</table></div>");
}

static void add_text(GrtText *out, const char *title, const char *text)
{
    if (text == NULL || *text == '\0')
        return;
    grt_text_printf(out, "<h2>%s</h2><pre>", title);
    grt_text_html(out, text);
    grt_text_puts(out, "</pre>");
}

void grt_report_write(const GrtReport *report, const char *path)
{
    const GrtProgram *p = report->run->program;
    const GrtHistory *history = report->history;
    GrtText out = {0};
    bool has_val = false;
    for (int64_t i = 0; i < history->n; i++)
        has_val = has_val || history->epochs[i].has_val;
    grt_text_puts(&out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                        "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    grt_text_html(&out, p->name);
    grt_text_printf(&out, "</title><style>%s</style></head><body>\n<h1>", STYLE);
    grt_text_html(&out, p->name);
    grt_text_printf(&out, "</h1><p class=\"sub\">%lld epochs, %lld steps, %s</p>\n",
                    (long long)report->progress->epoch, (long long)report->progress->step,
                    report->reason);
    add_summary(report, has_val, &out);
    if (history->n > 0) {
        grt_text_puts(&out, "\n<h2>Curves</h2><div class=\"charts\">");
        add_chart(history, "Loss", LOSS, VAL_LOSS, has_val, &out);
        add_chart(history, "Accuracy", ACCURACY, VAL_ACCURACY, has_val, &out);
        grt_text_puts(&out, "</div>\n");
        add_epochs(report, has_val, &out);
    }
    add_text(&out, "Spec", p->spec_text);
    add_text(&out, "Weights", p->weights_report);
    add_environment(report, &out);
    grt_text_puts(&out, "</body></html>\n");
    grt_write_whole(path, out.at, out.n);
    free(out.at);
}
