# graft_warnings.m4 - warnings that the compiler knows.

# GRAFT_WARNINGS(FLAG...)
# -----------------------
# Appends to WARN_CFLAGS each of the flags that the compiler takes.
AC_DEFUN([GRAFT_WARNINGS], [
graft_save_CFLAGS=$CFLAGS
for graft_flag in $1; do
    AC_MSG_CHECKING([whether $CC takes $graft_flag])
    CFLAGS="$graft_save_CFLAGS -Werror $graft_flag"
    AC_COMPILE_IFELSE([AC_LANG_SOURCE([[int graft_nothing;]])],
        [AC_MSG_RESULT([yes])
         WARN_CFLAGS="$WARN_CFLAGS${WARN_CFLAGS:+ }$graft_flag"],
        [AC_MSG_RESULT([no])])
done
CFLAGS=$graft_save_CFLAGS
AC_SUBST([WARN_CFLAGS])
])
