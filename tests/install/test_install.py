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

    def project(self, name, main, components="round", target="round"):
        """A project outside the tree with that program; its folder for builds."""
        project = self.folder / name
        project.mkdir()
        (project / "main.cpp").write_text(main)
        (project / "CMakeLists.txt").write_text(
            f"cmake_minimum_required(VERSION 3.25)\nproject({name} LANGUAGES CXX)\nset(CMAKE_BUILD_TYPE Release)\n"
            f"find_package(laser REQUIRED COMPONENTS {components})\nadd_executable({name} main.cpp)\n"
            f"target_link_libraries({name} PRIVATE laser::{target})\n")
        return project, project / "build"

    def test_the_first_program(self):
        readme = (SOURCE / "README.md").read_text()
        program = (SOURCE / "examples" / "cpp_project" / "main.cpp").read_text()
        shown = "".join(f"    {line}\n" if line else "\n" for line in program.splitlines()[1:])
        self.assertIn(shown, readme, "the README's program is examples/cpp_project/main.cpp")
        project, build = self.folder / "first", self.folder / "first-build"
        shutil.copytree(SOURCE / "examples" / "cpp_project", project)
        # Torch is not told: laserConfig.cmake finds the one that laser was built with. Nor may it want what the round does not use.
        self.start(CMAKE, "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
                   "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", *(f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in
                                                                 ("ZLIB", "CURL", "OpenSSL", "nlohmann_json", "OpenMP")))
        command = json.loads((build / "compile_commands.json").read_text())[0]["command"]
        self.assertNotIn(f"{SOURCE}/src", command)
        self.assertIn("-std=gnu++20", command.replace("-std=c++20", "-std=gnu++20"))
        self.start(CMAKE, "--build", build)
        printed = self.start(build / "noisy_mean")
        line = re.compile(r"^ *(laser|zsgd): error ([\d.e-]+)$", re.M)
        rows, told = dict(line.findall(printed)), dict(line.findall(readme))
        self.assertEqual(list(rows), ["laser", "zsgd"], printed)
        self.assertEqual(list(told), list(rows))
        for method, error in rows.items():
            self.assertAlmostEqual(float(told[method]) / float(error), 1, delta=0.05, msg=f"README: {method}")
        # Z-SGD without memory: the mean of 20 estimates has noise energy D max ||g||^2 / (20 k^2 P), gradients hardly longer than their mean.
        self.assertAlmostEqual(float(rows["zsgd"]) / (64 * 96 / (20 * 8**2 * 10)) ** 0.5, 1, delta=0.1)

    def test_the_umbrella_and_strangers(self):
        # Every header, and a wrong setting that ends as the command's does.
        project, build = self.project("whole", """
#include <laser/laser.hpp>
#include <cstdio>
int main() {
  auto algorithm = laser::method("laser");
  algorithm.receiver = "mmmse";
  laser::Layout layout;
  layout.add("weight", {8, 9});
  laser::Solo workers(2);
  try {
    laser::Aggregator refused(layout, algorithm, 1, workers);
  } catch (const laser::Error& error) {
    std::printf("%d %s\\n%.3f %.2f\\n", static_cast<int>(error.code()), error.what(), laser::theory::influence_uncompressed(10, 20, 50),
                laser::link::to_decibels(100));
  }
}
""", "round theory link", "laser")
        self.start(CMAKE, "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
        self.start(CMAKE, "--build", build)
        printed = self.start(build / "whole").splitlines()
        self.assertRegex(printed[0], r"^3 .*mmmse.*mmse")
        self.assertEqual(printed[1], "4.000 20.00")

    def test_formulas_without_torch(self):
        project, build = self.project("formulas", """
#include <laser/theory/influence.hpp>
#include <cstdio>
int main() { std::printf("%g\\n", laser::theory::influence_uncompressed(10, 20, 50)); }
""", "theory", "theory")
        self.start(CMAKE, "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DCMAKE_DISABLE_FIND_PACKAGE_Torch=ON",
                   "-DCMAKE_DISABLE_FIND_PACKAGE_hwy=ON")
        self.start(CMAKE, "--build", build)
        self.assertEqual(self.start(build / "formulas"), "4\n")

    def test_an_unknown_component_is_refused(self):
        project, build = self.project("unknown", "int main() {}\n", "rounds", "round")
        done = subprocess.run([CMAKE, "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}"], capture_output=True, text=True,
                              timeout=500, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("has no component 'rounds'", " ".join(done.stderr.split()))

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
        headers = {str(path.relative_to(includes)) for path in includes.rglob("*.hpp")}
        self.assertLessEqual(len(headers), 28, "public headers")  # two of them are options, which need no LibTorch
        umbrella = (includes / "laser" / "laser.hpp").read_text()
        self.assertEqual(set(re.findall(r'#include "(.+)"', umbrella)), headers - {"laser/laser.hpp"})
        for header in includes.rglob("*.hpp"):
            for name in re.findall(r'#include "(laser/[^"]+)"', header.read_text()):
                self.assertTrue((includes / name).exists(), f"{header.name} includes {name}")

    def test_versions_that_fit(self):
        version = next(self.prefix.rglob("laserConfigVersion.cmake"))
        number = re.search(r"project\(laser VERSION ([\d.]+)", (SOURCE / "CMakeLists.txt").read_text())[1]
        self.assertIn(f'set(PACKAGE_VERSION "{number}")', version.read_text())
        for wanted, fits in [("0.2", "TRUE"), (number, "TRUE"), ("0.1", "FALSE"), ("0.3", "FALSE"), ("1.0", "FALSE")]:
            major, minor = wanted.split(".")[:2]
            script = self.folder / "version.cmake"
            script.write_text(f'set(PACKAGE_FIND_VERSION {wanted})\nset(PACKAGE_FIND_VERSION_MAJOR {major})\n'
                              f'set(PACKAGE_FIND_VERSION_MINOR {minor})\nset(CMAKE_SIZEOF_VOID_P 8)\ninclude({version})\n'
                              'message("fits ${PACKAGE_VERSION_COMPATIBLE}")\n')
            done = subprocess.run([CMAKE, "-P", str(script)], capture_output=True, text=True, timeout=60, check=True)
            self.assertIn(f"fits {fits}", done.stderr, wanted)


if __name__ == "__main__":
    unittest.main()
