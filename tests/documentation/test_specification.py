"""What can be chosen has its formula: every allocation, feedback and power policy of the tables stands in the section of
docs/specification.md that its row, or that of the table, cites. python/laser/lists.json is what the command says (python_portable)."""
import json
import re
import unittest

from citations import SOURCE, SPECIFICATION, labels_of_specification, section_texts

ROLES = ("allocation", "feedback")


def rows():
    """(what it is, name, sections) of every row that cites the page."""
    lists = json.loads((SOURCE / "python" / "laser" / "lists.json").read_text())
    for role, name, _, source in lists["parts"]:
        sections = [label for _, label in labels_of_specification(source)]
        if role in ROLES and sections:
            yield role, name, sections
    header = (SOURCE / "src" / "laser" / "power" / "schedule.hpp").read_text()
    table = re.search(r"/// The policies of (spec [\d.]+)", header)[1]
    for name in lists["settings"]["power_policy"]["range"].split(" | "):
        yield "power policy", name, [label for _, label in labels_of_specification(table)]


def without_formula(found, texts):
    """The rows whose name begins no row of a table in a section that they cite, alone or among others: "| `norm`, `norm2` | ..."."""
    for kind, name, sections in found:
        for section in sections:
            if not re.search(rf"^\| (?:`\w+`, )*`{name}`(?:, `\w+`)* \| \S", texts.get(section, ""), re.MULTILINE):
                yield f"{kind} {name}: section {section} has no row of it"


class Values(unittest.TestCase):
    def setUp(self):
        self.page = SPECIFICATION.read_text()

    def test_every_value_has_its_formula(self):
        found = list(rows())
        for kind, least in (("allocation", 9), ("power policy", 7), ("feedback", 3)):
            self.assertGreaterEqual(sum(one == kind for one, _, _ in found), least, kind)
        self.assertEqual(list(without_formula(found, section_texts(self.page))), [])

    def test_what_the_page_lacks_is_noticed(self):
        for name in "power_law", "norm_dim", "comp_norm2", "decoded":
            self.assertEqual(self.page.count(f"`{name}` |"), 1, name)
            gaps = list(without_formula(rows(), section_texts(self.page.replace(f"`{name}` |", "`other` |"))))
            self.assertEqual([gap.split(":")[0].split()[-1] for gap in gaps], [name])
        self.assertEqual(list(without_formula([("allocation", "uniform", ["3.1"])], section_texts(self.page))),
                         ["allocation uniform: section 3.1 has no row of it"])


if __name__ == "__main__":
    unittest.main()
