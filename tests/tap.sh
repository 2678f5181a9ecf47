# tap.sh - for tests written in sh, read with `.`: where things are, and how a point is made.
#
# Sets srcdir, graftc (the compiler: $GRAFTC or ./graftc), tools (folder of compare and the like),
# data (real weights and images: $GRAFT_DATA or beside the sources) and work, a folder that goes
# away at the end; the programs keep their caches in it. The script ends with `finish`.
set -u
LC_ALL=C
export LC_ALL
srcdir=$(cd "${srcdir:-.}" && pwd)
graftc=${GRAFTC:-$PWD/graftc}
tools=$PWD/tests
data=${GRAFT_DATA:-$srcdir/../shared/data}
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT PIPE TERM
XDG_CACHE_HOME=$work/cache
export XDG_CACHE_HOME
n=0

# point NAME COMMAND...: a TAP point; what a failing command printed follows as comments. The
# difference that compare found stands behind the name.
point() {
    name=$1
    shift
    n=$((n + 1))
    if "$@" > "$work/out" 2>&1; then
        echo "ok $n - $name$(sed -n 's/^largest difference \([^ ]*\).*/ (\1)/p' "$work/out")"
        return 0
    fi
    echo "not ok $n - $name"
    tail -n 12 "$work/out" | sed 's/^/# /'
    return 1
}

# to_file FILE COMMAND...: the command's standard output goes to FILE
to_file() {
    file=$1
    shift
    "$@" > "$file"
}

# need_data FILE...: without one of these files of $data the whole test is skipped
need_data() {
    for file in "$@"; do
        if [ ! -f "$data/$file" ]; then
            echo "1..0 # SKIP no $file in GRAFT_DATA or ../shared/data"
            exit 0
        fi
    done
}

# golden FILE COMMAND...: the command succeeds and prints what stands in the file; under
# `make update-golden` what it prints is written there instead
golden() {
    file=$1
    shift
    "$@" > "$work/got" || return
    if [ -n "${UPDATE_GOLDEN:-}" ] && ! cmp -s "$file" "$work/got"; then
        cp "$work/got" "$file" || return
    fi
    diff -u "$file" "$work/got"
}

finish() {
    echo "1..$n"
}
