package domaintest

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/domains"
)

// CheckLattice checks Top, Bottom, Const, Leq, Join and Meet at word 4.
func CheckLattice[E comparable](d domains.Scalar[E]) error {
	w := Tiny[0]
	top, bottom := d.Top(w), d.Bottom()
	switch {
	case gamma(d, top) != ^set(0):
		return fmt.Errorf("%s: Top lacks a word", d.Name())
	case gamma(d, bottom) != 0:
		return fmt.Errorf("%s: Bottom has a word", d.Name())
	case !d.IsBottom(bottom) || d.IsBottom(top):
		return fmt.Errorf("%s: IsBottom is wrong of Bottom or Top", d.Name())
	}
	for x := uint64(0); x < 16; x++ {
		if e := d.Const(w, x|16); !gamma(d, e).has(x) {
			return fmt.Errorf("%s: Const of %d lacks it", d.Name(), x)
		}
	}
	list, _ := elements(d)
	for _, a := range list {
		if err := checkOne(d, a, top, bottom); err != nil {
			return err
		}
	}
	return pairsOf(list, func(a, b element[E]) error { return checkTwo(d, a, b) })
}

func checkOne[E comparable](d domains.Scalar[E], a element[E], top, bottom E) error {
	switch {
	case d.IsBottom(a.e) && a.set != 0:
		return fmt.Errorf("%s: IsBottom of %+v, which has words", d.Name(), a.e)
	case !d.Leq(a.e, a.e):
		return fmt.Errorf("%s: %+v is not below itself", d.Name(), a.e)
	case !d.Leq(bottom, a.e) || !d.Leq(a.e, top):
		return fmt.Errorf("%s: %+v is not between Bottom and Top", d.Name(), a.e)
	case d.Join(a.e, a.e) != a.e:
		return fmt.Errorf("%s: the join of %+v with itself is another", d.Name(), a.e)
	case d.Join(a.e, bottom) != a.e || d.Join(bottom, a.e) != a.e:
		return fmt.Errorf("%s: the join of %+v with Bottom is another", d.Name(), a.e)
	}
	return nil
}

func checkTwo[E comparable](d domains.Scalar[E], a, b element[E]) error {
	if err := checkMeet(d, a, b); err != nil {
		return err
	}
	for _, t := range []*domains.Thresholds{nil, domains.NewThresholds([]uint64{2, 9})} {
		wide := d.Widen(Tiny[0], a.e, b.e, t)
		if (a.set|b.set)&^gamma(d, wide) != 0 {
			return fmt.Errorf("%s: widening %+v by %+v gives %+v, which lacks a word", d.Name(), a.e, b.e, wide)
		}
		if d.Leq(b.e, a.e) && wide != a.e {
			return fmt.Errorf("%s: widening %+v by %+v, which is below it, moves to %+v", d.Name(), a.e, b.e, wide)
		}
	}
	j := d.Join(a.e, b.e)
	switch below := d.Leq(a.e, b.e); {
	case (a.set|b.set)&^gamma(d, j) != 0:
		return fmt.Errorf("%s: the join of %+v and %+v is %+v, which lacks a word", d.Name(), a.e, b.e, j)
	case !d.Leq(a.e, j) || !d.Leq(b.e, j):
		return fmt.Errorf("%s: the join of %+v and %+v is %+v, which is not above both", d.Name(), a.e, b.e, j)
	case below && a.set&^b.set != 0:
		return fmt.Errorf("%s: Leq of %+v and %+v, which lacks a word of it", d.Name(), a.e, b.e)
	case below && j != b.e:
		return fmt.Errorf("%s: %+v is below %+v but moves it to %+v when joined", d.Name(), a.e, b.e, j)
	}
	return nil
}

func checkMeet[E comparable](d domains.Scalar[E], a, b element[E]) error {
	m := d.Meet(Tiny[0], a.e, b.e)
	if lost := a.set & b.set &^ gamma(d, m); lost != 0 {
		return fmt.Errorf("%s: the meet of %+v and %+v is %+v, which lacks %016b", d.Name(), a.e, b.e, m, lost)
	}
	return nil
}

// CheckWords checks the translation to and from the exchange format at word 4.
func CheckWords[E comparable](d domains.Scalar[E]) error {
	w := Tiny[0]
	list, _ := elements(d)
	for _, a := range list {
		word := d.Word(w, a.e)
		back := d.FromWord(w, word)
		for x := uint64(0); x < 16; x++ {
			if a.set.has(x) && !word.Contains(w, x) {
				return fmt.Errorf("%s: Word of %+v is %+v, which lacks %d", d.Name(), a.e, word, x)
			}
			if word.Contains(w, x) && !d.Contains(w, back, x) {
				return fmt.Errorf("%s: FromWord of %+v is %+v, which lacks %d", d.Name(), word, back, x)
			}
		}
	}
	r := newRand()
	for i := 0; i < 20000; i++ {
		word := randomWord(r)
		e := d.FromWord(w, word)
		for x := uint64(0); x < 16; x++ {
			if word.Contains(w, x) && !d.Contains(w, e, x) {
				return fmt.Errorf("%s: FromWord of %+v is %+v, which lacks %d", d.Name(), word, e, x)
			}
		}
	}
	return nil
}
