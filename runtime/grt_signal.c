/* grt_signal.c - SIGINT and SIGTERM: the first asks the program to stop where it can go on. */
#include "runtime/grt_int.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t pending;

static void on_signal(int number)
{
    static const char text[] = "\nstopping after this batch; once more stops at once\n";
    if (pending != 0)
        _exit(GRT_EXIT_SIGNAL + number);
    pending = number;
    ssize_t done = write(STDERR_FILENO, text, sizeof text - 1);
    (void)done;
}

void grt_signal_install(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file too large is a write error like a full disk */
}

int grt_signal_pending(void)
{
    return pending;
}
