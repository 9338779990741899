#!/usr/bin/env bash
# Installs the Python package with `pip install .` into a fresh virtual environment, build/python, which sees the Torch of
# the build. What build/release holds already is not compiled again.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck disable=SC1091
. build/setup.env
rm -rf build/python
"$LASER_PYTHON" -m venv --without-pip build/python
python=build/python/bin/python
own=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$LASER_PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$own/build_environment.pth"
dirname "$TORCH_DIR" >>"$own/build_environment.pth"
"$LASER_PYTHON" -m pip --python "$python" install -q --disable-pip-version-check --no-build-isolation --no-deps \
  --config-settings build-dir=build/release . >build/python.log 2>&1 || { tail -n 30 build/python.log >&2; exit 1; }
"$python" -c 'import laser; print("laser-ota", laser.__version__, "for torch", laser._build.TORCH)'
