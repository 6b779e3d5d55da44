/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "fs/passphrase.h"

#include <fcntl.h>
#include <unistd.h>

/* Reads from a pipe that holds text; what is left behind goes to rest. */
static enum mrq_status
read_from(const char *text, struct mrq_passphrase *ret, char rest[static 16],
	  struct mrq_error *err)
{
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(write(pipes[1], text, strlen(text)), strlen(text));
	(void)close(pipes[1]);
	enum mrq_status s = mrq_passphrase_read(pipes[0], ret, err);
	ssize_t n = read(pipes[0], rest, 15);
	rest[n > 0 ? n : 0] = '\0';
	(void)close(pipes[0]);
	return s;
}

static void
one_line_is_read_and_no_more(void **state)
{
	struct mrq_passphrase p MRQ_CLEANUP(mrq_passphrase_wipe) = { .len = 0 };
	struct mrq_error err = { 0 };
	char rest[16];

	(void)state;
	check_ok(read_from("two words\nnext", &p, rest, &err), &err);
	assert_int_equal(p.len, 9);
	assert_memory_equal(p.bytes, "two words", 9);
	assert_string_equal(rest, "next");
	check_ok(read_from("no newline", &p, rest, &err), &err);
	assert_int_equal(p.len, 10);
}

static void
nothing_is_no_passphrase(void **state)
{
	struct mrq_passphrase p MRQ_CLEANUP(mrq_passphrase_wipe) = { .len = 0 };
	struct mrq_error err = { 0 };
	char rest[16];

	(void)state;
	check_status(read_from("", &p, rest, &err), MRQ_E_PASSPHRASE, &err);
	check_status(read_from("\nsecond", &p, rest, &err), MRQ_E_PASSPHRASE, &err);
}

static void
the_length_is_bounded(void **state)
{
	struct mrq_passphrase p MRQ_CLEANUP(mrq_passphrase_wipe) = { .len = 0 };
	struct mrq_error err = { 0 };
	char text[MRQ_PASSPHRASE_MAX + 2], rest[16];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[MRQ_PASSPHRASE_MAX] = '\0';
	check_ok(read_from(text, &p, rest, &err), &err);
	assert_int_equal(p.len, MRQ_PASSPHRASE_MAX);
	text[MRQ_PASSPHRASE_MAX] = 'x';
	text[MRQ_PASSPHRASE_MAX + 1] = '\0';
	check_status(read_from(text, &p, rest, &err), MRQ_E_LIMIT, &err);
	/* A secret never stands in a sentence. */
	assert_null(strstr(err.msg, "xx"));
}

static void
a_bad_descriptor_is_told(void **state)
{
	struct mrq_passphrase p MRQ_CLEANUP(mrq_passphrase_wipe) = { .len = 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_status(mrq_passphrase_read(987, &p, &err), MRQ_E_SYS, &err);
	assert_non_null(strstr(err.msg, "987"));
}

static void
wiping_leaves_nothing(void **state)
{
	struct mrq_passphrase p;

	(void)state;
	memset(&p, 'x', sizeof(p));
	mrq_passphrase_wipe(&p);
	for (size_t i = 0; i < sizeof(p.bytes); i++)
		assert_int_equal(p.bytes[i], 0);
	assert_int_equal(p.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_is_read_and_no_more),
		cmocka_unit_test(nothing_is_no_passphrase),
		cmocka_unit_test(the_length_is_bounded),
		cmocka_unit_test(a_bad_descriptor_is_told),
		cmocka_unit_test(wiping_leaves_nothing),
	};

	return CHECK_MAIN(tests);
}
