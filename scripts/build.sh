#!/usr/bin/env bash
# Builds the named targets (all without any) into build/release; quiet unless something has to be done.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck disable=SC1091
. build/setup.env
folder=build/release
if [ ! -f "$folder/build.ninja" ] || ! grep -q "TORCH_DIR:.*=$TORCH_DIR\$" "$folder/CMakeCache.txt"; then
  cmake -S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTORCH_DIR="$TORCH_DIR" >build/cmake.log 2>&1 ||
    { tail -n 30 build/cmake.log >&2; exit 1; }
fi
targets=()
for target in "$@"; do targets+=(--target "$target"); done
cmake --build "$folder" "${targets[@]}"
