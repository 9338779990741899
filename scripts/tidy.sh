#!/usr/bin/env bash
# clang-tidy (.clang-tidy says which checks) over our sources, or over the files given: tidy.sh [FILE...]. Needs clang-tidy,
# libomp-dev and what `make build` has set up. A file takes 10 to 20 s of a processor: it parses LibTorch's headers anew.
set -uo pipefail
cd "$(dirname "$0")/.."
command -v clang-tidy >/dev/null || { echo "tidy: clang-tidy is not installed. HINT: apt-get install clang-tidy libomp-dev" >&2; exit 2; }
[ -f build/setup.env ] || { echo "tidy: run 'make build' first" >&2; exit 2; }
# shellcheck disable=SC1091
. build/setup.env
# clang does not read the precompiled headers of g++.
cmake -S . -B build/tidy -G Ninja -DTORCH_DIR="$TORCH_DIR" -DLASER_PYTHON=OFF -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >build/tidy.log 2>&1 || { tail -n 20 build/tidy.log >&2; exit 2; }
if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(git ls-files 'src/*.cpp' 'apps/*.cpp'); fi
# Flags of g++ that clang does not know are no defects.
printf '%s\0' "${files[@]}" | xargs -0 -n 2 -P "$(nproc)" clang-tidy -p build/tidy --quiet \
  --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-optimization-argument \
  >build/tidy.log 2>&1
status=$?
grep -E '(warning|error):' build/tidy.log | sort -u
[ $status -eq 0 ] && echo "tidy: ok, ${#files[@]} files"
exit $status
