#!/bin/sh
# Builds flows.c with bpf2go into the module flows, and again with its mistake into
# the folder unsafe. Needs clang-19 and llvm-strip-19.
set -eu
cd "$(dirname "$0")"
gen() {
	out=$1
	shift
	GOPACKAGE=main go run github.com/cilium/ebpf/cmd/bpf2go -cc clang-19 -strip llvm-strip-19 -go-package main \
		-no-global-types -type flow -type usage -type setting -output-dir "$out" \
		flows flows.c -- -g -O2 -Wall -fdebug-compilation-dir=. -fno-ident "$@"
}
gen flows
gen unsafe -DUNSAFE
rm unsafe/*.go
