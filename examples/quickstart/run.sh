#!/bin/sh
# run.sh - the quickstart: a frozen, pre-trained net gets a new head and learns from few pictures; beside
# it the same net with random frozen weights, to see what the pre-trained ones are worth.
#
#   run.sh [--data DIR] [--out DIR]
#
# --data DIR: your pictures instead of the drawn ones, DIR/train/CLASS/* and DIR/test/CLASS/*.
# --out DIR keeps the programs and the results; else they go with the temporary folder.
# GRAFTC is the compiler and DRAW the program that draws; both are found beside this when not given.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=
out=
usage() {
    echo "usage: run.sh [--data DIR] [--out DIR]" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --data | --out) [ $# -ge 2 ] || usage ;;
    *) usage ;;
    esac
    case $1 in
    --data) data=$2 ;;
    --out) out=$2 ;;
    esac
    shift 2
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
graftc=${GRAFTC:-graftc}
if [ -n "$out" ]; then
    mkdir -p "$out"
else
    out=$work
fi
if [ -z "$data" ]; then
    data=$work/pictures
    "${DRAW:-$here/draw}" "$data"
    echo "drew $(find "$data/train" -name '*.png' | wc -l) pictures to learn from, six kinds of things"
fi
for part in train test; do
    if [ ! -d "$data/$part" ]; then
        echo "run.sh: '$data/$part' is not a folder; it should hold a folder of pictures a class" >&2
        exit 1
    fi
done
classes=$(find "$data/train" -mindepth 1 -maxdepth 1 -type d ! -name '.*' | wc -l)

# try NAME SET...: builds and trains; the last val_accuracy, and how long it all took
try() {
    name=$1
    shift
    start=$(date +%s)
    "$graftc" build "$here/quickstart.graft.yaml" -o "$out/$name" \
        --set "head[1].Dense.units=$classes" "$@" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
    "$out/$name" train --train "$data/train" --test "$data/test" --out "$out/runs/$name" \
        > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    accuracy=$(sed -n '$s/.*val_accuracy: //p' "$work/log")
    printf '  %-34s %s   %s s\n' "$title" "$accuracy" $(($(date +%s) - start))
}

echo "frozen layers                      test accuracy   built and trained in"
title="trained on photographs (CIFAR-10)"
try pretrained
title="random numbers"
try random --set backbone.weights=random
echo "The spec: $here/quickstart.graft.yaml. With your own pictures: --data DIR"
