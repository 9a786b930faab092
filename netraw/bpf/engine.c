//go:build ignore

// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The two halves of the engine are one program, though they have nothing to
 * do with each other. A program that BPF_PROG_RUN repeats has to be entered
 * into the kernel's XDP dispatcher, and taken out again, which rewrites code
 * and waits for all processors: milliseconds a call (bpf_prog_test_run_xdp in
 * net/bpf/test_run.c, bpf_dispatcher_change_prog in kernel/bpf/dispatcher.c).
 * One that is attached to an interface is in there already.
 */
#include "send.h"
#include "recv.h"

char LICENSE[] SEC("license") = "GPL";

/* Frames of BPF_PROG_RUN come from the loopback interface. */
SEC("xdp.frags")
int engine(struct xdp_md *ctx)
{
	int verdict;

	if (ctx->ingress_ifindex != interface)
		return transmit(ctx);
	verdict = receive(ctx);
	return verdict == XDP_TX && redirects ? bpf_redirect(interface, 0) : verdict;
}
