#!/bin/sh
# setup.sh - makes a fresh clone ready: the packages that are needed (Debian and its kin), configure
# and make, in the folder build. May be run again at any time. Arguments go to configure.
set -eu
cd "$(dirname "$0")/.."

packages="autoconf automake make gcc libc6-dev pkg-config gzip
    llvm-19-dev libyaml-dev libjansson-dev libxxhash-dev libhdf5-dev libopenblas-dev
    libjpeg-dev libpng-dev zlib1g-dev"

# for schema.tap, target.tap and aarch64.tap, and for `graftc plot -o FILE.svg`: tests of them are
# skipped where they are not
optional="python3-jsonschema python3-yaml graphviz
    qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross"

# missing_packages PACKAGE...: those that are not there
missing_packages() {
    for package; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null | grep -qx installed ||
            printf '%s ' "$package"
    done
}

# install_packages PACKAGE...
install_packages() {
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    echo "setup.sh: installing $*" >&2
    $as_root apt-get update -q &&
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends "$@"
}

if command -v apt-get > /dev/null; then
    missing=$(missing_packages $packages)
    [ -z "$missing" ] || install_packages $missing
    missing=$(missing_packages $optional)
    [ -z "$missing" ] || install_packages $missing || echo "setup.sh: going on without them" >&2
else
    echo "setup.sh: no apt-get here; needed are (by Debian's names):" $packages >&2
fi

[ configure -nt configure.ac ] && [ -f Makefile.in ] || autoreconf -fi
mkdir -p build
cd build
[ -f Makefile ] && [ $# -eq 0 ] || ../configure --quiet "$@"
make -j2
