#!/bin/sh
# count.sh - counts the points in the result files of the tests: `N passed, N failed, N skipped`.
# Usage: count.sh FILE.trs...   Exit status 1 when one failed or a file is missing.
for file in "$@"; do
    if [ -f "$file" ]; then
        cat "$file"
    else
        echo ":test-result: ERROR $file is missing"
    fi
done | awk '
    $1 == ":test-result:" { n[$2]++ }
    END {
        passed = n["PASS"] + n["XFAIL"]
        failed = n["FAIL"] + n["XPASS"] + n["ERROR"]
        printf "%d passed, %d failed, %d skipped\n", passed, failed, n["SKIP"]
        exit failed > 0 || passed + n["SKIP"] == 0
    }'
