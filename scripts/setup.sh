#!/usr/bin/env bash
# Sets up a fresh Debian or Ubuntu machine: system packages, a Torch, matplotlib. Idempotent, and quick the second time.
#
# A Torch that is already there is used: $TORCH_DIR (the folder of the torch package), or that of `python3`. Otherwise
# torch==2.13.0 goes into the virtual environment .venv. What was found is kept in build/setup.env.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(g++ cmake ninja-build ccache mold make python3 python3-venv python3-dev git
  libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libhwy-dev zlib1g-dev libssl-dev
  libgtest-dev librapidcheck-dev librandom123-dev libeigen3-dev libbenchmark-dev libcurl4-openssl-dev)

env_file=build/setup.env
fingerprint=$( (cat scripts/setup.sh; echo "${TORCH_DIR:-}") | sha256sum | cut -c1-16)
if [ -f "$env_file" ] && grep -q "SETUP=$fingerprint" "$env_file"; then
  # shellcheck disable=SC1090
  ( . "$env_file" && [ -d "$TORCH_DIR" ] && [ -x "$LASER_PYTHON" ] ) && exit 0
fi
mkdir -p build

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "setup: installing system packages: ${missing[*]}" >&2
    root=()
    if [ "$(id -u)" -ne 0 ]; then
      command -v sudo >/dev/null || { echo "setup: these need root and there is no sudo: apt-get install ${missing[*]}" >&2; exit 1; }
      root=(sudo)
    fi
    "${root[@]}" apt-get update -q >build/apt.log 2>&1 || true
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" \
      >>build/apt.log 2>&1 || { tail -n 20 build/apt.log >&2; echo "setup: apt-get failed (build/apt.log)" >&2; exit 1; }
  fi
else
  echo "setup: no apt-get here; make sure that the equivalents of these are installed: ${packages[*]}" >&2
fi

torch_of() { "$1" -c 'import os, torch; print(os.path.dirname(torch.__file__))' 2>/dev/null; }
has() { "$1" -c "import $2" 2>/dev/null; }

if [ ! -x .venv/bin/python ]; then
  # With a Torch (given, or python3's own) the environment only adds what figures need.
  if [ -n "${TORCH_DIR:-}" ] || torch_of python3 >/dev/null; then site=(--system-site-packages); else site=(); fi
  echo "setup: creating the virtual environment .venv" >&2
  python3 -m venv "${site[@]}" .venv
fi
python=.venv/bin/python
if [ -z "${TORCH_DIR:-}" ]; then
  TORCH_DIR=$(torch_of "$python" || true)
  if [ -z "$TORCH_DIR" ]; then
    echo "setup: installing torch==2.13.0 into .venv" >&2
    "$python" -m pip install -q --disable-pip-version-check torch==2.13.0 2>build/pip.log ||
      { tail -n 20 build/pip.log >&2; echo "setup: pip failed (build/pip.log)" >&2; exit 1; }
    TORCH_DIR=$(torch_of "$python")
  fi
fi
[ -d "$TORCH_DIR" ] || { echo "setup: TORCH_DIR = $TORCH_DIR is not a folder" >&2; exit 1; }
wanted=()
has "$python" numpy || wanted+=(numpy)
has "$python" matplotlib || wanted+=(matplotlib)
has "$python" scikit_build_core || wanted+=(scikit-build-core)
if [ ${#wanted[@]} -gt 0 ]; then
  echo "setup: installing ${wanted[*]} into .venv (for figures and the Python package)" >&2
  "$python" -m pip install -q --disable-pip-version-check "${wanted[@]}" 2>>build/pip.log ||
    echo "setup: ${wanted[*]} could not be installed; figures or the Python package will be missing" >&2
fi

printf 'SETUP=%s\nTORCH_DIR=%q\nLASER_PYTHON=%q\n' "$fingerprint" "$TORCH_DIR" "$PWD/$python" >"$env_file"
echo "setup: torch in $TORCH_DIR" >&2
