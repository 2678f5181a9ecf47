#!/bin/sh
# embed.sh - writes embedded.c to standard output: the named backbone files as arrays of bytes.
# Usage: embed.sh specs/backbones/*.yaml
set -eu
LC_ALL=C
export LC_ALL

files=$(for file in "$@"; do printf '%s\n' "$file"; done | sort)
echo '/* embedded.c - the backbone files inside of the compiler; made by embed.sh. */'
echo '#include "compiler/graph/embedded.h"'
echo
n=0
for file in $files; do
    echo "static const char text_$n[] = {"
    od -An -v -td1 "$file" | sed 's/  */,/g; s/^,//; s/$/,/'
    echo '0};'
    n=$((n + 1))
done
echo
echo 'const struct GraftEmbedded graft_embedded_backbones[] = {'
n=0
for file in $files; do
    echo "    {\"$(basename "$file" .yaml)\", text_$n, sizeof text_$n - 1},"
    n=$((n + 1))
done
echo '};'
echo "const size_t graft_n_embedded_backbones = $n;"
echo 'const char *const graft_embedded_backbone_names[] = {'
for file in $files; do
    echo "    \"$(basename "$file" .yaml)\","
done
echo '    NULL};'
