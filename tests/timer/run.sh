#!/bin/bash
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs a test while a timer interrupts it, for `bazel test --run_under`:
#
#   run [--allocate] [--vm] [--kernel=VERSION] TEST [ARGUMENT ...]
#
# README.md says more. The exit status is the test's; or 1 when it passed and
# nothing was interrupted.

set -u -o pipefail

mode=count
machine=()
while [[ ${1-} == --* ]]; do
  case $1 in
    --allocate) mode=allocate ;;
    --vm) machine+=(--quiet) ;;
    --kernel=*) machine+=("$1") ;;
    *) echo "run: unknown option $1" >&2; exit 2 ;;
  esac
  shift
done

here=$TEST_SRCDIR/bulkhead/tests
ticker=$here/timer/ticker.so
counts=$TEST_UNDECLARED_OUTPUTS_DIR/ticks
export BULKHEAD_TICKER=$mode BULKHEAD_TICKER_STATS=$counts

if [[ ${#machine[@]} -gt 0 ]]; then
  "$here/vm/run" "${machine[@]}" --env="LD_PRELOAD=$ticker" --file="$ticker" -- "$@"
else
  env LD_PRELOAD="$ticker" "$@"
fi
status=$?

if [[ -s $counts ]]; then
  awk '{
    split($4, ticks, "="); split($5, allocations, "=")
    all_ticks += ticks[2]; all_allocations += allocations[2]
  } END {
    printf "timer: %d processes ended, %d ticks in them, %d with an allocation\n",
      NR, all_ticks, all_allocations
  }' "$counts"
elif [[ $status -eq 0 ]]; then
  echo "run: the test passed, but no process of it left a count of ticks" >&2
  status=1
fi
exit "$status"
