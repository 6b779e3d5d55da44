/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit-line.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "base/file.h"

#define LINES_DEFAULT  10u
#define LINES_MAX      1000000u
#define CHUNK          65536u
#define LINE_MAX_BYTES (1u << 20) /* what is longer is no record */
#define FOLLOW_MS      250

struct tail {
	const struct cli *cli;
	const char *path;
	int fd;     /* owned */
	off_t at;   /* all before is printed, or part of `line` */
	char *line; /* owned: the unfinished line */
	size_t len;
};

static void
tail_clear(struct tail *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
	free(t->line);
}
MRQ_DEFINE_CLEANUP_VALUE(tail_clear, struct tail)

/* Offset of the first of the last n lines, found from the end backwards. */
static enum mrq_status
find_start(const struct tail *t, off_t size, uint32_t n, off_t *ret,
	   struct mrq_error *err)
{
	char chunk[CHUNK];
	off_t end = size;
	uint32_t seen = 0;

	while (end > 0) {
		size_t len = end < (off_t)sizeof(chunk) ? (size_t)end : sizeof(chunk);
		MRQ_TRY(mrq_pread_full(t->fd, chunk, len, end - (off_t)len, t->path,
				       err));
		for (size_t i = len; i > 0; i--) {
			off_t at = end - (off_t)len + (off_t)i; /* behind byte i - 1 */
			if (chunk[i - 1] == '\n' && at != size && ++seen == n) {
				*ret = at;
				return MRQ_OK;
			}
		}
		end -= (off_t)len;
	}
	*ret = 0;
	return MRQ_OK;
}

static void
print(const struct tail *t)
{
	if (t->cli->json)
		(void)printf("%.*s\n", (int)t->len, t->line);
	else
		cli_put_audit_line(stdout, t->line, t->len);
}

static void
take(struct tail *t, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n') {
			print(t);
			t->len = 0;
		} else if (t->len < LINE_MAX_BYTES) {
			t->line[t->len++] = data[i];
		}
	}
}

/* Print what has come since; *ret_more tells whether there was anything. */
static enum mrq_status
read_on(struct tail *t, struct mrq_error *err)
{
	char chunk[CHUNK];
	size_t got = 0;

	do {
		MRQ_TRY(mrq_pread_upto(t->fd, chunk, sizeof(chunk), t->at, &got,
				       t->path, err));
		take(t, chunk, got);
		t->at += (off_t)got;
	} while (got > 0);
	(void)fflush(stdout);
	return MRQ_OK;
}

static enum mrq_status
open_log(struct tail *t, struct mrq_error *err)
{
	int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "there is no audit log '%s'",
				t->path);
	if (fd < 0)
		return mrq_fail_sys(err, "cannot open audit log '%s'", t->path);
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = fd;
	t->at = 0;
	t->len = 0;
	return MRQ_OK;
}

/* Rotation puts another file at the name, or cuts this one. */
static bool
rotated(const struct tail *t)
{
	struct stat here, there;

	if (fstat(t->fd, &here) != 0 || stat(t->path, &there) != 0)
		return false;
	return here.st_ino != there.st_ino || here.st_dev != there.st_dev ||
	       here.st_size < t->at;
}

static enum mrq_status
follow(struct tail *t, struct mrq_error *err)
{
	while (!ferror(stdout)) {
		/* Ends when nobody reads any more, also while nothing comes. */
		struct pollfd reader = { .fd = STDOUT_FILENO };
		if (poll(&reader, 1, FOLLOW_MS) > 0 &&
		    (reader.revents & (POLLERR | POLLNVAL)))
			return MRQ_OK;
		bool moved = rotated(t);
		MRQ_TRY(read_on(t, err));
		if (moved)
			MRQ_TRY(open_log(t, err));
	}
	return MRQ_OK;
}

enum mrq_status
cli_audit_tail(struct cli *cli, struct mrq_error *err)
{
	struct tail t MRQ_CLEANUP(tail_clear) = { .cli = cli, .fd = -1 };
	uint32_t lines = LINES_DEFAULT;
	struct stat st;

	MRQ_TRY(cli_number(&cli->given, CLI_LINES, 1, LINES_MAX, &lines, err));
	MRQ_TRY(cli_audit_path(cli, &t.path, err));
	t.line = malloc(LINE_MAX_BYTES);
	if (!t.line)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a line");
	MRQ_TRY(open_log(&t, err));
	if (fstat(t.fd, &st) != 0 || !S_ISREG(st.st_mode))
		return mrq_fail(err, MRQ_E_INVAL, "audit log '%s' is no regular file",
				t.path);
	MRQ_TRY(find_start(&t, st.st_size, lines, &t.at, err));
	MRQ_TRY(read_on(&t, err));
	return cli_has(&cli->given, CLI_FOLLOW) ? follow(&t, err) : MRQ_OK;
}
