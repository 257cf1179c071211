package exec

import (
	"encoding/binary"

	"github.com/bpfcheck/bpfcheck/platform"
)

// socketModels are the helpers that find and release sockets.
var socketModels = map[string]model{
	"sk_lookup_tcp":  func(m *Machine, a *[5]uint64) uint64 { return findSocket(m, a, platform.Sock) },
	"sk_lookup_udp":  func(m *Machine, a *[5]uint64) uint64 { return findSocket(m, a, platform.Sock) },
	"skc_lookup_tcp": func(m *Machine, a *[5]uint64) uint64 { return findSocket(m, a, platform.SockCommon) },
	"sk_release": func(m *Machine, a *[5]uint64) uint64 {
		m.release(a[0])
		return 0
	},
	"sk_assign":           func(m *Machine, a *[5]uint64) uint64 { return m.result(0) },
	"sk_select_reuseport": func(m *Machine, a *[5]uint64) uint64 { return m.result(0) },
}

// findSocket looks a connection up: a tuple of the wrong size finds nothing, the
// seed decides otherwise.
func findSocket(m *Machine, a *[5]uint64, kind platform.ValueKind) uint64 {
	if n := a[2]; n != 12 && n != 36 || m.chance(2) {
		return 0
	}
	return m.socketAddress(kind, true)
}

// Actions of programs that redirect.
const (
	xdpAborted  = 0
	xdpRedirect = 4
	tcShot      = 2
	tcRedirect  = 7
	skDrop      = 0
	skPass      = 1
)

// redirectModels are the helpers that send a packet elsewhere.
var redirectModels = map[string]model{
	"redirect":          redirect,
	"redirect_peer":     redirectOther,
	"redirect_neigh":    redirectOther,
	"clone_redirect":    func(m *Machine, a *[5]uint64) uint64 { return m.result(0) },
	"redirect_map":      redirectMap,
	"sk_redirect_map":   func(m *Machine, a *[5]uint64) uint64 { return socketRedirect(m, a[1], uint32(a[2]), a[3]) },
	"msg_redirect_map":  func(m *Machine, a *[5]uint64) uint64 { return socketRedirect(m, a[1], uint32(a[2]), a[3]) },
	"sk_redirect_hash":  hashRedirect,
	"msg_redirect_hash": hashRedirect,
}

func redirect(m *Machine, a *[5]uint64) uint64 {
	if m.prog.kind.Name == "xdp" {
		if a[1] != 0 {
			return xdpAborted
		}
		return xdpRedirect
	}
	if a[1]&^1 != 0 {
		return tcShot
	}
	return tcRedirect
}

func redirectOther(m *Machine, a *[5]uint64) uint64 {
	if flags := a[3]; m.in.Seed != 0 && flags != 0 && a[1] != 0 {
		return tcShot
	}
	return tcRedirect
}

func redirectMap(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[0])
	const broadcast, excludeIngress = 8, 16
	if a[2]&^uint64(3|broadcast|excludeIngress) != 0 {
		return xdpAborted
	}
	if a[2]&broadcast != 0 {
		return xdpRedirect
	}
	key := binary.LittleEndian.AppendUint32(nil, uint32(a[1]))
	if e := m.find(s, key); e == nil || a[1] != uint64(uint32(a[1])) {
		return a[2] & 3
	}
	return xdpRedirect
}

func socketRedirect(m *Machine, addr uint64, index uint32, flags uint64) uint64 {
	s := m.mapAt(addr)
	if flags&^1 != 0 || m.find(s, binary.LittleEndian.AppendUint32(nil, index)) == nil {
		return skDrop
	}
	return skPass
}

func hashRedirect(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[1])
	if a[3]&^1 != 0 || m.find(s, m.keyAt(s, a[2])) == nil {
		return skDrop
	}
	return skPass
}

// storageModels are the helpers on storage that belongs to an object.
var storageModels = map[string]model{
	"get_local_storage":    func(m *Machine, a *[5]uint64) uint64 { return m.storage(a[0], 0, 0, 1) },
	"sk_storage_get":       func(m *Machine, a *[5]uint64) uint64 { return m.storage(a[0], a[1], a[2], a[3]) },
	"task_storage_get":     func(m *Machine, a *[5]uint64) uint64 { return m.storage(a[0], a[1], a[2], a[3]) },
	"inode_storage_get":    func(m *Machine, a *[5]uint64) uint64 { return m.storage(a[0], a[1], a[2], a[3]) },
	"cgrp_storage_get":     func(m *Machine, a *[5]uint64) uint64 { return m.storage(a[0], a[1], a[2], a[3]) },
	"sk_storage_delete":    func(m *Machine, a *[5]uint64) uint64 { return m.storageDelete(a) },
	"task_storage_delete":  func(m *Machine, a *[5]uint64) uint64 { return m.storageDelete(a) },
	"inode_storage_delete": func(m *Machine, a *[5]uint64) uint64 { return m.storageDelete(a) },
	"cgrp_storage_delete":  func(m *Machine, a *[5]uint64) uint64 { return m.storageDelete(a) },
}

// storage returns the value that a storage map has for an object, 0 if none and
// flags do not ask to create it.
func (m *Machine) storage(mapAddr, object, value, flags uint64) uint64 {
	s := m.mapAt(mapAddr)
	perCgroup := s.def.Type == "cgroup_storage" || s.def.Type == "percpu_cgroup_storage"
	if object == 0 && !perCgroup || flags > 1 {
		return 0
	}
	key := string(binary.LittleEndian.AppendUint64(nil, object))
	e := s.elems[key]
	if e == nil {
		if flags == 0 {
			return 0
		}
		if e = m.newElement(s, key); e == nil {
			if perCgroup {
				m.fail(Exhausted, "")
			}
			return 0
		}
		if value != 0 {
			s.assign(e.value, m.span(value, int(s.def.ValueSize), false))
		}
	}
	return m.expose(s, e, m.valueCPU(s))
}

func (m *Machine) storageDelete(a *[5]uint64) uint64 {
	s := m.mapAt(a[0])
	e := s.elems[string(binary.LittleEndian.AppendUint64(nil, a[1]))]
	if a[1] == 0 || e == nil {
		return errno(eNOENT)
	}
	s.drop(e)
	return 0
}
