# The compiler: libgraft.a (all stages up to C), libgraftllvm.a (LLVM and linking) and graftc.
noinst_LIBRARIES += libgraft.a libgraftllvm.a
bin_PROGRAMS += graftc

libgraft_a_SOURCES =
libgraft_a_CPPFLAGS = $(AM_CPPFLAGS) $(YAML_CFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS) $(HDF5_CFLAGS)
nodist_libgraft_a_SOURCES =
libgraftllvm_a_SOURCES =
libgraftllvm_a_CPPFLAGS = $(AM_CPPFLAGS) $(LLVM_CPPFLAGS) -DGRAFT_RUNTIME_DIR='"$(pkglibdir)"'
graftc_SOURCES =

# what a program with the stages in it is linked with; the second with LLVM, too
graft_libs = libgraft.a \
    $(YAML_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) $(HDF5_LIBS)
graft_llvm_libs = libgraftllvm.a $(graft_libs) $(LLVM_LDFLAGS) $(LLVM_LIBS)
graftc_LDADD = $(graft_llvm_libs)
# runs from the build folder at once, since the runtime stands beside it
graftc_DEPENDENCIES = libgraftllvm.a libgraft.a libgrt.a

include %D%/base/local.mk
include %D%/spec/local.mk
include %D%/layers/local.mk
include %D%/graph/local.mk
include %D%/weights/local.mk
include %D%/kernel/local.mk
include %D%/plan/local.mk
include %D%/emit/local.mk
include %D%/diff/local.mk
include %D%/tool/local.mk
