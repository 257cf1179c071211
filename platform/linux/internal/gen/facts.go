package main

// Facts that the collected tables do not hold. Versions are public knowledge: the
// order of enum bpf_func_id and the release each part of it came with.

// helperSince gives, in rising order, the last helper number of each release.
var helperSince = []struct {
	last  int
	since string
}{
	{3, "3.19"}, {11, "4.1"}, {16, "4.2"}, {22, "4.3"}, {25, "4.4"}, {26, "4.5"}, {30, "4.6"}, {36, "4.8"},
	{41, "4.9"}, {44, "4.10"}, {45, "4.11"}, {47, "4.12"}, {50, "4.13"}, {53, "4.14"}, {57, "4.15"}, {59, "4.16"},
	{64, "4.17"}, {80, "4.18"}, {83, "4.19"}, {90, "4.20"}, {92, "5.0"}, {98, "5.1"}, {108, "5.2"}, {109, "5.3"},
	{110, "5.4"}, {115, "5.5"}, {118, "5.6"}, {124, "5.7"}, {135, "5.8"}, {141, "5.9"}, {155, "5.10"}, {162, "5.11"},
	{163, "5.12"}, {165, "5.13"}, {168, "5.14"}, {175, "5.15"}, {179, "5.16"}, {185, "5.17"}, {193, "5.18"},
	{203, "5.19"}, {207, "6.0"}, {209, "6.1"}, {211, "6.2"},
}

// tracers are the program types that had the tracing helpers from the beginning.
var tracers = []string{
	"KPROBE", "TRACEPOINT", "PERF_EVENT", "RAW_TRACEPOINT", "RAW_TRACEPOINT_WRITABLE", "TRACING", "LSM", "SYSCALL",
}

// opened says when a helper that some program types had was opened to others.
var opened = map[string]struct {
	since string
	first []string
}{
	"strtol":                    {"5.19", []string{"CGROUP_SYSCTL"}},
	"strtoul":                   {"5.19", []string{"CGROUP_SYSCTL"}},
	"perf_event_read":           {"6.16", tracers},
	"perf_event_read_value":     {"6.16", tracers},
	"current_task_under_cgroup": {"6.16", tracers},
	"send_signal":               {"6.16", tracers},
	"send_signal_thread":        {"6.16", tracers},
	"get_task_stack":            {"6.16", tracers},
	"copy_from_user":            {"6.16", tracers},
	"copy_from_user_task":       {"6.16", tracers},
	"task_storage_get":          {"6.16", tracers},
	"task_storage_delete":       {"6.16", tracers},
	"get_branch_snapshot":       {"6.16", tracers},
	"find_vma":                  {"6.16", tracers},
}

// movesPacket lists the helpers after which packet pointers are gone (H3).
var movesPacket = []string{
	"clone_redirect", "l3_csum_replace", "l4_csum_replace", "lwt_push_encap", "lwt_seg6_action",
	"lwt_seg6_adjust_srh", "lwt_seg6_store_bytes", "msg_pop_data", "msg_pull_data", "msg_push_data",
	"skb_adjust_room", "skb_change_head", "skb_change_proto", "skb_change_tail", "skb_pull_data",
	"skb_store_bytes", "skb_vlan_pop", "skb_vlan_push", "store_hdr_opt", "tail_call",
	"xdp_adjust_head", "xdp_adjust_meta", "xdp_adjust_tail",
}

// acquires lists the helpers whose result must be released (H1).
var acquires = []string{"ringbuf_reserve", "sk_lookup_tcp", "sk_lookup_udp", "skc_lookup_tcp", "kptr_xchg"}

// derived lists the helpers whose result belongs to the object of argument 1.
var derived = []string{
	"tcp_sock", "sk_fullsock", "skc_to_tcp_sock", "skc_to_tcp6_sock", "skc_to_udp6_sock", "skc_to_mptcp_sock",
	"skc_to_tcp_timewait_sock", "skc_to_tcp_request_sock", "skc_to_unix_sock", "dynptr_data",
}

// results bounds scalar results (H2). A CPU's number is below the largest NR_CPUS
// that any configuration allows: the kernel at hand may have fewer.
var results = map[string]string{
	"get_stack":             "max=arg3 min=-4095",
	"get_task_stack":        "max=arg3 min=-4095",
	"probe_read_str":        "max=arg2 min=-4095",
	"probe_read_kernel_str": "max=arg2 min=-4095",
	"probe_read_user_str":   "max=arg2 min=-4095",
	"get_smp_processor_id":  "max=8191 min=0",
}

// btfNames gives the C type behind a BTF id list of the prototypes.
var btfNames = map[string]string{
	"bpf_bprm_opts_set_btf_ids[0]":                 "linux_binprm",
	"bpf_d_path_btf_ids[0]":                        "path",
	"bpf_ima_file_hash_btf_ids[0]":                 "file",
	"bpf_ima_inode_hash_btf_ids[0]":                "inode",
	"bpf_skb_output_btf_ids[0]":                    "sk_buff",
	"bpf_sock_from_file_btf_ids[0]":                "socket",
	"bpf_sock_from_file_btf_ids[1]":                "file",
	"bpf_xdp_get_buff_len_bpf_ids[0]":              "xdp_buff",
	"bpf_xdp_output_btf_ids[0]":                    "xdp_buff",
	"btf_seq_file_ids[0]":                          "seq_file",
	"btf_tracing_ids[BTF_TRACING_TYPE_TASK]":       "task_struct",
	"tcp_sock_id":                                  "tcp_sock",
	"bpf_cgroup_btf_id[0]":                         "cgroup",
	"bpf_inode_storage_btf_ids[0]":                 "inode",
	"bpf_task_pt_regs_ids[0]":                      "pt_regs",
	"btf_sock_ids[BTF_SOCK_TYPE_SOCK_COMMON]":      "sock_common",
	"btf_sock_ids[BTF_SOCK_TYPE_MPTCP]":            "mptcp_sock",
	"btf_sock_ids[BTF_SOCK_TYPE_TCP]":              "tcp_sock",
	"btf_sock_ids[BTF_SOCK_TYPE_TCP6]":             "tcp6_sock",
	"btf_sock_ids[BTF_SOCK_TYPE_TCP_REQ]":          "tcp_request_sock",
	"btf_sock_ids[BTF_SOCK_TYPE_TCP_TW]":           "tcp_timewait_sock",
	"btf_sock_ids[BTF_SOCK_TYPE_UDP6]":             "udp6_sock",
	"btf_sock_ids[BTF_SOCK_TYPE_UNIX]":             "unix_sock",
	"BPF_PTR_POISON" /* known only at the call */ : "*",
}

// sizes gives the bytes of a fixed-size memory argument.
var sizes = map[string]string{
	"sizeof(u32)": "4", "sizeof(u64)": "8", "sizeof(s64)": "8",
	"sizeof(struct iphdr)": "20", "sizeof(struct ipv6hdr)": "40", "sizeof(struct tcphdr)": "20",
}

// unsupported says why calls of a helper are not judged, for all or one program type.
var unsupported = map[string]string{
	"per_cpu_ptr":                  "the result has the type of a kernel variable",
	"this_cpu_ptr":                 "the result has the type of a kernel variable",
	"setsockopt@LSM":               "allowed on some hooks only",
	"getsockopt@LSM":               "allowed on some hooks only",
	"setsockopt@STRUCT_OPS":        "depends on the member of the struct_ops type",
	"getsockopt@STRUCT_OPS":        "depends on the member of the struct_ops type",
	"tcp_send_ack@STRUCT_OPS":      "depends on the struct_ops type",
	"sk_storage_get@STRUCT_OPS":    "depends on the struct_ops type",
	"sk_storage_delete@STRUCT_OPS": "depends on the struct_ops type",
}

// trampoline lists the attach types whose programs a trampoline calls.
const trampoline = "trace_fentry|trace_fexit|modify_return"

// attachOnly replaces the attach types (or "none") of a helper for a program type
// where the availability columns do not tell them.
var attachOnly = map[string]string{
	// The last check of a call refuses what the lists of prototypes offer.
	"get_func_ip@TRACING":                 trampoline,
	"get_func_ip@LSM":                     "none",
	"get_func_ip@PERF_EVENT":              "none",
	"get_func_ip@RAW_TRACEPOINT":          "none",
	"get_func_ip@RAW_TRACEPOINT_WRITABLE": "none",
	"get_func_ip@TRACEPOINT":              "none",
	"get_func_ip@SYSCALL":                 "none",
	"get_func_arg@TRACING":                trampoline,
	"get_func_ret@TRACING":                trampoline,
	"get_func_arg_cnt@TRACING":            trampoline,
	"get_attach_cookie@TRACING":           "trace_raw_tp|" + trampoline,
	"get_attach_cookie@LSM":               "lsm_mac",
	"get_func_arg@LSM":                    "lsm_mac",
	"get_func_ret@LSM":                    "lsm_mac",
	"get_func_arg_cnt@LSM":                "lsm_mac",
	"get_local_storage@LSM":               "lsm_cgroup",
	"get_retval@LSM":                      "lsm_cgroup",
	"set_retval@LSM":                      "lsm_cgroup",
	"seq_printf@LSM":                      "none",
	"seq_write@LSM":                       "none",
	"seq_printf_btf@LSM":                  "none",
	// Not built into the kernel that the target stands for.
	"probe_write_user@LSM": "none",
}

// variantOnly gives the attach types that see a prototype other than the first one
// listed for a program type.
var variantOnly = map[string]string{
	"bpf_get_func_ip_proto_kprobe_multi": "trace_kprobe_multi|trace_kprobe_session",
	"bpf_get_func_ip_proto_uprobe_multi": "trace_uprobe_multi|trace_uprobe_session",
}

// stricter replaces arguments by what later kernels demand, where the earlier mark
// hid that the helper writes. Keyed by name and argument number.
var stricter = map[string]string{
	"get_local_storage.2":   "any:c",
	"get_stack.2":           "mem:uw",
	"fib_lookup.2":          "mem:w",
	"sysctl_get_name.2":     "mem:w",
	"read_branch_records.2": "mem:nw",
	"d_path.2":              "mem:w",
	"snprintf_btf.1":        "mem:w",
	"snprintf.1":            "mem:nw",
}

// variantAttach turns the probe's attach variants into attach types.
var variantAttach = map[string]string{
	"": "*", "ingress": "cgroup_inet_ingress", "egress": "cgroup_inet_egress",
	"post_bind4": "cgroup_inet4_post_bind", "post_bind6": "cgroup_inet6_post_bind",
	"sock_create": "cgroup_inet_sock_create", "sock_release": "cgroup_inet_sock_release",
	"getsockopt": "cgroup_getsockopt", "setsockopt": "cgroup_setsockopt",
	"bind4": "cgroup_inet4_bind", "bind6": "cgroup_inet6_bind",
	"connect4": "cgroup_inet4_connect", "connect6": "cgroup_inet6_connect",
	"getpeername4": "cgroup_inet4_getpeername", "getpeername6": "cgroup_inet6_getpeername",
	"getsockname4": "cgroup_inet4_getsockname", "getsockname6": "cgroup_inet6_getsockname",
	"recvmsg4": "cgroup_udp4_recvmsg", "recvmsg6": "cgroup_udp6_recvmsg",
	"sendmsg4": "cgroup_udp4_sendmsg", "sendmsg6": "cgroup_udp6_sendmsg",
	// The kernel tells the address families apart, not the hooks: one probe stands for all.
	"unix_connect":  "cgroup_unix_connect|cgroup_unix_sendmsg|cgroup_unix_recvmsg|cgroup_unix_getpeername|cgroup_unix_getsockname",
	"unix_sendmsg":  "cgroup_unix_sendmsg",
	"stream_parser": "sk_skb_stream_parser", "verdict": "sk_skb_verdict",
	"devmap": "xdp_devmap", "cpumap": "xdp_cpumap",
	"select": "*", "select_or_migrate": "sk_reuseport_select_or_migrate",
}

// fieldSince gives the version a context field appeared in, where it is known.
var fieldSince = map[string]string{
	"__sk_buff.data_meta": "4.15", "__sk_buff.flow_keys": "4.20", "__sk_buff.tstamp": "5.0",
	"__sk_buff.wire_len": "5.0", "__sk_buff.gso_segs": "5.1", "__sk_buff.sk": "5.1",
	"__sk_buff.gso_size": "5.7", "__sk_buff.tstamp_type": "5.18", "__sk_buff.hwtstamp": "5.16",
	"xdp_md.data_meta": "4.15", "xdp_md.ingress_ifindex": "4.16", "xdp_md.rx_queue_index": "4.16",
	"xdp_md.egress_ifindex": "5.8", "bpf_sock.rx_queue_mapping": "5.8",
	"bpf_sock_ops.sk": "5.3", "bpf_sock_ops.skb_data": "5.10", "bpf_sock_ops.skb_data_end": "5.10",
	"bpf_sock_ops.skb_len": "5.10", "bpf_sock_ops.skb_tcp_flags": "5.10", "bpf_sock_ops.skb_hwtstamp": "6.2",
	"sk_msg_md.sk": "5.8", "sk_reuseport_md.sk": "5.14", "sk_reuseport_md.migrating_sk": "5.14",
	"bpf_sk_lookup.ingress_ifindex": "5.17", "bpf_sock_addr.sk": "5.3",
}
