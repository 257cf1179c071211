package vet

import (
	"go/parser"
	"go/token"
	"path/filepath"
)

// imported returns the objects that a file of another package embeds. Export data says
// where a field was declared; that file is read again. A package built with -trimpath,
// or one that is not on this machine, has none.
func (r *resolver) imported(name string) ([]*object, error) {
	if objects, ok := r.outer[name]; ok || !filepath.IsAbs(name) {
		return objects, nil
	}
	if r.outer == nil {
		r.outer = map[string][]*object{}
	}
	r.outer[name] = nil
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, nil
	}
	// A check of that one file, which reports nothing here.
	other := &pkg{settings: r.p.settings, objects: r.p.objects}
	home := &file{ast: f, name: name}
	other.embeds(home)
	for _, e := range home.embeds {
		o, ok := r.p.objects[e.path]
		if !ok {
			if o, err = r.p.read(e.path); err != nil {
				continue
			}
			r.p.objects[e.path] = o
		}
		e.obj = o
	}
	r.outer[name] = objectsOf(home.embeds)
	return r.outer[name], nil
}
