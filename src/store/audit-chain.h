/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_STORE_AUDIT_CHAIN_H
#define MRQ_STORE_AUDIT_CHAIN_H

/*
 * The chain of the audit log and the exact form of its checkpoint lines: what the writer
 * and the verifier must agree on.  marque-audit(5) "CHAIN", "CHECKPOINTS".
 */
#include "crypto/hash.h"
#include "crypto/keyring.h"
#include "store/audit-log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MRQ_CHAIN_HEX  (2 * MRQ_BLAKE2B_BYTES + 1)
#define MRQ_CHAIN_ROOM 112u /* bytes, at most, of {"seq":N,"prev":"HEX", */
#define MRQ_CHECKPOINT_EVERY                                                           \
	1024u /* a line of such a sequence number is a checkpoint */
#define MRQ_CHECKPOINT_LINE_MAX 4096u
#define MRQ_CHECKPOINT_TYP      "marque-audit-checkpoint+jws"
#define MRQ_AUDIT_TIME_TEXT     40

/** Where a log ends: sequence number and digest of its last line; zeros before the first. */
struct mrq_chain {
	uint64_t seq;
	uint8_t head[MRQ_BLAKE2B_BYTES];
};

/** Digest of a whole line with its newline. */
void mrq_chain_digest(const char *line, size_t len,
		      uint8_t ret[static MRQ_BLAKE2B_BYTES]);
/** Write what a line that follows `chain` begins with; returns its bytes, no NUL counted. */
size_t mrq_chain_begin(const struct mrq_chain *chain, char ret[static MRQ_CHAIN_ROOM]);
/** Read it back: the sequence number, and the digest of the line before; false when not so. */
bool mrq_chain_parse(const char *line, size_t len, uint64_t *ret_seq,
		     uint8_t ret_prev[static MRQ_BLAKE2B_BYTES]);
/** The line that ends in `line` is now the chain's end. */
void mrq_chain_follow(struct mrq_chain *chain, const char *line, size_t len);

/** RFC 3339 with microseconds, UTC. */
void mrq_audit_time_format(int64_t when_ns, char ret[static MRQ_AUDIT_TIME_TEXT]);

/** Why a checkpoint stands where it does. */
enum mrq_mark {
	MRQ_MARK_NONE,
	MRQ_MARK_GENESIS,   /* first line of a new log */
	MRQ_MARK_CONTINUES, /* first line after rotation */
	MRQ_MARK_ROTATED,   /* last line of a file that was moved away */
};
const char *mrq_mark_name(enum mrq_mark mark); /* NULL for none */

struct mrq_checkpoint {
	struct mrq_chain before; /* the end of the chain that it signs */
	const char *time;
	enum mrq_mark mark;
	const char *jws; /* NULL: unsigned */
};
/** The payload of its JWS; returns its length. */
size_t mrq_checkpoint_payload(const struct mrq_checkpoint *cp, char *ret, size_t len);
/** Its line with newline; returns its length, 0 when it does not fit. */
size_t mrq_checkpoint_line(const struct mrq_checkpoint *cp, char *ret, size_t len);
/** Is it the line of a checkpoint with this mark?  (By its text, which no value can imitate.) */
bool mrq_checkpoint_has_mark(const char *line, size_t len, enum mrq_mark mark);

#endif
