#!/usr/bin/env bash
# libFuzzer on one reader of files, or on all one after the other: scripts/fuzz.sh [TARGET|all] [SECONDS]. Needs clang
# and its runtime (Debian: clang, libclang-rt-14-dev).
# What it finds stays in build/fuzz/found; the corpus in build/fuzz/corpus grows from small right files.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-all} seconds=${2:-600}
command -v clang++ >/dev/null || { echo "fuzz: clang++ is not installed" >&2; exit 1; }
scripts/setup.sh
# shellcheck disable=SC1091
. build/setup.env
folder=build/fuzz
mkdir -p "$folder/found"
cmake -S . -B "$folder" -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DLASER_FUZZ=ON -DLASER_PYTHON=OFF -DLASER_MPI=OFF \
  -DTORCH_DIR="$TORCH_DIR" >build/fuzz.log 2>&1 || { tail -n 30 build/fuzz.log >&2; exit 1; }
cmake --build "$folder" --target laser_fuzz
targets=("$target")
[ "$target" = all ] && read -ra targets < <("$folder/tests/laser_fuzz" 2>&1 | sed -n 's/.*must be one of: //p')
for name in "${targets[@]}"; do
  mkdir -p "$folder/corpus/$name"
  LASER_FUZZ_TARGET=$name LASER_FUZZ_SEEDS=$folder/corpus/$name "$folder/tests/laser_fuzz"
  LASER_FUZZ_TARGET=$name "$folder/tests/laser_fuzz" -max_total_time="$seconds" -rss_limit_mb=512 -timeout=10 \
    -artifact_prefix="$folder/found/$name-" -print_final_stats=1 "$folder/corpus/$name" >"build/fuzz-$name.log" 2>&1 ||
    { tail -n 40 "build/fuzz-$name.log" >&2; exit 1; }
  echo "$name: $(awk '/number_of_executed_units/ {print $2}' "build/fuzz-$name.log") inputs, none failed"
done
