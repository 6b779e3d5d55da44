/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"
#include "core/config.h"

static void
test_defaults(void **state)
{
	(void)state;
	struct mrq_error err = { 0 };
	struct mrq_config *c = NULL;
	check_ok(mrq_config_load("/nonexistent/marque.conf", &c, &err), &err);
	assert_true(c->plain_show);
	assert_int_equal(c->block_size, 4096);
	assert_int_equal(c->poll_seconds, 60);
	assert_string_equal(c->user_pattern, "%u@%o");
	mrq_config_free(c);
}

static void
test_everything(void **state)
{
	(void)state;
	static const char text[] =
		"[identity]\ndefault = %u@corp.example\nuid.1001 = ann@corp.example\n"
		"user.bob = robert@corp.example\ngroup = grp-%g@%o\n"
		"[labels]\ndirectory./finance = Confidential/All Employees\n"
		"user.ann@corp.example = General\n"
		"[mount]\nplain = deny\nblock_size = 16384\npoll = 5\n"
		"[programs]\ntrusted = /usr/bin/marque-view\ngroup = viewers\n"
		"[exempt]\nConfidential/All Employees = /usr/bin/git, /usr/bin/rsync\n"
		"[audit]\npath = /var/log/marque.log\njournald = yes\nsyslog = no\n"
		"[cache]\nlicences = 500\n[authority]\nmachine_key = /etc/k\n";
	struct mrq_error err = { 0 };
	struct mrq_config *c = NULL;
	check_ok(mrq_config_parse(text, "test", &c, &err), &err);
	assert_string_equal(mrq_config_list_get(&c->users, "uid.1001"),
			    "ann@corp.example");
	assert_string_equal(mrq_config_list_get(&c->directories, "/finance"),
			    "Confidential/All Employees");
	assert_false(c->plain_show);
	assert_int_equal(c->block_size, 16384);
	assert_true(c->journald);
	assert_false(c->syslog);
	assert_int_equal(c->max_licences, 500);
	assert_null(mrq_config_list_get(&c->users, "uid.7"));
	mrq_config_free(c);
}

/** Each mistake is refused, and the sentence names the line. */
static void
test_mistakes(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "[mount]\nplain = maybe\n", "line 2" },
		{ "[mount]\n\nblock_size = 5000\n", "line 3" },
		{ "[mount]\nblock_size = 1024\n", "not a number from" },
		{ "[mount]\npoll = 0\n", "not a number from" },
		{ "[mount]\npoll = -5\n", "not a number from" },
		{ "[mount]\npoll = 5x\n", "not a number from" },
		{ "[nowhere]\na = b\n", "unknown section" },
		{ "[mount]\nwhat = x\n", "unknown name" },
		{ "[audit]\npath = relative.log\n", "not absolute" },
		{ "[audit]\njournald = perhaps\n", "neither yes nor no" },
		{ "[programs]\ntrusted = view\n", "neither an absolute path" },
		{ "[labels]\nx = General\n", "directory./PATH" },
		{ "[identity]\nfoo = bar\n", "unknown name" },
		{ "nonsense\n", "line 1" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mrq_error err = { 0 };
		struct mrq_config *c = NULL;
		check_status(mrq_config_parse(cases[i].text, "test.conf", &c, &err),
			     MRQ_E_CONFIG, &err);
		assert_null(c);
		if (!strstr(err.msg, cases[i].says))
			fail_msg("'%s' does not say '%s'", err.msg, cases[i].says);
		assert_non_null(strstr(err.msg, "test.conf"));
	}
}

/** A name and value of len bytes in all, with the ending. */
static char *
line_of(size_t len, const char *end)
{
	static const char head[] = "[exempt]\nGeneral = /";
	char *text = calloc(1, sizeof(head) + len + 8);
	assert_non_null(text);
	(void)stpcpy(text, head);
	char *line = strchr(text, '\n') + 1;
	memset(line + strlen(line), 'x', len - strlen(line));
	(void)stpcpy(line + len, end);
	return text;
}

static void
test_the_longest_line_is_kept_whole(void **state)
{
	(void)state;
	static const char *const ends[] = { "", "\n", "\r\n" };
	for (size_t i = 0; i < 3; i++) {
		struct mrq_error err = { 0 };
		struct mrq_config *c = NULL;
		char *text = line_of(MRQ_CONFIG_LINE_MAX, ends[i]);
		check_ok(mrq_config_parse(text, "test.conf", &c, &err), &err);
		assert_int_equal(strlen(mrq_config_list_get(&c->exempt, "General")),
				 MRQ_CONFIG_LINE_MAX - strlen("General = "));
		mrq_config_free(c);
		free(text);
	}
}

static void
test_a_longer_line_is_named(void **state)
{
	(void)state;
	for (size_t len = MRQ_CONFIG_LINE_MAX + 1; len < 1024; len++) {
		struct mrq_error err = { 0 };
		struct mrq_config *c = NULL;
		char *text = line_of(len, "\n");
		check_status(mrq_config_parse(text, "test.conf", &c, &err),
			     MRQ_E_CONFIG, &err);
		assert_null(c);
		assert_non_null(
			strstr(err.msg, "test.conf line 2 is longer than 197 bytes"));
		free(text);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_the_longest_line_is_kept_whole),
		cmocka_unit_test(test_a_longer_line_is_named),
	};
	return CHECK_MAIN(tests);
}
