/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "base/log.h"
#include "store/audit-read.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define BUFFER ((size_t)4 * MRQ_AUDIT_LINE_MAX)

/* A writer holds the lock while a record is half written. */
static enum mrq_status
settled_size(int fd, const char *path, off_t *ret, struct mrq_error *err)
{
	struct stat st;

	while (flock(fd, LOCK_SH) < 0) {
		if (errno != EINTR)
			return mrq_fail_sys(err, "cannot lock '%s'", path);
	}
	int s = fstat(fd, &st);
	int saved = errno;
	(void)flock(fd, LOCK_UN);
	errno = saved;
	if (s < 0)
		return mrq_fail_sys(err, "cannot examine '%s'", path);
	*ret = st.st_size;
	return MRQ_OK;
}

/* MRQ_E_NOT_FOUND when there is none of that name. */
static enum mrq_status
input_open(const char *path, struct mrq_audit_input *ret, struct mrq_error *err)
{
	int fd MRQ_CLEANUP(mrq_close) =
		open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct mrq_audit_input in = { .fd = -1 };
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "there is no audit log '%s'",
				path);
	if (fd < 0)
		return mrq_fail_sys(err, "cannot open audit log '%s'", path);
	if (fstat(fd, &st) < 0)
		return mrq_fail_sys(err, "cannot examine '%s'", path);
	if (!S_ISREG(st.st_mode))
		return mrq_fail(err, MRQ_E_INVAL, "'%s' is not a regular file", path);
	MRQ_TRY(settled_size(fd, path, &in.size, err));
	in.path = strdup(path);
	if (!in.path)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to read '%s'", path);
	in.dev = st.st_dev;
	in.ino = st.st_ino;
	in.fd = MRQ_STEAL_FD(fd);
	*ret = in;
	return MRQ_OK;
}

/* PATH.n is missing: when it is there in compressed form, say so. */
static void
name_compressed(const char *path, unsigned n)
{
	static const char *const endings[] = { "gz", "xz", "zst", "bz2" };
	char name[PATH_MAX];

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		(void)snprintf(name, sizeof(name), "%s.%u.%s", path, n, endings[i]);
		if (access(name, F_OK) == 0)
			mrq_log(MRQ_LOG_NOTICE,
				"'%s' and older are compressed and were not read; "
				"decompress them first",
				name);
	}
}

static void
reverse(struct mrq_audit_inputs *inputs)
{
	for (size_t i = 0; i < inputs->n / 2; i++) {
		struct mrq_audit_input t = inputs->items[i];
		inputs->items[i] = inputs->items[inputs->n - 1 - i];
		inputs->items[inputs->n - 1 - i] = t;
	}
}

/* Newest first: a rotation meanwhile shows a file twice, never hides one. */
static enum mrq_status
collect(const char *path, struct mrq_audit_inputs *inputs, struct mrq_error *err)
{
	char name[PATH_MAX];

	for (unsigned i = 0; i < MRQ_AUDIT_FILES_MAX; i++) {
		int len = i == 0 ? snprintf(name, sizeof(name), "%s", path)
				 : snprintf(name, sizeof(name), "%s.%u", path, i);
		if (len < 0 || (size_t)len >= sizeof(name))
			return mrq_fail(err, MRQ_E_LIMIT,
					"the path '%.64s...' is too long", path);
		struct mrq_audit_input *in = &inputs->items[inputs->n];
		enum mrq_status s = input_open(name, in, err);
		if (s == MRQ_E_NOT_FOUND && i == 0)
			continue; /* between a rotation and the next record */
		if (s == MRQ_E_NOT_FOUND) {
			name_compressed(path, i);
			break;
		}
		MRQ_TRY(s);
		inputs->n++;
		if (inputs->n > 1 && in[-1].dev == in->dev && in[-1].ino == in->ino) {
			inputs->n--;
			(void)close(in->fd);
			free(in->path);
		}
	}
	return inputs->n > 0 ? MRQ_OK
			     : mrq_fail(err, MRQ_E_NOT_FOUND,
					"there is no audit log '%s'", path);
}

enum mrq_status
mrq_audit_inputs_open(const char *path, struct mrq_audit_inputs *ret,
		      struct mrq_error *err)
{
	struct mrq_audit_inputs inputs MRQ_CLEANUP(mrq_audit_inputs_clear) = { 0 };

	inputs.items = calloc(MRQ_AUDIT_FILES_MAX, sizeof(*inputs.items));
	if (!inputs.items)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to read '%s'", path);
	MRQ_TRY(collect(path, &inputs, err));
	reverse(&inputs);
	*ret = inputs;
	inputs = (struct mrq_audit_inputs){ 0 };
	return MRQ_OK;
}

void
mrq_audit_inputs_clear(struct mrq_audit_inputs *inputs)
{
	for (size_t i = 0; i < inputs->n; i++) {
		(void)close(inputs->items[i].fd);
		free(inputs->items[i].path);
	}
	free(inputs->items);
	*inputs = (struct mrq_audit_inputs){ 0 };
}

struct mrq_line_reader {
	const struct mrq_audit_input *input;
	off_t off; /* of what was not read yet */
	uint64_t number;
	size_t start, end; /* of what is in buf */
	char buf[BUFFER];
};

enum mrq_status
mrq_line_reader_new(const struct mrq_audit_input *input, struct mrq_line_reader **ret,
		    struct mrq_error *err)
{
	struct mrq_line_reader *r = malloc(sizeof(*r));

	if (!r)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to read '%s'",
				input->path);
	r->input = input;
	r->off = 0;
	r->number = 0;
	r->start = r->end = 0;
	*ret = r;
	return MRQ_OK;
}

void
mrq_line_reader_free(struct mrq_line_reader *reader)
{
	free(reader);
}

static enum mrq_status
fill(struct mrq_line_reader *r, struct mrq_error *err)
{
	off_t left = r->input->size - r->off;
	size_t got;

	memmove(r->buf, r->buf + r->start, r->end - r->start);
	r->end -= r->start;
	r->start = 0;
	size_t room = BUFFER - r->end;
	if (left < (off_t)room)
		room = left > 0 ? (size_t)left : 0;
	MRQ_TRY(mrq_pread_upto(r->input->fd, r->buf + r->end, room, r->off, &got,
			       r->input->path, err));
	r->off = got < room ? r->input->size : r->off + (off_t)got;
	r->end += got;
	return MRQ_OK;
}

/* The rest of a line that does not fit. */
static enum mrq_status
skip_long(struct mrq_line_reader *r, struct mrq_error *err)
{
	for (;;) {
		char *newline = memchr(r->buf + r->start, '\n', r->end - r->start);
		if (newline) {
			r->start = (size_t)(newline - r->buf) + 1;
			return MRQ_OK;
		}
		r->start = r->end;
		if (r->off >= r->input->size)
			return MRQ_OK;
		MRQ_TRY(fill(r, err));
	}
}

static struct mrq_line
take(struct mrq_line_reader *r, size_t len, enum mrq_line_kind kind)
{
	struct mrq_line line = { .kind = kind,
				 .text = r->buf + r->start,
				 .len = len,
				 .number = ++r->number };

	r->start += len;
	return line;
}

enum mrq_status
mrq_line_reader_next(struct mrq_line_reader *r, struct mrq_line *ret, bool *ret_more,
		     struct mrq_error *err)
{
	for (;;) {
		size_t have = r->end - r->start;
		size_t look = have < MRQ_AUDIT_LINE_MAX ? have : MRQ_AUDIT_LINE_MAX;
		const char *newline = memchr(r->buf + r->start, '\n', look);

		*ret_more = true;
		if (newline) {
			size_t len = (size_t)(newline - (r->buf + r->start)) + 1;
			*ret = take(r, len, MRQ_LINE_WHOLE);
			return MRQ_OK;
		}
		if (have >= MRQ_AUDIT_LINE_MAX) {
			*ret = take(r, 0, MRQ_LINE_LONG);
			return skip_long(r, err);
		}
		if (r->off >= r->input->size) {
			*ret_more = have > 0;
			*ret = take(r, have, MRQ_LINE_TORN);
			return MRQ_OK;
		}
		MRQ_TRY(fill(r, err));
	}
}
