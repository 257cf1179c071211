package main

import (
	"flag"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
)

var helpVerb = verb{
	name: "help", synopsis: "[VERB]", summary: "describe a verb",
	about: "Without a verb it lists the verbs.",
	new:   func() command { return &help{} },
}

type help struct{}

func (*help) flags(*flag.FlagSet) {}

func (*help) run(e *env, args []string) int {
	if len(args) == 0 {
		var b strings.Builder
		usage(&b)
		return e.write(b.String())
	}
	v, ok := findVerb(args[0])
	if !ok {
		return e.fail("unknown verb %q%s; see 'bpfcheck help'", args[0], didYouMean(args[0]))
	}
	return e.write(helpText(v))
}

// usage prints the short overview.
func usage(w io.Writer) {
	fmt.Fprint(w, "bpfcheck proves eBPF programs safe before any kernel sees them.\n\nusage:\n")
	for _, v := range verbs {
		fmt.Fprintf(w, "  bpfcheck %-8s %s\n", v.name, v.summary)
	}
	fmt.Fprint(w, "\n'bpfcheck help VERB' describes a verb and its flags. Start with 'bpfcheck verify FILE.o'.\n")
}

// helpText describes a verb with its flags.
func helpText(v verb) string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: bpfcheck %s %s\n\n%s\n", v.name, v.synopsis, strings.TrimSpace(v.about))
	first := true
	flagSet(v, v.new()).VisitAll(func(f *flag.Flag) {
		if first {
			b.WriteString("\nflags:\n")
			first = false
		}
		value, text := flag.UnquoteUsage(f)
		if value != "" {
			value = " " + value
		}
		dash := "--"
		if len(f.Name) == 1 {
			dash = "-"
		}
		fmt.Fprintf(&b, "  %-22s %s\n", dash+f.Name+value, text)
	})
	return b.String()
}

// didYouMean suggests the verb that is spelled most like name.
func didYouMean(name string) string {
	best, dist := "", 3 // more than two edits are no slip of the keyboard
	for _, v := range verbs {
		if d := editDistance(name, v.name); d < dist {
			best, dist = v.name, d
		}
		if len(name) > 2 && strings.HasPrefix(v.name, name) {
			best, dist = v.name, 0
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// editDistance is the number of bytes to insert, delete or replace. Long strings
// are as far apart as can be.
func editDistance(a, b string) int {
	if len(a) > 32 || len(b) > 32 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diag
			if a[i] != b[j] {
				d = 1 + min(diag, row[j], row[j+1])
			}
			diag, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}

var versionVerb = verb{
	name: "version", summary: "print the version of the command",
	about: "The version comes from the build: the module's version, or the revision of its source.",
	new:   func() command { return &version{} },
}

type version struct{}

func (*version) flags(*flag.FlagSet) {}

func (*version) run(e *env, args []string) int {
	if len(args) > 0 {
		return e.fail("version: no argument is expected, found %q", args[0])
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return e.write("bpfcheck (built without module information)\n")
	}
	return e.write(versionText(info))
}

func versionText(info *debug.BuildInfo) string {
	v := info.Main.Version
	if v == "" {
		v = "(devel)"
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	text := fmt.Sprintf("bpfcheck %s %s %s/%s", v, info.GoVersion, settings["GOOS"], settings["GOARCH"])
	if rev := settings["vcs.revision"]; rev != "" {
		text += ", revision " + rev[:min(12, len(rev))]
		if settings["vcs.modified"] == "true" {
			text += " with changes"
		}
	}
	return text + "\n"
}
