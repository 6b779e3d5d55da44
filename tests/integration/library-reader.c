/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads protected files by the library alone, for tests/lib/tamper.py.
 *
 * usage: library-reader STATE CONFIG UID GID
 *
 * Commands are lines of standard input; each has one line for an answer, "STATUS N".
 *	open PATH       decides for that account and opens; N: bytes of plaintext
 *	read OFF LEN    N bytes follow the line
 *	close
 * It is one session, as a mount is one, and ends with the input.
 */
#include <marque/marque.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_MAX (1u << 20) /* bytes of one read */

struct reader {
	struct mrq_session *session;
	struct mrq_caller caller;
	struct mrq_file *file;
	struct mrq_handle *handle;
	uint8_t *buf;
};

static void
answer(enum mrq_status status, uint64_t n, const struct mrq_error *err)
{
	if (status != MRQ_OK)
		fprintf(stderr, "library-reader: %s\n", err->msg);
	printf("%s %" PRIu64 "\n", mrq_status_name(status), status == MRQ_OK ? n : 0);
}

static void
reader_close(struct reader *r)
{
	mrq_handle_free(r->handle);
	mrq_file_free(r->file);
	r->handle = NULL;
	r->file = NULL;
}

static void
reader_open(struct reader *r, const char *path)
{
	struct mrq_facts facts = { .size = 0 };
	struct mrq_error err = { .status = MRQ_OK };
	int fd = open(path, O_RDWR | O_CLOEXEC); /* who could write must not */

	reader_close(r);
	if (fd < 0) {
		answer(MRQ_E_SYS, 0, &err);
		return;
	}
	enum mrq_status s = mrq_file_attach(r->session, fd, path, &r->file, &err);
	if (s != MRQ_OK)
		(void)close(fd);
	else
		s = mrq_file_open(r->file, &r->caller, MRQ_REQUEST_READ, path,
				  &r->handle, &err);
	if (s == MRQ_OK)
		mrq_file_facts(r->file, &facts);
	answer(s, facts.size, &err);
}

static void
reader_read(struct reader *r, uint64_t off, uint64_t len)
{
	struct mrq_error err = { .status = MRQ_OK };
	enum mrq_status s = MRQ_E_INVAL;
	size_t n = 0;

	if (r->handle && len <= READ_MAX)
		s = mrq_file_read(r->file, r->buf, (size_t)len, off, &n, &err);
	answer(s, n, &err);
	if (s == MRQ_OK)
		(void)fwrite(r->buf, 1, n, stdout);
}

static void
serve(struct reader *r)
{
	char line[4200];
	uint64_t off, len;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "open ", 5) == 0) {
			reader_open(r, line + 5);
		} else if (sscanf(line, "read %" SCNu64 " %" SCNu64, &off, &len) == 2) {
			reader_read(r, off, len);
		} else {
			reader_close(r);
			answer(MRQ_OK, 0, NULL);
		}
		(void)fflush(stdout);
	}
}

int
main(int argc, char **argv)
{
	struct reader r = { .session = NULL };
	struct mrq_error err;

	if (argc != 5)
		return 2;
	struct mrq_session_options options = { .state_dir = argv[1],
					       .config_file = argv[2],
					       .keys = MRQ_SESSION_KEYS };
	r.caller.uid = (uid_t)strtoul(argv[3], NULL, 10);
	r.caller.gid = (gid_t)strtoul(argv[4], NULL, 10);
	r.buf = malloc(READ_MAX);
	if (!r.buf || mrq_session_open(&options, &r.session, &err) != MRQ_OK) {
		fprintf(stderr, "library-reader: %s\n", r.buf ? err.msg : "no memory");
		free(r.buf);
		return 1;
	}
	serve(&r);
	reader_close(&r);
	mrq_session_free(r.session);
	free(r.buf);
	return 0;
}
