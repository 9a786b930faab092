/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Turning a received segment round as its answer, in place.
 */
#ifndef SYNSCOPE_ANSWER_H
#define SYNSCOPE_ANSWER_H

#include "packet.h"

/* shorten cuts the frame after the packet, but not below what Ethernet carries:
 * 60 bytes without the check sequence. What remains behind it is zeroed. */
static __always_inline int shorten(struct xdp_md *ctx, int packet)
{
	int length = ctx->data_end - ctx->data, wanted = ETHER_LEN + packet;
	void *end;
	__u8 *tail;

	if (wanted < 60)
		wanted = length < 60 ? length : 60;
	if (length > wanted && bpf_xdp_adjust_tail(ctx, wanted - length))
		return 0;
	end = (void *)(long)ctx->data_end;
	tail = (void *)(long)ctx->data + ETHER_LEN + packet;
	for (int i = 0; i < 6 && (void *)tail + i + 1 <= end; i++)
		tail[i] = 0;
	return 1;
}

static __always_inline void turn(struct ether *e)
{
	struct ether was = *e;

	__builtin_memcpy(e->dst, was.src, 6);
	__builtin_memcpy(e->src, was.dst, 6);
}

/* bare makes a segment without options of the one it answers. addresses is
 * their partial sum. */
static __always_inline void bare(struct tcp *tcp, __u64 addresses, __be32 seq, __be32 ack, __u8 flags)
{
	__be16 from = tcp->dport, to = tcp->sport;

	tcp->sport = from;
	tcp->dport = to;
	tcp->seq = seq;
	tcp->ack = ack;
	tcp->offset = TCP_LEN / 4 << 4;
	tcp->flags = flags;
	tcp->window = 0;
	tcp->urgent = 0;
	tcp->checksum = ~fold(addresses + bpf_htons(PROTO_TCP) + bpf_htons(TCP_LEN) + from + to + seq + ack +
			      bpf_htons(TCP_LEN / 4 << 12 | flags));
}

/* answer4 turns the frame round as a bare segment: XDP_TX, or XDP_DROP. */
static __always_inline int answer4(struct xdp_md *ctx, const struct tcp *received, __be32 seq, __be32 ack, __u8 flags)
{
	struct tcp *tcp, seen = *received; /* behind whatever options */
	struct ipv4 *ip, was;
	void *data, *end;

	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	ip = data + ETHER_LEN;
	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	was = *ip;
	if (!shorten(ctx, IPV4_LEN + TCP_LEN))
		return XDP_DROP;

	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	ip = data + ETHER_LEN;
	tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) > end)
		return XDP_DROP;
	turn(data);
	ip->version_ihl = 0x45;
	ip->tos = 0;
	ip->length = bpf_htons(IPV4_LEN + TCP_LEN);
	ip->id = 0;
	ip->fragment = bpf_htons(0x4000); /* DF */
	ip->ttl = 64;
	ip->protocol = PROTO_TCP;
	ip->src = was.dst;
	ip->dst = was.src;
	ip->checksum = ~fold((__u64)was.src + was.dst + bpf_htons(0x4500) + bpf_htons(IPV4_LEN + TCP_LEN) +
			     bpf_htons(0x4000) + bpf_htons(64 << 8 | PROTO_TCP));
	*tcp = seen;
	bare(tcp, (__u64)was.src + was.dst, seq, ack, flags);
	return XDP_TX;
}

static __always_inline int answer6(struct xdp_md *ctx, const struct tcp *received, __be32 seq, __be32 ack, __u8 flags)
{
	struct tcp *tcp, seen = *received; /* behind whatever extension headers */
	struct address6 was;
	void *data, *end;
	struct ipv6 *ip;

	if (!shorten(ctx, IPV6_LEN + TCP_LEN))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	ip = data + ETHER_LEN;
	tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) > end)
		return XDP_DROP;
	turn(data);
	ip->version_class_flow = bpf_htonl(0x60000000);
	ip->length = bpf_htons(TCP_LEN);
	ip->next_header = PROTO_TCP;
	ip->hop_limit = 64;
	was = ip->src;
	ip->src = ip->dst;
	ip->dst = was;
	*tcp = seen;
	bare(tcp, sum6(&ip->src) + sum6(&ip->dst), seq, ack, flags);
	return XDP_TX;
}

#endif
