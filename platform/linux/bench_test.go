package linux

import "testing"

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := parseTables(); err != nil {
			b.Fatal(err)
		}
	}
}
