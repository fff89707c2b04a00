#!/bin/sh
# Builds every guest: guests/src/NAME.c becomes guests/bin/NAME.elf.
#
#   guests/build.sh            build all into guests/bin and renew guests/bin/DIGESTS
#   guests/build.sh --check    build all elsewhere and compare with guests/bin/DIGESTS
#   guests/build.sh --install  install the compiler first (Debian, Ubuntu)
#
# The digests in DIGESTS are of Debian 12's gcc 12.2; another compiler gives other programs.
set -eu
cd "$(dirname "$0")"

CC=${CC:-riscv64-unknown-elf-gcc}

objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT

compile() {
    "$CC" -march=rv32im -mabi=ilp32 -mcmodel=medany -O2 -std=c11 -Wall -Wextra -Werror \
        -ffreestanding -fno-tree-loop-distribute-patterns -Ilib -c "$1" -o "$objects/$2.o"
}

# Objects have fixed names, because the linker notes them. Symbols stay in: they make error
# messages and profiles readable.
build() {
    compile lib/crt0.S crt0
    compile lib/tracelane.c tracelane
    for source in src/*.c; do
        compile "$source" guest
        "$CC" -march=rv32im -mabi=ilp32 -nostdlib -nostartfiles -static -Wl,--build-id=none \
            -T lib/link.ld "$objects/crt0.o" "$objects/tracelane.o" "$objects/guest.o" -lgcc \
            -o "$1/$(basename "$source" .c).elf"
    done
    (cd "$1" && sha256sum -- *.elf >DIGESTS)
}

case "${1:-}" in
--install)
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update
    $as_root apt-get install -y --no-install-recommends \
        gcc-riscv64-unknown-elf binutils-riscv64-unknown-elf
    build bin
    ;;
--check)
    mkdir "$objects/bin"
    build "$objects/bin"
    diff bin/DIGESTS "$objects/bin/DIGESTS"
    ;;
"")
    build bin
    ;;
*)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
