package exec

import (
	"bytes"
	"encoding/binary"
)

// envModels are the helpers that ask where and when the program runs.
var envModels = map[string]model{
	"ktime_get_ns":                   now,
	"ktime_get_boot_ns":              now,
	"ktime_get_coarse_ns":            now,
	"ktime_get_tai_ns":               now,
	"jiffies64":                      func(m *Machine, a *[5]uint64) uint64 { return now(m, a) / 4_000_000 },
	"get_prandom_u32":                func(m *Machine, a *[5]uint64) uint64 { return uint64(uint32(m.result(m.draw()))) },
	"get_smp_processor_id":           func(m *Machine, a *[5]uint64) uint64 { return uint64(m.cpu()) },
	"get_numa_node_id":               func(m *Machine, a *[5]uint64) uint64 { return 0 },
	"get_current_pid_tgid":           func(m *Machine, a *[5]uint64) uint64 { return m.result(m.pid() | m.pid()<<32) },
	"get_current_uid_gid":            func(m *Machine, a *[5]uint64) uint64 { return m.result(m.fixed(2) & 0x3ff_0000_03ff) },
	"get_current_comm":               comm,
	"get_current_task":               currentTask,
	"get_current_cgroup_id":          func(m *Machine, a *[5]uint64) uint64 { return m.result(m.fixed(3) & 0xffff) },
	"get_current_ancestor_cgroup_id": func(m *Machine, a *[5]uint64) uint64 { return m.result(m.fixed(3+a[0]) & 0xffff) },
	"get_ns_current_pid_tgid":        nsPid,
	"current_task_under_cgroup":      func(m *Machine, a *[5]uint64) uint64 { return m.underCgroup(a[0], a[1]) },
	"skb_under_cgroup":               func(m *Machine, a *[5]uint64) uint64 { return m.underCgroup(a[1], a[2]) },
	"get_stackid":                    stackID,
	"get_func_arg":                   funcArg,
	"get_func_arg_cnt":               func(m *Machine, a *[5]uint64) uint64 { return m.result(m.fixed(9) % 6) },
	"get_func_ret":                   func(m *Machine, a *[5]uint64) uint64 { return m.put64(a[1], m.draw()) },
	"get_retval":                     func(m *Machine, a *[5]uint64) uint64 { return m.result(0) },
	"set_retval":                     func(m *Machine, a *[5]uint64) uint64 { return 0 },
	"send_signal":                    nothing,
	"send_signal_thread":             nothing,
	"override_return":                nothing,
	"rc_keydown":                     nothing,
	"rc_repeat":                      nothing,
	"rc_pointer_rel":                 nothing,
	"sock_ops_cb_flags_set":          func(m *Machine, a *[5]uint64) uint64 { return uint64(int64(int32(uint32(a[1]))) &^ 0x7f) },
	"set_hash_invalid":               nothing,
	"csum_level":                     nothing,
	"bind":                           nothing,
	"setsockopt":                     nothing,
	"msg_apply_bytes":                nothing,
	"msg_cork_bytes":                 nothing,
}

// nothing succeeds without an effect that the program could see.
func nothing(*Machine, *[5]uint64) uint64 { return 0 }

// fixed returns a number that stays the same during a run.
func (m *Machine) fixed(n uint64) uint64 { return mix(m.in.Seed ^ n<<32) }

// cpu is the CPU of the run.
func (m *Machine) cpu() int {
	if m.in.Seed == 0 {
		return 0
	}
	return int(m.fixed(1) % cpus)
}

func (m *Machine) pid() uint64 { return m.fixed(4)%4_194_303 + 1 }

// now is a clock that starts somewhere and never stands still.
func now(m *Machine, _ *[5]uint64) uint64 {
	m.clock += 1 + m.draw()%4096
	return m.result(m.fixed(5)%(1<<50) + m.clock)
}

func comm(m *Machine, a *[5]uint64) uint64 {
	b := m.span(a[0], int(a[1]), true)
	clear(b)
	name := "task-" + string(rune('a'+m.fixed(6)%26))
	if len(b) > 0 {
		copy(b[:len(b)-1], name)
	}
	return 0
}

func currentTask(m *Machine, _ *[5]uint64) uint64 { return m.kernelLoad(idKernel, -8, 8) }

func nsPid(m *Machine, a *[5]uint64) uint64 {
	b := m.span(a[2], int(a[3]), true)
	if len(b) != 8 {
		clear(b)
		return errno(eINVAL)
	}
	binary.LittleEndian.PutUint32(b, uint32(m.pid()))
	binary.LittleEndian.PutUint32(b[4:], uint32(m.pid()))
	return 0
}

// underCgroup tells whether the task is below the group at an index of an array.
func (m *Machine) underCgroup(array, index uint64) uint64 {
	s := m.mapAt(array)
	if uint32(index) >= s.def.MaxEntries {
		return errno(eBIG)
	}
	if s.elems[string(binary.LittleEndian.AppendUint32(nil, uint32(index)))] == nil && m.in.Seed == 0 {
		return errno(eAGAIN)
	}
	return m.result(m.fixed(7+index) & 1)
}

func stackID(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[1])
	if a[2]&^0x7ff != 0 || s.def.MaxEntries == 0 {
		return errno(eINVAL)
	}
	return m.result(m.fixed(8) % uint64(s.def.MaxEntries))
}

func funcArg(m *Machine, a *[5]uint64) uint64 {
	if uint32(a[1]) >= 6 {
		return errno(eINVAL)
	}
	return m.put64(a[2], m.kernelLoad(idContext, int64(uint32(a[1]))*8, 8))
}

// put64 writes a result of 8 bytes through a pointer.
func (m *Machine) put64(addr, v uint64) uint64 {
	if b := m.span(addr, 8, true); b != nil {
		binary.LittleEndian.PutUint64(b, v)
	}
	return 0
}

// probeModels are the helpers that read memory without trusting its address.
var probeModels = map[string]model{
	"probe_read":            func(m *Machine, a *[5]uint64) uint64 { return probe(m, a, false) },
	"probe_read_kernel":     func(m *Machine, a *[5]uint64) uint64 { return probe(m, a, false) },
	"probe_read_user":       func(m *Machine, a *[5]uint64) uint64 { return probe(m, a, true) },
	"copy_from_user":        func(m *Machine, a *[5]uint64) uint64 { return probe(m, a, true) },
	"copy_from_user_task":   func(m *Machine, a *[5]uint64) uint64 { return probe(m, a, true) },
	"probe_read_str":        func(m *Machine, a *[5]uint64) uint64 { return probeString(m, a, false) },
	"probe_read_kernel_str": func(m *Machine, a *[5]uint64) uint64 { return probeString(m, a, false) },
	"probe_read_user_str":   func(m *Machine, a *[5]uint64) uint64 { return probeString(m, a, true) },
	"probe_write_user":      func(m *Machine, a *[5]uint64) uint64 { return errno(ePERM) },
}

// foreign returns n bytes at an address that may be anything: nil if nothing is
// there. User memory, which no run has, is seeded bytes or nothing.
func (m *Machine) foreign(addr uint64, n int, user bool) []byte {
	if user {
		if addr == 0 || m.chance(3) || n > 1<<16 {
			return nil
		}
		b := make([]byte, n)
		m.scribble(b)
		return b
	}
	if b := m.span(addr, n, false); b != nil {
		return b
	}
	o, _, off := m.at(addr)
	if o != nil && !o.dead && off >= 0 && off+int64(n) <= int64(len(o.data)) {
		return o.data[off : off+int64(n)]
	}
	return nil
}

func probe(m *Machine, a *[5]uint64, user bool) uint64 {
	n := int(a[1])
	dst := m.span(a[0], n, true)
	src := m.foreign(a[2], n, user)
	if n > 0 && src == nil {
		clear(dst)
		return errno(eFAULT)
	}
	copy(dst, src)
	return 0
}

func probeString(m *Machine, a *[5]uint64, user bool) uint64 {
	n := int(a[1])
	dst := m.span(a[0], n, true)
	if n == 0 {
		return 0
	}
	var src []byte
	if s, ok := m.cString(a[2]); ok && !user {
		src = []byte(s)
	} else if src = m.foreign(a[2], min(n, 64), user); src == nil {
		clear(dst)
		return errno(eFAULT)
	} else { // text from bytes: what follows the first zero does not count
		for i := range src {
			if src[i]&0x1f == 0 {
				src = src[:i]
				break
			}
		}
	}
	if k := bytes.IndexByte(src, 0); k >= 0 {
		src = src[:k]
	}
	k := copy(dst[:n-1], src)
	dst[k] = 0
	return uint64(k + 1)
}
