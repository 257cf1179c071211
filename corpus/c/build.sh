#!/bin/sh
# Builds every object of this folder with clang and llvm-strip (19, or those that
# CLANG and STRIP name) and notes the sources they were made of in SHA256SUMS, which
# a test compares: an object is never older than its source.
set -eu
cd "$(dirname "$0")"
: "${CLANG:=clang-19}" "${STRIP:=llvm-strip-19}"

# build SOURCE OBJECT TARGET FLAGS…
build() {
	from=$1 obj=$2 target=$3
	shift 3
	"$CLANG" -target "$target" -g -Wall -Wextra -Wno-unused-parameter -Wno-unused-const-variable \
		-fdebug-compilation-dir=. -fno-ident "$@" -c "$from" -o "$obj"
	"$STRIP" -g "$obj" # keeps .BTF and .BTF.ext
}

rm -f ./*.o
for src in *.c; do
	build "$src" "${src%.c}.o" bpfel -O2 -mcpu=v3
done
for name in packet_count payload classify; do
	build $name.c $name.v2.o bpfel -O2 -mcpu=v2
	build $name.c $name.v4.o bpfel -O2 -mcpu=v4
	build $name.c $name.O1.o bpfel -O1 -mcpu=v3
done
build packet_count.c packet_count.be.o bpfeb -O2 -mcpu=v3
sha256sum -- *.c *.h *.o > SHA256SUMS
