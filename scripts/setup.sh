#!/usr/bin/env bash
# Sets up a fresh Debian or Ubuntu machine: system packages, a Torch, matplotlib. Says first what it will install, goes on where an
# earlier start broke off, and is quick once all is there.
#
# A Torch that is already there is used, whatever its build: $TORCH_DIR (the folder of the torch package), or that of `python3`.
# Otherwise torch==2.13.0 goes into the virtual environment .venv: without an NVIDIA GPU from PyTorch's index of CPU builds, with
# one, or where that index cannot be reached, from PyPI. What was found is kept in build/setup.env.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(g++ cmake ninja-build ccache mold make python3 python3-venv python3-dev git
  libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libhwy-dev zlib1g-dev libssl-dev
  libgtest-dev librapidcheck-dev librandom123-dev libeigen3-dev libbenchmark-dev libcurl4-openssl-dev)
oldest="the oldest systems that work are Debian 12 and Ubuntu 24.04 (CMake 3.25, g++ 12, Python 3.10)"
# What goes into .venv beside Torch: for figures, for the Python package (scikit-build-core builds it) and for its checks.
python_packages=(numpy matplotlib mypy scikit-build-core)
# The sizes that are told here and in README.md and docs/installing.md (tests/documentation/test_setup.py holds them together).
size_cpu="0.2 GB to download, 1 GB of disk"
size_cuda="3 GB to download, 5 GB of disk"
size_system="0.2 GB to download, 0.9 GB of disk"
cpu_index=https://download.pytorch.org/whl/cpu

say() { echo "setup: $*" >&2; }
stop() { say "$*"; exit 1; }
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }  # at_least 3.25.1 3.25

env_file=build/setup.env
fingerprint=$( (cat scripts/setup.sh; echo "${TORCH_DIR:-}") | sha256sum | cut -c1-16)
if [ -f "$env_file" ] && grep -q "SETUP=$fingerprint" "$env_file"; then
  # shellcheck disable=SC1090
  ( . "$env_file" && [ -d "$TORCH_DIR" ] && [ -x "$LASER_PYTHON" ] ) && exit 0
fi
mkdir -p build

# What cannot succeed ends here, before anything is installed.
system() { sed -n "s/^$1=\"\\?\\([^\"]*\\)\"\\?\$/\\1/p" /etc/os-release 2>/dev/null; }
case $(system ID) in
  debian) wanted=12 ;;
  ubuntu) wanted=24.04 ;;
  *) wanted= ;;
esac
version=$(system VERSION_ID)
[ -z "$wanted" ] || [ -z "$version" ] || at_least "$version" "$wanted" ||
  stop "this is $(system PRETTY_NAME), whose compiler and packages are too old; $oldest"
case $(uname -m) in
  x86_64 | aarch64) ;;
  *) stop "there is no LibTorch for the processor $(uname -m)" ;;
esac
torch_of() {  # the folder of that interpreter's torch, where it works and is new enough
  "$1" - 2>/dev/null <<'PYTHON'
import os, re, sys, torch
found = tuple(map(int, re.match(r"(\d+)\.(\d+)", torch.__version__).groups()))
if found < (2, 11):
    sys.exit(1)
print(os.path.dirname(torch.__file__))
PYTHON
}
has() { "$1" -c "import $2" 2>/dev/null; }
if [ -n "${TORCH_DIR:-}" ] && [ ! -e "$TORCH_DIR/lib/libtorch_cpu.so" ]; then
  stop "TORCH_DIR = $TORCH_DIR holds no lib/libtorch_cpu.so. HINT: name the folder of the torch package, <...>/site-packages/torch, or unset TORCH_DIR"
fi

missing=()
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
else
  say "no apt-get here; make sure that the equivalents of these are installed: ${packages[*]}"
fi
python=.venv/bin/python
torch=
if [ -n "${TORCH_DIR:-}" ]; then torch=$TORCH_DIR
elif [ -x "$python" ]; then torch=$(torch_of "$python" || true)
elif command -v python3 >/dev/null; then torch=$(torch_of python3 || true)
fi
gpu=no
if [ -e /dev/nvidia0 ] || command -v nvidia-smi >/dev/null; then gpu=yes; fi

wanted=()  # of the Python packages
for package in "${python_packages[@]}"; do
  [ -x "$python" ] && has "$python" "${package//-/_}" || wanted+=("$package")
done
interpreter=python3
[ ! -x "$python" ] || interpreter=$python
if command -v "$interpreter" >/dev/null && ! has "$interpreter" tomllib && ! has "$python" tomli; then wanted+=(tomli); fi  # Python 3.10

# What will be done, and whether there is room for it.
needed=1500
[ ${#missing[@]} -eq 0 ] || needed=$((needed + 900))
if [ ${#missing[@]} -gt 0 ] || [ -z "$torch" ] || [ ${#wanted[@]} -gt 0 ]; then
  say "this will be installed, once, each with what it depends on:"
  if [ ${#missing[@]} -gt 0 ]; then
    count=$(apt-get -s install --no-install-recommends "${missing[@]}" 2>/dev/null | grep -c '^Inst' || true)
    all=
    [ "$count" -le ${#missing[@]} ] || all="$count packages in all, "  # nothing can be counted before the first apt-get update
    say "  system packages (${all}at most $size_system): ${missing[*]}"
  fi
  if [ -n "$torch" ]; then :
  elif [ $gpu = yes ]; then
    say "  torch==2.13.0 with CUDA in .venv ($size_cuda)"
    needed=$((needed + 8000))
  else
    say "  torch==2.13.0 for the CPU in .venv ($size_cpu; $size_cuda where PyTorch's own index"
    say "  cannot be reached and PyPI's build with CUDA has to do)"
    needed=$((needed + 1500))
  fi
  [ ${#wanted[@]} -eq 0 ] || say "  Python packages in .venv (at most 0.1 GB to download, 0.2 GB of disk): ${wanted[*]}"
  say "a few minutes for that, and ten to twenty for building; build/apt.log and build/pip.log tell more"
fi
free=$(df -Pm . 2>/dev/null | awk 'NR == 2 {print $4}')
[ "${free:-$needed}" -ge "$needed" ] || stop "$free MB are free in $PWD; $needed MB are needed. HINT: make room, or clone to another disk"

if [ ${#missing[@]} -gt 0 ]; then
  root=()
  if [ "$(id -u)" -ne 0 ]; then
    ask="HINT: ask who administers this machine for: apt-get install ${missing[*]}"
    command -v sudo >/dev/null || stop "system packages are missing, installing them needs root, and there is no sudo. $ask"
    sudo -v || stop "system packages are missing, and sudo does not let you install them. $ask"
    root=(sudo)
  fi
  apt() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" >>build/apt.log 2>&1; }
  : >build/apt.log
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive dpkg --configure -a >>build/apt.log 2>&1 || true  # broken off halfway
  apt update || true
  # Newer than the system's, installed by other means: not brought back to the system's version, but enough is enough.
  apt install -y --no-install-recommends "${missing[@]}" ||
    { tail -n 20 build/apt.log >&2; stop "apt-get failed (build/apt.log)"; }
fi

found=$(cmake --version 2>/dev/null | sed -n '1s/.* \([0-9.]*\).*/\1/p')
[ -n "$found" ] || stop "cmake is not there or does not start"
at_least "$found" 3.25 || stop "cmake is $found, and 3.25 is needed; $oldest"
compiler=${CXX:-c++}
found=$("$compiler" -dumpfullversion 2>/dev/null || true)
[ -n "$found" ] || stop "the compiler $compiler is not there, or not GCC. HINT: set CXX=g++"
at_least "$found" 12 || stop "$compiler is version $found, and GCC 12 is needed; $oldest"

# The environment: on top of the Python that has the Torch, where there is one.
base=python3
if [ -n "$torch" ] && [ -x "$torch/../../../../bin/python3" ]; then base=$(cd "$torch/../../../../bin" && pwd)/python3; fi
if ! "$python" -m pip --version >/dev/null 2>&1; then
  site=()
  # With a Torch (given, or python3's own) the environment only adds what figures need.
  if [ -n "$torch" ]; then site=(--system-site-packages); fi
  say "creating the virtual environment .venv"
  "$base" -m venv "${site[@]}" .venv || stop "$base -m venv failed. HINT: remove .venv, and see that python3-venv is installed"
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || stop "python3 is older than 3.10; $oldest"
pip() { "$python" -m pip "$1" --disable-pip-version-check "${@:2}" 2>>build/pip.log; }
: >build/pip.log
if [ -z "$torch" ]; then
  from=()
  # One short look, so that a network that does not let it through costs seconds.
  if [ $gpu = no ] && timeout 60 "$python" -m pip index versions torch --disable-pip-version-check --retries 0 --timeout 8 \
      --index-url "$cpu_index" >>build/pip.log 2>&1; then
    say "installing torch==2.13.0 for the CPU into .venv"
    from=(--index-url "$cpu_index")
  else
    say "installing torch==2.13.0 of PyPI into .venv"
  fi
  pip install -q "${from[@]}" torch==2.13.0 || { tail -n 20 build/pip.log >&2; stop "pip failed (build/pip.log)"; }
  torch=$(torch_of "$python") || { "$python" -c 'import torch' || true; stop "torch was installed, but does not start"; }
fi
absent=()
for package in "${wanted[@]}"; do
  has "$python" "${package//-/_}" || absent+=("$package")  # a Torch may have brought some
done
wanted=("${absent[@]}")
if [ ${#wanted[@]} -gt 0 ]; then
  say "installing ${wanted[*]} into .venv (for figures, the Python package and its checks)"
  pip install -q "${wanted[@]}" ||
    say "${wanted[*]} could not be installed (build/pip.log); figures or the Python package will be missing"
fi

printf 'SETUP=%s\nTORCH_DIR=%q\nLASER_PYTHON=%q\n' "$fingerprint" "$torch" "$PWD/$python" >"$env_file"
say "torch in $torch"
