/* temporary.c - the one folder of files that a run of graftc makes for itself and removes again.
 *
 * A signal's handler knows nothing but what is global, and may only call the system: so the
 * folder's path is the one mutable global of the compiler, and its entries are read by a system
 * call. */
#include "compiler/base/base.h"
#include "compiler/tool/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static char folder[PATH_MAX];
static volatile sig_atomic_t exists;

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP};

/* Removes files of an open folder (there are no folders in it). false: none was left. What changes
 * while it is listed may be listed in part: one turn need not see all. Safe in a handler. */
static bool remove_files(int fd)
{
    union {
        char bytes[4096];
        struct dirent64 align;
    } buffer;
    bool removed = false;
    long n;
    lseek(fd, 0, SEEK_SET);
    while ((n = syscall(SYS_getdents64, fd, buffer.bytes, sizeof buffer.bytes)) > 0) {
        for (long at = 0; at < n;) {
            struct dirent64 *entry = (struct dirent64 *)(void *)(buffer.bytes + at);
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                removed |= unlinkat(fd, entry->d_name, 0) == 0;
            at += entry->d_reclen;
        }
    }
    return removed;
}

static void remove_folder(void)
{
    if (!exists)
        return;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        while (remove_files(fd))
            continue;
        close(fd);
    }
    rmdir(folder);
    exists = 0;
}

static void on_signal(int number)
{
    remove_folder();
    _exit(number == SIGABRT ? EXIT_BUG : 128 + number);
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigfillset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

const char *temporary_create(Ctx *ctx, const char *where)
{
    const char *chosen = getenv("TMPDIR");
    if (!where)
        where = chosen && *chosen ? chosen : "/tmp";
    check_bug(!exists);
    int n = snprintf(folder, sizeof folder, "%s/.graftc-XXXXXX", where);
    if (n < 0 || (size_t)n >= sizeof folder)
        fatal(ctx, EXIT_FILE, "the path %s is too long", where);
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* no signal between making it and knowing it */
    exists = mkdtemp(folder) != NULL;
    int error = errno;
    for (size_t i = 0; exists && i < COUNT_OF(SIGNALS); i++)
        handle(SIGNALS[i], on_signal);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (!exists)
        fatal(ctx, EXIT_FILE, "cannot make a folder in %s: %s", where, strerror(error));
    return folder;
}

void temporary_remove(void)
{
    if (!exists)
        return;
    remove_folder();
    for (size_t i = 0; i < COUNT_OF(SIGNALS); i++)
        handle(SIGNALS[i], SIG_DFL);
}

void temporary_guard_bugs(void)
{
    handle(SIGABRT, on_signal);
}
