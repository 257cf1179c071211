package exec

// models are the helpers that have one, by name. What is missing here does what its
// prototype promises (byContract) and is noted in the report.
var models map[string]model

// byDesign are helpers of which the kernel promises no more than the prototype:
// which socket, which path, which of the current task's groups.
var byDesign = map[string]bool{}

func init() {
	models = map[string]model{}
	for _, group := range []map[string]model{mapModels, envModels, probeModels, packetModels, socketModels, callModels, recordModels, textModels, redirectModels, storageModels} {
		for name, f := range group {
			models[name] = f
		}
	}
	for _, name := range []string{
		"sk_fullsock", "tcp_sock", "get_listener_sock", "skc_to_tcp6_sock", "skc_to_tcp_sock", "skc_to_tcp_timewait_sock",
		"skc_to_tcp_request_sock", "skc_to_udp6_sock", "skc_to_unix_sock", "skc_to_mptcp_sock", "sock_from_file",
		"get_current_task_btf", "task_pt_regs", "per_cpu_ptr", "this_cpu_ptr", "get_task_stack", "get_stack",
		"get_socket_cookie", "get_socket_uid", "get_netns_cookie", "skb_cgroup_id", "skb_ancestor_cgroup_id",
		"sk_cgroup_id", "sk_ancestor_cgroup_id", "skb_cgroup_classid", "get_cgroup_classid", "get_route_realm",
		"perf_event_read", "perf_event_read_value", "perf_prog_read_value", "get_attach_cookie", "get_func_ip",
		"read_branch_records", "get_branch_snapshot", "tcp_check_syncookie", "tcp_gen_syncookie", "d_path",
	} {
		byDesign[name] = true
	}
}
