#!/usr/bin/env bash
# A wheel that can be shared: builds it, looks at what it needs of a system, installs it into a fresh environment without a compiler, and
# runs tests of the package from there.
#
#   scripts/wheel.sh [--wheel FILE] [--torch SPEC]
#
# --wheel  this one, instead of a build (build/wheels has those that were built)
# --torch  a torch to install into the environment, 2.12.* for instance (needs a network); else it sees that of the build. Where its
#          minor version is another the example is trained by torch's own operations, and the one warning is looked for.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck disable=SC1091
. build/setup.env
wheel='' torch=''
while [ $# -gt 0 ]; do
  case $1 in
    --wheel) wheel=$(readlink -f "${2:?--wheel needs a file}") ;;
    --torch) torch=${2:?--torch needs a version} ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift 2
done
say() { echo "wheel: $*"; }
stop() { echo "wheel: $*" >&2; exit 1; }

if [ -z "$wheel" ]; then
  rm -rf build/wheels
  TORCH_DIR=$TORCH_DIR "$LASER_PYTHON" -m pip wheel -q --disable-pip-version-check --no-build-isolation --no-deps -w build/wheels \
    --config-settings build-dir=build/wheel . >build/wheel.log 2>&1 || { tail -n 30 build/wheel.log >&2; exit 1; }
  wheel=$(readlink -f build/wheels/laser_ota-*.whl)
fi
say "$(basename "$wheel"), $(($(stat -c %s "$wheel") / 1024)) kB"

# What the module needs: LibTorch, and what every system with LibTorch has.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$LASER_PYTHON" -m zipfile -e "$wheel" "$folder/wheel"
core=$(echo "$folder"/wheel/laser/_core*.so)
needed=$(readelf -d "$core" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
foreign=$(echo "$needed" | grep -vE '^(libtorch(_cpu|_python|_cuda)?|libc10(_cuda)?)\.so$|^lib(stdc\+\+|m|gomp|gcc_s|c|pthread|dl)\.so\.[0-9]+$|^ld-linux' || true)
[ -z "$foreign" ] || stop "the module needs ${foreign//$'\n'/ }, which other systems may lack. HINT: the static libraries of zlib and OpenSSL (Debian's -dev packages have them)"
say "needs of LibTorch and the system: ${needed//$'\n'/ }"
say "the newest interface of the C library: $(readelf --version-info "$core" | grep -oE 'GLIBC_2\.[0-9]+' | sort -Vu | tail -n 1)"
stray=$(cd "$folder/wheel" && find . -type f | grep -vE '^\./(laser/.*\.(py|pyi|so|typed)|laser/py\.typed|laser_ota-[^/]*/.*)$' || true)
[ -z "$stray" ] || stop "the wheel holds more than the package: $stray"

# A fresh environment, and a PATH with nothing but its Python.
rm -rf build/wheel-env
"$LASER_PYTHON" -m venv --without-pip build/wheel-env
python=$PWD/build/wheel-env/bin/python
pip() { "$LASER_PYTHON" -m pip --python "$python" install -q --disable-pip-version-check "$@" 2>>build/wheel-env.log; }
: >build/wheel-env.log
if [ -n "$torch" ]; then
  pip "torch==$torch" numpy || { tail -n 20 build/wheel-env.log >&2; exit 1; }
else
  own=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  "$LASER_PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$own/build_environment.pth"
  dirname "$TORCH_DIR" >>"$own/build_environment.pth"
fi
pip --no-deps "$wheel" || { tail -n 20 build/wheel-env.log >&2; exit 1; }
plain() { env -i "PATH=$(dirname "$python")" HOME="$folder" OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive "$@"; }
! plain "$(command -v sh)" -c 'command -v cc || command -v c++ || command -v gcc || command -v g++ || command -v clang' ||
  stop "there is a compiler in $(dirname "$python")"
running=$(plain "$python" -c 'import torch; print(torch.__version__)')
built=$(plain "$python" -c 'import laser._build; print(laser._build.TORCH)')
say "built with torch $built, running $running"
minor() { echo "$1" | cut -d. -f1-2; }
if [ "$(minor "$running")" = "$(minor "$built")" ]; then
  plain "$python" -W error -c 'import laser.native; assert laser.native.COMPILED'
  (cd tests/python && plain "$python" -m unittest test_package test_budget test_ddp.AgainstTheSimulator test_ddp.Resume)
else
  told=$(plain "$python" -c 'import laser; laser.Aggregator; laser.LaserState' 2>&1 | grep -c 'UserWarning: laser:' || true)
  [ "$told" = 1 ] || stop "importing told $told warnings, not one"
  plain "$python" -W ignore -m torch.distributed.run --standalone --local-addr 127.0.0.1 --nproc-per-node 2 examples/ddp_mnist.py --limit 12000 \
    >"$folder/trained" 2>&1 || { tail -n 20 "$folder/trained" >&2; exit 1; }
  say "by torch's own operations: $(grep -E 'test accuracy' "$folder/trained")"
  plain "$python" -c 'import re, sys; sys.exit(float(re.search(r"accuracy ([\d.]+)", open(sys.argv[1]).read())[1]) < 60)' "$folder/trained" ||
    stop "the example does not learn there"
fi
say "ok"
