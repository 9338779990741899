#!/usr/bin/env bash
# Compiles the GPU's kernels with nvcc, without a GPU and without LibTorch: all warnings are errors.
# CUDA_ARCH chooses the processor: sm_90 (Hopper) unless it is set.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
if ! command -v nvcc >/dev/null; then
  echo "check: nvcc is not installed; the GPU's kernels were not compiled"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
for source in src/laser/kernels/cuda/*.cu; do
  nvcc -arch="${CUDA_ARCH:-sm_90}" -std=c++20 -O3 --expt-relaxed-constexpr -Werror all-warnings \
    -Xcompiler -Wall,-Wextra,-Werror -Isrc -c "$source" -o "$folder/kernels.o" || { echo "check: $source"; failed=1; }
done
[ $failed -eq 0 ] && echo "cuda: ok"
exit $failed
