#!/usr/bin/env bash
# Which lines of our own code the tests run: builds all with --coverage into build/coverage, runs the tests (with LABEL=...
# those of one label, else all but slow), and ends with a table and a total. Half an hour or more the first time.
#
# Hot loops are compiled without optimisation here, so tests with a time limit may need more than theirs.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
# shellcheck disable=SC1091
. build/setup.env
export LASER_PYTHON OMP_WAIT_POLICY=passive
folder=build/coverage
cmake -S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DTORCH_DIR="$TORCH_DIR" -DLASER_PYTHON=OFF \
  -DCMAKE_CXX_FLAGS="--coverage -O0 -g0 -fprofile-update=atomic -fprofile-abs-path" >build/coverage.log 2>&1 ||
  { tail -n 30 build/coverage.log >&2; exit 1; }
cmake --build "$folder"
find "$folder" -name '*.gcda' -delete
if [ -n "${LABEL:-}" ]; then choice=(-L "^$LABEL\$"); else choice=(-LE '^slow$'); fi
status=0
ctest --test-dir "$folder" -j "$(nproc)" --output-on-failure "${choice[@]}" >build/coverage-test.log 2>&1 || status=$?
tail -n 3 build/coverage-test.log
scripts/coverage_table.py "$folder"
exit $status
