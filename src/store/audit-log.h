/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_STORE_AUDIT_LOG_H
#define MRQ_STORE_AUDIT_LOG_H

/*
 * Writing the audit log: marque-audit(5).  Each line carries the BLAKE2b of the line before; every
 * 1024 records and at close a checkpoint signs the head of the chain.  Thread-safe.
 */
#include "base/cleanup.h"
#include "base/error.h"
#include "crypto/keyring.h"

#include <marque/audit.h>

#define MRQ_AUDIT_LINE_MAX 32768u /* bytes of a line with its newline */

enum mrq_audit_sinks { /* bit set */
		       MRQ_AUDIT_SINK_FILE = 1,
		       MRQ_AUDIT_SINK_JOURNALD =
			       2,                 /* native protocol, fields MARQUE_* */
		       MRQ_AUDIT_SINK_SYSLOG = 4, /* RFC 5424 over /dev/log */
};

struct mrq_audit_options {
	const char *path; /* of the file sink; its folder exists */
	unsigned sinks;   /* enum mrq_audit_sinks; FILE is always on */
	const char *host; /* host name */
	const struct mrq_private_key
		*signer;             /* borrowed; NULL: checkpoints without signature */
	const char *journald_socket; /* NULL: /run/systemd/journal/socket */
	const char *syslog_socket;   /* NULL: /dev/log */
};

struct mrq_audit_log;

/**
 * Open for appending (0600), continuing the chain of the last whole line; a torn last line is cut
 * off and a gap record says so.  Several processes may append to one file: an flock orders them, and
 * each re-reads the head when the file grew under it.  Nothing is written before the first append.
 *
 * Returns MRQ_OK; MRQ_E_CONFIG when the path leads to a symbolic link, to what others may write, or
 * to something that is no audit log; MRQ_E_INVAL without a path; MRQ_E_SYS; MRQ_E_NOMEM.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_audit_log_open(const struct mrq_audit_options *options, struct mrq_audit_log **ret,
		   struct mrq_error *err);

enum mrq_audit_durability {
	MRQ_AUDIT_KERNEL,  /* written */
	MRQ_AUDIT_DURABLE, /* and fdatasync'ed; concurrent callers share one */
};

/** Append one record; no allocation.  MRQ_E_AUDIT when the file sink cannot take it (also counted: the next record
 * that can be written is preceded by a gap record with the number lost). */
MRQ_MUST_CHECK enum mrq_status mrq_audit_append(struct mrq_audit_log *log,
						const struct mrq_audit_record *record,
						enum mrq_audit_durability how,
						struct mrq_error *err);

/** Reopen by name after rotation (done by itself too, when the name leads elsewhere). */
MRQ_MUST_CHECK enum mrq_status mrq_audit_log_reopen(struct mrq_audit_log *log,
						    struct mrq_error *err);
/** Writes a checkpoint when records were appended since the last. */
void mrq_audit_log_close(struct mrq_audit_log *log);
MRQ_DEFINE_CLEANUP(mrq_audit_log_close, struct mrq_audit_log *)

#endif
