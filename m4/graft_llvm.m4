# graft_llvm.m4 - finds LLVM 19 and proves that it links.

# GRAFT_LLVM
# ----------
# Sets LLVM_CONFIG, LLVM_VERSION, LLVM_CPPFLAGS, LLVM_LDFLAGS and LLVM_LIBS. A versioned llvm-config
# is looked for first: the plain name often is another LLVM (14 on Debian 12). What the user gives as
# LLVM_CONFIG is used or is an error, nothing else is tried then.
AC_DEFUN([GRAFT_LLVM], [
AC_ARG_VAR([LLVM_CONFIG], [llvm-config of LLVM 19])
AS_IF([test -z "$LLVM_CONFIG"], [
    AC_PATH_PROGS([LLVM_CONFIG], [llvm-config-19 llvm-config19 llvm-config], [],
                  [$PATH:/usr/lib/llvm-19/bin:/usr/lib/llvm19/bin:/opt/llvm-19/bin])
    AS_IF([test -z "$LLVM_CONFIG"],
          [AC_MSG_ERROR([no llvm-config-19: install LLVM 19 (Debian: llvm-19-dev) or set LLVM_CONFIG])])
])
AC_MSG_CHECKING([version of LLVM])
LLVM_VERSION=`$LLVM_CONFIG --version 2>/dev/null`
AC_MSG_RESULT([${LLVM_VERSION:-none}])
AS_CASE([$LLVM_VERSION],
    [19.*], [],
    ['']  , [AC_MSG_ERROR([$LLVM_CONFIG does not run])],
            [AC_MSG_ERROR([$LLVM_CONFIG is of LLVM $LLVM_VERSION, but 19 is needed: set LLVM_CONFIG])])
LLVM_CPPFLAGS="-isystem `$LLVM_CONFIG --includedir`"
LLVM_LDFLAGS=`$LLVM_CONFIG --link-shared --ldflags`
LLVM_LIBS=`$LLVM_CONFIG --link-shared --libs 2>/dev/null`
AS_IF([test -z "$LLVM_LIBS"], [AC_MSG_ERROR([$LLVM_CONFIG knows no shared LLVM])])

graft_save_CPPFLAGS=$CPPFLAGS graft_save_LDFLAGS=$LDFLAGS graft_save_LIBS=$LIBS
CPPFLAGS="$CPPFLAGS $LLVM_CPPFLAGS" LDFLAGS="$LDFLAGS $LLVM_LDFLAGS" LIBS="$LLVM_LIBS $LIBS"
GRAFT_LLVM_LINKS([LLVMRunPasses], [llvm-c/Transforms/PassBuilder.h],
                 [LLVMRunPasses(NULL, "", NULL, NULL)])
GRAFT_LLVM_LINKS([LLVMInitializeX86Target], [llvm-c/Target.h], [LLVMInitializeX86Target()])
GRAFT_LLVM_LINKS([LLVMInitializeNVPTXTarget], [llvm-c/Target.h], [LLVMInitializeNVPTXTarget()])
CPPFLAGS=$graft_save_CPPFLAGS LDFLAGS=$graft_save_LDFLAGS LIBS=$graft_save_LIBS
AC_SUBST([LLVM_VERSION])
AC_SUBST([LLVM_CPPFLAGS])
AC_SUBST([LLVM_LDFLAGS])
AC_SUBST([LLVM_LIBS])
])

# GRAFT_LLVM_LINKS(FUNCTION, HEADER, CALL)
# ----------------------------------------
# An error unless a program with this call links.
AC_DEFUN([GRAFT_LLVM_LINKS], [
AC_MSG_CHECKING([whether LLVM has $1])
AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <stddef.h>
#include <$2>]], [[$3;]])],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([cannot link a call of $1 with $LLVM_LIBS; see config.log])])
])
