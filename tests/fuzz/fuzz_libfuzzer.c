/* fuzz_libfuzzer.c - the front end as a target of libFuzzer. */
#include "compiler/base/base.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static FuzzPlace place;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void clean_up(void)
{
    fuzz_place_remove(&place);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    fuzz_place_create(&place);
    atexit(clean_up);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fuzz_run(&place, (const char *)bytes, n);
    return 0;
}
