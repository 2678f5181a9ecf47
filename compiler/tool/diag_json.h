/* diag_json.h - the diagnostics of many files as one text for programs. */
#ifndef GRAFT_DIAG_JSON_H
#define GRAFT_DIAG_JSON_H

#include "compiler/tool/json_write.h"

/* What ended the check of a file before all was said. */
typedef struct DiagFailure {
    const char *path, *message;
} DiagFailure;

/* begin, add for each file's compilation, end. All diagnostics are written, not only DIAG_MAX. */
typedef struct DiagWriter {
    Ctx *ctx; /* outlives those that are added */
    Json j;
    ARR(DiagFailure) failures;
    uint32_t counts[DIAG_NOTE + 1]; /* by level */
} DiagWriter;

typedef struct DiagFormat {
    void (*begin)(DiagWriter *w);
    void (*add)(DiagWriter *w, const Diag *diag);
    void (*end)(DiagWriter *w, int exit_code);
} DiagFormat;
extern const DiagFormat DIAG_JSON, DIAG_SARIF;

/* All of a compilation's, and its fatal message if there is one; path: of the file checked. */
void diag_write(DiagWriter *w, const DiagFormat *format, Ctx *ctx, const char *path);

#endif
