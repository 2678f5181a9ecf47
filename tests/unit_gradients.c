/* unit_gradients.c - the backward pass of every layer kind against finite differences.
 *
 *   unit_gradients [CASE...]   of tests/golden; preset: all of them. TAP; $srcdir: top of the
 * sources
 *
 * Each case is compiled to its Plan with SGD and run in the interpreter of the kernel IR, which
 * checks every access. One train step with learning rate 1 gives the gradient g = before - after of
 * all parameters; with rate 0 it only gives the loss. For some directions d of each parameter
 *     (loss(w + h d) - loss(w - h d)) / 2h   must be   g . d
 * up to rounding and curvature. Cases are run as their spec freezes them (gradients through frozen
 * layers) and with nothing frozen (BatchNormalization in training mode). */
#include "compiler/base/base.h"
#include "compiler/tool/compile.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>

enum { MAX_CASES = 256, DIRECTIONS = 4, SPARSE = 4, HALVINGS = 10, MIN_HALVINGS = 5, DROPOUT_SEED = 5 };

/* A plan with its memory. */
typedef struct Machine {
    const Plan *plan;
    char *block;
    float **start;   /* by parameter: the values every run starts from, as they lie in memory */
    uint64_t random; /* state of the test's own generator */
    int64_t n_valid;
} Machine;

/* What became of one parameter or one case. */
typedef struct Outcome {
    uint32_t n_checked, n_wrong;
    double worst; /* in units of the tolerance */
    char text[256];
} Outcome;

/* --------------------------------------------------------------------- numbers */

/* splitmix64 (Steele, Lea and Flood, 2014) */
static uint64_t random_bits(Machine *m)
{
    uint64_t z = (m->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* In [low, high). */
static float uniform(Machine *m, double low, double high)
{
    return (float)(low + (high - low) * (double)(random_bits(m) >> 11) / 0x1p53);
}

/* ---------------------------------------------------------------------- memory */

static void *buffer(const Machine *m, BufId id)
{
    const PlanBuffer *b = &m->plan->buffers.at[id];
    /* steps take rodata by a plain pointer but never write it: plan_verify has seen to that */
    return b->kind == BUF_RODATA ? (void *)(uintptr_t)b->data : m->block + b->offset;
}

static int64_t param_n(const GrtParam *p)
{
    return p->rows * p->cols;
}

/* Place in memory of the canonical element i. */
static int64_t param_at(const GrtParam *p, int64_t i)
{
    int64_t r = i / p->cols, c = i % p->cols;
    return p->panel > 0 ? c / p->panel * p->rows * p->panel + r * p->panel + c % p->panel : i;
}

static int64_t param_memory(const GrtParam *p)
{
    return p->panel > 0 ? (p->cols + p->panel - 1) / p->panel * p->panel * p->rows : param_n(p);
}

/* Values away from the zeros and ones of the initialisers, where mistakes would not show. */
static float start_value(Machine *m, const GrtParam *p)
{
    if (strcmp(p->name, "kernel") == 0) {
        double half_width = sqrt(4.8 / (double)p->rows);
        return uniform(m, -half_width, half_width);
    }
    if (strcmp(p->name, "gamma") == 0 || strcmp(p->name, "moving_variance") == 0)
        return uniform(m, 0.6, 1.4);
    return uniform(m, -0.25, 0.25);
}

static void make_params(Ctx *ctx, Machine *m)
{
    uint32_t n = m->plan->params.n;
    m->start = arena_array(ctx->arena, float *, n);
    for (uint32_t i = 0; i < n; i++) {
        const GrtParam *p = &m->plan->params.at[i];
        m->start[i] = arena_array(ctx->arena, float, param_memory(p));
        for (int64_t k = 0; k < param_n(p); k++)
            m->start[i][param_at(p, k)] = start_value(m, p);
    }
}

static void reset_params(Machine *m)
{
    for (uint32_t i = 0; i < m->plan->params.n; i++) {
        const GrtParam *p = &m->plan->params.at[i];
        memcpy(buffer(m, p->value), m->start[i], sizeof(float) * (size_t)param_memory(p));
    }
}

/* --------------------------------------------------------------------- running */

static void run_phase(const Machine *m, const PlanPhase *phase)
{
    for (uint32_t s = 0; s < phase->steps.n; s++) {
        const PlanStep *step = &phase->steps.at[s];
        void *args[K_MAX_BUFFERS];
        for (uint32_t a = 0; a < step->kernel->n_buffers && !step->kernel->buffers[a].local; a++)
            args[a] = buffer(m, step->args[a]);
        kir_eval(step->kernel, args, 0, step->kernel->n_tasks);
    }
}

/* Random images through the prefix into the features of a train batch, and labels. */
static void make_batch(Machine *m)
{
    const Plan *plan = m->plan;
    const Spec *spec = plan->graph->spec;
    const PlanPhase *prefix = &plan->phases[GRT_PREFIX];
    int64_t pixels = spec->height * spec->width * spec->channels;
    int64_t row = plan->feature_size, batch = plan->phases[GRT_TRAIN].batch;
    float *features = buffer(m, plan->io.train_features);
    int32_t *labels = buffer(m, plan->io.train_labels);
    for (int64_t done = 0; done < batch; done += prefix->batch) {
        uint8_t *images = buffer(m, plan->io.images);
        int64_t n = batch - done < prefix->batch ? batch - done : prefix->batch;
        memset(images, 0, (size_t)(prefix->batch * pixels));
        for (int64_t i = 0; i < n * pixels; i++)
            images[i] = (uint8_t)(random_bits(m) >> 56);
        run_phase(m, prefix);
        memcpy(features + done * row, buffer(m, plan->io.features_out),
               sizeof(float) * (size_t)(n * row));
    }
    for (int64_t i = 0; i < batch; i++)
        labels[i] = (int32_t)(random_bits(m) % (uint64_t)plan->graph->n_classes);
}

/* One train step from the values that lie in memory; the mean loss of the batch. */
static double train_step(const Machine *m, double learning_rate)
{
    const Plan *plan = m->plan;
    float *hyper = buffer(m, plan->io.hyper);
    int64_t *counters = buffer(m, plan->io.counters);
    hyper[GRT_HYPER_LR] = (float)learning_rate;
    counters[GRT_COUNTER_VALID] = m->n_valid;
    counters[GRT_COUNTER_SEED] = DROPOUT_SEED;
    counters[GRT_COUNTER_STEP] = 0;
    run_phase(m, &plan->phases[GRT_TRAIN]);
    const float *loss = buffer(m, plan->io.train_loss);
    double sum = 0;
    for (int64_t i = 0; i < plan->phases[GRT_TRAIN].batch; i++)
        sum += (double)loss[i];
    return sum / (double)m->n_valid;
}

/* Loss where parameter `which` is moved by h along the direction. */
static double loss_at(Machine *m, uint32_t which, const float *direction, double h)
{
    const GrtParam *p = &m->plan->params.at[which];
    reset_params(m);
    float *w = buffer(m, p->value);
    for (int64_t i = 0; i < param_n(p); i++) {
        int64_t at = param_at(p, i);
        w[at] = (float)((double)w[at] + h * (double)direction[i]);
    }
    return train_step(m, 0);
}

/* -------------------------------------------------------------------- checking */

/* Kind 0: random signs; 1: half of them the gradient's own, so that the slope is steep; 2: a few
 * elements only. Canonical order. */
static void make_direction(Machine *m, int kind, int64_t n, const float *gradient, float *out)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t bits = random_bits(m);
        float sign = bits & 1 ? 1 : -1;
        if (kind == 1 && bits & 2)
            sign = gradient[i] > 0 ? 1 : -1;
        out[i] = kind == 2 ? 0 : sign;
    }
    for (int k = 0; kind == 2 && k < SPARSE; k++)
        out[random_bits(m) % (uint64_t)n] = k & 1 ? 1 : -1;
}

/* Difference of slope and finite difference in units of the tolerance: 1 % of the slope, 2 % of
 * what a random direction's slope is, and the rounding of the two losses. A kink of ReLU or a
 * maximum that changes hands between the two points spoils one h, not all: the best of some is
 * taken. */
static double check_direction(Machine *m, uint32_t which, const float *direction,
                              const float *gradient, double loss)
{
    int64_t n = param_n(&m->plan->params.at[which]);
    double slope = 0, squares = 0, best = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double g = direction[i] != 0 ? (double)gradient[i] : 0;
        slope += g * (double)direction[i];
        squares += g * g;
    }
    double steep = fabs(slope) > sqrt(squares) ? fabs(slope) : sqrt(squares);
    double h = fmin(0.02, 0.01 * loss / (steep + 1e-12));
    for (int k = 0; k < HALVINGS && best > 1; k++, h /= 2) {
        double rounding = 5e-7 * fmax(1, loss) / h;
        if (k >= MIN_HALVINGS && rounding > 0.1 * steep)
            break; /* a smaller step would let any slope pass */
        double up = loss_at(m, which, direction, h), down = loss_at(m, which, direction, -h);
        double limit = 0.01 * fabs(slope) + 0.02 * sqrt(squares) + rounding;
        double error = fabs((up - down) / (2 * h) - slope) / limit;
        best = isfinite(error) && error < best ? error : best;
    }
    return best;
}

static void check_param(Ctx *ctx, Machine *m, uint32_t which, const float *gradient, double loss,
                        Outcome *outcome)
{
    const GrtParam *p = &m->plan->params.at[which];
    float *direction = arena_array(ctx->arena, float, param_n(p));
    for (int kind = 0; kind < DIRECTIONS; kind++) {
        make_direction(m, kind % 3, param_n(p), gradient, direction);
        double error = check_direction(m, which, direction, gradient, loss);
        outcome->n_checked++;
        if (error > 1 && outcome->n_wrong++ == 0)
            snprintf(outcome->text, sizeof outcome->text, "%s/%s: off by %.3g tolerances", p->layer,
                     p->name, error);
        outcome->worst = fmax(outcome->worst, error);
    }
}

/* What a step of rate 1 took away from each trainable parameter, canonical; the padding of panels
 * must stay zero. */
static float **gradients(Ctx *ctx, Machine *m, double *loss, Outcome *outcome)
{
    const Plan *plan = m->plan;
    float **all = arena_array(ctx->arena, float *, plan->params.n);
    reset_params(m);
    *loss = train_step(m, 1);
    for (uint32_t i = 0; i < plan->params.n; i++) {
        const GrtParam *p = &plan->params.at[i];
        const float *now = buffer(m, p->value);
        double sum = 0, kept = 0;
        all[i] = arena_array(ctx->arena, float, param_n(p));
        for (int64_t k = 0; k < param_n(p); k++) {
            int64_t at = param_at(p, k);
            all[i][k] = m->start[i][at] - now[at];
            kept += fabs((double)now[at]);
        }
        for (int64_t k = 0; k < param_memory(p); k++)
            sum += fabs((double)now[k]);
        if (fabs(sum - kept) > 1e-9 * sum && outcome->n_wrong++ == 0)
            snprintf(outcome->text, sizeof outcome->text,
                     "%s/%s: the padding of its panels changed", p->layer, p->name);
    }
    return all;
}

static void check_plan(Ctx *ctx, const Plan *plan, Outcome *outcome)
{
    Machine m = {.plan = plan, .random = 2024, .n_valid = plan->phases[GRT_TRAIN].batch};
    if (m.n_valid > 2)
        m.n_valid -= 2; /* a partial batch: what lies behind it must not matter */
    m.block = arena_alloc(ctx->arena, plan->block_bytes + 64);
    make_params(ctx, &m);
    make_batch(&m);
    double loss;
    float **all = gradients(ctx, &m, &loss, outcome);
    if (!isfinite(loss) && outcome->n_wrong++ == 0)
        snprintf(outcome->text, sizeof outcome->text, "the loss is %g", loss);
    for (uint32_t i = 0; i < plan->params.n && isfinite(loss); i++) {
        if (plan->params.at[i].trainable)
            check_param(ctx, &m, i, all[i], loss, outcome);
    }
}

/* ----------------------------------------------------------------------- cases */

/* One TAP point. */
static void run_case(const char *srcdir, const char *name, bool thaw, uint32_t point)
{
    Ctx ctx = {.arena = arena_create()};
    SetOption sets[] = {{"training.optimizer",
                         "{SGD: {learning_rate: 1.0, momentum: 0, nesterov: false}}"},
                        {"backbone.frozen", "none"}};
    CompileOptions options = {
        .spec_path = arena_printf(ctx.arena, "%s/tests/golden/%s/spec.graft.yaml", srcdir, name),
        .sets = sets,
        .n_sets = thaw ? 2 : 1,
        .no_weights = true,
    };
    Compilation compilation = {0};
    Outcome outcome = {0};
    if (compile(&ctx, &options, STAGE_PLAN, &compilation)) {
        check_plan(&ctx, compilation.plan, &outcome);
    } else {
        outcome.n_wrong = 1;
        snprintf(outcome.text, sizeof outcome.text, "does not compile");
        diag_print_all(&ctx, stderr, false);
    }
    if (outcome.n_wrong == 0 && outcome.n_checked == 0) {
        outcome.n_wrong = 1;
        snprintf(outcome.text, sizeof outcome.text, "has nothing to train");
    }
    printf("%sok %u - gradients of %s%s (%u directions, worst %.2f of the tolerance)\n",
           outcome.n_wrong ? "not " : "", point, name, thaw ? ", nothing frozen" : "",
           outcome.n_checked, outcome.worst);
    if (outcome.n_wrong)
        printf("# %u wrong; %s\n", outcome.n_wrong, outcome.text);
    fflush(stdout);
    arena_destroy(ctx.arena);
}

/* Whether the file exists and, with a text, holds it. */
static bool spec_holds(const char *srcdir, const char *name, const char *text)
{
    char path[4096], line[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s/spec.graft.yaml", srcdir, name);
    FILE *file = fopen(path, "r");
    bool found = file && !text;
    while (file && !found && fgets(line, sizeof line, file))
        found = strstr(line, text) != NULL;
    if (file)
        fclose(file);
    return found;
}

/* Names of the cases, sorted. */
static uint32_t list_cases(const char *srcdir, char **names)
{
    char path[4096];
    struct dirent **entries;
    snprintf(path, sizeof path, "%s/tests/golden", srcdir);
    int n = scandir(path, &entries, NULL, alphasort);
    uint32_t count = 0;
    for (int i = 0; i < n; i++) {
        if (count < MAX_CASES && spec_holds(srcdir, entries[i]->d_name, NULL))
            names[count++] = strdup(entries[i]->d_name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return count;
}

int main(int argc, char **argv)
{
    const char *srcdir = getenv("srcdir") ? getenv("srcdir") : ".";
    char *listed[MAX_CASES] = {0};
    uint32_t n_listed = list_cases(srcdir, listed), point = 0;
    uint32_t n = argc > 1 ? (uint32_t)argc - 1 : n_listed;
    for (uint32_t i = 0; i < n; i++) {
        const char *name = argc > 1 ? argv[i + 1] : listed[i];
        run_case(srcdir, name, false, ++point);
        if (spec_holds(srcdir, name, "  frozen:") && !spec_holds(srcdir, name, "  frozen: none"))
            run_case(srcdir, name, true, ++point);
    }
    if (point == 0)
        printf("not ok 1 - no cases under %s/tests/golden\n", srcdir);
    printf("1..%u\n", point ? point : 1);
    for (uint32_t i = 0; i < n_listed; i++)
        free(listed[i]);
    return 0;
}
