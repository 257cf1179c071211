#!/bin/sh
# Rebuilds the objects of this folder. Needs clang 19 and llvm-strip.
set -e
cd "$(dirname "$0")"
for f in maps calls config legacy tc core kernel ops; do
	for e in el eb; do
		g=-g
		[ $f = legacy ] && g=
		clang-19 -target bpf$e -mcpu=v3 -O2 $g -Wno-unused -Wno-everything -c $f.c -o $f-$e.o
		llvm-strip-19 -g $f-$e.o
	done
done
clang-19 -target bpfel -c untyped.s -o untyped-el.o
