/* grt_keeper.c - a thread that brings written files to the disk while the training goes on.
 *
 * A checkpoint is written at the end of an epoch, from values that the next epoch changes. What
 * takes long after that, until the disk has it and until it has its name, needs no values: this
 * thread does it, one file after the other. */
#include "runtime/grt_int.h"

#include <signal.h>

static void *keep(void *arg)
{
    GrtKeeper *keeper = arg;
    pthread_mutex_lock(&keeper->mutex);
    for (;;) {
        while (keeper->n == 0 && !keeper->stop)
            pthread_cond_wait(&keeper->changed, &keeper->mutex);
        if (keeper->n == 0)
            break;
        GrtWriter *writer = keeper->writers[0];
        bool refused = keeper->failed != NULL; /* files behind one that failed stay as they were */
        pthread_mutex_unlock(&keeper->mutex);
        bool kept = !refused && grt_writer_commit(writer);
        if (refused)
            grt_writer_abort(writer);
        pthread_mutex_lock(&keeper->mutex);
        if (!kept && !refused)
            keeper->failed = writer;
        keeper->writers[0] = keeper->writers[1];
        keeper->n--;
        pthread_cond_broadcast(&keeper->changed);
    }
    pthread_mutex_unlock(&keeper->mutex);
    return NULL;
}

void grt_keeper_start(GrtKeeper *keeper)
{
    sigset_t all, before;
    pthread_mutex_init(&keeper->mutex, NULL);
    pthread_cond_init(&keeper->changed, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the other threads' */
    int error = pthread_create(&keeper->thread, NULL, keep, keeper);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        grt_die(GRT_EXIT_TRAINING, "cannot start a thread: %s", strerror(error));
}

void grt_keeper_give(GrtKeeper *keeper, GrtWriter *writer)
{
    pthread_mutex_lock(&keeper->mutex);
    while (keeper->n == (int)GRT_COUNT_OF(keeper->writers))
        pthread_cond_wait(&keeper->changed, &keeper->mutex);
    keeper->writers[keeper->n++] = writer;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->mutex);
}

void grt_keeper_wait(GrtKeeper *keeper)
{
    pthread_mutex_lock(&keeper->mutex);
    while (keeper->n > 0)
        pthread_cond_wait(&keeper->changed, &keeper->mutex);
    const GrtWriter *failed = keeper->failed;
    pthread_mutex_unlock(&keeper->mutex);
    if (failed != NULL)
        grt_die_write(failed);
}

void grt_keeper_stop(GrtKeeper *keeper)
{
    pthread_mutex_lock(&keeper->mutex);
    keeper->stop = true;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->mutex);
    pthread_join(keeper->thread, NULL);
    grt_keeper_wait(keeper);
}
