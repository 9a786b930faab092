/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The sender: run by BPF_PROG_RUN in live-frame mode, once a frame, it makes
 * the frame the next probe of an array that user space has filled, and
 * redirects it to the interface.
 *
 * A frame holds whatever its last user left there: a page comes back from the
 * far end of a veth with the answer in it. So all of it is written each time.
 * And its length is whatever was left there, unless the program moves a bound
 * of the frame (xdp_test_run_batch and reset_ctx in net/bpf/test_run.c): so
 * the data has SPARE bytes in front, which are cut off. The IP header is then
 * aligned, too.
 *
 * The kernel starts an interrupted run again from its first frame
 * (bpf_test_timer_continue in net/bpf/test_run.c), so it is run.taken that
 * ends a run, not the number of repetitions.
 */
#ifndef SYNSCOPE_SEND_H
#define SYNSCOPE_SEND_H

#include "packet.h"
#include <bpf/bpf_tracing.h>

#define BATCH (1 << 13)
#define HOPS (1 << 16)
#define SPARE 2
#define LONGEST 104 /* IPv6, TCP with 40 bytes of options; a multiple of 8 */

struct layout {
	__u8 packet[LONGEST];
	__u32 length;     /* of packet, a multiple of 4 */
	__u32 tsval;      /* offset in packet, 0 for none */
	__u32 header_sum; /* in native words */
	__u32 tcp_sum;
};

struct probe4 {
	__be32 src, dst;
	__be16 sport, dport;
	__be32 seq, ack, tsval;
	__be16 id;
	__u8 ttl, unused;
	__u32 hop;
};

struct probe6 {
	struct address6 src, dst;
	__be16 sport, dport;
	__be32 seq, ack, tsval;
	__u8 ttl, unused[3];
	__u32 hop;
};

/* Of the next hop: its address and the interface's, in the order of a frame. */
struct hop {
	__be32 word[3];
	__u32 unused;
};

/* One call of BPF_PROG_RUN: taken <= count; settled = taken at its end. */
struct run {
	__u64 task;    /* that runs it, the kernel's address */
	__u32 version; /* 4 or 6: which array */
	__u32 count;   /* probes in the array */
	__u32 taken;   /* of them made into frames */
	__u32 settled; /* frames of which the driver said what became */
	__u32 refused; /* of those, not taken by the driver: see refusals */
	__u32 unused;
};

const volatile struct layout layout4, layout6;
const volatile __u32 interface; /* the one to send through, and to receive from */

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} egress SEC(".maps");

struct run run;
struct hop hops[HOPS];
struct probe4 probes4[BATCH];
struct probe6 probes6[BATCH];
__u32 refusals[BATCH]; /* the places in the array of refused probes */

/* begin returns the place of the next probe, or BATCH after the last. */
static __always_inline __u32 begin(void)
{
	__u32 at = run.taken;

	if (at >= run.count || at >= BATCH)
		return BATCH;
	if (at == 0)
		run.task = bpf_get_current_task();
	run.taken = at + 1;
	return at;
}

/* stencil writes the template. Its length is constant to the verifier, which
 * drops the tests and what lies behind the end. */
static __always_inline void stencil(void *to, const volatile struct layout *l)
{
	__u32 length = l->length;

#pragma unroll
	for (int i = 0; i < LONGEST; i += 8) {
		if (i + 8 <= length)
			*(__u64 *)(to + i) = *(const volatile __u64 *)(l->packet + i);
		else if (i + 4 <= length)
			*(__u32 *)(to + i) = *(const volatile __u32 *)(l->packet + i);
	}
}

static __always_inline void address(struct ether *e, __u32 hop, __be16 type)
{
	struct hop *h = &hops[hop & (HOPS - 1)];
	__be32 *word = (__be32 *)e;

	word[0] = h->word[0];
	word[1] = h->word[1];
	word[2] = h->word[2];
	e->type = type;
}

/* stamp writes TSval and returns its partial sum: at an odd offset the bytes
 * of a word trade places (RFC 1071 section 2B). */
static __always_inline __u64 stamp(void *packet, const volatile struct layout *l, __be32 tsval)
{
	__u32 at = l->tsval;

	if (at == 0 || at > LONGEST - 4)
		return 0;
	*(__be32 *)(packet + at) = tsval;
	if (at % 2)
		return (__u64)__builtin_bswap16(tsval >> 16) + __builtin_bswap16(tsval);
	return tsval;
}

/* fits makes the frame's bounds known: not true only without a template, or if
 * the run was given data of another length. */
#define fits(data, end, l, least) \
	((l)->length >= (least) && (l)->length <= LONGEST && (data) + ETHER_LEN + (l)->length <= (end))

static __always_inline int send4(void *data, void *end, __u32 at)
{
	struct ipv4 *ip = data + ETHER_LEN;
	struct tcp *tcp = (void *)(ip + 1);
	__u64 addresses, sum;
	struct probe4 *p;

	if (!fits(data, end, &layout4, IPV4_LEN + TCP_LEN))
		return XDP_DROP;
	p = &probes4[at & (BATCH - 1)];
	stencil(ip, &layout4);
	address(data, p->hop, ETHER_IPV4);

	addresses = (__u64)p->src + p->dst;
	sum = addresses + layout4.header_sum + p->id + bpf_htons((__u16)p->ttl << 8);
	ip->id = p->id;
	ip->ttl = p->ttl;
	ip->src = p->src;
	ip->dst = p->dst;
	ip->checksum = ~fold(sum);

	sum = addresses + layout4.tcp_sum + p->sport + p->dport + p->seq + p->ack;
	sum += stamp(ip, &layout4, p->tsval);
	tcp->sport = p->sport;
	tcp->dport = p->dport;
	tcp->seq = p->seq;
	tcp->ack = p->ack;
	tcp->checksum = ~fold(sum);
	return bpf_redirect_map(&egress, 0, XDP_DROP);
}

static __always_inline int send6(void *data, void *end, __u32 at)
{
	struct ipv6 *ip = data + ETHER_LEN;
	struct tcp *tcp = (void *)(ip + 1);
	struct probe6 *p;
	__u64 sum;

	if (!fits(data, end, &layout6, IPV6_LEN + TCP_LEN))
		return XDP_DROP;
	p = &probes6[at & (BATCH - 1)];
	stencil(ip, &layout6);
	address(data, p->hop, ETHER_IPV6);

	ip->hop_limit = p->ttl;
	ip->src = p->src;
	ip->dst = p->dst;

	sum = sum6(&p->src) + sum6(&p->dst) + layout6.tcp_sum + p->sport + p->dport + p->seq + p->ack;
	sum += stamp(ip, &layout6, p->tsval);
	tcp->sport = p->sport;
	tcp->dport = p->dport;
	tcp->seq = p->seq;
	tcp->ack = p->ack;
	tcp->checksum = ~fold(sum);
	return bpf_redirect_map(&egress, 0, XDP_DROP);
}

static __always_inline int transmit(struct xdp_md *ctx)
{
	void *data, *end;
	__u32 at = begin();

	if (at == BATCH || bpf_xdp_adjust_head(ctx, SPARE))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (run.version == 4)
		return send4(data, end, at);
	return send6(data, end, at);
}

struct net_device {
	int ifindex;
} __attribute__((preserve_access_index));

/*
 * settle hears from bq_xmit_all (kernel/bpf/devmap.c) what became of each
 * bulk: the driver took the first frames and the rest are gone. Bulks keep
 * the order of the run, so the places of the lost ones are known. Bulks of
 * other tasks, and those of answers, come from elsewhere.
 */
SEC("tp_btf/xdp_devmap_xmit")
int BPF_PROG(settle, const struct net_device *from, const struct net_device *to, int sent, int drops, int err)
{
	__u32 lost = run.settled + sent, n = run.refused;

	if (run.task != bpf_get_current_task() || to->ifindex != interface || from->ifindex == interface)
		return 0;
	for (int i = 0; i < 64 && i < drops; i++)
		refusals[n++ & (BATCH - 1)] = lost++;
	run.refused = n;
	run.settled += sent + drops;
	return 0;
}

#endif
