"""Every section, lemma, theorem, equation and study that code or pages cite is in docs/specification.md, and every file that
the pages and the comments of src name is in the tree (citations.py finds them). Each has controls that must fail.
"""
import pathlib
import sys
import unittest

from citations import SPECIFICATION, Tree, citations, comments, homes, named_files, offered, strangers, texts, tree

# Committed records hold this source of a check as it stands: lemmas, and the section of the transport that they are applied in.
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def missing(text, labels):
    return [label for _, label in citations(text) if label not in labels]


class Citations(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.page = SPECIFICATION.read_text()
        cls.labels = offered(cls.page)

    def test_everything_cited_is_in_the_specification(self):
        counted, wrong = 0, []
        for path, text in texts():
            for line, label in citations(text):
                counted += 1
                if label not in self.labels:
                    wrong.append(f"{path}:{line}: {label} is not in docs/specification.md")
        self.assertEqual(wrong, [])
        self.assertGreater(counted, 500)

    def test_what_is_cited_together_lies_together(self):
        stated = homes(self.page)
        wrong = [(path, f"{path}:{line}: {label} is not in spec {', '.join(sections)}, but in {', '.join(sorted(stated.get(label, {'none'})))}")
                 for path, text in texts() for line, label, sections in strangers(text, stated)]
        self.assertEqual([text for _, text in wrong], [])

    def test_what_is_cited_apart_is_noticed(self):
        stated = homes(self.page)
        for text, label in {"(Lemma 7; spec 3.4)": "Lemma 7", "[LASER, Lemmas 7\n/// and 8], spec 3.4": "Lemma 7", "Lemma 12 (spec 3.3)": "Lemma 12",
                            "spec 2.4 B; Theorem 1 (i)": "Theorem 1 (i)", "spec 8.8, Lemma 7": "Lemma 7"}.items():
            self.assertEqual([found for _, found, _ in strangers(text, stated)], [label], text)
        for text in ("(Lemma 7; spec 3.3)", "spec 3.3 and 3.4, Lemmas 7 and 8", "spec 8.7, Lemma 7", "spec 6, Theorem 1 (iii)",
                     "spec 8.10, Theorem 1 (i)", "// Lemma 7 inside.\n  kOne,\n  // as in spec 3.4", "Algorithm 1; spec 2.5",
                     "It is spec 3.4. Lemma 7 is another."):
            self.assertEqual(list(strangers(text, stated)), [], text)

    def test_citations_are_read_whole(self):
        for text, labels in {
            "(spec 2.4 B, 6; [LASER, Lemmas 8\n/// and 10])": ["2.4", "2.4 B", "6", "Lemma 8", "Lemma 10"],
            "spec 3.2 to 3.4 and 1.2": ["3.2", "3.3", "3.4", "1.2"],
            "(spec\n// 5, E2 and E3; shapes in 5.1)": ["5", "E2", "E3"],
            "(spec 1.3 `csit`, 1.4), spec 6 (iv), spec 6, A5; 8.34":
                ["1.3", "1.4", "6", "Theorem 1 (iv)", "6", "A5", "8.34"],
            '"Lemmas 1 to 3 "\n    "and 11 of spec "\n    "6."': ["6", "Lemma 1", "Lemma 2", "Lemma 3", "Lemma 11"],
            "Theorem 1 (iii), Assumptions 2 to 4, [LASER, equation 16]": ["equation 16", "A2", "A3", "A4", "Theorem 1 (iii)"],
            "E4 of the specification; find_spec 3; the spec's own": ["E4"],
        }.items():
            self.assertEqual(sorted(label for _, label in citations(text)), sorted(labels), text)

    def test_made_up_citations_are_noticed(self):
        for text, label in {
            "(spec 2.6)": "2.6", "(spec 1.2, 10)": "10", "(spec\n/// 3.5)": "3.5", "spec 3.3 to 3.5": "3.5", "spec 2.4 D": "2.4 D",
            "spec 8.35": "8.35", "(spec 8, 22)": "22", "(spec 5, E9)": "E9", "(spec 6, A6)": "A6", "Lemma 14": "Lemma 14",
            "Lemmas 7 to 14": "Lemma 14", "[LASER, equation 20]": "equation 20", "equation (3)": "equation 3", "Theorem 2": "Theorem 2",
            "Theorem 1 (v)": "Theorem 1 (v)", "Assumption 6": "A6", "Definition 2": "Definition 2", "Algorithm 2": "Algorithm 2",
        }.items():
            self.assertEqual(missing(text, self.labels), [label], text)

    def test_what_the_page_loses_is_noticed(self):
        for part, text in {"### 2.4 ": "spec 2.4", "**B. ": "spec 2.4 B", "**Lemma 12**": "Lemma 12", "(19)\n": "equation 19",
                           "\n34. ": "spec 8.34", "| E7 |": "spec 5, E7", "**(iii)**": "Theorem 1 (iii)", "**A5**": "Assumption 5",
                           "**Definition 1**": "Definition 1"}.items():
            self.assertEqual(missing(text, self.labels), [], text)
            self.assertEqual(self.page.count(part), 1, part)
            self.assertTrue(missing(text, offered(self.page.replace(part, "\n"))), text)


class Files(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.tree = Tree(tree())

    def absent(self, text):
        return [(line, name) for line, name in named_files(text) if not self.tree.has(name)]

    def test_files_that_pages_and_comments_name_exist(self):
        counted, wrong = 0, []
        for path, text in texts():
            if not path.endswith(".md") and not path.startswith("src/"):
                continue
            text = text if path.endswith(".md") else comments(text)
            counted += sum(1 for _ in named_files(text))
            wrong += [f"{path}:{line}: there is no {name}" for line, name in self.absent(text)]
        self.assertEqual(wrong, [])
        self.assertGreater(counted, 300)

    def test_what_mutants_replace_stands_in_the_tree(self):
        sys.path.insert(0, str(ROOT / "scripts"))
        try:
            from mistakes import MISTAKES
        finally:
            sys.path.pop(0)
        gone = [f"{name}: {old}" for name, old, _, _ in MISTAKES if old not in (ROOT / "src" / "laser" / name).read_text()]
        self.assertEqual(gone, [])
        self.assertGreaterEqual(len(MISTAKES), 40)

    def test_made_up_files_are_noticed(self):
        for text, name in {
            "`docs/spezification.md`": "docs/spezification.md", "in src/laser/powers and": "src/laser/powers",
            "// (kernels/abnormal.hpp)": "kernels/abnormal.hpp", "// as in conditions.hpp.": "conditions.hpp",
            "[page](method-2.md#words)": "method-2.md", "`tests/compress/lag_test.hpp`,": "tests/compress/lag_test.hpp",
            "configs/headline.toml": "configs/headline.toml", "wer/lag.hpp": "wer/lag.hpp",
        }.items():
            self.assertEqual([found for _, found in self.absent(text)], [name], text)
        for text in ("`docs/method.md`", "src/laser/power,", "// (kernels/normal.hpp)", "condition.hpp", "https://a.org/none.md",
                     "laser/core/layout.hpp", "`src/laser/channel/superposition`", "results/<study>/none.md", "docs/*.md"):
            self.assertEqual(self.absent(text), [], text)


if __name__ == "__main__":
    unittest.main()
