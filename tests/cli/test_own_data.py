"""task=images and task=tensors: every form of a user's own data gives the same run, and data that are none are refused."""
import array
import gzip
import json
import os
import random
import struct
import subprocess
import unittest

from harness import SOURCE, InFolder, laser

PYTHON = os.environ.get("LASER_PYTHON", "")
FEW = ["epochs=2", "rank=2", "workers=4", "batch_size=5", "threads=1", "power=100", "learning_rate=0.05", "--quiet"]
ELEMENTS = {"F32": "f", "F64": "d", "I64": "q", "I32": "i", "U8": "B"}


def safetensors(tensors):
    """{name: (element type, shape, numbers)}"""
    header, data = {}, b""
    for name, (kind, shape, numbers) in tensors.items():
        piece = array.array(ELEMENTS[kind], numbers).tobytes()
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    text = json.dumps(header).encode()
    text = text.ljust((len(text) + 7) // 8 * 8)
    return struct.pack("<Q", len(text)) + text + data


def python_2_pickle(images, labels, names=(b"data", b"labels"), by_columns=False):
    """A batch of CIFAR as its authors' Python 2 wrote it, by hand."""
    def text(word):
        return b"U" + bytes([len(word)]) + word

    def whole(number):
        return b"K" + bytes([number]) if number < 256 else b"M" + struct.pack("<H", number)

    array_ = (b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03(K\x01"
              + whole(len(labels)) + whole(3072) + b"\x86cnumpy\ndtype\nq\x04U\x02u1K\x00K\x01\x87Rq\x05(K\x03U\x01|NNN"
              + b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb" + (b"\x88" if by_columns else b"\x89") + b"T"
              + struct.pack("<I", len(images)) + images + b"tb")
    return (b"\x80\x02}q\x00(" + text(b"batch_label") + text(b"one of one") + text(names[0]) + array_ + text(names[1])
            + b"](" + b"".join(whole(label) for label in labels) + b"eu.")


class OwnData(InFolder):
    def setUp(self):
        super().setUp()
        draw = random.Random(1)
        self.labels = {"train": [i % 4 for i in range(40)], "test": [i % 4 for i in range(12)]}
        self.images = {part: b"".join(bytes((draw.randrange(200) + 14 * label) for _ in range(3072)) for label in labels)
                       for part, labels in self.labels.items()}

    def put(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def run_on(self, *settings):
        out = self.folder / f"run-{len(list(self.folder.iterdir()))}"
        self.train(*FEW, *settings, "--out", out)
        return json.loads((out / "summary.json").read_text()), json.loads((out / "versions.json").read_text()), out

    def tensors(self, **changes):
        each = {"inputs": ("U8", [40, 3072], self.images["train"]), "labels": ("I64", [40], self.labels["train"]),
                "test_inputs": ("U8", [12, 3072], self.images["test"]), "test_labels": ("I64", [12], self.labels["test"])}
        each.update(changes)
        return safetensors({name: value for name, value in each.items() if value})

    def records(self, part):
        return b"".join(bytes([label]) + self.images[part][3072 * i:3072 * (i + 1)] for i, label in enumerate(self.labels[part]))

    def test_all_forms_of_cifar_give_the_same_run(self):
        forms = {
            "binary": {"data_batch_1.bin": self.records("train"), "test_batch.bin": self.records("test")},
            "below/cifar-10-batches-bin": {"data_batch_1.bin": self.records("train"), "test_batch.bin": self.records("test")},
            "python-2": {"data_batch_1": python_2_pickle(self.images["train"], self.labels["train"]),
                         "test_batch": python_2_pickle(self.images["test"], self.labels["test"])},
            "cifar-100": {"train": python_2_pickle(self.images["train"], self.labels["train"], (b"data", b"fine_labels")),
                          "test": python_2_pickle(self.images["test"], self.labels["test"], (b"data", b"fine_labels"))},
        }
        for form, files in forms.items():
            for name, content in files.items():
                self.put(f"{form}/{name}", content)
        written = self.folder / "numpy"
        script = ("import numpy, pickle, sys\nfor part, name, count in (('train', 'data_batch_1', 40), ('test', 'test_batch', 12)):\n"
                  "    data = numpy.frombuffer(open(f'{sys.argv[1]}/{part}', 'rb').read(), 'uint8').reshape(count, 3072)\n"
                  "    for protocol in (3, 4, 5):\n"
                  "        path = f'{sys.argv[2]}-{protocol}/{name}'\n"
                  "        pickle.dump({'data': data, 'labels': [i % 4 for i in range(count)]}, open(path, 'wb'), protocol=protocol)\n")
        raw = self.folder / "raw"
        for part, content in self.images.items():
            self.put(f"raw/{part}", content)
        for protocol in (3, 4, 5):
            (self.folder / f"numpy-{protocol}").mkdir()
        if PYTHON and subprocess.run([PYTHON, "-c", "import numpy"], capture_output=True).returncode == 0:
            subprocess.run([PYTHON, "-c", script, str(raw), str(written)], check=True)
            forms.update({f"numpy-{protocol}": {} for protocol in (3, 4, 5)})
        hashes = {form: self.run_on("task=images", f"data={self.folder / form.split('/')[0]}", "model=mlp", "hidden=8")[0]["weights_hash"]
                  for form in forms}
        self.assertEqual(len(set(hashes.values())), 1, hashes)

    def test_mnist_as_data_of_ones_own(self):
        """Normalised by its own mean and deviation, which the bundled task has rounded."""
        common = ["epochs=1", "batch_size=500", "workers=4", "rank=2", "power=100", "learning_rate=0.05", "--quiet"]
        for task, model in (("mnist", "linear"), ("mnist_mlp", "mlp")):
            found = []
            for number, settings in enumerate(([f"task={task}"], ["task=images", f"data={SOURCE / 'data' / 'mnist'}", f"model={model}"])):
                out = self.folder / f"{model}-{number}"
                self.train(*common, *settings, "--out", out)
                found.append(json.loads((out / "summary.json").read_text()))
            self.assertAlmostEqual(found[0]["final_accuracy"], found[1]["final_accuracy"], delta=0.3)
            self.assertGreater(found[1]["final_accuracy"], 30)

    def test_grey_images_packed_and_a_resnet(self):
        draw = random.Random(2)
        for part, words in (("train", "train"), ("test", "t10k")):
            labels = self.labels[part]
            images = bytes(draw.randrange(256) for _ in range(len(labels) * 12 * 10))
            self.put(f"grey/raw/{words}-images-idx3-ubyte.gz", gzip.compress(struct.pack(">IIII", 0x803, len(labels), 12, 10) + images))
            self.put(f"grey/raw/{words}-labels-idx1-ubyte.gz", gzip.compress(struct.pack(">II", 0x801, len(labels)) + bytes(labels)))
        settings = ["task=images", f"data={self.folder / 'grey'}", "model=resnet18", "width=2", "participation=0.5"]
        whole, versions, _ = self.run_on(*settings)
        self.assertEqual(versions["data"], str(self.folder / "grey" / "raw"))
        # A run of one epoch that goes on to two is the same: the statistics of BatchNorm last.
        out = self.folder / "again"
        self.train(*FEW, *settings, "epochs=1", "--out", out)
        self.train("epochs=2", "--quiet", "--resume", out)
        self.assertEqual(json.loads((out / "summary.json").read_text())["weights_hash"], whole["weights_hash"])

    def test_tensors_of_any_type_and_their_clients(self):
        path = self.put("a.safetensors", self.tensors())
        same = self.put("b.safetensors", self.tensors(inputs=("F64", [40, 3, 1024], [float(x) for x in self.images["train"]]),
                                                      test_inputs=("F32", [12, 3, 1024], [float(x) for x in self.images["test"]]),
                                                      labels=("I32", [40], self.labels["train"])))
        settings = ["task=tensors", "learning_rate=1e-6"]
        one, versions, _ = self.run_on(*settings, f"data={path}")
        self.assertEqual(one["weights_hash"], self.run_on(*settings, f"data={same}")[0]["weights_hash"])
        self.assertIn("data_sha256", versions)
        out = self.folder / "decibels"  # the symbols of a round are those of the data's own shape
        self.train(*[setting for setting in FEW if setting != "power=100"], *settings, f"data={path}", "snr_db=0", "--out", out)
        self.assertAlmostEqual(json.loads((out / "summary.json").read_text())["power"], (3072 + 4) * 2 / 2 + 4, places=6)
        # Ten examples of each of four clients, whatever they are called; two workers have two clients each.
        named = self.put("c.safetensors", self.tensors(clients=("I64", [40], [1000 - 7 * (i // 10) for i in range(40)])))
        self.run_on(*settings, f"data={named}", "sharding=clients")
        self.run_on(*settings, f"data={named}", "sharding=clients", "workers=2")
        self.expect(3, "workers = 5, and the data are of 4 clients. HINT: workers=4", "train", *FEW, *settings, f"data={named}",
                    "sharding=clients", "workers=5", "--out", self.folder / "x")
        self.expect(3, "do not say whose an example is", "train", *FEW, *settings, f"data={path}", "sharding=clients",
                    "--out", self.folder / "x")
        # Without a test set a tenth is one.
        alone = self.put("d.safetensors", self.tensors(test_inputs=None, test_labels=None))
        self.assertIn("tenth", self.run_on(*settings, f"data={alone}")[1]["data_test"])

    def test_a_sweep_over_files_trains_each_on_its_own(self):
        other = bytes(reversed(self.images["train"]))
        files = [self.put("a.safetensors", self.tensors()), self.put("b.safetensors", self.tensors(inputs=("U8", [40, 3072], other)))]
        settings = ["task=tensors", "learning_rate=1e-6"]
        alone = [self.run_on(*settings, f"data={file}")[0]["weights_hash"] for file in files]
        self.assertNotEqual(*alone)
        out = self.folder / "sweep"
        done = laser("sweep", *FEW, *settings, f"data={files[0]},{files[1]}", "--jobs", "2", "--out", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        runs = [json.loads(path.read_text()) for path in out.glob("*/summary.json")]
        found = {run["configuration"]["data"]: run["weights_hash"] for run in runs}
        self.assertEqual(found, dict(zip(map(str, files), alone)))

    def test_what_is_no_data_is_refused(self):
        nan = [float(x) for x in self.images["train"]]
        nan[5] = float("nan")
        files = {
            "nan": (self.tensors(inputs=("F32", [40, 3072], nan)), "NaN or an infinite number"),
            "flat": (self.tensors(inputs=("U8", [40 * 3072], self.images["train"])), r"shape \[122880\]. HINT"),
            "labels": (self.tensors(labels=("I64", [39], self.labels["train"][:39])), "HINT: 40 whole numbers"),
            "real": (self.tensors(labels=("F32", [40], self.labels["train"])), "HINT: 40 whole numbers"),
            "negative": (self.tensors(labels=("I64", [40], [-1] + self.labels["train"][1:])), "a label is -1"),
            "alike": (self.tensors(labels=("I64", [40], [0] * 40), test_labels=("I64", [12], [0] * 12)), "two classes"),
            "none": (self.tensors(inputs=None), "inputs"),
            "other": (self.tensors(test_inputs=("U8", [12, 1024], self.images["test"][:12 * 1024])), "different shapes"),
            "text": (b"inputs, labels\n", "text"),
        }
        for name, (content, message) in files.items():
            path = self.put(name, content)
            self.expect(4, message, "train", *FEW, "task=tensors", f"data={path}", "--out", self.folder / "x")
        self.expect(4, "is a folder. HINT", "train", *FEW, "task=tensors", f"data={self.folder}", "--out", self.folder / "x")
        self.expect(3, "needs your data. HINT: data=FILE", "train", *FEW, "task=tensors", "--out", self.folder / "x")
        self.expect(3, "needs your data. HINT: data=FOLDER", "train", *FEW, "task=images", "--out", self.folder / "x")
        self.expect(3, "HINT: model=mlp", "train", *FEW, "task=tensors", f"data={self.put('fine', self.tensors())}", "model=resnet18",
                    "--out", self.folder / "x")
        self.expect(3, "HINT: task=tensors", "train", *FEW, "sharding=clients", "--out", self.folder / "x")
        damaged = {
            "columns": (python_2_pickle(self.images["train"], self.labels["train"], by_columns=True), "one row an image"),
            "short": (python_2_pickle(self.images["train"], self.labels["train"])[:-9000], "ends in the middle"),
            "fewer": (python_2_pickle(self.images["train"][:-3072], self.labels["train"]), "one row an image"),
            "words": (b"\x80\x02cos\nsystem\nU\x04trueq\x01\x85R.", "no dictionary"),
            "nothing": (b"", "ends in the middle"),
        }
        for name, (content, message) in damaged.items():
            self.put(f"{name}/data_batch_1", content)
            self.put(f"{name}/test_batch", python_2_pickle(self.images["test"], self.labels["test"]))
            self.expect(4, message, "train", *FEW, "task=images", f"data={self.folder / name}", "--out", self.folder / "x")
        self.expect(4, "several sets of images", "train", *FEW, "task=images", f"data={self.folder}", "--out", self.folder / "x")
        (self.folder / "empty").mkdir()
        self.expect(4, "holds no images", "train", *FEW, "task=images", f"data={self.folder / 'empty'}", "--out", self.folder / "x")
        self.expect(4, "is no folder", "train", *FEW, "task=images", f"data={self.folder / 'absent'}", "--out", self.folder / "x")


if __name__ == "__main__":
    unittest.main()
