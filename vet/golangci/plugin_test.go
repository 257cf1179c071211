package golangci

import (
	"testing"

	"github.com/golangci/plugin-module-register/register"
)

func TestPlugin(t *testing.T) {
	make, err := register.GetPlugin(Name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := make(map[string]any{"target": "linux-6.1", "strict": true})
	if err != nil {
		t.Fatal(err)
	}
	if p.GetLoadMode() != register.LoadModeTypesInfo {
		t.Error("the analyzer gets no types")
	}
	list, err := p.BuildAnalyzers()
	if err != nil || len(list) != 1 {
		t.Fatalf("analyzers: %v, %v", list, err)
	}
	for name, want := range map[string]string{"target": "linux-6.1", "strict": "true", "btf": ""} {
		if got := list[0].Flags.Lookup(name).Value.String(); got != want {
			t.Errorf("setting %s is %q, want %q", name, got, want)
		}
	}
	if _, err := make(map[string]any{"targets": "linux-6.1"}); err == nil {
		t.Error("an unknown setting is accepted")
	}
	if _, err := make(nil); err != nil {
		t.Errorf("without settings: %v", err)
	}
}
