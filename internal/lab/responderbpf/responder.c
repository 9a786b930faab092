//go:build ignore

// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * A synthetic internet: every TCP port of every address that is routed to the
 * interface is open, refused or silent by a hash, and answers a SYN
 * accordingly. Package lab has the same hash in Go.
 */
#include "../../../netraw/bpf/answer.h"

char LICENSE[] SEC("license") = "GPL";

enum count {
	OPEN,    /* SYN answered with SYN-ACK */
	REFUSED, /* SYN answered with RST */
	SILENT,  /* SYN not answered */
	RESETS,  /* RST that arrived */
	OTHERS,  /* other segments, not answered */
	COUNTS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

/* Of 2^32 ports, how many are open, and how many are open or refused. */
struct world {
	__u64 seed;
	__u64 open, answered;
};
const volatile struct world world;

/* mix is the finalizer of MurmurHash3 (Appleby, public domain), chained. */
static __always_inline __u64 mix(__u64 h, __u64 v)
{
	h ^= v;
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdULL;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ULL;
	h ^= h >> 33;
	return h;
}

static __always_inline __u64 pair(__be32 high, __be32 low)
{
	return (__u64)bpf_ntohl(high) << 32 | bpf_ntohl(low);
}

/* fate decides for a port, and counts. */
static __always_inline __u32 fate(__u64 hash)
{
	__u32 share = hash, what = SILENT;
	__u64 *n;

	if (share < world.open)
		what = OPEN;
	else if (share < world.answered)
		what = REFUSED;
	n = bpf_map_lookup_elem(&counts, &what);
	if (n)
		(*n)++;
	return what;
}

static __always_inline int other(const struct tcp *tcp)
{
	__u32 what = tcp->flags & RST ? RESETS : OTHERS;
	__u64 *n = bpf_map_lookup_elem(&counts, &what);

	if (n)
		(*n)++;
	return XDP_DROP;
}

/* echo finds the timestamp option and turns it round: TSval becomes TSecr,
 * and a TSval of the hash takes its place. It returns what the sum gains. */
static __always_inline __u64 echo(struct tcp *tcp, void *end, __be32 own)
{
	__u32 length = (tcp->offset >> 4) * 4, at = TCP_LEN;

	for (int i = 0; i < 12; i++) {
		__u8 *kind = (__u8 *)tcp + (at & 63);

		if (at + 10 > length || (void *)kind + 10 > end)
			return 0;
		if (*kind == 8) {
			__be32 *value = (__be32 *)(kind + 2);
			__u64 was = value[1];

			value[1] = value[0];
			value[0] = own;
			if (at % 2)
				return (__u64)__builtin_bswap16(own >> 16) + __builtin_bswap16(own) +
				       (__u16)~__builtin_bswap16(was >> 16) + (__u16)~__builtin_bswap16(was);
			return (__u64)own + (__u32)~was;
		}
		at += *kind == 1 ? 1 : kind[1];
		if (*kind == 0 || (*kind != 1 && kind[1] < 2))
			return 0;
	}
	return 0;
}

/* open makes a SYN of the SYN-ACK that answers it; its sum is updated (RFC
 * 1624), to which the addresses, which trade places, are nothing new. */
static __always_inline void open_port(struct tcp *tcp, void *end, __be32 isn)
{
	__be32 ack = bpf_htonl(bpf_ntohl(tcp->seq) + 1);
	__be16 port = tcp->sport;
	__u64 sum = (__u16)~tcp->checksum;

	sum += (__u64)(__u32)~tcp->seq + isn + (__u32)~tcp->ack + ack + bpf_htons(ACK);
	sum += echo(tcp, end, isn);
	tcp->sport = tcp->dport;
	tcp->dport = port;
	tcp->seq = isn;
	tcp->ack = ack;
	tcp->flags |= ACK;
	tcp->checksum = ~fold(sum);
}

static __always_inline int respond4(struct xdp_md *ctx, struct ipv4 *ip)
{
	void *end = (void *)(long)ctx->data_end;
	struct tcp *tcp = (void *)(ip + 1);
	__be32 swap;
	__u64 hash;

	if ((void *)(tcp + 1) > end || ip->version_ihl != 0x45 || ip->protocol != PROTO_TCP)
		return XDP_PASS;
	if ((tcp->flags & (SYN | ACK | RST | FIN)) != SYN)
		return other(tcp);
	hash = mix(mix(world.seed, bpf_ntohl(ip->dst)), 4 << 16 | bpf_ntohs(tcp->dport));
	switch (fate(hash)) {
	case OPEN:
		break;
	case REFUSED:
		return answer4(ctx, tcp, 0, bpf_htonl(bpf_ntohl(tcp->seq) + 1), RST | ACK);
	default:
		return XDP_DROP;
	}
	open_port(tcp, end, bpf_htonl(hash >> 32));
	turn((struct ether *)((void *)ip - ETHER_LEN));
	swap = ip->src;
	ip->src = ip->dst;
	ip->dst = swap;
	return XDP_TX;
}

static __always_inline int respond6(struct xdp_md *ctx, struct ipv6 *ip)
{
	void *end = (void *)(long)ctx->data_end;
	struct tcp *tcp = (void *)(ip + 1);
	struct address6 swap;
	__u64 hash;

	if ((void *)(tcp + 1) > end || ip->next_header != PROTO_TCP)
		return XDP_PASS;
	if ((tcp->flags & (SYN | ACK | RST | FIN)) != SYN)
		return other(tcp);
	hash = mix(world.seed, pair(ip->dst.word[0], ip->dst.word[1]));
	hash = mix(hash, pair(ip->dst.word[2], ip->dst.word[3]));
	hash = mix(hash, 6 << 16 | bpf_ntohs(tcp->dport));
	switch (fate(hash)) {
	case OPEN:
		break;
	case REFUSED:
		return answer6(ctx, tcp, 0, bpf_htonl(bpf_ntohl(tcp->seq) + 1), RST | ACK);
	default:
		return XDP_DROP;
	}
	open_port(tcp, end, bpf_htonl(hash >> 32));
	turn((struct ether *)((void *)ip - ETHER_LEN));
	swap = ip->src;
	ip->src = ip->dst;
	ip->dst = swap;
	return XDP_TX;
}

static __always_inline int respond(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ether *e = data;

	if ((void *)(e + 1) > end)
		return XDP_PASS;
	if (e->type == ETHER_IPV4)
		return respond4(ctx, (void *)(e + 1));
	if (e->type == ETHER_IPV6)
		return respond6(ctx, (void *)(e + 1));
	return XDP_PASS;
}

/* internet answers by redirection to where the SYN came from. XDP_TX would
 * leave the answer in the ring of a veth whose other end has no XDP program
 * of its own: nobody wakes that (veth_xdp_flush in drivers/net/veth.c). */
SEC("xdp")
int internet(struct xdp_md *ctx)
{
	int verdict = respond(ctx);

	return verdict == XDP_TX ? bpf_redirect(ctx->ingress_ifindex, 0) : verdict;
}
