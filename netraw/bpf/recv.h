/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The receiver, on the interface. Of what arrives it takes the
 * TCP replies to our probes, which it knows by all 32 bits of the cookie, and
 * passes them and the ICMP errors that quote a probe through a ring buffer. A
 * SYN-ACK goes back as the RST that ends the half-open connection.
 *
 * All else passes untouched, what is sent to the held ports without the right
 * numbers too: it is counted, and the kernel's own listening socket discards
 * it.
 */
#ifndef SYNSCOPE_RECV_H
#define SYNSCOPE_RECV_H

#include "answer.h"

#define HEAD 160      /* bytes of a TCP reply or short ICMP error: all of it */
#define MESSAGE 1500  /* of a longer ICMP error: RFC 4443 section 2.4(c) stops at 1280 */
#define FRAGMENT bpf_htons(0x1fff)

struct reply {
	__u64 at; /* CLOCK_MONOTONIC, ns */
	__u32 length;
	__u32 interface;
	__u8 data[HEAD];
};

struct message {
	__u64 at;
	__u32 length;
	__u32 interface;
	__u8 data[MESSAGE];
};

/* What became of a packet for one of our ports. */
enum count {
	MATCHED,   /* put into the ring */
	ANSWERED,  /* of those, SYN-ACKs that went back as RST */
	LOST,      /* not put into the ring, which was full */
	FLAGS,     /* neither SYN-ACK nor RST, or one that no such probe causes */
	BAD_ACK,   /* SYN-ACK or RST that acknowledges something else */
	BAD_SEQ,   /* RST without the number that could be verified */
	QUOTE,     /* ICMP error that quotes another sequence number */
	OVERSIZED, /* ICMP error longer than MESSAGE */
	COUNTS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 23);
} replies SEC(".maps");

/* Addresses that probes left from: only what is sent to them is rejected. */
struct source {
	__be32 word[4];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct source);
	__type(value, __u8);
} sources SEC(".maps");

/* What all probes of the run have in common. */
struct cookie {
	__u64 k0, k1;
	__u32 attempts;     /* 1 to 128: attempt a is one byte of the hash */
	__u32 consumes;     /* sequence numbers: 1 for SYN or FIN */
	__u8 opens;         /* a SYN without ACK, to be answered with SYN-ACK */
	__u8 acknowledges;  /* has ACK: its RST carries the acknowledgment number */
};
const volatile struct cookie cookie;

/* Set on a veth, where what XDP_TX sends lies in the other end's ring, and
 * nobody wakes that unless it has an XDP program of its own (veth_xdp_flush in
 * drivers/net/veth.c). Redirection to the same interface does wake it. */
const volatile __u8 redirects;

/* Set by a reader that sleeps until it is woken, which costs an interrupt; one
 * that finds enough to do comes back by itself. */
__u32 asleep;

__u8 ports[1 << 16]; /* 1 for a held port, by its bytes on the wire */

/* A probe as its answer shows it: from is ours. */
struct flow {
	struct address6 from, to; /* IPv4: word[0] */
	__be16 sport, dport;
	__u8 version;
};

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &what);

	if (n)
		(*n)++;
}

/* reject counts a packet for one of our ports, if the address is ours too. */
static __noinline int reject(const struct flow *f, __u32 why)
{
	struct source s = {};

	s.word[0] = f->from.word[0];
	if (f->version == 6) {
		s.word[1] = f->from.word[1];
		s.word[2] = f->from.word[2];
		s.word[3] = f->from.word[3];
	}
	if (bpf_map_lookup_elem(&sources, &s))
		count(why);
	return XDP_PASS;
}

/* numbers hashes what probe/cookie.go does, in its order: the addresses, the
 * ports, the attempt. The low half is SEG.SEQ, the high half SEG.ACK. */
static __noinline __u64 numbers(const struct flow *f, __u32 attempt)
{
	__be32 pair = f->sport | (__u32)f->dport << 16;
	struct siphash s;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	pair = (__u32)f->sport << 16 | f->dport;
#endif
	sip_start(&s, cookie.k0, cookie.k1);
	if (f->version == 4) {
		sip_word(&s, little(f->from.word[0], f->to.word[0]));
		return sip_end(&s, (little(pair, 0) | (__u64)attempt << 32) | 13ULL << 56);
	}
	sip_word(&s, little(f->from.word[0], f->from.word[1]));
	sip_word(&s, little(f->from.word[2], f->from.word[3]));
	sip_word(&s, little(f->to.word[0], f->to.word[1]));
	sip_word(&s, little(f->to.word[2], f->to.word[3]));
	return sip_end(&s, (little(pair, 0) | (__u64)attempt << 32) | 37ULL << 56);
}

/* ours tells whether a transmission of f had this SEG.SEQ, or this SEG.ACK. */
static __noinline int ours(const struct flow *f, __u32 number, int acknowledgment)
{
	for (__u32 a = 0; a < cookie.attempts && a < 128; a++) {
		__u64 n = numbers(f, a);

		if ((__u32)(acknowledgment ? n >> 32 : n) == number)
			return 1;
	}
	return 0;
}

/* wakeup tells whether to wake the reader: a full barrier lies between the
 * reservation, which the reader looks for, and the look at what it set. */
static __always_inline __u64 wakeup(void)
{
	return __sync_fetch_and_or(&asleep, 0) ? 0 : BPF_RB_NO_WAKEUP;
}

/* copy reads the packet. The length is tested once more, in the register that
 * the call takes it in: only of that one the verifier then knows the bounds. */
static __always_inline long copy(struct xdp_md *ctx, __u8 *to, __u32 length, __u32 room)
{
	asm volatile("" : "+r"(length));
	if (length == 0 || length > room)
		return -1;
	return bpf_xdp_load_bytes(ctx, ETHER_LEN, to, length);
}

/* report puts the packet into the ring. The two sizes are constants, as
 * bpf_ringbuf_reserve demands. */
static __noinline void report(struct xdp_md *ctx, __u32 length)
{
	if (length <= HEAD) {
		struct reply *r = bpf_ringbuf_reserve(&replies, sizeof(*r), 0);

		if (!r)
			return count(LOST);
		r->at = bpf_ktime_get_ns();
		r->length = length;
		r->interface = ctx->ingress_ifindex;
		if (copy(ctx, r->data, length, HEAD))
			return bpf_ringbuf_discard(r, wakeup());
		bpf_ringbuf_submit(r, wakeup());
	} else if (length <= MESSAGE) {
		struct message *m = bpf_ringbuf_reserve(&replies, sizeof(*m), 0);

		if (!m)
			return count(LOST);
		m->at = bpf_ktime_get_ns();
		m->length = length;
		m->interface = ctx->ingress_ifindex;
		if (copy(ctx, m->data, length, MESSAGE))
			return bpf_ringbuf_discard(m, wakeup());
		bpf_ringbuf_submit(m, wakeup());
	} else {
		return count(OVERSIZED);
	}
	count(MATCHED);
}

/* verdict tells whether a segment answers a probe: XDP_PASS if not, XDP_TX
 * for a SYN-ACK, XDP_DROP for an RST. */
static __always_inline int verdict(const struct flow *f, const struct tcp *tcp)
{
	__u32 acknowledged = bpf_ntohl(tcp->ack) - cookie.consumes;

	switch (tcp->flags & (SYN | RST | ACK | FIN)) {
	case SYN | ACK:
		if (!cookie.opens)
			return reject(f, FLAGS);
		return ours(f, acknowledged, 0) ? XDP_TX : reject(f, BAD_ACK);
	case RST:
		if (!cookie.acknowledges)
			return reject(f, BAD_SEQ);
		/* fall through */
	case RST | ACK:
		if (cookie.acknowledges)
			return ours(f, bpf_ntohl(tcp->seq), 1) ? XDP_DROP : reject(f, BAD_SEQ);
		return ours(f, acknowledged, 0) ? XDP_DROP : reject(f, BAD_ACK);
	}
	return reject(f, FLAGS);
}

/* quoted judges the packet that an ICMP error quotes. */
static __always_inline int quoted(struct xdp_md *ctx, struct flow *f, __be16 *tcp, __u32 length)
{
	__be32 *seq = (__be32 *)(tcp + 2);

	f->sport = tcp[0];
	f->dport = tcp[1];
	if (!ports[f->sport])
		return XDP_PASS;
	if (!ours(f, bpf_ntohl(*seq), 0))
		return reject(f, QUOTE);
	report(ctx, length);
	return XDP_PASS; /* the kernel learns path MTUs from it */
}

/* error4 takes the error messages of RFC 1122 section 3.2.2. */
static __always_inline int error4(struct xdp_md *ctx, struct icmp *icmp, __u32 length)
{
	void *end = (void *)(long)ctx->data_end;
	struct ipv4 *ip = (void *)(icmp + 1);
	struct flow f = { .version = 4 };
	__u32 header;
	void *tcp;

	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	switch (icmp->type) {
	case 3: case 4: case 5: case 11: case 12:
		break;
	default:
		return XDP_PASS;
	}
	header = (ip->version_ihl & 0xf) * 4;
	tcp = (void *)ip + header;
	if (ip->protocol != PROTO_TCP || header < IPV4_LEN || ip->fragment & FRAGMENT || tcp + 8 > end)
		return XDP_PASS;
	f.from.word[0] = ip->src;
	f.to.word[0] = ip->dst;
	return quoted(ctx, &f, tcp, length);
}

/* error6 takes the error messages of RFC 4443 section 2.1. */
static __always_inline int error6(struct xdp_md *ctx, struct icmp *icmp, __u32 length)
{
	void *end = (void *)(long)ctx->data_end;
	struct ipv6 *ip = (void *)(icmp + 1);
	struct flow f = { .version = 6 };
	void *tcp = ip + 1;

	if (tcp + 8 > end || icmp->type < 1 || icmp->type > 4 || ip->next_header != PROTO_TCP)
		return XDP_PASS;
	f.from = ip->src;
	f.to = ip->dst;
	return quoted(ctx, &f, tcp, length);
}

static __always_inline int receive4(struct xdp_md *ctx, struct ipv4 *ip)
{
	void *end = (void *)(long)ctx->data_end;
	struct flow f = { .version = 4 };
	__u32 header, length;
	struct tcp *tcp;
	int v;

	if ((void *)(ip + 1) > end || ip->fragment & FRAGMENT)
		return XDP_PASS;
	header = (ip->version_ihl & 0xf) * 4;
	length = bpf_ntohs(ip->length);
	tcp = (void *)ip + header;
	if (header < IPV4_LEN || (void *)tcp + ICMP_LEN > end)
		return XDP_PASS;
	if (ip->protocol == PROTO_ICMP)
		return error4(ctx, (void *)tcp, length);
	if (ip->protocol != PROTO_TCP || !ports[tcp->dport] || (void *)(tcp + 1) > end)
		return XDP_PASS;
	f.from.word[0] = ip->dst;
	f.to.word[0] = ip->src;
	f.sport = tcp->dport;
	f.dport = tcp->sport;
	v = verdict(&f, tcp);
	if (v == XDP_PASS)
		return v;
	report(ctx, length);
	if (v != XDP_TX)
		return v;
	count(ANSWERED);
	return answer4(ctx, tcp->ack, 0, RST);
}

static __always_inline int receive6(struct xdp_md *ctx, struct ipv6 *ip)
{
	void *end = (void *)(long)ctx->data_end;
	struct tcp *tcp = (void *)(ip + 1);
	struct flow f = { .version = 6 };
	__u32 length;
	int v;

	if ((void *)tcp + ICMP_LEN > end)
		return XDP_PASS;
	length = IPV6_LEN + bpf_ntohs(ip->length);
	if (ip->next_header == PROTO_ICMPV6)
		return error6(ctx, (void *)tcp, length);
	if (ip->next_header != PROTO_TCP || !ports[tcp->dport] || (void *)(tcp + 1) > end)
		return XDP_PASS;
	f.from = ip->dst;
	f.to = ip->src;
	f.sport = tcp->dport;
	f.dport = tcp->sport;
	v = verdict(&f, tcp);
	if (v == XDP_PASS)
		return v;
	report(ctx, length);
	if (v != XDP_TX)
		return v;
	count(ANSWERED);
	return answer6(ctx, tcp->ack, 0, RST);
}

static __always_inline int receive(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ether *e = data;

	if ((void *)(e + 1) > end)
		return XDP_PASS;
	if (e->type == ETHER_IPV4)
		return receive4(ctx, (void *)(e + 1));
	if (e->type == ETHER_IPV6)
		return receive6(ctx, (void *)(e + 1));
	return XDP_PASS;
}

#endif
