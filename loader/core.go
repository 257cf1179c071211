package loader

type relocKey struct{}
type coreResult struct{}

func (l *linker) applyCORE(fn *function, done []bool) {}
func (l *linker) structOps()                          {}
