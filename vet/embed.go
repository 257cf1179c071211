package vet

import (
	"bytes"
	"encoding/binary"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// This file finds the BPF objects that a package embeds. They are in no list that an
// analyzer gets, so that the directives are read as the compiler reads them.

// embed is an object that a directive embeds.
type embed struct {
	file *file
	pos  token.Pos // of the pattern
	path string
	obj  *object
}

const directive = "//go:embed"

// maxObject bounds the objects that are read.
const maxObject = 64 << 20

// maxEmbeds bounds the objects of one package.
const maxEmbeds = 1000

// embeds finds the objects that a file embeds.
func (p *pkg) embeds(f *file) {
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			rest, ok := strings.CutPrefix(c.Text, directive)
			if !ok || rest == "" || (rest[0] != ' ' && rest[0] != '\t') {
				continue
			}
			for _, pat := range patterns(rest) {
				p.match(f, c.Pos()+token.Pos(len(directive)+pat.at), pat.text)
			}
		}
	}
}

// pattern is a word of a directive; at is its place behind the directive's name.
type pattern struct {
	text string
	at   int
}

// patterns splits a directive into words, which may be Go strings.
func patterns(s string) []pattern {
	var out []pattern
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\t' {
			i++
			continue
		}
		word := s[i:]
		if s[i] == '"' || s[i] == '`' {
			q, err := strconv.QuotedPrefix(word)
			if err != nil {
				return out // the compiler complains
			}
			text, _ := strconv.Unquote(q)
			out = append(out, pattern{text, i})
			i += len(q)
			continue
		}
		if n := strings.IndexAny(word, " \t"); n >= 0 {
			word = word[:n]
		}
		out = append(out, pattern{word, i})
		i += len(word)
	}
	return out
}

// match adds the objects that a pattern embeds: files, or all files of folders.
func (p *pkg) match(f *file, pos token.Pos, pattern string) {
	pattern = strings.TrimPrefix(pattern, "all:")
	if !fs.ValidPath(pattern) {
		return
	}
	paths, err := filepath.Glob(filepath.Join(filepath.Dir(f.name), filepath.FromSlash(pattern)))
	if err != nil {
		return
	}
	slices.Sort(paths)
	for _, path := range paths {
		_ = filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && len(p.all) < maxEmbeds && isObject(path) {
				e := &embed{file: f, pos: pos, path: path}
				f.embeds, p.all = append(f.embeds, e), append(p.all, e)
			}
			return nil
		})
	}
}

// isObject reports whether a file is an ELF file for BPF. What embeds several objects
// (an executable) is not opened.
func isObject(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	h := make([]byte, 20)
	if _, err := io.ReadFull(f, h); err != nil || !bytes.HasPrefix(h, []byte("\x7fELF")) {
		return false
	}
	machine := binary.LittleEndian.Uint16(h[18:])
	if h[5] == 2 {
		machine = binary.BigEndian.Uint16(h[18:])
	}
	return machine == 247 || machine == 0 && strings.HasSuffix(path, ".o")
}

// objectsFor returns the objects that a tag in a file can mean: those that the file
// embeds; or else those of this build; or else all.
func (p *pkg) objectsFor(f *file) []*object {
	if len(f.embeds) > 0 {
		return objectsOf(f.embeds)
	}
	var here []*embed
	for _, e := range p.all {
		if e.file.typed == f.typed {
			here = append(here, e)
		}
	}
	if len(here) == 0 {
		here = p.all
	}
	return objectsOf(here)
}

func objectsOf(embeds []*embed) []*object {
	var out []*object
	for _, e := range embeds {
		if e.obj != nil && !slices.Contains(out, e.obj) {
			out = append(out, e.obj)
		}
	}
	return out
}
