/* grt_history.c - history.csv and history.jsonl: what happened, one line an event. */
#include "runtime/grt_int.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_BYTES = 512 }; /* room kept for the lines of one epoch */

static const char CSV_HEAD[] = "epoch,loss,accuracy,val_loss,val_accuracy,seconds,val_seconds\n";

static void add_csv(GrtText *text, const GrtEpoch *e)
{
    grt_text_printf(text, "%lld,%.10g,%.10g,", (long long)e->epoch, e->loss, e->accuracy);
    if (e->has_val)
        grt_text_printf(text, "%.10g,%.10g,%.3f,%.3f\n", e->val_loss, e->val_accuracy, e->seconds,
                        e->val_seconds);
    else
        grt_text_printf(text, ",,%.3f,\n", e->seconds);
}

static void add_member(GrtText *text, const char *key, double value)
{
    grt_text_printf(text, ",\"%s\":", key);
    grt_text_number(text, value);
}

static void add_line(GrtText *text, const GrtEpoch *e)
{
    grt_text_printf(text, "{\"event\":\"epoch\",\"epoch\":%lld", (long long)e->epoch);
    add_member(text, "loss", e->loss);
    add_member(text, "accuracy", e->accuracy);
    if (e->has_val) {
        add_member(text, "val_loss", e->val_loss);
        add_member(text, "val_accuracy", e->val_accuracy);
    }
    add_member(text, "seconds", e->seconds);
    if (e->has_val)
        add_member(text, "val_seconds", e->val_seconds);
    grt_text_puts(text, "}\n");
}

static double member(const GrtJson *line, const char *key)
{
    const GrtJson *value = grt_json_get(line, key);
    return value && value->type == GRT_JSON_NUMBER ? value->number : 0.0;
}

/* Takes one line of an older history: kept unless it is damaged or of an epoch to be done again. */
static void keep_line(GrtHistory *history, const char *text, size_t n, int64_t kept)
{
    GrtEpoch e = {0};
    GrtJson *line = grt_json_parse(text, n);
    const GrtJson *event = grt_json_get(line, "event");
    bool keep = event != NULL && event->type == GRT_JSON_STRING;
    if (keep && strcmp(event->string, "epoch") == 0) {
        keep = grt_json_int(grt_json_get(line, "epoch"), 1, kept, &e.epoch) &&
               history->n < history->cap;
        e.loss = member(line, "loss");
        e.accuracy = member(line, "accuracy");
        e.seconds = member(line, "seconds");
        e.has_val = grt_json_get(line, "val_loss") != NULL;
        e.val_loss = member(line, "val_loss");
        e.val_accuracy = member(line, "val_accuracy");
        e.val_seconds = member(line, "val_seconds");
        if (keep) {
            history->epochs[history->n++] = e;
            add_csv(&history->csv, &e);
        }
    }
    if (keep) {
        grt_text_add(&history->lines, text, n);
        grt_text_puts(&history->lines, "\n");
    }
    grt_json_free(line);
}

void grt_history_open(GrtHistory *history, const char *out, bool resume, int64_t kept,
                      int64_t capacity)
{
    size_t n = 0;
    *history = (GrtHistory){.cap = capacity};
    history->epochs = grt_alloc((size_t)capacity, sizeof(GrtEpoch));
    history->lines_path = grt_format("%s/history.jsonl", out);
    history->csv_path = grt_format("%s/history.csv", out);
    grt_text_puts(&history->csv, CSV_HEAD);
    grt_text_puts(&history->lines, "");
    char *old = resume ? grt_read_whole(history->lines_path, (size_t)64 << 20, &n) : NULL;
    if (resume && old == NULL && errno != ENOENT)
        grt_die(GRT_EXIT_FILE, "cannot read '%s': %s", history->lines_path, strerror(errno));
    for (size_t at = 0, end; at < n; at = end + 1) {
        const char *newline = memchr(old + at, '\n', n - at);
        end = newline ? (size_t)(newline - old) : n;
        if (end > at)
            keep_line(history, old + at, end - at, kept);
    }
    free(old);
    grt_text_reserve(&history->lines, (size_t)(capacity + 4) * LINE_BYTES);
    grt_text_reserve(&history->csv, (size_t)(capacity + 4) * LINE_BYTES);
}

void grt_history_epoch(GrtHistory *history, const GrtEpoch *epoch)
{
    if (history->n < history->cap)
        history->epochs[history->n++] = *epoch;
    add_csv(&history->csv, epoch);
    add_line(&history->lines, epoch);
}

void grt_history_features(GrtHistory *history, const GrtCacheFill *fill)
{
    if (fill->images > 0)
        grt_text_printf(
            &history->lines,
            "{\"event\":\"features\",\"images\":%lld,\"seconds\":%.6g,\"bytes\":%lld}\n",
            (long long)fill->images, fill->seconds, (long long)fill->bytes);
}

void grt_history_end(GrtHistory *history, const char *reason, const GrtProgress *progress,
                     double seconds)
{
    grt_text_printf(&history->lines,
                    "{\"event\":\"end\",\"reason\":\"%s\",\"epochs\":%lld,"
                    "\"steps\":%lld,\"best_epoch\":%lld,\"seconds\":%.6g}\n",
                    reason, (long long)progress->epoch, (long long)progress->step,
                    (long long)progress->best_epoch, seconds);
}

void grt_history_write(GrtHistory *history)
{
    grt_write_whole(history->lines_path, history->lines.at, history->lines.n);
    grt_write_whole(history->csv_path, history->csv.at, history->csv.n);
}
