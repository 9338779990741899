#!/usr/bin/env bash
# Sets up, builds everything, runs the tests and ends with the line "N passed, N failed".
# LABEL=fast|slow|python|gpu runs one label; the default is all but slow.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
scripts/setup.sh && scripts/build.sh || exit 1
# shellcheck disable=SC1091
. build/setup.env
export LASER_PYTHON
# Tests run beside one another: threads that spin while they wait (OpenMP's default) take the cores from those that work.
export OMP_WAIT_POLICY=passive
if [ -n "${LABEL:-}" ]; then choice=(-L "^$LABEL\$"); else choice=(-LE '^slow$'); fi
ctest --test-dir build/release -j "$(nproc)" --output-on-failure --no-tests=error \
  --output-junit junit.xml --test-output-size-passed 10000000 "${choice[@]}" >build/test.log 2>&1
status=$?
if [ $status -ne 0 ]; then grep -vE '^ *[0-9]+/[0-9]+ .*Passed|^ *Start ' build/test.log; fi
scripts/count_tests.py build/release/junit.xml
exit $status
