#!/bin/sh
# Builds parts.o with clang-19.
set -eu
cd "$(dirname "$0")"
clang-19 -target bpfel -mcpu=v3 -g -O2 -Wall -Wno-unused-const-variable -Wno-unused-variable \
	-fdebug-compilation-dir=. -fno-ident -c parts.c -o parts.o
llvm-strip-19 -g parts.o
