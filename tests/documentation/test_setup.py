"""What scripts/setup.sh says that it installs is what it installs, and the pages have its sizes."""

import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SETUP = (ROOT / "scripts" / "setup.sh").read_text()
# Programs that stand in for those of a machine where nothing is installed yet: no package is there, and none can be.
STAND_IN = {
    "dpkg-query": "exit 1",
    "apt-get": 'case "$*" in *-s*) for i in $(seq 1 150); do echo "Inst package$i"; done ;; *) exit 1 ;; esac',
    "python3": "exit 1", "nvidia-smi": "exit 1", "sudo": "exit 1", "id": "echo 1000", "dpkg": "exit 0",
}


def listed(name):
    """The words of an array of the script."""
    return re.search(rf"^{name}=\(([^)]*)\)", SETUP, re.MULTILINE)[1].split()


def size(name):
    return re.search(rf'^size_{name}="([^"]*)"', SETUP, re.MULTILINE)[1]


class Setup(unittest.TestCase):
    def announced(self):
        """What the script says on a machine with nothing, before it tries to install anything."""
        with tempfile.TemporaryDirectory() as folder:
            place = pathlib.Path(folder)
            (place / "scripts").mkdir()
            (place / "scripts" / "setup.sh").write_text(SETUP)
            (place / "bin").mkdir()
            for name, body in STAND_IN.items():
                (place / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
                (place / "bin" / name).chmod(0o755)
            done = subprocess.run(["bash", "scripts/setup.sh"], cwd=place, capture_output=True, text=True, check=False,
                                  env={"PATH": f"{place / 'bin'}:/usr/bin:/bin", "HOME": folder})
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_all_that_is_installed_is_announced(self):
        text = self.announced()
        for package in [*listed("packages"), *listed("python_packages"), "torch==2.13.0"]:
            self.assertRegex(text, rf"(?m)[ :]{re.escape(package)}( |$)")
        self.assertIn("150 packages in all", text)
        given = set(re.findall(r"pip install -q (.*?)(?: \|\||$)", SETUP, re.MULTILINE))
        self.assertEqual(given, {'"${from[@]}" torch==2.13.0', '"${wanted[@]}"'})

    def test_the_pages_have_its_sizes(self):
        for page in "README.md", "docs/installing.md":
            text = re.sub(r"\s+", " ", (ROOT / page).read_text())
            self.assertIn(size("cpu"), text, page)
            self.assertIn(size("cuda"), text, page)
        self.assertIn(size("system"), re.sub(r"\s+", " ", (ROOT / "docs" / "installing.md").read_text()))
        self.assertEqual(len(re.findall(r"[\d.]+ GB", SETUP)), 8)  # the three sizes, and that of the Python packages


if __name__ == "__main__":
    unittest.main()
