#!/usr/bin/env python3
"""Prints "N passed, N failed" for a JUnit file of ctest: a GoogleTest program counts with the tests it holds."""
import re
import sys
import xml.etree.ElementTree as tree


def count(case):
    """(passed, failed, skipped) of one ctest entry."""
    output = case.findtext("system-out") or ""

    def tests(word):
        found = re.search(rf"\[  {word} *\] (\d+) tests?[.,]", output)
        return int(found.group(1)) if found else 0

    passed, failed, skipped = tests("PASSED"), tests("FAILED"), tests("SKIPPED")
    if case.get("status") in ("notrun", "disabled"):
        return 0, 0, 1
    if case.get("status") == "fail":
        return passed, max(failed, 1), skipped
    return (passed, 0, skipped) if passed + skipped else (1, 0, 0)


try:
    cases = tree.parse(sys.argv[1]).getroot().findall("testcase")
except (OSError, tree.ParseError) as problem:
    sys.exit(f"no test was run ({problem}); see build/test.log")
totals = [sum(column) for column in zip(*map(count, cases))] or [0, 0, 0]
print(f"{totals[0]} passed, {totals[1]} failed" + (f", {totals[2]} skipped" if totals[2] else ""))
