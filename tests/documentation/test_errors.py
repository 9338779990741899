"""scripts/check_errors.py counts what is there, and notices errors without a next step, new ones and mended ones."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"))
import check_errors  # noqa: E402

CPP = """
// fail(kBug, "in a comment");
[[noreturn]] void fail(ExitCode code, Text text);
void read(const char* path) {
  if (size < 1'000) fail(ExitCode::kData, "{} is short", path);
  fail(ExitCode::kData,
       "{} is long: (see {}) "
       "and so on. HINT: another",
       path, place(path));
  fail(kData, "{} is odd. {}", path, kHint);
  fail(kData, R"(a ")" + text("HINT"), ')');
  laser::fail(kIo, "can't (be read"); other.failed("x"); refuse("no HINT: here");
}
"""


class Errors(unittest.TestCase):
    def test_calls_are_found_and_read_whole(self):
        self.assertEqual(list(check_errors.calls(CPP)), [(5, False), (6, True), (10, True), (11, False), (12, False)])

    def test_lists_are_exact(self):
        for lines, listed, told in (([], 0, []), ([3, 8], 2, []), ([7], 0, ["lines 7"]), ([3, 7, 8], 2, ["3 errors"]), ([3], 2, ["write 1"]),
                                    ([], 2, ["take it out"])):
            wrong = []
            check_errors.judge(wrong, "a.cpp", lines, listed)
            self.assertEqual(len(wrong), len(told), wrong)
            for text, part in zip(wrong, told):
                self.assertIn(part, text)

    def test_calls_of_the_tree_are_found(self):
        root = pathlib.Path(check_errors.__file__).resolve().parent.parent
        found = [call for path in (root / "src").rglob("*.cpp") for call in check_errors.calls(path.read_text(encoding="utf-8"))]
        self.assertGreater(len(found), 250)
        self.assertTrue(any(named for _, named in found))


if __name__ == "__main__":
    unittest.main()
