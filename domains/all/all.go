// Package all is the list of domains: what can be named, and how the named ones
// are put together.
//
// A new domain is one package and one line here; the tests of this package then
// hold it to its laws.
package all

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/interval"
	"github.com/bpfcheck/bpfcheck/domains/tnum"
	"github.com/bpfcheck/bpfcheck/domains/zone"
	"github.com/bpfcheck/bpfcheck/isa"
)

// All are the domains, in the order in which they are run.
var All = []domains.Entry{
	{Name: "tnum", New: newTnum},
	{Name: "interval", New: newInterval},
	zone.Entry,
}

func newTnum(w isa.Width, n int) domains.Numeric {
	return domains.NewLift[tnum.Tnum](tnum.Domain{}, w, n)
}

func newInterval(w isa.Width, n int) domains.Numeric {
	return domains.NewLift[interval.Interval](interval.Domain{}, w, n)
}

// Select returns the maker of the product of the named domains. Their order does
// not matter. It refuses names that are unknown or given twice, and no names.
func Select(names []string) (func(w isa.Width, n int) domains.Numeric, error) {
	chosen := map[string]bool{}
	for _, name := range names {
		if !known(name) {
			return nil, fmt.Errorf("no domain %q; there are %v", name, Names())
		}
		if chosen[name] {
			return nil, fmt.Errorf("domain %q named twice", name)
		}
		chosen[name] = true
	}
	var makers []func(isa.Width, int) domains.Numeric
	if chosen["tnum"] && chosen["interval"] {
		makers = append(makers, newTnumInterval)
		chosen["tnum"], chosen["interval"] = false, false
	}
	for _, e := range All {
		if chosen[e.Name] {
			makers = append(makers, e.New)
		}
	}
	switch len(makers) {
	case 0:
		return nil, fmt.Errorf("no domain named; there are %v", Names())
	case 1:
		return makers[0], nil
	}
	return func(w isa.Width, n int) domains.Numeric {
		var members []domains.Numeric
		for _, f := range makers {
			members = append(members, f(w, n))
		}
		return domains.NewProduct(w, members...)
	}, nil
}

// Names lists the domains in order.
func Names() []string {
	var names []string
	for _, e := range All {
		names = append(names, e.Name)
	}
	return names
}

func known(name string) bool {
	for _, e := range All {
		if e.Name == name {
			return true
		}
	}
	return false
}
