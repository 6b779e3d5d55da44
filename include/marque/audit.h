/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_AUDIT_H
#define MARQUE_AUDIT_H

/*
 * The audit log: one JSON object a line, hash-chained, with signed checkpoints.
 * marque-audit(5) specifies it.
 */
#include <marque/error.h>
#include <marque/rights.h>
#include <marque/types.h>

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What happened.  Names (mrq_audit_event_name) are the vocabulary of marque-audit(5). */
enum mrq_audit_event {
	MRQ_AUDIT_START, /* a mount or session begins */
	MRQ_AUDIT_STOP,
	MRQ_AUDIT_OPEN,   /* decision on an open */
	MRQ_AUDIT_CREATE, /* new protected file */
	MRQ_AUDIT_TRUNCATE,
	MRQ_AUDIT_DELETE,
	MRQ_AUDIT_RENAME,
	MRQ_AUDIT_LABEL,     /* label set, changed, removed */
	MRQ_AUDIT_PROTECT,   /* protection set or changed */
	MRQ_AUDIT_UNPROTECT, /* protection removed */
	MRQ_AUDIT_REWRAP,
	MRQ_AUDIT_DAMAGE,   /* authentication of data failed */
	MRQ_AUDIT_ROLLBACK, /* an older version was put back */
	MRQ_AUDIT_REVOKE,
	MRQ_AUDIT_UNREVOKE,
	MRQ_AUDIT_LICENCE,    /* a use licence was fetched */
	MRQ_AUDIT_PUBLISH,    /* a publishing licence was minted */
	MRQ_AUDIT_ADMIN,      /* a change in the authority */
	MRQ_AUDIT_RIGHTS,     /* the rights of others were listed */
	MRQ_AUDIT_GAP,        /* records were lost, with their number */
	MRQ_AUDIT_CHECKPOINT, /* written by the log itself; appending one is MRQ_E_INVAL */
};

/** One record.  NULL strings and nil ids are left out of the line. */
struct mrq_audit_record {
	enum mrq_audit_event event;
	int64_t when_ns;      /* Unix nanoseconds UTC; 0: now */
	uid_t uid, login_uid; /* (uid_t)-1: unknown */
	pid_t pid;
	const char *mount;          /* mount point */
	const char *principal;      /* mail */
	const char *program;        /* path of the executable */
	const char *program_digest; /* SHA-256, hex */
	enum mrq_program program_kind;
	const char *path;     /* below the mount, any bytes */
	const char *new_path; /* rename */
	struct mrq_guid file_id, content_id, label_before, label_after;
	const char *label_name; /* after */
	const char *format;     /* driver, NULL for marque */
	const char *request;    /* mrq_request_name */
	mrq_rights used;
	const char *ground; /* rule that granted */
	bool cached;        /* licence from the cache (else asked of the authority) */
	bool super_user;
	bool granted;
	enum mrq_status status;  /* when not granted */
	const char *reason;      /* sentence; justification for label changes */
	const char *correlation; /* id that runs through all parts */
	struct mrq_guid template_id;
	const char *owner, *issuer; /* mails */
	const char *acting_as;      /* mail, when principal acts for somebody else */
	const char *address;        /* of the client, numeric */
	int64_t published;          /* Unix seconds; 0: unknown */
	uint64_t lost;              /* MRQ_AUDIT_GAP: number of records */
};

MRQ_API const char *mrq_audit_event_name(enum mrq_audit_event event);

/** One line read back from a log. */
struct mrq_audit_line {
	const char *json; /* the line without its newline */
	size_t len;
	uint64_t number; /* line in the file, from 1 */
	const char *file;
};

/** Filter of a search; NULL or 0 members match all. */
struct mrq_audit_filter {
	int64_t from, to; /* Unix seconds; to 0: no end */
	const char *principal, *path, *file_id, *content_id, *event;
	int result; /* 0 both, 1 granted, 2 denied */
	bool super_user;
};

/** Called per matching line; return false to stop. */
typedef bool (*mrq_audit_visit)(const struct mrq_audit_line *line, void *arg);

/**
 * Walk a log file and its rotated predecessors PATH.1, PATH.2, ..., oldest first.  The first that is
 * missing or compressed ends the row; a compressed one is named by a notice in the log.
 * Lines that are no records are passed over, with a warning in the log.
 *
 * @filter  NULL: all.  path matches that file and all below a folder of that name
 *
 * Returns MRQ_OK; MRQ_E_NOT_FOUND without any file; MRQ_E_INVAL when not regular; MRQ_E_SYS.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_audit_search(const char *path, const struct mrq_audit_filter *filter,
		 mrq_audit_visit visit, void *arg, struct mrq_error *err);

struct mrq_audit_verdict {
	uint64_t records, checkpoints;
	uint64_t bad_line; /* first line at which the chain breaks; 0: none */
	const char *
		bad_what; /* "edited", "removed or reordered", "checkpoint forged", ...; static */
	char bad_file[256];
	uint64_t first_seq, last_seq; /* 0: no record */
	uint64_t
		unsigned_tail; /* records after the last checkpoint whose signature was verified */
	char head
		[65]; /* of the last whole line, hex: note it elsewhere to detect a cut tail */
};

/**
 * Verify chain and checkpoints of a log and its rotated predecessors.
 *
 * @public_jwk  the log's public key; NULL to check the chain alone
 * @ret         filled with MRQ_OK and MRQ_E_FORGED
 *
 * Returns MRQ_OK when whole; MRQ_E_FORGED when not; MRQ_E_NOT_FOUND, MRQ_E_INVAL, MRQ_E_SYS; those of
 * mrq_public_key_parse for a bad key.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_audit_verify(const char *path,
							const char *public_jwk,
							struct mrq_audit_verdict *ret,
							struct mrq_error *err);

enum mrq_audit_format { MRQ_AUDIT_JSON, MRQ_AUDIT_CSV, MRQ_AUDIT_W3C };
/** Write the matching records to out in a format of marque-audit(5). */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_audit_export(const char *path, const struct mrq_audit_filter *filter,
		 enum mrq_audit_format format, int out_fd, struct mrq_error *err);

#endif
