/* process.c - other programs: started without a shell between, and waited for. */
#include "compiler/base/base.h"

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int process_run(Ctx *ctx, char *const *argv, int *status)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    pid_t pid;
    fflush(NULL);
    int error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error)
        return error;
    int got;
    while (waitpid(pid, &got, 0) < 0)
        if (errno != EINTR)
            fatal(ctx, EXIT_FILE, "cannot wait for %s: %s", argv[0], strerror(errno));
    *status = WIFEXITED(got) ? WEXITSTATUS(got) : -1;
    return 0;
}
