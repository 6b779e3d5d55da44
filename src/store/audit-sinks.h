/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_STORE_AUDIT_SINKS_H
#define MRQ_STORE_AUDIT_SINKS_H

/*
 * Copies of the audit log for the host's log services: journald (its native datagrams) and
 * syslog (RFC 5424).  Best effort: the file is the log.  Thread-safe, never blocks.
 */
#include "store/audit-record.h"

#include <sys/un.h>

#include <pthread.h>

struct mrq_audit_socket {
	const char *name; /* for messages */
	struct sockaddr_un address;
	int fd;        /* -1: not in use */
	uint64_t lost; /* since the last that was taken; atomic */
};

struct mrq_audit_sinks_open {
	struct mrq_audit_socket journald, syslog;
};

/** Open the sockets of options->sinks.  MRQ_E_CONFIG when a socket's path is too long. */
MRQ_MUST_CHECK enum mrq_status
mrq_audit_sinks_init(const struct mrq_audit_options *options,
		     struct mrq_audit_sinks_open *ret, struct mrq_error *err);
/** Send one record; text is its line, with or without the beginning. */
void mrq_audit_sinks_send(struct mrq_audit_sinks_open *sinks,
			  const struct mrq_audit_record *record, const char *host,
			  const struct mrq_audit_text *text);
void mrq_audit_sinks_clear(struct mrq_audit_sinks_open *sinks);

#endif
