/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "fs/control.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

/* ---- a mount that only notes what it is asked ---- */

struct fake {
	uid_t uid;
	char path[64];
	bool any_path;
	unsigned flushed, reloaded, polled, drained;
	bool long_answer;
	pthread_mutex_t gate; /* flush waits for it */
	sem_t begun;          /* flush has begun */
};

static enum mrq_status
fake_why(void *arg, uid_t uid, const char *path, char *ret, size_t len,
	 struct mrq_error *err)
{
	struct fake *f = arg;

	f->uid = uid;
	f->any_path = !path;
	(void)snprintf(f->path, sizeof(f->path), "%s", path ? path : "");
	if (path && strcmp(path, "none") == 0)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "nothing was refused to you");
	(void)snprintf(ret, len, "no \"EXTRACT\"\\ for uid %u", (unsigned)uid);
	return MRQ_OK;
}

static enum mrq_status
fake_status(void *arg, struct mrq_json_out *out, struct mrq_error *err)
{
	struct fake *f = arg;

	(void)err;
	mrq_json_out_integer(out, "pid", 42);
	if (f->long_answer) {
		char *text = malloc(MRQ_CONTROL_MESSAGE_MAX + 1);
		memset(text, 'x', MRQ_CONTROL_MESSAGE_MAX);
		text[MRQ_CONTROL_MESSAGE_MAX] = '\0';
		mrq_json_out_text(out, "long", text);
		free(text);
	}
	return MRQ_OK;
}

static enum mrq_status
fake_counters(void *arg, struct mrq_json_out *out, struct mrq_error *err)
{
	(void)arg;
	mrq_json_out_raw(out, "session", "{\"decisions\":7}");
	return out->failed ? mrq_fail(err, MRQ_E_NOMEM, "no memory") : MRQ_OK;
}

static enum mrq_status
fake_flush(void *arg, struct mrq_error *err)
{
	struct fake *f = arg;

	(void)err;
	(void)sem_post(&f->begun);
	pthread_mutex_lock(&f->gate);
	f->flushed++;
	pthread_mutex_unlock(&f->gate);
	return MRQ_OK;
}

static enum mrq_status
fake_reload(void *arg, struct mrq_error *err)
{
	struct fake *f = arg;

	f->reloaded++;
	return mrq_fail(err, MRQ_E_CONFIG, "marque.conf:3: unknown name 'x'");
}

static enum mrq_status
fake_revoked(void *arg, struct mrq_error *err)
{
	struct fake *f = arg;

	(void)err;
	f->polled++;
	return MRQ_OK;
}

static enum mrq_status
fake_drain(void *arg, unsigned seconds, struct mrq_error *err)
{
	struct fake *f = arg;

	(void)err;
	f->drained = seconds;
	return MRQ_OK;
}

static const struct mrq_control_ops fake_ops = {
	fake_why,    fake_status,  fake_counters, fake_flush,
	fake_reload, fake_revoked, fake_drain,
};

/* ---- requests ---- */

static void
parses(const char *text, enum mrq_control_verb verb, const char *path, unsigned seconds)
{
	struct mrq_control_request r MRQ_CLEANUP(mrq_control_request_clear) = { 0 };
	struct mrq_error err = { 0 };

	check_ok(mrq_control_parse(text, strlen(text), &r, &err), &err);
	assert_int_equal(r.verb, verb);
	assert_int_equal(r.seconds, seconds);
	if (path)
		assert_string_equal(r.path, path);
	else
		assert_null(r.path);
}

static void
each_verb_is_understood(void **state)
{
	unsigned s = MRQ_CONTROL_DRAIN_DEFAULT;

	(void)state;
	parses("{\"verb\":\"why\"}", MRQ_CONTROL_WHY, NULL, s);
	parses(" {\"path\":\"a\\u0020b\",\"verb\":\"why\"} ", MRQ_CONTROL_WHY, "a b",
	       s);
	parses("{\"verb\":\"status\"}", MRQ_CONTROL_STATUS, NULL, s);
	parses("{\"verb\":\"counters\"}", MRQ_CONTROL_COUNTERS, NULL, s);
	parses("{\"verb\":\"flush\"}", MRQ_CONTROL_FLUSH, NULL, s);
	parses("{\"verb\":\"reload\"}", MRQ_CONTROL_RELOAD, NULL, s);
	parses("{\"verb\":\"revoked\"}", MRQ_CONTROL_REVOKED, NULL, s);
	parses("{\"verb\":\"drain\"}", MRQ_CONTROL_DRAIN, NULL, s);
	parses("{\"verb\":\"drain\",\"seconds\":0}", MRQ_CONTROL_DRAIN, NULL, 0);
	parses("{\"verb\":\"drain\",\"seconds\":100}", MRQ_CONTROL_DRAIN, NULL, 100);
}

static void
malformed_requests_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum mrq_status want;
		const char *says;
	} bad[] = {
		{ "", MRQ_E_FORMAT, "" },
		{ "x", MRQ_E_FORMAT, "" },
		{ "{", MRQ_E_FORMAT, "" },
		{ "[]", MRQ_E_INVAL, "'verb'" },
		{ "\"why\"", MRQ_E_INVAL, "'verb'" },
		{ "{}", MRQ_E_INVAL, "'verb'" },
		{ "{\"verb\":1}", MRQ_E_INVAL, "'verb'" },
		{ "{\"verb\":\"WHY\"}", MRQ_E_INVAL, "'WHY'" },
		{ "{\"verb\":\"why\"}{", MRQ_E_FORMAT, "" },
		{ "{\"verb\":\"why\",\"verb\":\"why\"}", MRQ_E_FORMAT, "twice" },
		{ "{\"verb\":\"why\",\"path\":1}", MRQ_E_INVAL, "'path'" },
		{ "{\"verb\":\"why\",\"path\":null}", MRQ_E_INVAL, "'path'" },
		{ "{\"verb\":\"why\",\"path\":\"\\u0000\"}", MRQ_E_FORMAT, "" },
		{ "{\"verb\":\"why\",\"path\":\"\xff\"}", MRQ_E_FORMAT, "" },
		{ "{\"verb\":\"why\",\"uid\":0}", MRQ_E_INVAL, "'uid'" },
		{ "{\"verb\":\"flush\",\"path\":\"a\"}", MRQ_E_INVAL, "'path'" },
		{ "{\"verb\":\"drain\",\"seconds\":101}", MRQ_E_INVAL, "'seconds'" },
		{ "{\"verb\":\"drain\",\"seconds\":-1}", MRQ_E_INVAL, "'seconds'" },
		{ "{\"verb\":\"drain\",\"seconds\":1.5}", MRQ_E_INVAL, "'seconds'" },
		{ "{\"verb\":\"drain\",\"seconds\":\"1\"}", MRQ_E_INVAL, "'seconds'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mrq_control_request r MRQ_CLEANUP(
			mrq_control_request_clear) = { 0 };
		struct mrq_error err = { 0 };
		check_status(
			mrq_control_parse(bad[i].text, strlen(bad[i].text), &r, &err),
			bad[i].want, &err);
		assert_non_null(strstr(err.msg, bad[i].says));
	}
}

static void
lengths_of_requests_are_bounded(void **state)
{
	struct mrq_control_request r MRQ_CLEANUP(mrq_control_request_clear) = { 0 };
	struct mrq_error err = { 0 };
	size_t room = MRQ_CONTROL_MESSAGE_MAX + 2;
	char *text MRQ_CLEANUP(free) = calloc(1, room);

	(void)state;
	memset(text, ' ', room - 1);
	check_status(mrq_control_parse(text, room - 1, &r, &err), MRQ_E_LIMIT, &err);
	int n = snprintf(text, room, "{\"verb\":\"why\",\"path\":\"%*s\"}",
			 (int)MRQ_CONTROL_PATH_MAX, "a");
	check_status(mrq_control_parse(text, (size_t)n, &r, &err), MRQ_E_LIMIT, &err);
}

static void
who_may_ask_what(void **state)
{
	const struct mrq_control_mount mount = { &fake_ops, NULL, 1000, "/mnt/x" };
	struct mrq_error err = { 0 };

	(void)state;
	for (int v = MRQ_CONTROL_WHY; v <= MRQ_CONTROL_DRAIN; v++) {
		enum mrq_control_verb verb = (enum mrq_control_verb)v;
		check_ok(mrq_control_allow(&mount, 0, verb, &err), &err);
		check_ok(mrq_control_allow(&mount, 1000, verb, &err), &err);
		bool free_for_all = v <= MRQ_CONTROL_COUNTERS;
		check_status(mrq_control_allow(&mount, 1001, verb, &err),
			     free_for_all ? MRQ_OK : MRQ_E_DENIED, &err);
		assert_true(mrq_control_is_slow(verb) == !free_for_all);
	}
}

static void
answer_is(struct fake *f, uid_t uid, const char *request, const char *want)
{
	const struct mrq_control_mount mount = { &fake_ops, f, 0, "/mnt/x" };
	struct mrq_control_request r MRQ_CLEANUP(mrq_control_request_clear) = { 0 };
	struct mrq_error err = { 0 };

	check_ok(mrq_control_parse(request, strlen(request), &r, &err), &err);
	char *answer MRQ_CLEANUP(free) = mrq_control_serve(&mount, uid, &r);
	assert_string_equal(answer, want);
}

static void
each_verb_is_answered(void **state)
{
	struct fake f = { .gate = PTHREAD_MUTEX_INITIALIZER };

	(void)state;
	answer_is(&f, 5, "{\"verb\":\"why\"}",
		  "{\"status\":\"ok\",\"why\":\"no \\\"EXTRACT\\\"\\\\ for uid 5\"}");
	assert_true(f.any_path);
	answer_is(&f, 5, "{\"verb\":\"status\"}", "{\"status\":\"ok\",\"pid\":42}");
	answer_is(&f, 5, "{\"verb\":\"counters\"}",
		  "{\"status\":\"ok\",\"session\":{\"decisions\":7}}");
	answer_is(&f, 0, "{\"verb\":\"flush\"}", "{\"status\":\"ok\"}");
	answer_is(&f, 0, "{\"verb\":\"revoked\"}", "{\"status\":\"ok\"}");
	answer_is(&f, 0, "{\"verb\":\"drain\",\"seconds\":9}", "{\"status\":\"ok\"}");
	answer_is(&f, 0, "{\"verb\":\"reload\"}",
		  "{\"status\":\"config\",\"message\":\"marque.conf:3: unknown name "
		  "'x'\"}");
	assert_int_equal(f.flushed + f.polled + f.reloaded, 3);
	assert_int_equal(f.drained, 9);
}

static void
paths_are_those_below_the_mount(void **state)
{
	static const struct {
		const char *given, *want;
	} paths[] = {
		{ "a/b", "a/b" },  { "/mnt/x/a/b", "a/b" }, { "/mnt/x", "" },
		{ "/mnt/x/", "" }, { "/mnt/x//a", "a" },    { "", "" },
	};
	struct fake f = { 0 };
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"verb\":\"why\",\"path\":\"%s\"}",
			       paths[i].given);
		answer_is(&f, 5, text,
			  "{\"status\":\"ok\",\"why\":\"no \\\"EXTRACT\\\"\\\\ for uid "
			  "5\"}");
		assert_false(f.any_path);
		assert_string_equal(f.path, paths[i].want);
	}
	answer_is(&f, 5, "{\"verb\":\"why\",\"path\":\"/mnt/xy\"}",
		  "{\"status\":\"invalid\",\"message\":\"'/mnt/xy' is not below "
		  "'/mnt/x'\"}");
	answer_is(&f, 5, "{\"verb\":\"why\",\"path\":\"none\"}",
		  "{\"status\":\"not-found\",\"message\":\"nothing was refused to "
		  "you\"}");
}

static void
a_long_answer_becomes_a_refusal(void **state)
{
	struct fake f = { .long_answer = true };

	(void)state;
	answer_is(&f, 5, "{\"verb\":\"status\"}",
		  "{\"status\":\"limit\",\"message\":\"the answer is longer than 65536 "
		  "bytes\"}");
}

/* ---- the socket ---- */

struct fixture {
	struct fake fake;
	struct mrq_control *control;
	char folder[32];
	int dirfd;
};

static void
fixture_begin(struct fixture *f)
{
	struct mrq_error err = { 0 };
	const struct mrq_control_mount mount = { &fake_ops, &f->fake, geteuid(),
						 "/mnt/x" };

	*f = (struct fixture){ .folder = "/tmp/marque-test-XXXXXX" };
	pthread_mutex_init(&f->fake.gate, NULL);
	assert_int_equal(sem_init(&f->fake.begun, 0, 0), 0);
	assert_non_null(mkdtemp(f->folder));
	f->dirfd = open(f->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* A leftover of a crash. */
	int left = openat(f->dirfd, "0-9.sock", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(left >= 0);
	(void)close(left);
	check_ok(mrq_control_new(f->dirfd, "0-9.sock", &mount, &f->control, &err),
		 &err);
	check_ok(mrq_control_start(f->control, &err), &err);
}

static void
fixture_end(struct fixture *f)
{
	struct stat st;

	mrq_control_free(f->control);
	assert_int_not_equal(fstatat(f->dirfd, "0-9.sock", &st, 0), 0);
	(void)close(f->dirfd);
	assert_int_equal(rmdir(f->folder), 0);
}

static int
call(const struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/0-9.sock",
		       f->folder);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
say(int fd, const char *request)
{
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL),
			 strlen(request));
}

static void
hears(int fd, const char *want)
{
	char answer[256] = "";
	ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);

	assert_true(n >= 0);
	assert_string_equal(answer, want);
	(void)close(fd);
}

static void
the_socket_is_open_to_all(void **state)
{
	struct fixture f;
	struct stat st;

	(void)state;
	fixture_begin(&f);
	assert_int_equal(fstatat(f.dirfd, "0-9.sock", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0666);
	fixture_end(&f);
}

static void
one_request_gets_one_answer(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	int fd = call(&f);
	say(fd, "{\"verb\":\"status\"}");
	hears(fd, "{\"status\":\"ok\",\"pid\":42}");
	fd = call(&f);
	say(fd, "nonsense");
	char answer[256] = "";
	assert_true(recv(fd, answer, sizeof(answer) - 1, 0) > 0);
	assert_memory_equal(answer, "{\"status\":\"format\"", 18);
	/* And then the connection is over. */
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 0);
	(void)close(fd);
	fixture_end(&f);
}

static void
the_uid_comes_from_the_kernel(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	f.fake.uid = (uid_t)-1;
	int fd = call(&f);
	say(fd, "{\"verb\":\"why\"}");
	char answer[256];
	assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
	(void)close(fd);
	assert_int_equal(f.fake.uid, geteuid());
	fixture_end(&f);
}

static void
a_request_too_long_is_refused(void **state)
{
	struct fixture f;
	size_t len = MRQ_CONTROL_MESSAGE_MAX + 1;
	char *text MRQ_CLEANUP(free) = malloc(len);

	(void)state;
	fixture_begin(&f);
	memset(text, ' ', len);
	int fd = call(&f);
	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
	hears(fd, "{\"status\":\"limit\",\"message\":\"a request is longer than 65536 "
		  "bytes\"}");
	fixture_end(&f);
}

static void
descriptors_sent_along_are_dropped(void **state)
{
	struct fixture f;
	int pipes[2];
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	char text[] = "{\"verb\":\"status\"}";
	struct iovec part = { text, sizeof(text) - 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	(void)state;
	fixture_begin(&f);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	memcpy(CMSG_DATA(&control.head), &pipes[1], sizeof(int));
	int fd = call(&f);
	assert_true(sendmsg(fd, &message, MSG_NOSIGNAL) > 0);
	hears(fd, "{\"status\":\"ok\",\"pid\":42}");
	(void)close(pipes[1]);
	struct pollfd p = { .fd = pipes[0] };
	assert_int_equal(poll(&p, 1, -1), 1); /* no writer is left */
	(void)close(pipes[0]);
	fixture_end(&f);
}

static void
silent_clients_and_slow_work_hold_nobody(void **state)
{
	struct fixture f;
	int silent[4];

	(void)state;
	fixture_begin(&f);
	for (size_t i = 0; i < 4; i++)
		silent[i] = call(&f);
	pthread_mutex_lock(&f.fake.gate);
	int slow = call(&f);
	say(slow, "{\"verb\":\"flush\"}");
	int fd = call(&f);
	say(fd, "{\"verb\":\"status\"}");
	hears(fd, "{\"status\":\"ok\",\"pid\":42}");
	int queued = call(&f);
	say(queued, "{\"verb\":\"revoked\"}");
	pthread_mutex_unlock(&f.fake.gate);
	hears(slow, "{\"status\":\"ok\"}");
	hears(queued, "{\"status\":\"ok\"}");
	assert_int_equal(f.fake.flushed, 1);
	assert_int_equal(f.fake.polled, 1);
	for (size_t i = 0; i < 4; i++)
		(void)close(silent[i]);
	fixture_end(&f);
}

static void
a_client_that_leaves_is_forgotten(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	for (int i = 0; i < 2 * MRQ_CONTROL_CLIENTS_MAX; i++) {
		int fd = call(&f);
		if (i % 4 == 1)
			say(fd, "{\"verb\":\"revoked\"}");
		(void)close(fd);
	}
	int fd = call(&f);
	say(fd, "{\"verb\":\"status\"}");
	hears(fd, "{\"status\":\"ok\",\"pid\":42}");
	fixture_end(&f);
}

static void
too_many_clients_are_turned_away(void **state)
{
	struct fixture f;
	int most = geteuid() == 0 ? MRQ_CONTROL_CLIENTS_MAX : MRQ_CONTROL_CLIENTS_USER;
	int fds[MRQ_CONTROL_CLIENTS_MAX];

	(void)state;
	fixture_begin(&f);
	for (int i = 0; i < most; i++)
		fds[i] = call(&f);
	int fd = call(&f);
	hears(fd, "{\"status\":\"busy\",\"message\":\"too many callers; try again\"}");
	for (int i = 0; i < most; i++)
		(void)close(fds[i]);
	fixture_end(&f);
}

static void
an_answer_is_sent_before_the_end(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	pthread_mutex_lock(&f.fake.gate);
	int slow = call(&f);
	say(slow, "{\"verb\":\"flush\"}");
	while (sem_wait(&f.fake.begun) != 0)
		;
	pthread_mutex_unlock(&f.fake.gate);
	fixture_end(&f);
	hears(slow, "{\"status\":\"ok\"}");
}

/* The device number of a mount that is gone serves the next one, while the first daemon ends. */
static void
who_ends_leaves_the_socket_of_the_next_mount(void **state)
{
	struct fixture f;
	struct mrq_error err = { 0 };
	struct mrq_control *former;

	(void)state;
	fixture_begin(&f);
	former = f.control;
	const struct mrq_control_mount mount = { &fake_ops, &f.fake, geteuid(),
						 "/mnt/y" };
	check_ok(mrq_control_new(f.dirfd, "0-9.sock", &mount, &f.control, &err), &err);
	check_ok(mrq_control_start(f.control, &err), &err);
	mrq_control_free(former);
	int fd = call(&f);
	say(fd, "{\"verb\":\"status\"}");
	hears(fd, "{\"status\":\"ok\",\"pid\":42}");
	fixture_end(&f);
}

static void
the_name_tells_the_device(void **state)
{
	char name[MRQ_CONTROL_NAME_MAX];

	(void)state;
	mrq_control_name(0, 53, name);
	assert_string_equal(name, "0-53.sock");
	mrq_control_name(4294967295u, 4294967295u, name);
	assert_string_equal(name, "4294967295-4294967295.sock");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_verb_is_understood),
		cmocka_unit_test(malformed_requests_are_refused),
		cmocka_unit_test(lengths_of_requests_are_bounded),
		cmocka_unit_test(who_may_ask_what),
		cmocka_unit_test(each_verb_is_answered),
		cmocka_unit_test(paths_are_those_below_the_mount),
		cmocka_unit_test(a_long_answer_becomes_a_refusal),
		cmocka_unit_test(the_name_tells_the_device),
		cmocka_unit_test(the_socket_is_open_to_all),
		cmocka_unit_test(one_request_gets_one_answer),
		cmocka_unit_test(the_uid_comes_from_the_kernel),
		cmocka_unit_test(a_request_too_long_is_refused),
		cmocka_unit_test(descriptors_sent_along_are_dropped),
		cmocka_unit_test(silent_clients_and_slow_work_hold_nobody),
		cmocka_unit_test(a_client_that_leaves_is_forgotten),
		cmocka_unit_test(too_many_clients_are_turned_away),
		cmocka_unit_test(an_answer_is_sent_before_the_end),
		cmocka_unit_test(who_ends_leaves_the_socket_of_the_next_mount),
	};

	return CHECK_MAIN(tests);
}
