/* grt_bar.c - a line on the terminal that shows how far something long has come. */
#include "runtime/grt_int.h"

#include <stdlib.h>
#include <unistd.h>

enum { WIDTH = 24 };

void grt_bar_begin(GrtBar *bar, const char *label, int64_t total, int64_t from)
{
    const char *term = getenv("TERM");
    bar->terminal = isatty(STDERR_FILENO) && !(term != NULL && strcmp(term, "dumb") == 0);
    bar->colour = bar->terminal && getenv("NO_COLOR") == NULL;
    bar->drawn = false;
    bar->label = label;
    bar->total = total;
    bar->from = from;
    bar->start = grt_now();
    bar->last = bar->start;
}

void grt_bar_update(GrtBar *bar, int64_t done, double loss, double accuracy)
{
    double now = bar->terminal ? grt_now() : 0.0;
    if (!bar->terminal || now - bar->last < 0.1)
        return;
    bar->last = now;
    bar->drawn = true;
    int filled = (int)(bar->total > 0 ? done * WIDTH / bar->total : 0);
    double per_step = (now - bar->start) / (double)(done > bar->from ? done - bar->from : 1);
    long left = (long)(per_step * (double)(bar->total - done) + 0.5);
    fprintf(stderr, "\r\033[K%s [%s", bar->label, bar->colour ? "\033[32m" : "");
    for (int i = 0; i < WIDTH; i++)
        fputc(i < filled ? '=' : i == filled ? '>' : ' ', stderr);
    fprintf(stderr, "%s] %lld/%lld", bar->colour ? "\033[0m" : "", (long long)done,
            (long long)bar->total);
    if (accuracy >= 0.0)
        fprintf(stderr, " %.3g ms/step ETA %ld:%02ld loss %.4f accuracy %.4f", per_step * 1e3,
                left / 60, left % 60, loss, accuracy);
    else
        fprintf(stderr, " ETA %ld:%02ld", left / 60, left % 60);
    fflush(stderr);
}

void grt_bar_end(GrtBar *bar)
{
    if (bar->drawn)
        fputs("\r\033[K", stderr);
    bar->drawn = false;
}
