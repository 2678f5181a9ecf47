/* plan_bill.h - what a program will need, before anything runs. */
#ifndef GRAFT_PLAN_BILL_H
#define GRAFT_PLAN_BILL_H

#include "compiler/plan/plan.h"

/* How fast the machine is taken to be: the times of a bill are at these rates. */
#define BILL_MACS_PER_SECOND 100e9
#define BILL_BYTES_PER_SECOND 20e9

typedef struct Bill {
    int64_t n_train, n_test;
    bool counted; /* the data was there to be counted; else n_train is a round number */
    /* bytes of memory that the program has before it sees the data */
    uint64_t weights;   /* what trains, with the state of its optimizer, and moving statistics */
    uint64_t io;        /* inputs and outputs of the phases */
    uint64_t scratch;   /* room that the phases share, and the guard behind the block */
    uint64_t block;     /* the sum of the three */
    uint64_t constants; /* read-only data, a part of the program's file */
    uint64_t stream;    /* what each thread but the first takes in addition, to run the prefix */
    uint64_t images;    /* decoded images, all in memory */
    uint64_t cache;     /* of the feature cache's files; 0: none is written */
    /* multiply-adds */
    uint64_t features_macs; /* for the features of all images once, with full batches */
    uint64_t epoch_macs; /* for an epoch of training and evaluation, features included if they are
                            not kept */
    double features_seconds, epoch_seconds;
} Bill;

/* n_train < 0: not known. */
Bill plan_bill(const Plan *plan, int64_t n_train, int64_t n_test);
void plan_bill_print(const Plan *plan, const Bill *bill, Buf *out);

/* Most bytes of scratch buffers that live at once in a phase; *step: where. */
uint64_t plan_peak(const Plan *plan, int phase, uint32_t *step);
uint64_t plan_buffer_bytes(const PlanBuffer *buffer);
uint64_t plan_phase_macs(const PlanPhase *phase);

/* diag_error, with the largest buffers, when block and constants are more than limit bytes. */
void plan_check_memory(Ctx *ctx, const Plan *plan, uint64_t limit);

#endif
