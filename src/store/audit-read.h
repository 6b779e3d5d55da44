/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_STORE_AUDIT_READ_H
#define MRQ_STORE_AUDIT_READ_H

/*
 * Reading audit logs: the files of a log in the order of their records, and their lines, each
 * bounded, whatever stands in them.
 */
#include "store/audit-log.h"

#include <sys/types.h>

#include <jansson.h>

#define MRQ_AUDIT_FILES_MAX 256u /* rotated files that are read */

struct mrq_audit_input {
	char *path;
	int fd;
	off_t size; /* the end of the last whole record when it was opened, or of what follows */
	dev_t dev;
	ino_t ino;
};
struct mrq_audit_inputs {
	struct mrq_audit_input *items; /* oldest first */
	size_t n;
};
MRQ_MUST_CHECK enum mrq_status mrq_audit_inputs_open(const char *path,
						     struct mrq_audit_inputs *ret,
						     struct mrq_error *err);
void mrq_audit_inputs_clear(struct mrq_audit_inputs *inputs);
MRQ_DEFINE_CLEANUP_VALUE(mrq_audit_inputs_clear, struct mrq_audit_inputs)

enum mrq_line_kind {
	MRQ_LINE_WHOLE,
	MRQ_LINE_TORN, /* the file ends without a newline */
	MRQ_LINE_LONG, /* beyond MRQ_AUDIT_LINE_MAX; len is 0 */
};
struct mrq_line {
	enum mrq_line_kind kind;
	const char *text; /* with its newline; valid until the next is read */
	size_t len;
	uint64_t number; /* in its file, from 1 */
};

struct mrq_line_reader;
MRQ_MUST_CHECK enum mrq_status mrq_line_reader_new(const struct mrq_audit_input *input,
						   struct mrq_line_reader **ret,
						   struct mrq_error *err);
void mrq_line_reader_free(struct mrq_line_reader *reader);
MRQ_DEFINE_CLEANUP(mrq_line_reader_free, struct mrq_line_reader *)
/** *ret_more is false at the end. */
MRQ_MUST_CHECK enum mrq_status mrq_line_reader_next(struct mrq_line_reader *reader,
						    struct mrq_line *ret,
						    bool *ret_more,
						    struct mrq_error *err);

static inline void
mrq_cleanup_json_decref(json_t **o)
{
	json_decref(*o);
}

/** A line as an object; NULL when it is none.  The caller releases it. */
json_t *mrq_audit_line_parse(const char *text, size_t len);
/**
 * The bytes of a text member, decoded by NAME_enc; *ret is malloc'ed with a NUL behind it, NULL when
 * the member is absent or out of memory.
 */
char *mrq_audit_line_bytes(const json_t *line, const char *name, size_t *ret_len);
/** Unix seconds; 0 when the line has no readable time. */
int64_t mrq_audit_line_time(const json_t *line);

/** As mrq_audit_search, with the parsed line. */
typedef bool (*mrq_audit_parsed_visit)(const struct mrq_audit_line *line,
				       const json_t *parsed, void *arg);
MRQ_MUST_CHECK enum mrq_status mrq_audit_each(const char *path,
					      const struct mrq_audit_filter *filter,
					      mrq_audit_parsed_visit visit, void *arg,
					      struct mrq_error *err);

#endif
