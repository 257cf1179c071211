package linux

import (
	"fmt"
	"strconv"
	"strings"
)

// TraceArgMaybeNull implements platform.Target.
func (t *Target) TraceArgMaybeNull(event string, arg int) bool {
	return arg >= 0 && arg < 64 && t.t.nullable[event]>>arg&1 != 0
}

// nullableRow: event, arguments.
func (t *tables) nullableRow(cells []string) error {
	if err := columns(cells, 2); err != nil {
		return err
	}
	for s := range strings.SplitSeq(cells[1], " ") {
		n, err := strconv.ParseUint(s, 10, 6)
		if err != nil {
			return fmt.Errorf("argument %q", s)
		}
		t.nullable[cells[0]] |= 1 << n
	}
	return nil
}
