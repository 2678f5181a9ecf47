/* plan_json.h - the Plan and its bill for programs. */
#ifndef GRAFT_PLAN_JSON_H
#define GRAFT_PLAN_JSON_H

#include "compiler/plan/plan_bill.h"

/* One JSON object: bill, phases with their steps, buffers. */
void plan_json(const Plan *plan, const Bill *bill, Buf *out);

#endif
