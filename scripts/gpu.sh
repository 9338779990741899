#!/usr/bin/env bash
# Everything that wants an NVIDIA GPU, in one go on a machine that is there for minutes: builds with CUDA, runs the tests labelled gpu,
# measures rounds and training steps beside their peers, and spends the rest of the minutes on runs of the paper's size.
#
#   scripts/gpu.sh MINUTES [--out DIR] [--data DIR] [--deps DIR] [--rehearse]
#
# MINUTES     of the clock for all of it; the runs of the paper's size get what the rest leaves
# --out       where records go as they come to be, so that little is lost where it is cut off ($OUT, or build/gpu-records)
# --data      the folder that holds cifar10 (LASER_DATA_DIR); without it there are no runs of the paper's size
# --deps      a prefix with headers and libraries that the system lacks (what `dpkg -x` made of packages: DIR/usr)
# --rehearse  the same steps on the CPU, with tiny sizes and with what is built (LASER_COMMAND, LASER_TESTS)
#
# Needs no network. A step that fails is told, and the next one goes on; the exit code is 1 then. SUMMARY.txt has a line for each, and
# records.tar.gz the runs without their weights.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
root=$PWD

usage() { sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 2; }
minutes='' out=${OUT:-} data=${LASER_DATA_DIR:-} deps='' rehearse=no
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=${2:?--out needs a folder}; shift ;;
    --data) data=${2:?--data needs a folder}; shift ;;
    --deps) deps=$(readlink -f "${2:?--deps needs a folder}"); shift ;;
    --rehearse) rehearse=yes ;;
    *) case $1 in '' | *[!0-9]*) usage ;; *) minutes=$1 ;; esac ;;
  esac
  shift
done
[ -n "$minutes" ] || usage
end=$((SECONDS + 60 * minutes))
left() { echo $((end - SECONDS)); }
out=$(mkdir -p "${out:-build/gpu-records}" && cd "${out:-build/gpu-records}" && pwd) || exit 1
work=$root/build/gpu
mkdir -p "$work"
failed=0
for file in SUMMARY build tests agreement rounds steps; do : >"$out/$file.txt"; done
say() { echo "gpu: $*" | tee -a "$out/SUMMARY.txt" >&2; }

# step FILE NAME SECONDS COMMAND...: its output is added to FILE; told with its seconds. No longer than what is left.
step() {
  local file=$1 name=$2 most=$3 began=$SECONDS status
  shift 3
  [ "$most" -le "$(left)" ] || most=$(left)
  if [ "$most" -lt 5 ]; then say "$name: left out, no time"; failed=1; return 1; fi
  timeout --kill-after=10 "$most" "$@" >>"$file" 2>&1
  status=$?
  case $status in
    0) say "$name: done in $((SECONDS - began)) s" ;;
    124 | 137) say "$name: cut off after $((SECONDS - began)) s"; failed=1 ;;
    *) say "$name: failed with $status after $((SECONDS - began)) s: $(tail -n 1 "$file" | cut -c1-200)"; failed=1 ;;
  esac
  return $status
}

device=cuda
[ $rehearse = no ] || device=cpu
python=${LASER_PYTHON:-}
if [ -z "$python" ] && [ -f build/setup.env ]; then python=$(. build/setup.env && echo "$LASER_PYTHON"); fi
python=${python:-python3}
torch_dir=${TORCH_DIR:-$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))')} || { say "no torch in $python"; exit 1; }

machine() {
  date -u +%FT%TZ
  git rev-parse HEAD 2>/dev/null || echo "no git"
  nproc; uname -srm
  nvidia-smi -L; nvcc --version | tail -n 2
  "$python" -c 'import sys, torch; print(sys.version, torch.__version__, torch.cuda.is_available() and torch.cuda.get_device_name())'
}
export python
machine >>"$out/SUMMARY.txt" 2>&1

# 1. The build. Kernels for the very processor that is there.
program=${LASER_COMMAND:-} tests=${LASER_TESTS:-}
compiled=no
if [ $rehearse = yes ]; then
  [ -x "$program" ] || { say "LASER_COMMAND is no program. HINT: that of a build, build/release/bin/laser"; exit 2; }
  step "$out/build.txt" build 60 "$program" --version
else
  chip=$("$python" -c 'import torch; print("%d%d" % torch.cuda.get_device_capability())' 2>/dev/null || echo 90)
  configure=(cmake -S . -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release "-DTORCH_DIR=$torch_dir" "-DCMAKE_CUDA_ARCHITECTURES=$chip"
    -DLASER_MPI=OFF "-DPython3_EXECUTABLE=$("$python" -c 'import sys; print(sys.executable)')")
  if [ -n "$deps" ]; then
    configure+=("-DCMAKE_PREFIX_PATH=$deps/usr;$deps/usr/local")
    for place in "$deps"/usr/include "$deps"/usr/include/*-linux-gnu; do [ ! -d "$place" ] || export CPATH=$place${CPATH:+:$CPATH}; done
    for place in "$deps"/usr/lib "$deps"/usr/lib/*-linux-gnu; do
      [ ! -d "$place" ] || export LIBRARY_PATH=$place${LIBRARY_PATH:+:$LIBRARY_PATH} LD_LIBRARY_PATH=$place${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    done
  fi
  # Where libraries of the tests or of the command are missing, what is left is built: the package's core needs the fewest.
  for parts in "laser_command laser_python kernels_cuda_test" "laser_command laser_python" "laser_python"; do
    case $parts in *cuda_test*) with=(-DLASER_BUILD_TESTS=ON -DLASER_BUILD_COMMAND=ON) ;;
      *command*) with=(-DLASER_BUILD_TESTS=OFF -DLASER_BUILD_COMMAND=ON) ;;
      *) with=(-DLASER_BUILD_TESTS=OFF -DLASER_BUILD_COMMAND=OFF -DLASER_SELF_CONTAINED=ON) ;;
    esac
    if step "$out/build.txt" "configure for $parts" 120 "${configure[@]}" "${with[@]}"; then
      # shellcheck disable=SC2086
      step "$out/build.txt" build $((60 * minutes / 2)) cmake --build "$work/build" -j "$(nproc)" --target $parts
      break
    fi
  done
  program=$work/build/bin/laser tests=$work/build
fi

# 2. Tests: the kernels against the CPU's, and the round by torch's operations on this device.
if [ -n "$tests" ] && [ -f "$tests/CTestTestfile.cmake" ]; then
  step "$out/tests.txt" tests 120 ctest --test-dir "$tests" -L '^gpu$' -E '^python_' --output-on-failure "--no-tests=$([ $rehearse = no ] && echo error || echo ignore)"
else
  say "tests: left out, nothing is built"
fi

# 3. Rounds and steps. The package from this tree, with the compiled core where it was built.
package=$work/package
rm -rf "$package" && mkdir -p "$package" && cp -r python/laser "$package/laser"
for core in "$work"/build/python/_core*.so; do
  if [ -e "$core" ] && [ $rehearse = no ]; then cp "$core" "$work/build/python/_build.py" "$package/laser/" && compiled=yes; fi
done
run_python() { env PYTHONPATH="$package${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 "$python" "$@"; }
export -f run_python
export package
if [ $rehearse = yes ]; then
  "$python" -c 'import sys, laser.native; sys.exit(not laser.native.COMPILED)' 2>/dev/null && package=$work/none && compiled=yes
  sizes=(--repeats 1) steps=(--steps 2 --width 128)
else
  sizes=(--repeats 20 --tensors 8) steps=(--steps 30 --width 4096)
fi
say "the package has a compiled core: $compiled"
step "$out/agreement.txt" agreement 180 bash -c "cd tests/python && LASER_DEVICE=$device run_python -m unittest -v test_gpu"
step "$out/rounds.txt" rounds 120 bash -c "run_python bench/device_round.py --device $device ${sizes[*]}"
step "$out/steps.txt" steps 120 bash -c "run_python bench/ddp_hook.py --device $device ${steps[*]}"

# 4. Runs of the paper's size: LASER at P = 500 beside Z-SGD at 16 times its power first, then other powers. A pair gets as many epochs as
# fit: the step size is constant, so these are the first epochs of the whole run, and --resume goes on with it.
records() {  # all but weights and checkpoints, whole or not at all
  tar -C "$work" --exclude='*.safetensors*' --exclude='.lock' -czf "$out/.records.part" runs && mv "$out/.records.part" "$out/records.tar.gz"
}
pairs=("500 8000" "1000 16000" "250 4000")
if [ $rehearse = yes ]; then
  settings=(task=mnist workers=4 batch_size=100 device=cpu) most=3
elif [ -n "$data" ] && [ -d "$data" ]; then
  settings=(configs/cifar10.toml device=cuda) most=150
  export LASER_DATA_DIR=$data
else
  settings=() most=0
  say "runs: left out, there are no data. HINT: --data DIR with DIR/cifar10, from 'laser data fetch cifar10' where there is a network"
fi
rm -rf "$work/runs"
if [ ${#settings[@]} -gt 0 ] && [ -x "$program" ]; then
  mkdir -p "$work/runs"
  (while sleep 20; do records; done) 2>/dev/null &
  keeper=$!
  trap 'kill $keeper 2>/dev/null' EXIT
  for pair in "${pairs[@]}"; do
    seconds=0
    [ "$(left)" -gt 60 ] || break  # which the report needs
    read -r low high <<<"$pair"
    for run in "laser $low" "zsgd $high"; do  # an epoch of each, which tells what they cost
      read -r method power <<<"$run"
      began=$(date +%s.%N)
      step "$work/runs/log.txt" "an epoch of $method at P = $power" "$(left)" "$program" train "${settings[@]}" "method=$method" "power=$power" epochs=1 --quiet \
        --out "$work/runs/$method-$power" || break 2
      seconds=$("$python" -c "import sys, time; print(float(sys.argv[1]) + time.time() - float(sys.argv[2]))" "$seconds" "$began")
    done
    epochs=$("$python" -c "import sys; print(min(int(sys.argv[1]), max(1, 1 + int(0.9 * (float(sys.argv[2]) - 60) / float(sys.argv[3])))))" "$most" "$(left)" "$seconds")
    say "P = $low and $high: an epoch of both takes $("$python" -c "print(f'{$seconds:.1f}')") s, $epochs of $most fit"
    if [ "$epochs" -gt 1 ]; then
      for run in "laser $low" "zsgd $high"; do
        read -r method power <<<"$run"
        step "$work/runs/log.txt" "$epochs epochs of $method at P = $power" "$(left)" "$program" train --resume "$work/runs/$method-$power" "epochs=$epochs" --quiet || break 2
      done
    fi
    records
    [ "$epochs" -eq "$most" ] || break
  done
  step "$work/runs/log.txt" report 60 "$program" report "$work/runs"
  records
  cp "$work"/runs/report/*.md "$out/" 2>/dev/null
fi
say "done, $(left) s of $((60 * minutes)) left; records are in $out"
exit $failed
