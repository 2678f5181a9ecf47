/* process.c - other programs: started without a shell between, and waited for. */
#include "compiler/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The standard streams of the program; pipe: the end that it writes to, -1 none. */
static void set_streams(posix_spawn_file_actions_t *actions, const Process *process, int pipe)
{
    if (pipe >= 0)
        posix_spawn_file_actions_adddup2(actions, pipe, STDOUT_FILENO);
    else if (process->to == OUTPUT_TO_ERROR)
        posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO);
    if (process->quiet)
        posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
}

static void read_all(int fd, Buf *out)
{
    char bytes[16384];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) != 0) {
        if (n > 0)
            buf_add(out, bytes, (size_t)n);
        else if (errno != EINTR)
            return;
    }
}

int process_run(Ctx *ctx, const Process *process, int *status)
{
    char *const *argv = process->argv;
    int ends[2] = {-1, -1}, got;
    if (process->to == OUTPUT_TO_BUF && pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    set_streams(&actions, process, ends[1]);
    pid_t pid;
    fflush(NULL);
    int error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (process->to == OUTPUT_TO_BUF) {
        close(ends[1]);
        if (!error)
            read_all(ends[0], process->out);
        close(ends[0]);
    }
    if (error)
        return error;
    while (waitpid(pid, &got, 0) < 0)
        if (errno != EINTR)
            fatal(ctx, EXIT_FILE, "cannot wait for %s: %s", argv[0], strerror(errno));
    *status = WIFEXITED(got) ? WEXITSTATUS(got) : -1;
    return 0;
}
