/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "fs/exit.h"
#include "fs/ready.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Run `child` behind a fork of ours, as the daemon does; yields the parent's exit status and stderr. */
static int
run(void (*child)(struct mrq_ready *ready), char *said, size_t len)
{
	int pipes[2], status = 0;
	size_t got = 0;
	ssize_t n;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		struct mrq_ready ready;
		struct mrq_error err;
		(void)dup2(pipes[1], STDERR_FILENO);
		if (mrq_ready_fork(&ready, &err) != MRQ_OK)
			_exit(99);
		child(&ready);
		_exit(0);
	}
	(void)close(pipes[1]);
	while (got + 1 < len && (n = read(pipes[0], said + got, len - 1 - got)) > 0)
		got += (size_t)n;
	said[got] = '\0';
	(void)close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
child_done(struct mrq_ready *ready)
{
	mrq_ready_done(ready, NULL);
	/* Ours is /dev/null by now: nothing of this may be heard. */
	(void)!write(STDERR_FILENO, "late", 4);
}

static void
child_fails(struct mrq_ready *ready)
{
	mrq_ready_fail(ready, 5, "container 'x' is damaged");
	mrq_ready_fail(ready, 1, "said twice");
}

static void
child_fails_at_length(struct mrq_ready *ready)
{
	char text[4096];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	mrq_ready_fail(ready, 3, text);
}

static void
child_exits(struct mrq_ready *ready)
{
	(void)ready;
	_exit(7);
}

static void
child_dies(struct mrq_ready *ready)
{
	(void)ready;
	(void)raise(SIGKILL);
}

static void
the_parent_ends_as_the_daemon_tells(void **state)
{
	char said[8192];

	(void)state;
	assert_int_equal(run(child_done, said, sizeof(said)), 0);
	assert_string_equal(said, "");
	assert_int_equal(run(child_fails, said, sizeof(said)), 5);
	assert_string_equal(said, "marquefs: container 'x' is damaged\n");
	assert_int_equal(run(child_fails_at_length, said, sizeof(said)), 3);
	assert_int_equal(strlen(said), strlen("marquefs: \n") + 511);
	assert_int_equal(run(child_exits, said, sizeof(said)), 1);
	assert_non_null(strstr(said, "with status 7"));
	assert_int_equal(run(child_dies, said, sizeof(said)), 1);
	assert_non_null(strstr(said, "by signal 9"));
}

static void
a_service_manager_is_told(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct mrq_ready ready = { .fd = -1 };
	char name[64], text[64] = "";
	socklen_t len = sizeof(sa_family_t);
	int fd MRQ_CLEANUP(mrq_close) = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	/* The kernel picks an abstract name. */
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	len = sizeof(address);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	int n = (int)(len - offsetof(struct sockaddr_un, sun_path));
	(void)snprintf(name, sizeof(name), "@%.*s", n - 1, address.sun_path + 1);
	mrq_ready_done(&ready, name);
	assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), 7);
	assert_string_equal(text, "READY=1");
	/* Names that cannot be are passed over. */
	mrq_ready_notify(NULL, "x");
	mrq_ready_notify("", "x");
	mrq_ready_notify("/nowhere/at/all", "x");
}

static void
each_status_has_its_exit_code(void **state)
{
	(void)state;
	assert_int_equal(mrq_exit_code(MRQ_OK), 0);
	assert_int_equal(mrq_exit_code(MRQ_E_SYS), 1);
	assert_int_equal(mrq_exit_code(MRQ_E_NOT_FOUND), 1);
	assert_int_equal(mrq_exit_code(MRQ_E_INVAL), 2);
	assert_int_equal(mrq_exit_code(MRQ_E_CONFIG), 2);
	assert_int_equal(mrq_exit_code(MRQ_E_DENIED), 3);
	assert_int_equal(mrq_exit_code(MRQ_E_NO_KEY), 4);
	assert_int_equal(mrq_exit_code(MRQ_E_DAMAGED), 5);
	for (int s = MRQ_OK + 1; s <= MRQ_E_PASSPHRASE; s++)
		assert_true(mrq_exit_code((enum mrq_status)s) >= 1 &&
			    mrq_exit_code((enum mrq_status)s) <= 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_parent_ends_as_the_daemon_tells),
		cmocka_unit_test(a_service_manager_is_told),
		cmocka_unit_test(each_status_has_its_exit_code),
	};

	return CHECK_MAIN(tests);
}
