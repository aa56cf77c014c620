#!/bin/sh
# step.sh "what it does" LOG COMMAND…: says what it does and how long it took; the command's output goes to LOG,
# and is shown when it fails. With LOG = - the output is shown as it comes.
set -u
what=$1 log=$2
shift 2
started=$(date +%s)
if [ "$log" = - ]; then
    printf '==> %s\n' "$what"
    "$@" </dev/null
else
    printf '==> %s … ' "$what"
    "$@" </dev/null >"$log" 2>&1
fi
status=$?
took=$(($(date +%s) - started))
if [ "$status" -ne 0 ]; then
    printf 'failed after %s s\n' "$took"
    [ "$log" = - ] || tail -n 40 "$log"
    exit "$status"
fi
[ "$log" = - ] && printf '    done in %s s\n' "$took" || printf '%s s\n' "$took"
