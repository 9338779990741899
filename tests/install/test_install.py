"""`cmake --install` into an empty folder, and a project outside the tree (examples/cpp_project) that uses what is there.

LASER_BUILD is the build folder, LASER_CMAKE the cmake that made it. Installing compiles nothing.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ["LASER_BUILD"]
CMAKE = os.environ["LASER_CMAKE"]


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="laser-install-"))
        cls.prefix = cls.folder / "prefix"
        cls.start(CMAKE, "--install", BUILD, "--prefix", cls.prefix)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def start(cls, *words, **options):
        words = [str(word) for word in words]
        done = subprocess.run(words, capture_output=True, text=True, timeout=500, check=False, **options)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(words)}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def rows_of(self, text):
        found = re.findall(r"^ *(laser|zsgd) +(\S+) +(\S+) +(\d+) +(\S+)$", text, re.M)
        return {(method, float(power)): [float(error), int(symbols), float(used)]
                for method, power, error, symbols, used in found}

    def test_a_project_of_ones_own(self):
        project, build = self.folder / "project", self.folder / "build"
        shutil.copytree(SOURCE / "examples" / "cpp_project", project)
        # Torch is not told: laserConfig.cmake finds the one that laser was built with.
        self.start(CMAKE, "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}",
                   "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
        command = json.loads((build / "compile_commands.json").read_text())[0]["command"]
        self.assertNotIn(f"{SOURCE}/src", command)
        self.assertIn("-std=gnu++20", command.replace("-std=c++20", "-std=gnu++20"))
        self.start(CMAKE, "--build", build)
        printed = self.start(build / "noisy_mean")
        rows = self.rows_of(printed)
        self.assertEqual(len(rows), 8, printed)
        shown = self.rows_of((SOURCE / "docs" / "installing.md").read_text())
        self.assertEqual(shown.keys(), rows.keys())
        for row, (error, *_) in rows.items():
            self.assertAlmostEqual(shown[row][0] / error, 1, delta=0.02, msg=f"docs/installing.md: {row}")
        for (method, _), (_, symbols, used) in rows.items():
            self.assertEqual(symbols, 64 * 96 if method == "zsgd" else (2 * 64 + 2 * 96) / 2)  # one factor a round
            self.assertLessEqual(used, 1 + 1e-6)
        for method in "laser", "zsgd":
            errors = [rows[method, power][0] for power in (10.0, 100.0, 1000.0, 10000.0)]
            self.assertEqual(errors, sorted(errors, reverse=True), "more power, less error")
        # Z-SGD without memory: the mean of 20 estimates has noise energy D max ||g||^2 / (20 k^2 P).
        self.assertAlmostEqual(rows["zsgd", 10.0][0] / rows["zsgd", 1000.0][0], 10, delta=0.5)

    def test_the_command_finds_its_files(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LASER_")}
        program = self.prefix / "bin" / "laser"
        doctor = self.start(program, "doctor", env=environment, cwd=self.folder)
        self.assertRegex(doctor, rf"(?m)^files +{re.escape(str(self.prefix))}/share/laser$")
        self.assertRegex(doctor, r"(?m)^data +mnist: 60000 \+ 10000 images, verified")
        study = self.start(program, "reproduce", "table4", "--dry-run", env=environment, cwd=self.folder)
        self.assertEqual(len(study.split()), 57)

    def test_what_is_installed(self):
        libraries = [path.name for path in self.prefix.glob("lib/**/*.a")]
        self.assertIn("liblaser_aggregate.a", libraries)
        self.assertFalse([path for path in self.prefix.rglob("*") if "gtest" in path.name or path.suffix in (".cpp", ".so")])
        targets = "".join(path.read_text() for path in self.prefix.rglob("laser*.cmake"))
        self.assertNotIn(str(SOURCE) + "/src", targets)
        self.assertNotIn(str(BUILD), targets)
        self.assertTrue((self.prefix / "share" / "man" / "man1" / "laser.1").exists())
        includes = self.prefix / "include"
        for header in includes.rglob("*.hpp"):
            for name in re.findall(r'#include "(laser/[^"]+)"', header.read_text()):
                self.assertTrue((includes / name).exists(), f"{header.name} includes {name}")

    def test_versions_that_fit(self):
        version = next(self.prefix.rglob("laserConfigVersion.cmake"))
        number = re.search(r"project\(laser VERSION ([\d.]+)", (SOURCE / "CMakeLists.txt").read_text())[1]
        self.assertIn(f'set(PACKAGE_VERSION "{number}")', version.read_text())
        for wanted, fits in [("0.1", "TRUE"), (number, "TRUE"), ("0.2", "FALSE"), ("1.0", "FALSE")]:
            major, minor = wanted.split(".")[:2]
            script = self.folder / "version.cmake"
            script.write_text(f'set(PACKAGE_FIND_VERSION {wanted})\nset(PACKAGE_FIND_VERSION_MAJOR {major})\n'
                              f'set(PACKAGE_FIND_VERSION_MINOR {minor})\nset(CMAKE_SIZEOF_VOID_P 8)\ninclude({version})\n'
                              'message("fits ${PACKAGE_VERSION_COMPATIBLE}")\n')
            done = subprocess.run([CMAKE, "-P", str(script)], capture_output=True, text=True, timeout=60, check=True)
            self.assertIn(f"fits {fits}", done.stderr, wanted)


if __name__ == "__main__":
    unittest.main()
