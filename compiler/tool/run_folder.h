/* run_folder.h - what a program's train leaves in a folder: the resolved spec and the history. */
#ifndef GRAFT_RUN_FOLDER_H
#define GRAFT_RUN_FOLDER_H

#include "compiler/base/base.h"

/* Columns of results; the rows of RESULTS in run_folder.c. */
enum { N_RESULTS = 6 };
typedef struct ResultDesc {
    const char *key, *brief; /* in JSON; head of a column */
} ResultDesc;
extern const ResultDesc RESULTS[N_RESULTS];

typedef struct RunResults {
    bool any;                 /* there is a history with an epoch in it */
    double values[N_RESULTS]; /* NaN: not there */
} RunResults;

typedef ARR(const char *) Names;

/* The spec of a run's folder; NULL when it is none. */
const char *run_spec(Ctx *ctx, const char *folder);
/* The runs right below a folder, by name. */
Names runs_in(Ctx *ctx, const char *folder);
RunResults run_results(Ctx *ctx, const char *folder);

#endif
