"""channel=trace: the example of docs/channels.md, every format of the gains, and traces that are none."""
import array
import json
import os
import re
import struct
import subprocess
import sys
import unittest

from harness import SHORT, SOURCE, InFolder, laser

ROUNDS, WORKERS = 30, 4  # of SHORT
GAINS = [[complex(((7 * t + 3 * i) % 11 + 1) / 6, ((5 * t + i) % 9 - 4) / 5) for i in range(WORKERS)] for t in range(ROUNDS)]


def npy(kind, shape, numbers, order="False"):
    """NumPy's format, written by hand."""
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).replace("False", order)
    header = header.ljust((-(10 + len(header) + 1)) % 64 + len(header)) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + numbers.tobytes()


def safetensors(tensors):
    """{name: (shape, floats)} as F32."""
    header, data = {}, b""
    for name, (shape, numbers) in tensors.items():
        piece = array.array("f", numbers).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    text = json.dumps(header).encode()
    text = text.ljust((len(text) + 7) // 8 * 8)
    return struct.pack("<Q", len(text)) + text + data


def parts(kind, gains):
    return array.array(kind, [part for row in gains for gain in row for part in (gain.real, gain.imag)])


class Trace(InFolder):
    def put(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def run_with(self, path, *settings):
        out = self.folder / f"run-{len(list(self.folder.iterdir()))}"
        self.train(*SHORT, "channel=trace", f"gains={path}", "power=10", *settings, "--quiet", "--out", out)
        return json.loads((out / "summary.json").read_text()), json.loads((out / "versions.json").read_text()), out

    def test_every_format_gives_the_same_run(self):
        flat = [gain for row in GAINS for gain in row]
        rounded = array.array("f", [part for gain in flat for part in (gain.real, gain.imag)])
        files = {
            "double.npy": npy("<c16", (ROUNDS, WORKERS), array.array("d", rounded)),
            "single.npy": npy("<c8", (ROUNDS, WORKERS), rounded),
            "gains.safetensors": safetensors({"gains.real": ([ROUNDS, WORKERS], rounded[::2]),
                                              "gains.imag": ([ROUNDS, WORKERS], rounded[1::2])}),
            "gains.csv": "# t\n" + "\n".join(", ".join(f"({rounded[2 * (t * WORKERS + i)]!r}{rounded[2 * (t * WORKERS + i) + 1]:+}j)"
                                                      for i in range(WORKERS)) for t in range(ROUNDS)),
        }
        runs = {name: self.run_with(self.put(name, content)) for name, content in files.items()}
        self.assertEqual(len({summary["weights_hash"] for summary, _, _ in runs.values()}), 1)
        self.assertEqual(len({facts["gains_sha256"] for _, facts, _ in runs.values()}), 4)
        summary, facts, out = runs["single.npy"]
        self.assertEqual(facts["gains"], str(self.folder / "single.npy"))
        self.assertLessEqual(summary["budget_use"], 1 + 1e-6)
        # Phases are compensated: the sizes alone give the same; other sizes another run; a longer trace the same run.
        sizes = array.array("d", [abs(complex(*pair)) for pair in zip(rounded[::2], rounded[1::2])])
        self.assertEqual(self.run_with(self.put("sizes.npy", npy("<f8", (ROUNDS, WORKERS), sizes)))[0]["weights_hash"],
                         summary["weights_hash"])
        longer = sizes + sizes
        self.assertEqual(self.run_with(self.put("longer.npy", npy("<f8", (2 * ROUNDS, WORKERS), longer)))[0]["weights_hash"],
                         summary["weights_hash"])
        other = array.array("f", [1 + 0.01 * (j % 7) for j in range(ROUNDS * WORKERS)])
        self.assertNotEqual(self.run_with(self.put("other.npy", npy("<f4", (ROUNDS, WORKERS), other)))[0]["weights_hash"],
                            summary["weights_hash"])
        antennas = self.run_with(self.put("antennas.npy", npy("<c8", (ROUNDS // 2 * 2, WORKERS, 2), rounded + rounded)))
        self.assertNotEqual(antennas[0]["weights_hash"], summary["weights_hash"])
        # The run goes by the file's content: another one in its place does not go on with it.
        self.put("single.npy", npy("<f4", (2 * ROUNDS, WORKERS), other + other))
        self.expect(4, "belongs to another experiment", "train", "--resume", out, "epochs=2", "--quiet")

    def test_what_is_no_trace_of_the_run_is_refused_before_it(self):
        good = parts("f", GAINS)
        with_nan = array.array("f", good)
        with_nan[2 * (5 * WORKERS + 2)] = float("nan")
        big_endian = array.array("f", good)
        big_endian.byteswap()
        cases = [
            ("nan.npy", npy("<c8", (ROUNDS, WORKERS), with_nan), r"gain of worker 2 in round 5 is nan.*HINT: finite numbers"),
            ("vector.npy", npy("<c8", (ROUNDS * WORKERS,), good), r"shape \[120\]\. HINT: \[rounds, workers\]"),
            ("short.npy", npy("<c8", (ROUNDS - 1, WORKERS), good[:-8]), "29 rounds, and the run needs 30. HINT: a longer trace"),
            ("workers.npy", npy("<c8", (ROUNDS * 2, 2), good), "2 workers, and the run has 4. HINT: workers=2"),
            ("cut.npy", npy("<c8", (ROUNDS, WORKERS), good)[:-8], r"\[30, 4\], and the file has 952 bytes"),
            ("whole.npy", npy("<i4", (ROUNDS, WORKERS), array.array("i", range(ROUNDS * WORKERS))), r"HINT: gains.astype"),
            ("big.npy", npy(">c8", (ROUNDS, WORKERS), big_endian), r"byte order. HINT: gains.astype"),
            ("fortran.npy", npy("<c8", (ROUNDS, WORKERS), good, "True"), "Fortran's order. HINT: .*ascontiguousarray"),
            ("text.npy", "gains", r"no \.npy file. HINT: numpy.save"),
            ("gains.mat", b"gains", r"'\.mat' files are not read here. HINT: \.npy"),
            ("names.csv", "h1,h2\n1,2\n", "line 1, column 1 is no number. HINT: 0.5"),
            ("ragged.csv", "1,2\n1,2,3\n", "line 2 has 3 gains, and those before it have 2. HINT"),
            ("infinite.csv", "1,inf\n", "gain of worker 1 in round 0 is inf"),
            ("other.safetensors", safetensors({"h": ([2, 2], [1, 2, 3, 4])}), "no tensor 'gains'. HINT: 'gains'"),
        ]
        for name, content, text in cases:
            with self.subTest(name):
                out = self.folder / "out"
                self.expect(4, text, "train", *SHORT, "channel=trace", f"gains={self.put(name, content)}", "--quiet", "--out", out)
                self.assertFalse(out.exists())
        self.expect(4, "cannot read .*none.npy", "train", *SHORT, "channel=trace", "gains=none.npy", "--quiet")
        self.expect(3, "needs the file of its gains. HINT: gains=FILE", "train", "channel=trace", "--quiet")
        self.expect(3, "channel = 'traec' is unknown", "train", "channel=traec", "--quiet")

    def test_the_example_of_the_page(self):
        python = os.environ.get("LASER_PYTHON") or sys.executable
        if subprocess.run([python, "-c", "import numpy"], capture_output=True, check=False).returncode != 0:
            self.skipTest(f"{python} has no numpy")
        page = (SOURCE / "docs" / "channels.md").read_text()
        block = re.search(r"```python\n(.*?numpy\.save.*?)```", page, re.S)[1]
        subprocess.run([python, "-c", block], check=True, cwd=self.folder)
        commands = re.findall(r"^    \./laser (.*gains\.npy.*)$", page, re.M)
        self.assertEqual([command.split()[0] for command in commands], ["train", "theory"])
        done = self.train(*commands[0].split()[1:], "--quiet", "--out", "run", cwd=self.folder)
        self.assertIn("power budget used", done.stdout)
        table = laser(*commands[1].split(), "--json", cwd=self.folder)
        self.assertEqual(table.returncode, 0, table.stderr)
        rows = {row["channel"]: row for row in json.loads(table.stdout)["rows"]}
        self.assertGreater(rows["trace"]["lambda"], rows["awgn"]["lambda"])


if __name__ == "__main__":
    unittest.main()
