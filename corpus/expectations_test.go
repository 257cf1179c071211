package corpus

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const expectationsFile = "../docs/EXPECTATIONS.md"

// TestExpectations keeps docs/EXPECTATIONS.md true: it is what the table says, every
// rule that is claimed has tests both ways, and every named object is there.
func TestExpectations(t *testing.T) {
	got, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(expectationsFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(expectationsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(old), got); diff != "" {
		t.Errorf("the page is not what the table says: go test ./corpus -run Expectations -update\n%s", diff)
	}
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for i := range Expectations {
		e := &Expectations[i]
		if want := fmt.Sprintf("V%d", i+1); e.Rule != want {
			t.Fatalf("%s where %s is expected", e.Rule, want)
		}
		fail, pass := e.tests(all)
		if e.Status == Complete && len(e.Objects) == 0 && (len(fail) == 0 || len(pass) == 0) {
			t.Errorf("%s is called complete with %d programs that must fail and %d that must pass", e.Rule, len(fail), len(pass))
		}
		if e.Status != Complete && e.Gap == "" {
			t.Errorf("%s is %s, and nothing says why", e.Rule, e.Status)
		}
		for _, o := range e.Objects {
			if _, err := cFiles.ReadFile("c/" + o); err != nil {
				t.Errorf("%s: %v", e.Rule, err)
			}
		}
	}
}
