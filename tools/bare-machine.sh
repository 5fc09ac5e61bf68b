#!/bin/sh
# Proves the two commands of the README on a bare Debian 12: a debootstrap minbase root, to which
# only make and the checkout are added. By hand, as root; needs debootstrap and the network.
#
#   tools/bare-machine.sh [--keep] [TARGET...]      default: demo test
#
# The checkout is what git would commit, without .git. MIRROR chooses the Debian mirror. Prints how
# long each target took; the exit status is that of the first that failed.
set -eu

mirror=${MIRROR:-http://deb.debian.org/debian}
here=$(cd "$(dirname "$0")/.." && pwd)

keep=
if [ "${1-}" = --keep ]; then
    keep=1
    shift
fi
[ $# -gt 0 ] || set -- demo test

die() {
    echo "bare-machine: $*" >&2
    exit 1
}

# In a mount namespace of its own, so that nothing stays mounted, whatever happens.
if [ -z "${TIMBRE_BARE_ROOT-}" ]; then
    [ "$(id -u)" -eq 0 ] || die "needs root"
    command -v debootstrap >/dev/null || die "debootstrap is missing; run: apt-get install debootstrap"
    root=$(mktemp -d "${TMPDIR:-/tmp}/timbre-bare.XXXXXX")
    trap '[ -n "$keep" ] || rm -rf --one-file-system "$root"' EXIT
    trap 'exit 1' HUP INT TERM
    TIMBRE_BARE_ROOT=$root unshare --mount "$0" ${keep:+--keep} "$@"
    exit
fi
root=$TIMBRE_BARE_ROOT

started=0
timed() { # NAME COMMAND...
    name=$1
    shift
    started=$(date +%s)
    status=0
    "$@" || status=$?
    echo "bare-machine: $name: $(($(date +%s) - started)) s, exit status $status"
    [ $status -eq 0 ] || exit $status
}

inside() {
    chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

copy_checkout() {
    mkdir -p "$root/root/timbre"
    (cd "$here" && git ls-files -z --cached --others --exclude-standard |
        tar --create --null --files-from - --ignore-failed-read) |
        tar --extract --directory "$root/root/timbre" --no-same-owner
}

timed debootstrap debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 ||
    die "debootstrap failed; see $root.log"
rm -f "$root.log"
chmod 755 "$root"
mount -t proc proc "$root/proc"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
inside apt-get install -y -q --no-install-recommends make >/dev/null
copy_checkout
for target in "$@"; do
    timed "make $target" inside make --no-print-directory -C /root/timbre "$target" </dev/null
done
[ -z "$keep" ] || echo "bare-machine: kept $root"
