/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_STORE_AUDIT_RECORD_H
#define MRQ_STORE_AUDIT_RECORD_H

/*
 * A record as named members, and as a JSON line.  marque-audit(5) "MEMBERS", "STRINGS".
 */
#include "store/audit-chain.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MRQ_AUDIT_PATH_MAX 4096u /* bytes that are kept of a path */

enum mrq_member_kind { MRQ_MEMBER_TEXT, MRQ_MEMBER_NUMBER, MRQ_MEMBER_FLAG };

/** One member of a record. */
struct mrq_member {
	const char *name;
	enum mrq_member_kind kind;
	const char *text; /* MRQ_MEMBER_TEXT: any bytes */
	size_t len;       /* of text, bounded */
	bool cut;         /* text was longer than its bound */
	int64_t number;   /* of a number, or a flag (0, 1) */
};
typedef void (*mrq_member_visit)(const struct mrq_member *member, void *arg);

/** Visit the members that are present, in the order of the line.  when_ns is not 0. */
void mrq_audit_members(const struct mrq_audit_record *record, const char *host,
		       mrq_member_visit visit, void *arg);

/** All names that mrq_audit_members can yield, in its order, and one NULL. */
extern const char *const mrq_audit_member_names[];

/**
 * A line in the making: the record is formatted before the lock is taken, its beginning, which
 * depends on the lines before, when it is held.
 */
struct mrq_audit_text {
	char at[MRQ_AUDIT_LINE_MAX];
	size_t start, end;
};
/** Format all but the beginning. */
void mrq_audit_text_format(struct mrq_audit_text *text,
			   const struct mrq_audit_record *record, const char *host);
/** Put the beginning in front. */
void mrq_audit_text_begin(struct mrq_audit_text *text, const struct mrq_chain *chain);

/** Well-formed UTF-8 (RFC 3629)? */
bool mrq_utf8_valid(const char *text, size_t len);

#endif
