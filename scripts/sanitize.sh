#!/usr/bin/env bash
# The tests under sanitizers, and which lines of our own code they run: sanitize.sh [address|thread] [OPTIONS OF CTEST].
#
# address: ASan, UBSan and LSan over all tests but the slow ones and those of installed packages; ends with a table of the
#          lines that were run. An hour and a half the first time (build/asan).
# thread:  TSan over what threads of ours share: kernels, the prefetcher of batches, sweeps that train several runs at once,
#          the verification (build/tsan). LibTorch's own threads are not instrumented: every run has one thread.
# Suppressions: scripts/lsan.supp, LibTorch's own. Under MPI leaks are not looked for: what Open MPI keeps lies in modules that
# are gone by then, and cannot be named.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-address}
[ $# -gt 0 ] && shift
thread_tests=(data_prefetcher_test kernels_{sampling,sketching,fused_pass,reduction,normal}_test)
case $kind in
  address) folder=build/asan sanitizers=address,undefined targets=(all)
    flags="--coverage -O1 -g1 -fprofile-update=atomic -fprofile-abs-path" ;;
  # One set of vectors: those of others would triple the time of the build, and hold the same loops.
  thread) folder=build/tsan sanitizers=thread targets=(laser_command "${thread_tests[@]}")
    flags="-O1 -g1 -DHWY_COMPILE_ONLY_STATIC -mavx2 -mfma -mbmi -mbmi2 -mf16c -maes -mpclmul" ;;
  *) echo "sanitize: name address or thread" >&2; exit 2 ;;
esac
scripts/setup.sh
# shellcheck disable=SC1091
. build/setup.env
cmake -S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DTORCH_DIR="$TORCH_DIR" -DLASER_PYTHON=OFF \
  -DLASER_SANITIZE=$sanitizers -DCMAKE_CXX_FLAGS="$flags" >"$folder.log" 2>&1 ||
  { tail -n 30 "$folder.log" >&2; exit 1; }
cmake --build "$folder" --target "${targets[@]}"
if [ "$kind" = thread ]; then
  export LASER_PYTHON TSAN_OPTIONS=halt_on_error=1
  for name in "${thread_tests[@]}"; do "$folder/tests/$name" --gtest_brief=1; done
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
  small=(epochs=1 workers=4 rank=2)
  "$folder/bin/laser" sweep task=mnist,mnist_mlp method=laser,signum,randomk,sketch,zsgd_adaptive "${small[@]}" --jobs 3 --out "$out/a"
  "$folder/bin/laser" sweep method=adsgd seed=1,2,3 "${small[@]}" --jobs 3 --out "$out/b"
  "$folder/bin/laser" theory verify --quick --out "$out/c"
  exit
fi
export LASER_PYTHON OMP_WAIT_POLICY=passive LASER_MOST_SECONDS=10
# Not the linker's order: the library of tests/faults comes before the sanitizer's. What is too much memory ends as elsewhere.
export ASAN_OPTIONS=verify_asan_link_order=0:detect_stack_use_after_return=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=$PWD/scripts/lsan.supp:print_suppressions=0
find "$folder" -name '*.gcda' -delete
status=0
tests=(ctest --test-dir "$folder" -j "$(nproc)" --output-on-failure "$@")
"${tests[@]}" -LE '^(slow|mpi)$' -E '^install$' >"$folder-test.log" 2>&1 || status=$?
ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 "${tests[@]}" -L '^mpi$' >>"$folder-test.log" 2>&1 || status=$?
grep -vE '^ *[0-9]+/[0-9]+ .*Passed|^ *Start ' "$folder-test.log" || true
scripts/coverage_table.py "$folder"
exit $status
