#!/bin/sh
# installcheck.sh - the installed compiler builds an experiment with the installed runtime, and the
# program runs. Usage: installcheck.sh GRAFTC SRCDIR
set -eu
graftc=$1
golden=$(cd "$2/tests/golden" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset GRAFT_RUNTIME
XDG_CACHE_HOME=$work/cache
export XDG_CACHE_HOME
cd "$work"
mkdir case
cp "$golden/head_only/spec.graft.yaml" case/
gzip -dc "$golden/head_only/weights.h5.gz" > case/weights.h5
cp -R "$golden/images" images
"$graftc" --version
share=$(dirname "$graftc")/../share
test -s "$share/graft/graft.schema.json"
test -s "$share/man/man1/graftc.1" && test -s "$share/man/man5/graft-spec.5"
test -s "$share/bash-completion/completions/graftc.bash"
test -s "$share/zsh/site-functions/_graftc"
"$graftc" build case/spec.graft.yaml -o prog
./prog info
./prog train --out out --epochs 1
test -s out/checkpoint.safetensors
