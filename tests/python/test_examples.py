"""The examples under torchrun, and every block of code of docs/pytorch.md, run as it stands."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def torchrun(ranks, script, *arguments, folder=ROOT):
    return subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", str(ranks),
                           str(script), *arguments], capture_output=True, text=True, timeout=300, env=ENVIRONMENT,
                          cwd=folder, check=False)


class Examples(unittest.TestCase):
    def test_mnist_on_four_processes_learns(self):
        done = torchrun(4, ROOT / "examples" / "ddp_mnist.py", "--limit", "20000")
        self.assertEqual(done.returncode, 0, done.stderr)
        accuracy = float(re.search(r"test accuracy ([\d.]+) %", done.stdout)[1])
        self.assertGreater(accuracy, 60)
        self.assertGreater(float(re.search(r"one in ([\d.]+)", done.stdout)[1]), 5)

    def test_resnet_on_two_processes_runs(self):
        done = torchrun(2, ROOT / "examples" / "ddp_resnet.py", "--width", "4", "--steps", "10", "--batch-size", "8")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"step 10: loss \d")

    def test_laser_is_at_most_four_lines(self):
        for name in "ddp_mnist.py", "ddp_resnet.py":
            lines = (ROOT / "examples" / name).read_text().splitlines()
            marked = [line for line in lines if line.endswith("# laser")]
            used = [line for line in lines if re.search(r"\b(laser|state)\.\w|import laser", line) and
                    not line.startswith("    laser ")]
            self.assertEqual(used, marked, name)
            self.assertLessEqual(len(marked), 4, name)


class Tutorial(unittest.TestCase):
    def test_every_block_of_the_page_runs(self):
        self.run_page("pytorch.md", 4)

    def test_every_block_of_the_page_of_devices_runs(self):
        self.run_page("devices.md", 3)

    def run_page(self, page, least):
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.S)
        self.assertGreaterEqual(len(blocks), least)
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "page.py"
            script.write_text("\n".join(blocks))
            done = torchrun(2, script, folder=folder)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
