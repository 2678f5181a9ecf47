# The tests: programs that print TAP, and scripts that do. A script finds its own cases by a glob, so
# that a new case is two new files and no line here.
#
#   make check                      all but the long ones; the last line counts the points
#   make check TESTS=tests/x.tap    one of them
#   make check-long                 those with real weights, real images and minutes
#   make fuzz                       both fuzzers for half a minute each; FUZZ_SECONDS=S, FUZZ_SEED=N
#   make libfuzzer                  clang's, where configure has --enable-libfuzzer
#   make update-golden              writes what the compiler says now into the golden files
TEST_EXTENSIONS = .tap
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
TAP_LOG_DRIVER = $(LOG_DRIVER)
TAP_LOG_COMPILER = $(SHELL)
# what a program holds when it ends is no leak
AM_TESTS_ENVIRONMENT = \
    ASAN_OPTIONS="detect_leaks=0:$$ASAN_OPTIONS"; export ASAN_OPTIONS; \
    GRAFTC='$(abs_top_builddir)/graftc$(EXEEXT)'; export GRAFTC; \
    GRAFT_RUNTIME='$(abs_top_builddir)'; export GRAFT_RUNTIME; \
    CC='$(CC)'; export CC; \
    UPDATE_GOLDEN='$(UPDATE_GOLDEN)'; export UPDATE_GOLDEN;

unit_tests = \
    %D%/unit_base \
    %D%/unit_spec \
    %D%/unit_kir \
    %D%/unit_emit_c \
    %D%/unit_llvm \
    %D%/unit_gradients \
    %D%/unit_winograd \
    %D%/unit_strassen \
    %D%/unit_runtime
# those with golden files that Graft itself writes
golden_tests = \
    %D%/check.tap \
    %D%/drift.tap \
    %D%/init.tap \
    %D%/plan.tap \
    %D%/plot.tap \
    %D%/summary.tap \
    %D%/error.tap \
    %D%/spec.tap \
    %D%/backbone_errors.tap \
    %D%/benchmark.tap \
    %D%/diff.tap \
    %D%/weight_reports.tap
tap_tests = $(golden_tests) \
    %D%/arrows.tap \
    %D%/size.tap \
    %D%/schema.tap \
    %D%/complete.tap \
    %D%/backbones.tap \
    %D%/git.tap \
    %D%/graph.tap \
    %D%/kernel_cache.tap \
    %D%/golden.tap \
    %D%/bfloat16.tap \
    %D%/target.tap \
    %D%/aarch64.tap \
    %D%/quickstart.tap \
    %D%/weights.tap \
    %D%/weight_layouts.tap \
    %D%/weight_names.tap \
    %D%/runtime.tap \
    %D%/fuzz.tap
long_tests = \
    %D%/long/accuracy.tap \
    %D%/long/reference.tap
TESTS += $(unit_tests) $(tap_tests)
check_PROGRAMS += $(unit_tests)
EXTRA_DIST += $(tap_tests) $(long_tests) \
    %D%/graft.dict %D%/schema_check.py \
    %D%/tap.h %D%/tap.sh %D%/weight_lib.sh %D%/count.sh %D%/setup.sh %D%/installcheck.sh \
    %D%/make_backbones.py %D%/make_golden.py %D%/make_reference.py \
    %D%/make_weights.py \
    %D%/backbones %D%/benchmark %D%/check %D%/diff %D%/error %D%/golden %D%/init %D%/plan \
    %D%/plot %D%/reference %D%/spec %D%/summary %D%/weights

%C%_unit_base_LDADD = $(graft_libs)
%C%_unit_spec_LDADD = $(graft_libs)
%C%_unit_winograd_SOURCES = %D%/unit_winograd.c %D%/kir/conv_numbers.c %D%/kir/conv_numbers.h
%C%_unit_winograd_LDADD = $(graft_libs)
%C%_unit_strassen_SOURCES = %D%/unit_strassen.c %D%/kir/conv_numbers.c %D%/kir/conv_numbers.h
%C%_unit_strassen_LDADD = $(graft_libs)
%C%_unit_kir_SOURCES = %D%/unit_kir.c %D%/kir/random_kernel.c %D%/kir/random_kernel.h
%C%_unit_kir_LDADD = $(graft_libs)
%C%_unit_emit_c_SOURCES = %D%/unit_emit_c.c %D%/kir/tiny_plan.c %D%/kir/tiny_plan.h
%C%_unit_emit_c_LDADD = $(graft_libs)
%C%_unit_llvm_SOURCES = %D%/unit_llvm.c %D%/kir/random_kernel.c %D%/kir/random_kernel.h \
    %D%/kir/tiny_plan.c %D%/kir/tiny_plan.h
%C%_unit_llvm_CPPFLAGS = $(AM_CPPFLAGS) $(LLVM_CPPFLAGS)
%C%_unit_llvm_LDADD = $(graft_llvm_libs)
%C%_unit_gradients_SOURCES = %D%/unit_gradients.c compiler/tool/compile.c compiler/tool/temporary.c
%C%_unit_gradients_LDADD = $(graft_llvm_libs)
# kernels for other processors, which aarch64.tap runs
check_PROGRAMS += %D%/cross/make_kernels
%C%_cross_make_kernels_SOURCES = %D%/cross/make_kernels.c %D%/cross/libm.h \
    %D%/kir/random_kernel.c %D%/kir/random_kernel.h compiler/tool/compile.c compiler/tool/temporary.c
%C%_cross_make_kernels_CPPFLAGS = $(AM_CPPFLAGS) $(LLVM_CPPFLAGS)
%C%_cross_make_kernels_LDADD = $(graft_llvm_libs)
EXTRA_DIST += %D%/cross/run_kernels.c
# like a compiled program
%C%_unit_runtime_CPPFLAGS = $(AM_CPPFLAGS) $(IMAGE_CFLAGS)
%C%_unit_runtime_LDADD = libgrt.a $(GRAFT_LINK_LIBS)

# the fuzzers of the front end
check_PROGRAMS += %D%/fuzz/fuzz
fuzz_sources = \
    %D%/fuzz/fuzz.h \
    %D%/fuzz/fuzz_input.c \
    compiler/tool/compile.c \
    compiler/tool/json_write.c \
    compiler/tool/plan_json.c \
    compiler/tool/temporary.c
%C%_fuzz_fuzz_SOURCES = $(fuzz_sources) \
    %D%/fuzz/fuzz_bytes.c \
    %D%/fuzz/fuzz_grammar.c \
    %D%/fuzz/fuzz_layers.c \
    %D%/fuzz/fuzz_main.c \
    %D%/fuzz/fuzz_random.c
%C%_fuzz_fuzz_LDADD = $(graft_llvm_libs)
if LIBFUZZER
check_PROGRAMS += %D%/fuzz/libfuzzer
%C%_fuzz_libfuzzer_SOURCES = $(fuzz_sources) %D%/fuzz/fuzz_libfuzzer.c
%C%_fuzz_libfuzzer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
%C%_fuzz_libfuzzer_LDADD = $(graft_llvm_libs)
endif
EXTRA_DIST += %D%/fuzz/corpus %D%/fuzz/findings

# what the scripts use
check_PROGRAMS += %D%/compare %D%/reference_inputs %D%/write_weights %D%/runtime/make_images
%C%_write_weights_CPPFLAGS = $(AM_CPPFLAGS) $(HDF5_CFLAGS)
%C%_write_weights_LDADD = $(HDF5_LIBS) -lm
%C%_runtime_make_images_CPPFLAGS = $(AM_CPPFLAGS) $(IMAGE_CFLAGS)
%C%_runtime_make_images_LDADD = $(IMAGE_LIBS)

# the experiment written by hand, in five kinds
check_PROGRAMS += %D%/runtime/fixture %D%/runtime/fixture_skip %D%/runtime/fixture_cifar10 \
    %D%/runtime/fixture_needs %D%/runtime/fixture_npy
%C%_runtime_fixture_SOURCES = %D%/runtime/fixture.c
if !SANITIZE
%C%_runtime_fixture_SOURCES += %D%/runtime/count_alloc.c
endif
EXTRA_DIST += %D%/runtime/count_alloc.c
%C%_runtime_fixture_LDADD = libgrt.a $(GRAFT_LINK_LIBS)
%C%_runtime_fixture_skip_SOURCES = %D%/runtime/fixture.c
%C%_runtime_fixture_skip_CPPFLAGS = $(AM_CPPFLAGS) -DFIXTURE_SKIP=1 -DFIXTURE_PREFIX_HEAD=1 \
    -DFIXTURE_SPEC_HASH='"other"'
%C%_runtime_fixture_skip_LDADD = libgrt.a $(GRAFT_LINK_LIBS)
%C%_runtime_fixture_cifar10_SOURCES = %D%/runtime/fixture.c
%C%_runtime_fixture_cifar10_CPPFLAGS = $(AM_CPPFLAGS) -DFIXTURE_FORMAT=GRT_DATA_CIFAR10 \
    -DFIXTURE_CLASSES=10
%C%_runtime_fixture_cifar10_LDADD = libgrt.a $(GRAFT_LINK_LIBS)
%C%_runtime_fixture_needs_SOURCES = %D%/runtime/fixture.c
%C%_runtime_fixture_needs_CPPFLAGS = $(AM_CPPFLAGS) -DFIXTURE_NEEDS='"third-arm wings"'
%C%_runtime_fixture_needs_LDADD = libgrt.a $(GRAFT_LINK_LIBS)
%C%_runtime_fixture_npy_SOURCES = %D%/runtime/fixture.c
%C%_runtime_fixture_npy_CPPFLAGS = $(AM_CPPFLAGS) -DFIXTURE_FORMAT=GRT_DATA_NPY
%C%_runtime_fixture_npy_LDADD = libgrt.a $(GRAFT_LINK_LIBS)

# In place of automake's own: the count stands last, whatever failed.
check-TESTS: $(check_PROGRAMS)
	@rm -f $(TEST_LOGS) $(TEST_LOGS:.log=.trs) $(TEST_SUITE_LOG); status=0; \
	$(MAKE) $(AM_MAKEFLAGS) $(TEST_SUITE_LOG) || status=1; \
	$(SHELL) $(srcdir)/%D%/count.sh $(TEST_LOGS:.log=.trs) || status=1; exit $$status

check-long: all
	@$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(long_tests)'

FUZZ_SECONDS = 30
fuzz: all
	@$(MAKE) $(AM_MAKEFLAGS) check TESTS=%D%/fuzz.tap FUZZ_SECONDS='$(FUZZ_SECONDS)'

# begins with the files that there are and some that the grammar makes; inputs that go new ways are
# kept in the build folder
libfuzzer: $(check_PROGRAMS)
	@test -f %D%/fuzz/libfuzzer || { echo 'configure with --enable-libfuzzer CC=clang'; exit 1; }
	@$(MKDIR_P) %D%/fuzz/units; for run in `seq 60`; do \
	    %D%/fuzz/fuzz print grammar --run $$run > %D%/fuzz/units/made-$$run; done
	ASAN_OPTIONS=detect_leaks=0 %D%/fuzz/libfuzzer -dict='$(srcdir)/%D%/graft.dict' -timeout=20 \
	    -max_total_time='$(FUZZ_SECONDS)' -max_len=8192 -print_final_stats=1 %D%/fuzz/units \
	    $(srcdir)/specs $(srcdir)/examples/quickstart $(srcdir)/%D%/spec $(srcdir)/%D%/error \
	    $(srcdir)/%D%/backbones/errors $(srcdir)/%D%/fuzz/corpus $(srcdir)/%D%/fuzz/findings

update-golden: all
	@$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(golden_tests)' UPDATE_GOLDEN=1

installcheck-local:
	$(SHELL) $(srcdir)/%D%/installcheck.sh '$(DESTDIR)$(bindir)/graftc$(EXEEXT)' '$(srcdir)'

.PHONY: check-long fuzz libfuzzer update-golden
