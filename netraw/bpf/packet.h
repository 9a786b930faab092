/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the programs share: the bytes of the headers they read and write
 * (RFC 791, RFC 8200, RFC 9293), one's complement sums (RFC 1071) and
 * SipHash-2-4 (Aumasson, Bernstein 2012).
 */
#ifndef SYNSCOPE_PACKET_H
#define SYNSCOPE_PACKET_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define ETHER_LEN 14
#define ETHER_IPV4 bpf_htons(0x0800)
#define ETHER_IPV6 bpf_htons(0x86dd)

#define IPV4_LEN 20
#define IPV6_LEN 40
#define TCP_LEN 20
#define ICMP_LEN 8

#define PROTO_HOPS 0
#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_ROUTING 43
#define PROTO_FRAGMENT 44
#define PROTO_AH 51
#define PROTO_ICMPV6 58
#define PROTO_OPTIONS 60
#define PROTO_MOBILITY 135
#define PROTO_HIP 139
#define PROTO_SHIM6 140

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

/* Headers follow one another at any even offset. */
#define WIRE __attribute__((packed, aligned(2)))

struct ether {
	__u8 dst[6], src[6];
	__be16 type;
} WIRE;

struct ipv4 {
	__u8 version_ihl, tos;
	__be16 length, id, fragment;
	__u8 ttl, protocol;
	__be16 checksum;
	__be32 src, dst;
} WIRE;

struct address6 {
	__be32 word[4];
} WIRE;

struct ipv6 {
	__be32 version_class_flow;
	__be16 length;
	__u8 next_header, hop_limit;
	struct address6 src, dst;
} WIRE;

struct tcp {
	__be16 sport, dport;
	__be32 seq, ack;
	__u8 offset, flags;
	__be16 window, checksum, urgent;
} WIRE;

struct icmp {
	__u8 type, code;
	__be16 checksum;
	__be32 rest;
} WIRE;

/* fold reduces a partial sum of native words to 16 bits. */
static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum >> 32) + (__u32)sum;
	sum = (sum >> 32) + (__u32)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (sum >> 16) + (sum & 0xffff);
}

static __always_inline __u64 sum6(const struct address6 *a)
{
	return (__u64)a->word[0] + a->word[1] + a->word[2] + a->word[3];
}

struct siphash {
	__u64 v0, v1, v2, v3;
};

static __always_inline __u64 rotate(__u64 v, int n)
{
	return v << n | v >> (64 - n);
}

static __always_inline void sip_round(struct siphash *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static __always_inline void sip_start(struct siphash *s, __u64 k0, __u64 k1)
{
	s->v0 = k0 ^ 0x736f6d6570736575ULL;
	s->v1 = k1 ^ 0x646f72616e646f6dULL;
	s->v2 = k0 ^ 0x6c7967656e657261ULL;
	s->v3 = k1 ^ 0x7465646279746573ULL;
}

static __always_inline void sip_word(struct siphash *s, __u64 m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

static __always_inline __u64 sip_end(struct siphash *s, __u64 last)
{
	sip_word(s, last);
	s->v2 ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* little makes a word of two halves that lie one after the other in memory. */
static __always_inline __u64 little(__be32 first, __be32 second)
{
	return (__u64)bpf_htonl(__builtin_bswap32(first)) | (__u64)bpf_htonl(__builtin_bswap32(second)) << 32;
}

#endif
