/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store-test.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"

static int
listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static ssize_t
take(int fd, char *buf, size_t len)
{
	ssize_t n = recv(fd, buf, len - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static struct mrq_audit_log *
open_with(const struct place *p, unsigned sinks, const char *socket_path)
{
	struct mrq_audit_options options = { .path = p->log,
					     .sinks = sinks,
					     .host = "host.example",
					     .journald_socket = socket_path,
					     .syslog_socket = socket_path };
	struct mrq_audit_log *log = NULL;
	struct mrq_error err = { 0 };

	check_ok(mrq_audit_log_open(&options, &log, &err), &err);
	return log;
}

static void
journald_gets_native_fields(void **state)
{
	struct place *p = *state;
	char path[96], buf[65536];
	struct mrq_error err = { 0 };

	(void)snprintf(path, sizeof(path), "%s/journal", p->dir);
	int fd = listen_at(path);
	struct mrq_audit_log *log = open_with(p, MRQ_AUDIT_SINK_JOURNALD, path);
	struct mrq_audit_record r = sample_record("two\nlines");
	check_ok(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, &err), &err);
	mrq_audit_log_close(log);
	ssize_t n = take(fd, buf, sizeof(buf));
	assert_true(n > 0);
	assert_non_null(
		strstr(buf, "MESSAGE=open granted: two?lines by ann@example.com\n"));
	assert_non_null(strstr(buf, "PRIORITY=6\n"));
	assert_non_null(strstr(buf, "SYSLOG_IDENTIFIER=marque\n"));
	assert_non_null(strstr(buf, "MARQUE_EVENT=open\n"));
	assert_non_null(strstr(buf, "MARQUE_UID=1000\n"));
	assert_non_null(strstr(buf, "MARQUE_CACHED=0\n"));
	/* Name, newline, length in little-endian, bytes, newline. */
	static const char binary[] = "\nMARQUE_PATH\n\x09\0\0\0\0\0\0\0two\nlines\n";
	assert_non_null(memmem(buf, (size_t)n, binary, sizeof(binary) - 1));
	(void)close(fd);
}

static void
syslog_gets_rfc_5424(void **state)
{
	struct place *p = *state;
	char path[96], buf[65536], start[160];
	struct mrq_error err = { 0 };

	(void)snprintf(path, sizeof(path), "%s/log", p->dir);
	int fd = listen_at(path);
	struct mrq_audit_log *log = open_with(p, MRQ_AUDIT_SINK_SYSLOG, path);
	struct mrq_audit_record r = sample_record("x");
	r.granted = false;
	r.status = MRQ_E_DENIED;
	check_ok(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, &err), &err);
	mrq_audit_log_close(log);
	assert_true(take(fd, buf, sizeof(buf)) > 0);
	(void)snprintf(
		start, sizeof(start),
		"<84>1 2026-03-01T10:00:00.123456Z host.example marque %ld open - "
		"@cee:{\"seq\":2,\"prev\":\"",
		(long)getpid());
	assert_memory_equal(buf, start, strlen(start));
	assert_int_equal(buf[strlen(buf) - 1], '}');
	(void)close(fd);
}

static unsigned notices;

static void
count_notices(enum mrq_log_level level, const char *msg, void *arg)
{
	(void)level;
	(void)msg;
	(void)arg;
	notices++;
}

/* The file is the log: a service that is away is told of once, and found again. */
static void
a_missing_service_does_not_hold_anything_up(void **state)
{
	struct place *p = *state;
	char path[96], buf[65536];

	(void)snprintf(path, sizeof(path), "%s/journal", p->dir);
	struct mrq_audit_log *log =
		open_with(p, MRQ_AUDIT_SINK_JOURNALD | MRQ_AUDIT_SINK_SYSLOG, path);
	mrq_log_set_sink(count_notices, MRQ_LOG_NOTICE, NULL);
	notices = 0;
	append_n(log, 5);
	assert_int_equal(notices, 2);
	int fd = listen_at(path);
	append_n(log, 2);
	assert_int_equal(notices, 4);
	for (int i = 0; i < 4; i++)
		assert_true(take(fd, buf, sizeof(buf)) > 0);
	/* A full socket is not waited for. */
	append_n(log, 500);
	mrq_log_set_sink(NULL, MRQ_LOG_ERROR, NULL);
	mrq_audit_log_close(log);
	assert_int_equal(count_lines(p->log), 1 + 5 + 2 + 500 + 1);
	(void)close(fd);
}

static void
a_path_too_long_is_refused(void **state)
{
	struct place *p = *state;
	char path[200];
	struct mrq_error err = { 0 };
	struct mrq_audit_log *log = NULL;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	struct mrq_audit_options options = { .path = p->log,
					     .sinks = MRQ_AUDIT_SINK_SYSLOG,
					     .syslog_socket = path };
	check_status(mrq_audit_log_open(&options, &log, &err), MRQ_E_CONFIG, &err);
}

/* The record that the file refused still reaches the services. */
static void
services_get_what_the_file_refused(void **state)
{
	struct place *p = *state;
	char path[96], buf[65536];
	struct mrq_error err = { 0 };

	(void)snprintf(path, sizeof(path), "%s/log", p->dir);
	int fd = listen_at(path);
	(void)snprintf(p->log, sizeof(p->log), "/dev/full");
	struct mrq_audit_log *log = open_with(p, MRQ_AUDIT_SINK_SYSLOG, path);
	struct mrq_audit_record r = sample_record("x");
	check_status(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, &err), MRQ_E_AUDIT,
		     &err);
	mrq_audit_log_close(log);
	assert_true(take(fd, buf, sizeof(buf)) > 0);
	assert_non_null(strstr(buf, "@cee:{\"time\":"));
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(journald_gets_native_fields),
		PLACE_TEST(syslog_gets_rfc_5424),
		PLACE_TEST(a_missing_service_does_not_hold_anything_up),
		PLACE_TEST(a_path_too_long_is_refused),
		PLACE_TEST(services_get_what_the_file_refused),
	};
	return CHECK_MAIN(tests);
}
