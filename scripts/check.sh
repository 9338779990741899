#!/usr/bin/env bash
# The quick checks: include rules, sizes of files, formatting, types and, where nvcc is, that the GPU's kernels compile. A tool that is
# missing is told, and with LASER_ALL_CHECKS=ON (CI) it is a failure.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0
missing() {
  echo "check: $1"
  [ "${LASER_ALL_CHECKS:-OFF}" = OFF ] || failed=1
}
python3 scripts/check_structure.py || failed=1
python3 scripts/check_includes.py || failed=1
if command -v clang-format >/dev/null; then
  git ls-files -z '*.cpp' '*.hpp' '*.cu' | xargs -0 clang-format --dry-run -Werror 2>build/format.log ||
    { grep -m 20 error: build/format.log; echo "check: run clang-format -i on these files"; failed=1; }
else
  missing "clang-format is not installed; formatting was not checked. HINT: pip install clang-format==14.0.6"
fi
scripts/check_cuda.sh || failed=1
# shellcheck disable=SC1091
python=$([ -f build/setup.env ] && . build/setup.env && echo "$LASER_PYTHON" || echo python3)
if "$python" -c 'import mypy, torch' 2>/dev/null; then
  "$python" -m mypy >build/mypy.log 2>&1 ||
    { tail -n 20 build/mypy.log; echo "check: the types of the Python package do not fit"; failed=1; }
else
  missing "mypy is not installed; the types of the Python package were not checked. HINT: make build installs it"
fi
[ $failed -eq 0 ] && echo "check: ok"
exit $failed
