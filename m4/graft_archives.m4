# graft_archives.m4 - the static libraries that compiled programs are linked with.

# GRAFT_ARCHIVES(NAME...)
# -----------------------
# Sets GRAFT_LINK_LIBS to the full paths of NAME.a, each as the compiler finds it.
AC_DEFUN([GRAFT_ARCHIVES], [
GRAFT_LINK_LIBS=
for graft_name in $1; do
    AC_MSG_CHECKING([for $graft_name.a])
    graft_path=`$CC -print-file-name=$graft_name.a 2>/dev/null`
    AS_CASE([$graft_path], [/*], [], [graft_path=`gcc -print-file-name=$graft_name.a 2>/dev/null`])
    AS_CASE([$graft_path],
        [/*], [],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([no static $graft_name.a: programs are linked with it, install its -dev package])])
    # without dots, so that the same file has the same name for every compiler
    graft_path=`cd "\`AS_DIRNAME(["$graft_path"])\`" && pwd -P`/$graft_name.a
    AC_MSG_RESULT([$graft_path])
    GRAFT_LINK_LIBS="$GRAFT_LINK_LIBS${GRAFT_LINK_LIBS:+ }$graft_path"
done
])
