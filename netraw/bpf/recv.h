/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The receiver, on the interface. Of what arrives it takes the
 * TCP replies to our probes, which it knows by all 32 bits of the cookie and
 * whose checksums are right, and passes them and the ICMP errors that quote a
 * probe through a ring buffer. A SYN-ACK goes back as the RST that ends the
 * half-open connection. Of what carries no number of ours and may answer a SYN,
 * some passes too: user space asks about it.
 *
 * All else passes untouched, what is sent to the held ports without the right
 * numbers too: it is counted, and the kernel's own listening socket discards
 * it.
 *
 * Functions that are not static are verified once each, and others for every call (since
 * Linux 5.6; with pointers, 5.12). So to begin takes a quarter of the time that it would.
 * They have to expect NULL, and older kernels want all initialised that they may read,
 * padding included.
 */
#ifndef SYNSCOPE_RECV_H
#define SYNSCOPE_RECV_H

#include "answer.h"

#define HEAD 160      /* bytes of a TCP reply or short ICMP error: all of it */
#define MESSAGE 1500  /* of a longer ICMP error: RFC 4443 section 2.4(c) stops at 1280 */
#define OFFSET bpf_htons(0x1fff)
#define MORE bpf_htons(0x2000)
#define EXTENSIONS 28   /* headers that are walked: as many as fit before FURTHEST, and TCP */
#define FURTHEST 256    /* bytes of them with their IP header, up to the transport's */

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
	OVERSIZED, /* reply longer than MESSAGE, or than its frame */
	SUM,       /* a checksum of IP, TCP or ICMP is wrong */
	FRAGMENT,  /* first of several fragments, without a number of ours that is whole */
	MALFORMED, /* lengths that contradict one another */
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

/* What was answered with an RST lately, and when. */
struct answered {
	struct address6 from, to;
	__be16 sport, dport;
	__u32 acknowledged;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, struct answered);
	__type(value, __u64);
} resets SEC(".maps");

#define PERIOD 100000000     /* ns; stacks repeat a SYN-ACK after a second: RFC 6298 section 2.1 */
#define MOST_UNVERIFIED 2000 /* in a period: those that carry no number of ours */

/* Races between processors let a few more of them through, which is no matter. */
struct {
	__u64 since, count;
} unverified;

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

/* Set where packets come from this machine, or the one that it is a guest of,
 * and may have a transport checksum that was left for an interface to finish:
 * the sum of the pseudo-header alone (Documentation/networking/
 * checksum-offloads.rst). The program is not told which have. */
const volatile __u8 unfinished;

/* The interface's link address. Frames for another one arrive where it is in
 * promiscuous mode; what is in them is not for this machine. */
const volatile __u8 mac[6];

__u8 ports[1 << 16]; /* 1 for a held port, by its bytes on the wire */

/* What is to be known of a packet to check its sums. */
struct shape {
	__u64 pseudo;      /* partial sum of the pseudo-header; 0 for ICMP of IPv4 */
	__u32 length;      /* of the packet, from the IP header on */
	__u32 transport;   /* where its transport header begins */
	__be16 partial;    /* TCP's checksum as an unfinished one would be, 0 for ICMP */
	__be16 checksum;   /* as received */
	__u8 version;
	__u8 fragment;     /* the first of several: the transport's sum is of all of them */
	__u8 unused[2];
};

/* A probe as its answer shows it: from is ours. */
struct flow {
	struct address6 from, to; /* IPv4: word[0] */
	__be16 sport, dport;
	__u8 version;
	__u8 fragment;
};

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &what);

	if (n)
		(*n)++;
}

/* addressed tells whether a packet for one of our ports is for one of our
 * addresses too. */
static __noinline int addressed(const struct flow *f)
{
	struct source s = {};

	s.word[0] = f->from.word[0];
	if (f->version == 6) {
		s.word[1] = f->from.word[1];
		s.word[2] = f->from.word[2];
		s.word[3] = f->from.word[3];
	}
	return bpf_map_lookup_elem(&sources, &s) ? 1 : 0;
}

/* reject counts a packet for one of our ports, if the address is ours too. */
static __noinline int reject(const struct flow *f, __u32 why)
{
	if (addressed(f))
		count(f->fragment && why != SUM ? FRAGMENT : why);
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
__noinline int ours(const struct flow *f, __u32 number, int acknowledgment)
{
	if (!f)
		return 0;
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

/* part adds at most so many bytes to a partial sum, a constant: more than 512
 * bpf_csum_diff does not take on kernels before 6.13. */
static __always_inline __u64 part(__u8 *from, __u32 length, __u32 most, __u64 sum)
{
	asm volatile("" : "+r"(length));
	if (length > most)
		length = most;
	return sum + (__u32)bpf_csum_diff(0, 0, (__be32 *)from, length & ~3U, 0);
}

#define PART 512
#define UPTO(room) ((room) < PART ? (room) : PART)

/* right checks the sums of a packet that was copied: that of the IPv4 header, and
 * the transport's. room is a constant, and a multiple of 4. */
static __always_inline int right(const struct shape *s, __u8 *data, __u32 room)
{
	__u32 length = s->length, ihl = (data[0] & 0xf) * 4, even;
	__u64 all = 0, head;

	for (int i = 0; i < 3; i++) { /* the last word is filled up */
		__u32 at = length + i;

		if (at < room)
			data[at] = 0;
	}
	even = (length + 3) & ~3U;
	all = part(data, even, UPTO(room), 0);
	if (room > PART && even > PART)
		all = part(data + PART, even - PART, UPTO(room - PART), all);
	if (room > 2 * PART && even > 2 * PART)
		all = part(data + 2 * PART, even - 2 * PART, UPTO(room - 2 * PART), all);
	head = part(data, s->transport, UPTO(room), 0);
	if (s->version == 4 && fold(ihl == s->transport ? head : part(data, ihl, 60, 0)) != 0xffff)
		return 0;
	if (s->fragment || (unfinished && s->partial && s->checksum == s->partial))
		return 1;
	return fold(all + (__u16)~fold(head) + s->pseudo) == 0xffff;
}

/* What became of a packet that was to be reported. */
enum told {
	TOLD,
	UNTOLD, /* the ring was full */
	WRONG,  /* no such packet arrived whole and right: see why */
};

/* report puts the packet into the ring, if its sums are right. The two sizes are
 * constants, as bpf_ringbuf_reserve demands. */
__noinline int report(struct xdp_md *ctx, const struct shape *s, __u32 *why)
{
	__u32 length;

	if (!s || !why)
		return WRONG;
	length = s->length;
	*why = OVERSIZED;
	if (length <= HEAD) {
		struct reply *r = bpf_ringbuf_reserve(&replies, sizeof(*r), 0);

		if (!r) {
			count(LOST);
			return UNTOLD;
		}
		r->at = bpf_ktime_get_ns();
		r->length = length;
		r->interface = ctx->ingress_ifindex;
		if (copy(ctx, r->data, length, HEAD)) {
			bpf_ringbuf_discard(r, wakeup());
			return WRONG;
		}
		if (!right(s, r->data, HEAD)) {
			*why = SUM;
			bpf_ringbuf_discard(r, wakeup());
			return WRONG;
		}
		bpf_ringbuf_submit(r, wakeup());
	} else if (length <= MESSAGE) {
		struct message *m = bpf_ringbuf_reserve(&replies, sizeof(*m), 0);

		if (!m) {
			count(LOST);
			return UNTOLD;
		}
		m->at = bpf_ktime_get_ns();
		m->length = length;
		m->interface = ctx->ingress_ifindex;
		if (copy(ctx, m->data, length, MESSAGE)) {
			bpf_ringbuf_discard(m, wakeup());
			return WRONG;
		}
		if (!right(s, m->data, MESSAGE)) {
			*why = SUM;
			bpf_ringbuf_discard(m, wakeup());
			return WRONG;
		}
		bpf_ringbuf_submit(m, wakeup());
	} else {
		return WRONG;
	}
	count(MATCHED);
	return TOLD;
}

/* admit takes a segment that carries no number of ours, and might answer a SYN:
 * it proves nothing, so user space asks about it. Not more of them than can be
 * asked about: the rest is rejected here, and strangers cannot fill the ring. */
static __noinline int admit(const struct flow *f, __u32 why)
{
	__u64 now = bpf_ktime_get_ns(), since = now - unverified.since;

	if (!addressed(f))
		return XDP_PASS;
	if (f->fragment) /* whose sum nobody verified */
		return reject(f, why);
	if (since >= PERIOD) {
		unverified.since = now;
		unverified.count = 0;
	}
	if (unverified.count >= MOST_UNVERIFIED)
		return reject(f, why);
	unverified.count++;
	return XDP_DROP;
}

/* repeated tells whether the same SYN-ACK was answered a moment ago: what comes
 * again sooner than a stack repeats it is a copy, or a flood, and is not answered
 * again. */
static __noinline int repeated(const struct flow *f, __u32 acknowledged)
{
	struct answered key = { .from = f->from, .to = f->to, .acknowledged = acknowledged };
	__u64 now = bpf_ktime_get_ns(), *last;

	key.sport = f->sport;
	key.dport = f->dport;
	last = bpf_map_lookup_elem(&resets, &key);
	if (last && now - *last < PERIOD)
		return 1;
	bpf_map_update_elem(&resets, &key, &now, BPF_ANY);
	return 0;
}

/* synack is what becomes of a SYN-ACK that acknowledges a probe. */
static __always_inline int synack(const struct flow *f, __u32 acknowledged)
{
	if (!ours(f, acknowledged, 0))
		return reject(f, BAD_ACK);
	return repeated(f, acknowledged) ? XDP_DROP : XDP_TX;
}

/* verdict tells whether a segment answers a probe: XDP_PASS if not, XDP_TX for a
 * SYN-ACK that calls for an RST, XDP_DROP for what user space alone is to see. */
static __always_inline int verdict(const struct flow *f, const struct tcp *tcp)
{
	__u32 acknowledged = bpf_ntohl(tcp->ack) - cookie.consumes;

	switch (tcp->flags & (SYN | RST | ACK | FIN)) {
	case SYN | ACK:
	case SYN | ACK | FIN: /* RFC 9293 section 3.10.7.3: the FIN changes nothing */
		if (!cookie.opens)
			return reject(f, FLAGS);
		return synack(f, acknowledged);
	case RST:
		if (cookie.opens) /* one that answers a question of ours carries a number */
			return ours(f, bpf_ntohl(tcp->seq), 1) ? XDP_DROP : admit(f, BAD_SEQ);
		if (!cookie.acknowledges)
			return reject(f, BAD_SEQ);
		/* fall through */
	case RST | ACK:
		if (cookie.acknowledges)
			return ours(f, bpf_ntohl(tcp->seq), 1) ? XDP_DROP : reject(f, BAD_SEQ);
		if (ours(f, acknowledged, 0))
			return XDP_DROP;
		/* 4.4BSD acknowledges a FIN's own number; to a SYN that proves nothing */
		return ours(f, bpf_ntohl(tcp->ack), 0) ? XDP_DROP : reject(f, BAD_ACK);
	case SYN:
	case ACK: /* of our SYN-ACK, or a challenge: RFC 5961 */
		if (!cookie.opens)
			return reject(f, FLAGS);
		if (tcp->flags & ACK && ours(f, acknowledged, 0))
			return XDP_DROP;
		return admit(f, FLAGS);
	}
	return reject(f, FLAGS);
}

/* quoted judges the packet that an ICMP error quotes, which was sent to an address. */
static __always_inline int quoted(struct xdp_md *ctx, struct flow *f, const struct flow *to, __be16 *tcp,
				  const struct shape *s)
{
	__be32 *seq = (__be32 *)(tcp + 2);
	__u32 why = 0;

	f->sport = tcp[0];
	f->dport = tcp[1];
	if (!ports[f->sport])
		return XDP_PASS;
	if (!ours(f, bpf_ntohl(*seq), 0))
		return reject(to, QUOTE);
	if (report(ctx, s, &why) == WRONG)
		return reject(to, why);
	return XDP_PASS; /* the kernel learns path MTUs from it */
}

/* What lies behind the extension headers of a packet, or of one in it. */
struct inner {
	__u32 start;     /* of its IP header, from the outer one on */
	__u32 transport; /* where it begins, likewise; 0 for nothing of use */
	__u8 protocol, more;
	__u8 unused[2];
};

/* behind walks the extension headers of RFC 8200 section 4, RFC 4302 section 2
 * and RFC 6564 section 4. */
__noinline int behind(struct xdp_md *ctx, struct inner *in)
{
	void *data = (void *)(long)ctx->data + ETHER_LEN, *end = (void *)(long)ctx->data_end;
	__u32 at, furthest;

	if (!in || in->start > 2 * FURTHEST)
		return 0;
	at = in->start + IPV6_LEN;
	furthest = in->start + FURTHEST;
	for (int i = 0; i < EXTENSIONS; i++) {
		__u8 *header;

		if (at > furthest)
			return 0;
		header = data + at;
		if ((void *)header + 8 > end)
			return 0;
		switch (in->protocol) {
		case PROTO_TCP:
		case PROTO_ICMPV6:
			in->transport = at;
			return 1;
		case PROTO_FRAGMENT:
			if (*(__be16 *)(header + 2) & bpf_htons(0xfff8))
				return 0;
			in->more |= header[3] & 1;
			at += 8;
			break;
		case PROTO_AH:
			if (header[1] < 2 || header[1] & 1) /* 12 bytes at least, and a multiple of 8 in IPv6 */
				return 0;
			at += (header[1] + 2) * 4;
			break;
		case PROTO_HOPS: case PROTO_ROUTING: case PROTO_OPTIONS:
		case PROTO_MOBILITY: case PROTO_HIP: case PROTO_SHIM6:
			at += (header[1] + 1) * 8;
			break;
		default:
			return 0;
		}
		in->protocol = header[0];
	}
	return 0;
}

/* unwrapped is where a TCP header begins that may lie behind an authentication header
 * (RFC 4302 section 2), 0 if it is none, or not in the packet. */
static __always_inline __u32 unwrapped(struct xdp_md *ctx, __u32 at, __u8 protocol)
{
	void *data = (void *)(long)ctx->data + ETHER_LEN, *end = (void *)(long)ctx->data_end;
	__u8 *header = data + at;

	if (protocol == PROTO_TCP)
		return at;
	if (protocol != PROTO_AH || (void *)header + 2 > end || header[0] != PROTO_TCP || header[1] < 1)
		return 0;
	return at + (header[1] + 2) * 4;
}

/* error4 takes the error messages of RFC 1122 section 3.2.2. */
static __always_inline int error4(struct xdp_md *ctx, struct icmp *icmp, const struct flow *to, const struct shape *s)
{
	void *end = (void *)(long)ctx->data_end, *data = (void *)(long)ctx->data + ETHER_LEN;
	struct ipv4 *ip = (void *)(icmp + 1);
	struct flow f = { .version = 4 };
	__u32 header, at;
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
	at = unwrapped(ctx, s->transport + ICMP_LEN + header, ip->protocol);
	tcp = data + at;
	if (!at || header < IPV4_LEN || ip->fragment & OFFSET || tcp + 8 > end)
		return XDP_PASS;
	f.from.word[0] = ip->src;
	f.to.word[0] = ip->dst;
	return quoted(ctx, &f, to, tcp, s);
}

/* error6 takes the error messages of RFC 4443 section 2.1. */
static __always_inline int error6(struct xdp_md *ctx, struct icmp *icmp, const struct flow *to, const struct shape *s)
{
	void *end = (void *)(long)ctx->data_end, *data = (void *)(long)ctx->data + ETHER_LEN;
	struct ipv6 *ip = (void *)(icmp + 1);
	struct flow f = { .version = 6 };
	struct inner in = { .start = s->transport + ICMP_LEN };
	void *tcp;

	if ((void *)(ip + 1) > end || icmp->type < 1 || icmp->type > 4)
		return XDP_PASS;
	in.protocol = ip->next_header;
	f.from = ip->src;
	f.to = ip->dst;
	if (!behind(ctx, &in) || in.protocol != PROTO_TCP || in.transport > 2 * FURTHEST + ICMP_LEN)
		return XDP_PASS;
	tcp = data + in.transport;
	if (tcp + 8 > end)
		return XDP_PASS;
	return quoted(ctx, &f, to, tcp, s);
}

/* shaped completes the shape of a TCP segment, whose header is whole. */
static __always_inline int shaped(struct shape *s, const struct tcp *tcp, __u64 addresses)
{
	__u32 header = tcp->offset >> 4 << 2, length = s->length - s->transport;

	if (s->fragment && header > length)
		header = length; /* the options go on in the next one */

	s->pseudo = addresses + bpf_htons(PROTO_TCP) + bpf_htons(length);
	s->checksum = tcp->checksum;
	s->partial = fold(s->pseudo);
	return s->length >= s->transport + TCP_LEN && header >= TCP_LEN && header <= length;
}

static __always_inline int receive4(struct xdp_md *ctx, struct ipv4 *ip)
{
	void *end = (void *)(long)ctx->data_end;
	struct flow f = { .version = 4 };
	struct shape s = { .version = 4 };
	struct tcp *tcp, seen;
	__u32 why = 0;
	int v;

	if ((void *)(ip + 1) > end || ip->version_ihl >> 4 != 4 || ip->fragment & OFFSET)
		return XDP_PASS;
	s.transport = (ip->version_ihl & 0xf) * 4;
	s.length = bpf_ntohs(ip->length);
	s.fragment = f.fragment = ip->fragment & MORE ? 1 : 0;
	f.from.word[0] = ip->dst;
	f.to.word[0] = ip->src;
	tcp = (void *)ip + s.transport;
	if (s.transport < IPV4_LEN || (void *)tcp + ICMP_LEN > end)
		return XDP_PASS;
	if (ip->protocol == PROTO_ICMP)
		return error4(ctx, (void *)tcp, &f, &s);
	s.transport = unwrapped(ctx, s.transport, ip->protocol);
	tcp = (void *)ip + s.transport;
	if (!s.transport || (void *)(tcp + 1) > end || !ports[tcp->dport])
		return XDP_PASS;
	f.sport = tcp->dport;
	f.dport = tcp->sport;
	if (!shaped(&s, tcp, (__u64)ip->src + ip->dst))
		return reject(&f, MALFORMED);
	seen = *tcp;
	v = verdict(&f, &seen);
	if (v == XDP_PASS)
		return v;
	if (report(ctx, &s, &why) == WRONG)
		return reject(&f, why);
	if (v != XDP_TX)
		return v;
	count(ANSWERED);
	return answer4(ctx, &seen, seen.ack, 0, RST);
}

static __always_inline int receive6(struct xdp_md *ctx, struct ipv6 *ip)
{
	void *end = (void *)(long)ctx->data_end;
	struct flow f = { .version = 6 };
	struct shape s = { .version = 6 };
	struct inner in = {};
	struct tcp *tcp, seen;
	__u64 addresses;
	__u32 why = 0;
	int v;

	if ((void *)(ip + 1) > end || bpf_ntohl(ip->version_class_flow) >> 28 != 6)
		return XDP_PASS;
	in.protocol = ip->next_header;
	s.length = IPV6_LEN + bpf_ntohs(ip->length);
	if (!behind(ctx, &in) || in.transport > FURTHEST)
		return XDP_PASS;
	s.transport = in.transport;
	s.fragment = f.fragment = in.more;
	f.from = ip->dst;
	f.to = ip->src;
	addresses = sum6(&ip->src) + sum6(&ip->dst);
	tcp = (void *)ip + s.transport;
	if ((void *)tcp + ICMP_LEN > end || s.length < s.transport)
		return XDP_PASS;
	if (in.protocol == PROTO_ICMPV6) {
		s.pseudo = addresses + bpf_htons(PROTO_ICMPV6) + bpf_htons(s.length - s.transport);
		return error6(ctx, (void *)tcp, &f, &s);
	}
	if (!ports[tcp->dport] || (void *)(tcp + 1) > end)
		return XDP_PASS;
	f.sport = tcp->dport;
	f.dport = tcp->sport;
	if (!shaped(&s, tcp, addresses))
		return reject(&f, MALFORMED);
	seen = *tcp;
	v = verdict(&f, &seen);
	if (v == XDP_PASS)
		return v;
	if (report(ctx, &s, &why) == WRONG)
		return reject(&f, why);
	if (v != XDP_TX)
		return v;
	count(ANSWERED);
	return answer6(ctx, &seen, seen.ack, 0, RST);
}

/* elsewhere tells whether a frame is for another link address than ours, and not
 * for a group or for all. */
static __always_inline int elsewhere(const struct ether *e)
{
	return !(e->dst[0] & 1) && (e->dst[0] != mac[0] || e->dst[1] != mac[1] || e->dst[2] != mac[2] ||
				    e->dst[3] != mac[3] || e->dst[4] != mac[4] || e->dst[5] != mac[5]);
}

static __always_inline int receive(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ether *e = data;

	if ((void *)(e + 1) > end || elsewhere(e))
		return XDP_PASS;
	if (e->type == ETHER_IPV4)
		return receive4(ctx, (void *)(e + 1));
	if (e->type == ETHER_IPV6)
		return receive6(ctx, (void *)(e + 1));
	return XDP_PASS;
}

#endif
