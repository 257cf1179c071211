package absint

// regions are the sections that the program is in (V36), by depth.
type regions struct {
	rcu, preempt uint8
}
