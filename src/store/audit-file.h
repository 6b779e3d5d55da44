/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_STORE_AUDIT_FILE_H
#define MRQ_STORE_AUDIT_FILE_H

/*
 * The file under an audit log: opened safely, locked against other processes, read from its
 * end, and written in whole lines.  Knows nothing of signing or rotation.
 */
#include "store/audit-chain.h"

#include <sys/types.h>

#include <stdbool.h>

#define MRQ_AUDIT_SIZE_UNKNOWN ((off_t)-1)

struct mrq_audit_file {
	int fd;       /* -1: none */
	bool regular; /* else a device: no size, no end to read back */
	dev_t dev;
	ino_t ino;
	off_t size; /* where this process left its end */
};

/**
 * Open for reading and appending, made with 0600 (O_CREAT in flags) whatever the thread's umask
 * and file-system identity.  MRQ_E_CONFIG as mrq_audit_log_open; MRQ_E_NOT_FOUND without O_CREAT.
 */
MRQ_MUST_CHECK enum mrq_status mrq_audit_file_open(const char *path, int flags,
						   struct mrq_audit_file *ret,
						   struct mrq_error *err);
void mrq_audit_file_close(struct mrq_audit_file *file);
MRQ_DEFINE_CLEANUP_VALUE(mrq_audit_file_close, struct mrq_audit_file)

/** Does the name still lead to this file? */
bool mrq_audit_file_is_at(const struct mrq_audit_file *file, const char *path);

MRQ_MUST_CHECK enum mrq_status mrq_audit_file_lock(const struct mrq_audit_file *file,
						   const char *path,
						   struct mrq_error *err);
void mrq_audit_file_unlock(const struct mrq_audit_file *file);

/** What stands at the end of a file. */
struct mrq_audit_tail {
	struct mrq_chain chain; /* after the last whole line */
	off_t end;              /* where that line ends; 0: there is none */
	uint64_t unreadable;    /* whole lines at the end that are no records */
	bool rotated;           /* the last line says that the file was moved away */
};
/** Read the tail of the first `size` bytes.  MRQ_E_AUDIT when no record is found near the end. */
MRQ_MUST_CHECK enum mrq_status mrq_audit_file_tail(const struct mrq_audit_file *file,
						   off_t size, const char *path,
						   struct mrq_audit_tail *ret,
						   struct mrq_error *err);

/**
 * Append whole lines, under the lock; file->size is where the file ends.  On failure what was
 * written is cut off again: MRQ_E_AUDIT with what to do.
 */
MRQ_MUST_CHECK enum mrq_status mrq_audit_file_write(struct mrq_audit_file *file,
						    const char *path, const char *text,
						    size_t len, struct mrq_error *err);
/** MRQ_E_AUDIT with the text of errno and what to do about it. */
enum mrq_status mrq_audit_file_fail(const char *verb, const char *path, int error,
				    struct mrq_error *err);

#endif
