/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/audit-chain.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BEGIN_SEQ  "{\"seq\":"
#define BEGIN_PREV ",\"prev\":\""
#define BEGIN_END  "\","

void
mrq_chain_digest(const char *line, size_t len, uint8_t ret[static MRQ_BLAKE2B_BYTES])
{
	uint8_t first[MRQ_BLAKE2B_BYTES] = { 0 };
	size_t n = len < sizeof(first) ? len : sizeof(first);

	/* The plain BLAKE2b-256 of the line, as b2sum(1) gives it: a link is the digest of its
	 * two arguments one after the other.  No record is shorter than the first. */
	memcpy(first, line, n);
	mrq_chain_link(first, line + n, len - n, ret);
}

size_t
mrq_chain_begin(const struct mrq_chain *chain, char ret[static MRQ_CHAIN_ROOM])
{
	char hex[MRQ_CHAIN_HEX];

	mrq_hex_encode(chain->head, sizeof(chain->head), hex);
	return (size_t)snprintf(ret, MRQ_CHAIN_ROOM,
				BEGIN_SEQ "%" PRIu64 BEGIN_PREV "%s" BEGIN_END,
				chain->seq + 1, hex);
}

/* *at moves past text when it stands there. */
static bool
take(const char **at, const char *end, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(end - *at) < len || memcmp(*at, text, len) != 0)
		return false;
	*at += len;
	return true;
}

/* Canonical decimal: no leading zero. */
static bool
take_seq(const char **at, const char *end, uint64_t *ret)
{
	const char *start = *at;
	uint64_t v = 0;

	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(**at - '0'), &v))
			return false;
	}
	*ret = v;
	return *at > start && *start != '0';
}

bool
mrq_chain_parse(const char *line, size_t len, uint64_t *ret_seq,
		uint8_t ret_prev[static MRQ_BLAKE2B_BYTES])
{
	const char *at = line, *end = line + len;
	char hex[MRQ_CHAIN_HEX];
	uint64_t seq;

	if (!take(&at, end, BEGIN_SEQ) || !take_seq(&at, end, &seq) ||
	    !take(&at, end, BEGIN_PREV) || (size_t)(end - at) < sizeof(hex))
		return false;
	memcpy(hex, at, sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	at += sizeof(hex) - 1;
	for (size_t i = 0; hex[i]; i++) {
		if (hex[i] >= 'A' && hex[i] <= 'F')
			return false;
	}
	if (!take(&at, end, BEGIN_END) ||
	    !mrq_hex_decode(hex, ret_prev, MRQ_BLAKE2B_BYTES))
		return false;
	*ret_seq = seq;
	return true;
}

void
mrq_chain_follow(struct mrq_chain *chain, const char *line, size_t len)
{
	mrq_chain_digest(line, len, chain->head);
	chain->seq++;
}

void
mrq_audit_time_format(int64_t when_ns, char ret[static MRQ_AUDIT_TIME_TEXT])
{
	int64_t seconds = when_ns / 1000000000, ns = when_ns % 1000000000;
	char text[MRQ_TIME_TEXT];

	if (ns < 0) {
		ns += 1000000000;
		seconds--;
	}
	mrq_time_format(seconds, text);
	char *z = strchr(text, 'Z');
	if (z)
		*z = '\0';
	(void)snprintf(ret, MRQ_AUDIT_TIME_TEXT, z ? "%s.%06uZ" : "%s", text,
		       (unsigned)(ns / 1000));
}

const char *
mrq_mark_name(enum mrq_mark mark)
{
	switch (mark) {
	case MRQ_MARK_NONE:
		return NULL;
	case MRQ_MARK_GENESIS:
		return "genesis";
	case MRQ_MARK_CONTINUES:
		return "continues";
	case MRQ_MARK_ROTATED:
		return "rotated";
	}
	return NULL;
}

size_t
mrq_checkpoint_payload(const struct mrq_checkpoint *cp, char *ret, size_t len)
{
	char hex[MRQ_CHAIN_HEX];

	mrq_hex_encode(cp->before.head, sizeof(cp->before.head), hex);
	int n = snprintf(ret, len,
			 "{\"seq\":%" PRIu64 ",\"head\":\"%s\",\"time\":\"%s\"}",
			 cp->before.seq, hex, cp->time);
	return n > 0 && (size_t)n < len ? (size_t)n : 0;
}

size_t
mrq_checkpoint_line(const struct mrq_checkpoint *cp, char *ret, size_t len)
{
	char begin[MRQ_CHAIN_ROOM];
	const char *mark = mrq_mark_name(cp->mark);

	(void)mrq_chain_begin(&cp->before, begin);
	int n = snprintf(ret, len,
			 "%s\"time\":\"%s\",\"event\":\"checkpoint\"%s%s%s%s%s%s}\n",
			 begin, cp->time, mark ? ",\"mark\":\"" : "", mark ? mark : "",
			 mark ? "\"" : "", cp->jws ? ",\"jws\":\"" : "",
			 cp->jws ? cp->jws : "", cp->jws ? "\"" : "");
	return n > 0 && (size_t)n < len ? (size_t)n : 0;
}

bool
mrq_checkpoint_has_mark(const char *line, size_t len, enum mrq_mark mark)
{
	const char *name = mrq_mark_name(mark);
	char text[64];

	if (!name)
		return false;
	int n = snprintf(text, sizeof(text),
			 ",\"event\":\"checkpoint\",\"mark\":\"%s\"", name);
	return memmem(line, len, text, (size_t)n) != NULL;
}
