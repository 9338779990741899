#!/usr/bin/env bash
# Runs the two commands on a bare Debian: scripts/fresh_machine.sh 12|13 [WORK FOLDER]. Needs root and debootstrap.
#
# The root is debootstrap's minbase with a fresh `git clone` of what is committed here. Its environment is empty but for what a proxy
# needs and how packages are reached from here: the addresses that apt and pip use on this machine, certificates, the resolver. No
# find-links, constraints or further indexes of pip are passed on. The work folder (a temporary one where none is named) keeps the root,
# and a second start goes on in it; remove it when you are done. Not part of the continuous integration; run for every release, and its
# last results stand in docs/installing.md.
#
#   FRESH_STEPS="make run;make test"   what is run, by `;`
#   FRESH_PACKAGES="openmpi-bin"       Debian packages that are there before
set -euo pipefail
cd "$(dirname "$0")/.."
release=${1:-}
case $release in
  12) suite=bookworm ;;
  13) suite=trixie ;;
  *) echo "fresh_machine: name 12 or 13" >&2; exit 2 ;;
esac
[ "$(id -u)" -eq 0 ] || { echo "fresh_machine: chroot needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "fresh_machine: HINT: apt-get install debootstrap" >&2; exit 1; }
work=${2:-$(mktemp -d -t laser-fresh-XXXXXX)}
mkdir -p "$work"
work=$(cd "$work" && pwd)
root=$work/debian-$release

mirror=$(grep -rhoE '(https?|mirror)://[^ ]*/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list \
  2>/dev/null | head -n 1 || true)
if [ ! -e "$root/.made" ]; then
  rm -rf "$root"
  debootstrap --variant=minbase "$suite" "$root" "${mirror:-http://deb.debian.org/debian}" >"$work/debootstrap-$release.log" 2>&1 ||
    { tail "$work/debootstrap-$release.log" >&2; exit 1; }
  touch "$root/.made"
fi
# How packages are reached: the resolver, apt's proxy, certificates, pip's index.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
apt-config dump 2>/dev/null | grep -iE '^Acquire::(https?::)?(Proxy|Verify-Peer|CaInfo)' >"$root/etc/apt/apt.conf.d/01reach" || true
environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb)
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  [ -z "${!name:-}" ] || environment+=("$name=${!name}")
done
certificates=${PIP_CERT:-$(python3 -m pip config get global.cert 2>/dev/null || true)}
if [ -n "$certificates" ]; then
  cp -L "$certificates" "$root/root/certificates.pem"
  environment+=(PIP_CERT=/root/certificates.pem)
fi
index=${PIP_INDEX_URL:-$(python3 -m pip config get global.index-url 2>/dev/null || true)}
[ -z "$index" ] || environment+=("PIP_INDEX_URL=$index")

mountpoint -q "$root/proc" || mount -t proc proc "$root/proc" || mount --bind /proc "$root/proc"
[ -c "$root/dev/urandom" ] || mount --bind /dev "$root/dev"
[ -e "$root/dev/pts/ptmx" ] || mount --bind /dev/pts "$root/dev/pts" || true  # tests play a terminal
mountpoint -q "$root/dev/shm" || mount -t tmpfs tmpfs "$root/dev/shm" || true
trap 'umount -l "$root/dev/pts" "$root/dev/shm" "$root/proc" "$root/dev" 2>/dev/null || true' EXIT
inside() { env -i "${environment[@]}" chroot "$root" "$@"; }

if [ -n "${FRESH_PACKAGES:-}" ]; then
  read -ra before <<<"$FRESH_PACKAGES"
  inside sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"' - make "${before[@]}" \
    >"$work/before-$release.log" 2>&1
fi
# `make` and `git` are what a user has who could clone; both commands are made of them.
inside sh -c 'command -v make' >/dev/null ||
  inside sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends make' >"$work/make-$release.log" 2>&1
if [ ! -d "$root/root/laser" ]; then
  git clone -q --no-hardlinks --depth 1 "file://$PWD" "$root/root/laser"
else
  git -C "$root/root/laser" fetch -q --depth 1 "file://$PWD" HEAD
  git -C "$root/root/laser" reset -q --hard FETCH_HEAD
fi
echo "Debian $release, $(git rev-parse --short=12 HEAD), $(nproc) processors, root $root"

received() { awk -F'[: ]+' '$2 != "lo" && NF > 10 {sum += $3} END {printf "%.0f", sum / 1e6}' <(sed 's/^ */ /' /proc/net/dev); }
used() { du -smx "$root" | cut -f1; }
status=0
IFS=';' read -ra steps <<<"${FRESH_STEPS:-make run;make test}"
for step in "${steps[@]}"; do
  before_bytes=$(received) before_disk=$(used)
  TIMEFORMAT='%R %U %S'
  code=0
  { times=$( { time inside sh -c "cd /root/laser && $step" >"$work/${step//[ \/]/-}-$release.log" 2>&1; } 2>&1 ); } || code=$?
  read -r wall user system <<<"$times"
  awk -v step="$step" -v code=$code -v w="$wall" -v u="$user" -v s="$system" -v d=$(($(used) - before_disk)) -v n=$(($(received) - before_bytes)) \
    'BEGIN {printf "%s: exit %d, %.1f min wall, %.1f min processor, %d MB more disk, %d MB received by the machine\n", step, code, w / 60, (u + s) / 60, d, n}'
  tail -n 3 "$work/${step//[ \/]/-}-$release.log" | sed 's/^/  /'
  [ $code -eq 0 ] || { status=1; break; }
done
exit $status
