// Package golangci makes the analyzer of package vet a module plugin of golangci-lint.
//
// The idea: golangci-lint builds itself anew with the modules that .custom-gcl.yml
// names, and finds a plugin in what their packages register when they are imported.
// docs/VET.md has the two files that this takes.
package golangci

import (
	"github.com/bpfcheck/bpfcheck/vet"
	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"
)

// Name is what .golangci.yml calls the linter.
const Name = "bpfcheck"

func init() { register.Plugin(Name, New) }

// New makes the plugin from its settings in .golangci.yml: target, btf and strict.
func New(conf any) (register.LinterPlugin, error) {
	set := vet.Settings{}
	if conf != nil {
		var err error
		if set, err = register.DecodeSettings[vet.Settings](conf); err != nil {
			return nil, err
		}
	}
	return plugin{set}, nil
}

type plugin struct{ set vet.Settings }

// BuildAnalyzers implements register.LinterPlugin.
func (p plugin) BuildAnalyzers() ([]*analysis.Analyzer, error) {
	return []*analysis.Analyzer{vet.New(p.set)}, nil
}

// GetLoadMode implements register.LinterPlugin: the analyzer needs types.
func (plugin) GetLoadMode() string { return register.LoadModeTypesInfo }
