# weight_lib.sh - for the tests of weight files, read behind tap.sh.

# params SPEC: the arrays of the network's layers as a list for write_weights, all under their own
# names; of the backbone alone, when a second word is given
params() {
    "$graftc" emit --kind=graph "$1" | awk -v backbone="${2:-}" '
        / = / && !(backbone && part != "backbone") {
            n = split(substr($0, index($0, " : ") + 3), item, ", ")
            for (i = 2; i <= n; i++)
                if (split(item[i], word, " ") == 2)
                    print $1, word[1], word[2], $1 "/" word[1]
        }
        !/ = / { part = $1 }'
}

# write LAYOUT FILE OPTION...: a file of the list `list`
write() {
    "$tools/write_weights" "$@" < list
}

# start: into a folder with the spec, the net and the images of tests/weights
start() {
    cp -R "$srcdir/tests/golden/images" "$work" && mkdir "$work/case" && cd "$work/case" &&
        cp "$srcdir/tests/weights"/*.yaml . || exit 99
    images=$(sed 's,^,../images/,' "$srcdir/tests/weights/images.txt")
}

# features FILE SET...: what the program of spec.graft.yaml with these weights computes, as FILE
features() {
    file=$1
    shift
    "$graftc" build spec.graft.yaml -o ./prog "$@" && ./prog features $images -o "$file"
}

# same FEATURES SET...: the program computes these to the bit, and the report finds all in place
same() {
    wanted=$1
    shift
    features got.npy "$@" 2> messages || { cat messages; return 1; }
    cat messages
    grep -q '^weights .* 0 missing, 0 unused, 0 of another shape' messages && cmp "$wanted" got.npy
}

# exits CODE TEXT SET...: graftc build exits with CODE, says TEXT and leaves no program
exits() {
    code=$1
    text=$2
    shift 2
    rm -f prog
    "$graftc" build spec.graft.yaml -o prog "$@" 2> messages
    got=$?
    cat messages
    [ "$got" -eq "$code" ] && grep -q -- "$text" messages && [ ! -e prog ]
}
