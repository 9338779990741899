#!/usr/bin/env bash
# Sets up, builds everything, runs the tests and ends with the line "N passed, N failed".
# LABEL=fast|slow|python runs one label; the default is all but slow.
set -uo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh && scripts/build.sh || exit 1
# shellcheck disable=SC1091
. build/setup.env
export LASER_PYTHON
if [ -n "${LABEL:-}" ]; then choice=(-L "^$LABEL\$"); else choice=(-LE '^slow$'); fi
ctest --test-dir build/release -j "$(nproc)" --output-on-failure --no-tests=error \
  --output-junit junit.xml "${choice[@]}" >build/test.log 2>&1
status=$?
if [ $status -ne 0 ]; then grep -vE '^ *[0-9]+/[0-9]+ .*Passed|^ *Start ' build/test.log; fi
"$LASER_PYTHON" - <<'PY'
import sys, xml.etree.ElementTree as tree
try:
    cases = tree.parse("build/release/junit.xml").getroot().findall("testcase")
except OSError:
    sys.exit("no test was run; see build/test.log")
failed = sum(case.get("status") == "fail" for case in cases)
skipped = sum(case.get("status") in ("notrun", "disabled") for case in cases)
print(f"{len(cases) - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
PY
exit $status
