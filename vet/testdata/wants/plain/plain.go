// Package plain embeds objects without naming anything in them.
package plain

import "embed"

//go:embed packet_count.o
var safe []byte

// want +2 `program header_unchecked of packet_count_unsafe.o is .* \[V5 packet bounds\], at .*packet_count_unsafe.c:\d+` `program lookup_unchecked .* \[V6 null check\]` `program header_half_checked .*\[V5 packet bounds\]`
//
//go:embed packet_count_unsafe.o
var unsafe string

//go:embed notes.txt "packet_count.o"
var folder embed.FS

// want +2 `object broken.o: section .text: 12 bytes of code are no multiple of 8 \[E1\]`
//
//go:embed broken.o
var broken []byte
