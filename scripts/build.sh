#!/usr/bin/env bash
# Builds the named targets (all without any) into build/release; quiet unless something has to be done.
# LASER_WERROR=ON (CI): a warning about our own code is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck disable=SC1091
. build/setup.env
folder=build/release
# Configured anew when a package, a compiler or the Torch is another than then: what was not there may be there now.
surroundings=$({
  echo "$TORCH_DIR ${CXX:-} ${CUDACXX:-} ${LASER_WERROR:-OFF}"
  stat -c '%Y' /var/lib/dpkg/status || true
  for program in c++ cmake ninja ccache mold mpicxx nvcc; do command -v "$program" || echo none; done
  cat "$TORCH_DIR/version.py" || true
} 2>/dev/null | sha256sum)
if [ ! -f "$folder/build.ninja" ] || [ "$(cat "$folder/surroundings" 2>/dev/null)" != "$surroundings" ]; then
  fresh=()  # CMake does not change the compiler of a folder that has one
  [ "$(cat "$folder/compiler" 2>/dev/null || echo "${CXX:-}")" = "${CXX:-}" ] || fresh=(--fresh)
  cmake "${fresh[@]}" -S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTORCH_DIR="$TORCH_DIR" -DLASER_WERROR="${LASER_WERROR:-OFF}" \
    -DLASER_SELF_CONTAINED=OFF >build/cmake.log 2>&1 ||
    { tail -n 30 build/cmake.log >&2; exit 1; }
  echo "${CXX:-}" >"$folder/compiler"
  echo "$surroundings" >"$folder/surroundings"
fi
targets=()
for target in "$@"; do targets+=(--target "$target"); done
exec cmake --build "$folder" "${targets[@]}"
