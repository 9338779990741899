"""What is half installed must not stop a build: configuring beside a launcher of MPI without its headers, an nvcc that does not work, a
Torch with CUDA where there is no toolkit; and how a build finds the torch of the environment that it is for. Nothing is compiled but
the compilers' own trials.

LASER_CMAKE is the cmake of the build, LASER_TORCH_DIR its torch.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CMAKE = os.environ.get("LASER_CMAKE", "cmake")
TORCH = pathlib.Path(os.environ["LASER_TORCH_DIR"])


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="laser surroundings "))  # with a space
        self.addCleanup(shutil.rmtree, self.folder)

    def program(self, name, text):
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)


class Configuring(Folder):
    def configure(self, torch=TORCH, **more):
        environment = dict(os.environ, PATH=f"{self.folder / 'bin'}:{os.environ['PATH']}", **more)
        done = subprocess.run([CMAKE, "-S", SOURCE, "-B", self.folder / "build", "-G", "Ninja", f"-DTORCH_DIR={torch}",
                               "-DLASER_BUILD_TESTS=OFF"], capture_output=True, text=True, timeout=300, check=False, env=environment)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-3000:])
        self.assertTrue((self.folder / "build" / "build.ninja").exists())
        return done.stdout

    def test_a_launcher_of_mpi_without_headers(self):
        # As openmpi-bin without libopenmpi-dev, and as a wrapper that fails.
        for text in ('echo "c++ -I/nowhere/include -L/nowhere/lib -lmpi_nowhere"', "echo 'no data file' >&2; exit 1"):
            for name in ("mpicxx", "mpic++", "mpiCC", "mpicc", "mpirun", "mpiexec"):
                self.program(name, text)
            self.assertIn("MPI: no headers and libraries", self.configure(CPATH="", MPI_HOME=""))
            shutil.rmtree(self.folder / "build")

    def cuda_torch(self):
        """This torch with the package file of a CUDA build, which wants a toolkit."""
        torch = self.folder / "torch"
        torch.mkdir()
        for entry in TORCH.iterdir():
            if entry.name not in ("share",):
                (torch / entry.name).symlink_to(entry)
        shutil.copytree(TORCH / "share", torch / "share")
        file = torch / "share" / "cmake" / "Caffe2" / "Caffe2Config.cmake"
        text = file.read_text()
        if "if( AND NOT CAFFE2_USE_CUDA)" in text:  # a CPU build: as PyTorch writes it for CUDA
            text = text.replace("if(0)\n  # The file public/cuda.cmake", "if(1)\n  # The file public/cuda.cmake")
            text = text.replace("set(CAFFE2_USE_CUDA 0)", "set(CAFFE2_USE_CUDA 1)")
            text = text.replace("if( AND NOT CAFFE2_USE_CUDA)", "if(1 AND NOT CAFFE2_USE_CUDA)")
            file.write_text(text)
        self.assertIn("if(1 AND NOT CAFFE2_USE_CUDA)", text)
        return torch

    def test_a_torch_with_cuda_and_no_toolkit(self):
        self.program("nvcc", "exit 1")  # hides one that may be here, and does not work
        torch = self.cuda_torch()
        with self.subTest("the package file alone is fatal here"):
            project = self.folder / "plain"
            project.mkdir()
            (project / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.25)\nproject(plain LANGUAGES CXX)\n"
                                                    "find_package(Torch REQUIRED)\n")
            environment = dict(os.environ, PATH=f"{self.folder / 'bin'}:{os.environ['PATH']}")
            done = subprocess.run([CMAKE, "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={torch}",
                                   "-DCUDA_TOOLKIT_ROOT_DIR=/nowhere"],
                                  capture_output=True, text=True, timeout=300, check=False, env=environment)
            self.assertNotEqual(done.returncode, 0, "this trial would notice nothing")
        self.configure(torch)

    def test_what_is_missing_is_told_at_once(self):
        environment = dict(os.environ, CMAKE_PREFIX_PATH="/nowhere")
        done = subprocess.run([CMAKE, "-S", SOURCE, "-B", self.folder / "build", "-G", "Ninja", f"-DTORCH_DIR={TORCH}",
                               "-DCMAKE_DISABLE_FIND_PACKAGE_hwy=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_CURL=ON"],
                              capture_output=True, text=True, timeout=300, check=False, env=environment)
        said = " ".join(done.stderr.split())
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(said, r"missing, or too old: hwy, CURL\. HINT: .*apt-get install libhwy-dev libcurl4-openssl-dev")


class FindingTorch(Folder):
    """cmake/find_torch.py with environments that hold a folder called torch."""

    def environment(self, name):
        """The Python of a new environment with a torch."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.folder / name], check=True, timeout=120)
        python = self.folder / name / "bin" / "python3"
        site = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                              capture_output=True, text=True, check=True, timeout=60).stdout.strip()
        torch = pathlib.Path(site, "torch")
        (torch / "lib").mkdir(parents=True)
        (torch / "__init__.py").write_text("raise SystemExit('is not to be imported')\n")
        return python, torch

    def bare(self):
        """A Python that has no torch: the isolated environment of a build."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.folder / "isolated"], check=True, timeout=120)
        return self.folder / "isolated" / "bin" / "python3"

    def find(self, command, cwd=None, **environment):
        names = {"PATH": "/usr/bin:/bin", **environment}
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False,
                              cwd=cwd or self.folder, env=names)
        return done.stdout.strip()

    def test_each_way(self):
        python, torch = self.environment("mine")
        isolated, script = self.bare(), SOURCE / "cmake" / "find_torch.py"
        start = [isolated, "-I", script]
        # Started by the environment's own Python, by a name with and without a folder before it.
        through = f"import subprocess; subprocess.run({[str(word) for word in start]!r})"
        self.assertEqual(self.find([python, "-c", through]), str(torch))
        self.assertEqual(self.find(["mine/bin/python3", "-c", through]), str(torch))
        # An active environment; one on the path; one named to the program that starts the build; .venv of the folder.
        self.assertEqual(self.find(start, VIRTUAL_ENV=str(self.folder / "mine")), str(torch))
        self.assertEqual(self.find(start, PATH=f"{python.parent}:/usr/bin:/bin"), str(torch))
        shell = ["sh", "-c", 'shift 2; "$@"; exit $?', "uv", "--python", "mine", *start]
        self.assertEqual(self.find(shell), str(torch))
        (self.folder / ".venv").symlink_to("mine")
        self.assertEqual(self.find(start), str(self.folder / ".venv" / torch.relative_to(self.folder / "mine")))

    def test_the_own_one_goes_first_and_none_is_nothing(self):
        python, torch = self.environment("mine")
        _, other = self.environment("other")
        script = SOURCE / "cmake" / "find_torch.py"
        self.assertEqual(self.find([python, "-I", script], VIRTUAL_ENV=str(self.folder / "other")), str(torch))
        shutil.rmtree(torch)
        shutil.rmtree(other)
        self.assertNotIn(str(self.folder), self.find([python, "-I", script]))


if __name__ == "__main__":
    unittest.main()
