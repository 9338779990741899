"""The memory that a run announces, beside the peak that the kernel measures: within 20 % for every task; in bfloat16 it may be less."""
import hashlib
import json
import os
import re
import shutil
import unittest

from harness import COMMAND, InFolder

UNIT = {"GB": 1e9, "MB": 1e6}


class Memory(InFolder):
    def announced_and_measured(self, *settings):
        """What the run says before it begins, and its largest resident set, in bytes."""
        run = self.folder / "run"
        with open(self.folder / "stderr", "w+") as stderr:
            process = os.posix_spawn(COMMAND, [COMMAND, "train", *settings, "--verbose", "--out", str(run)], os.environ, file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, stderr.fileno(), 2)])
            _, status, usage = os.wait4(process, 0)
            stderr.seek(0)
            text = stderr.read()
        self.assertEqual(status, 0, text)
        value, unit = re.search(r"(?m)^ *sum +([\d.]+) ([GM]B)", text).groups()
        shutil.rmtree(run)
        return float(value) * UNIT[unit], usage.ru_maxrss * 1024, text

    def expect_within_a_fifth(self, *settings, above=0.2):
        announced, measured, text = self.announced_and_measured(*settings)
        print(f"{' '.join(s for s in settings if 'data_dir' not in s)}: announced {announced / 1e6:.0f} MB, "
              f"measured {measured / 1e6:.0f} MB")
        parts = re.search(r"(?ms)^memory .*?^ *sum .*?$", text)[0]
        self.assertGreater(announced / measured - 1, -0.2, f"{settings}\n{parts}")
        self.assertLess(announced / measured - 1, above, f"{settings}\n{parts}")

    def test_of_digits(self):
        for settings in (["epochs=1"], ["epochs=1", "workers=1000", "batch_size=60"],
                         ["epochs=1", "method=sketch", "threads=2"],
                         ["epochs=1", "task=mnist_mlp"], ["epochs=1", "task=mnist_mlp", "workers=100"],
                         ["epochs=1", "task=mnist_mlp", "workers=4", "batch_size=5000"]):
            with self.subTest(settings):
                self.expect_within_a_fifth(*settings)

    def test_of_images(self):
        data = self.folder / "cifar10"
        data.mkdir()
        for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
            with (data / name).open("wb") as file:
                file.truncate(30730000)
        base = ["task=cifar10", f"data_dir={data}", "verify_data=false", "epochs=1", "test_images=500"]
        for settings in (["workers=4", "batch_size=32", "train_images=256", "width=16"],
                         ["workers=2", "batch_size=16", "train_images=64", "width=64", "threads=2"],
                         ["workers=16", "batch_size=8", "train_images=256", "width=32", "method=zsgd"],
                         ["workers=2", "batch_size=64", "train_images=128", "width=32", "precision=bfloat16"]):
            with self.subTest(settings):
                # What LibTorch copies of bfloat16 differs with its build and the processor, by a quarter of all.
                self.expect_within_a_fifth(*base, *settings, above=0.5 if "precision=bfloat16" in settings else 0.2)

    def test_of_texts(self):
        data = self.folder / "data"
        letters = [b if 0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or b >= 0xAE else None for b in range(256)]
        other = iter(range(256, 512))
        spelled = [chr(next(other) if letter is None else letter) for letter in letters]
        (data / "gpt2-bpe").mkdir(parents=True)
        (data / "gpt2-bpe" / "encoder.json").write_text(json.dumps({t: i for i, t in enumerate(spelled + ["<|endoftext|>"])}))
        (data / "gpt2-bpe" / "vocab.bpe").write_bytes(b"#version: 0.2\n")
        (data / "wikitext-2").mkdir()
        for name in ("train", "valid", "test"):
            (data / "wikitext-2" / f"{name}.txt").write_bytes(b"the cat sat on the mat. " * 200)
        for folder in data.iterdir():
            sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in folder.iterdir()]
            (folder / "SHA256SUMS").write_text("".join(sums))
        base = ["task=wikitext2", f"data_dir={data}", "epochs=1", "epoch_rounds=2", "accumulation=1",
                "evaluation_batches=2", "rank=4"]
        for settings in (["layers=4", "width=256", "heads=4", "context=128", "batch_size=8", "vocabulary=8192"],
                         ["layers=2", "width=512", "heads=8", "context=256", "batch_size=4", "threads=2"],
                         ["layers=4", "width=128", "heads=4", "context=256", "batch_size=8", "recompute=true",
                          "method=zsgd"]):
            with self.subTest(settings):
                self.expect_within_a_fifth(*base, *settings)


if __name__ == "__main__":
    unittest.main()
