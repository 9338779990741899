"""scripts/check_sizes.py counts what is there, and notices what is too long, what has grown and what has shrunk."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"))
import check_sizes  # noqa: E402

CPP = """
#include "a{b.hpp"
namespace laser {
const std::map<int, int> table = {{1, 2},
                                  {3, 4}};
template <class T>
class Box : public Base<T> {
 public:
  explicit Box(int size)
      : size_{size}, text_("}") {  // a brace } here
    fill();
  }
  int size() const { return size_; }

 private:
  int size_{0};
};
double halve(double x) {
  const auto half = [](double y) { return y / 2; };
  if (x > 1'000) {
    return half(x);
  }
  return R"({)"[0] + '{';
}
TEST(Suite, Name) {
}
}  // namespace laser
"""
PYTHON = """
def one():
    def inside():
        pass


class Two:
    @property
    def three(self):
        return 3
"""


class Sizes(unittest.TestCase):
    def test_functions_are_counted(self):
        self.assertEqual(list(check_sizes.cpp_functions(CPP)), [("Box", 4), ("size", 1), ("halve", 7), ("Suite.Name", 2)])
        self.assertEqual(list(check_sizes.python_functions(PYTHON)), [("one", 3), ("Two.three", 2)])
        self.assertRaisesRegex(ValueError, "from line 1 on", list, check_sizes.cpp_functions("void f() {"))

    def test_lists_are_exact(self):
        for lines, told in ((400, []), (401, ["are the most"])):
            self.judged(lines, {}, told)
        for lines, told in ((500, []), (501, ["too many already"]), (499, ["write 499"]), (400, ["take it out"])):
            self.judged(lines, {"a.cpp": 500}, told)

    def judged(self, lines, listed, told):
        wrong = []
        check_sizes.judge(wrong, "a.cpp", lines, 400, listed)
        self.assertEqual(len(wrong), len(told), wrong)
        for text, part in zip(wrong, told):
            self.assertIn(part, text)
        self.assertEqual(listed, {})


if __name__ == "__main__":
    unittest.main()
