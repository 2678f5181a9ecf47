/* grt_processor.c - whether this processor has what the program was compiled for. */
#include "runtime/grt_int.h"

#ifdef __x86_64__
#include <cpuid.h>

enum { GRT_EAX, GRT_EBX, GRT_ECX, GRT_EDX, N_REGISTERS };

typedef struct Feature {
    const char *name;
    uint32_t leaf, subleaf, reg, bit, state;
} Feature;

static const Feature FEATURES[] = {
#define GRT_FEATURE(name, leaf, subleaf, reg, bit, state, type, operation, instruction) \
    {#name, leaf, subleaf, reg, bit, state},
#include "runtime/grt_processor.def"
};

/* Registers that the system saves: XCR0, 0 where it does not say. */
static uint32_t saved_state(void)
{
    uint32_t r[N_REGISTERS], low, high;
    if (!__get_cpuid(1, &r[GRT_EAX], &r[GRT_EBX], &r[GRT_ECX], &r[GRT_EDX]) ||
        !(r[GRT_ECX] & bit_OSXSAVE))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool has_feature(const Feature *feature)
{
    uint32_t r[N_REGISTERS], most;
    if (feature->subleaf > 0 &&
        (!__get_cpuid_count(feature->leaf, 0, &most, &r[GRT_EBX], &r[GRT_ECX], &r[GRT_EDX]) ||
         most < feature->subleaf))
        return false;
    return __get_cpuid_count(feature->leaf, feature->subleaf, &r[GRT_EAX], &r[GRT_EBX], &r[GRT_ECX],
                             &r[GRT_EDX]) &&
           (r[feature->reg] >> feature->bit & 1) &&
           (saved_state() & feature->state) == feature->state;
}

/* The name is n letters long. */
static bool processor_has(const char *name, size_t n)
{
    for (size_t i = 0; i < GRT_COUNT_OF(FEATURES); i++)
        if (strlen(FEATURES[i].name) == n && strncmp(FEATURES[i].name, name, n) == 0)
            return has_feature(&FEATURES[i]);
    return false;
}
#else
/* Programs for other processors need nothing that some of these lack. */
static bool processor_has(const char *name, size_t n)
{
    (void)name;
    (void)n;
    return false;
}
#endif

/* The words of `needs` that the processor lacks, with commas between. */
static void list_lacking(const char *needs, GrtText *out)
{
    for (size_t n; *needs; needs += n) {
        needs += strspn(needs, " ");
        n = strcspn(needs, " ");
        if (n > 0 && !processor_has(needs, n))
            grt_text_printf(out, "%s%.*s", out->n ? ", " : "", (int)n, needs);
    }
}

void grt_processor_check(const GrtProgram *program)
{
    GrtText lacking = {0};
    list_lacking(program->needs, &lacking);
    if (lacking.n > 0)
        grt_die(GRT_EXIT_TRAINING,
                "this program was compiled for %s and needs %s, which this processor lacks; %s",
                program->target, lacking.at,
                processor_has("avx2", 4) ? "build it with --target x86-64-v3, or on this machine"
                                         : "programs need x86-64-v3 or later");
}
