package corpus

import (
	"embed"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

//go:embed c/*.c c/*.h c/*.o c/SHA256SUMS
var cFiles embed.FS

// Object is a compiled object of the folder c and what its source says of it:
//
//	// program NAME: safe
//	// program NAME: reject, linux "REGEXP over the kernel's message"
//	// program NAME: safe, gap TEXT why the analysis does not find that yet
//
// and, at the lines where they must be, "// want V5" for diagnostics. Several
// objects may come of one source: name.o, name.v2.o, name.be.o.
type Object struct {
	Name, Source string // "packet_count.v4.o", "packet_count.c"
	Data         []byte
	Programs     []ObjectProgram
	// Wants are those of all its programs. PC is not used.
	Wants []Want
}

// ObjectProgram is what is expected of one program of an object.
type ObjectProgram struct {
	Name  string
	Line  int // in the source
	Safe  bool
	Gap   string
	Linux *regexp.Regexp // over the kernel's message, nil if nothing is said of it
}

// BigEndian reports whether the object is one for big-endian machines.
func (o *Object) BigEndian() bool { return strings.HasSuffix(o.Name, ".be.o") }

// Objects returns the compiled objects, by name.
func Objects() ([]*Object, error) { return readObjects() }

var readObjects = sync.OnceValues(func() ([]*Object, error) {
	entries, err := cFiles.ReadDir("c")
	if err != nil {
		return nil, err
	}
	var list []*Object
	for _, e := range entries {
		if path.Ext(e.Name()) != ".o" {
			continue
		}
		base, _, _ := strings.Cut(e.Name(), ".")
		o := &Object{Name: e.Name(), Source: base + ".c"}
		if o.Data, err = cFiles.ReadFile("c/" + o.Name); err != nil {
			return nil, err
		}
		text, err := cFiles.ReadFile("c/" + o.Source)
		if err != nil {
			return nil, err
		}
		if err := o.parse(string(text)); err != nil {
			return nil, fmt.Errorf("c/%s:%w", o.Source, err)
		}
		list = append(list, o)
	}
	return list, nil
})

var (
	programForm = regexp.MustCompile(`^// program (\w+): (safe|reject)(?:, linux ("(?:[^"\\]|\\.)*"))?(?:, gap (.+))?$`)
	cWantForm   = regexp.MustCompile(`// want ([VI]\d+)$`)
)

// parse reads the expectations of a source. Its errors start with a line number.
func (o *Object) parse(text string) error {
	for n, l := range strings.Split(text, "\n") {
		if m := cWantForm.FindStringSubmatch(l); m != nil {
			o.Wants = append(o.Wants, Want{PC: -1, Line: n + 1, Rules: m[1:]})
			continue
		}
		if strings.Contains(l, "// want") {
			return fmt.Errorf("%d: expected \"// want V5\"", n+1)
		}
		if !strings.HasPrefix(l, "// program") {
			continue
		}
		m := programForm.FindStringSubmatch(l)
		if m == nil {
			return fmt.Errorf("%d: expected \"// program NAME: safe\" or reject", n+1)
		}
		p := ObjectProgram{Name: m[1], Line: n + 1, Safe: m[2] == "safe", Gap: m[4]}
		if m[3] != "" {
			q, err := strconv.Unquote(m[3])
			if err == nil {
				p.Linux, err = regexp.Compile(q)
			}
			if err != nil {
				return fmt.Errorf("%d: %w", n+1, err)
			}
		}
		o.Programs = append(o.Programs, p)
	}
	if len(o.Programs) == 0 {
		return fmt.Errorf("1: no \"// program NAME: …\"")
	}
	return nil
}
