/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include "check.h"

#include <errno.h>

struct seen {
	int n;
	enum mrq_log_level level;
	char msg[256];
};

static void
sink(enum mrq_log_level level, const char *msg, void *arg)
{
	struct seen *seen = arg;

	seen->n++;
	seen->level = level;
	(void)snprintf(seen->msg, sizeof(seen->msg), "%s", msg);
	errno = EIO;
}

static void
without_a_sink_it_is_dropped(void **state)
{
	(void)state;
	mrq_log_set_sink(NULL, MRQ_LOG_DEBUG, NULL);
	mrq_log(MRQ_LOG_ERROR, "lost");
}

static void
sink_gets_level_and_sentence(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	mrq_log_set_sink(sink, MRQ_LOG_NOTICE, &seen);
	errno = ENOENT;
	mrq_log(MRQ_LOG_WARNING, "file '%s' is %d", "a\nb", 5);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.level, MRQ_LOG_WARNING);
	assert_string_equal(seen.msg, "file 'a?b' is 5");
	mrq_log_set_sink(NULL, MRQ_LOG_DEBUG, NULL);
}

static void
levels_above_max_are_dropped(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	mrq_log_set_sink(sink, MRQ_LOG_NOTICE, &seen);
	mrq_log(MRQ_LOG_DEBUG, "no");
	assert_int_equal(seen.n, 0);
	mrq_log(MRQ_LOG_NOTICE, "yes");
	mrq_log(MRQ_LOG_ERROR, "yes");
	assert_int_equal(seen.n, 2);
	mrq_log_set_sink(NULL, MRQ_LOG_DEBUG, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_sink_it_is_dropped),
		cmocka_unit_test(sink_gets_level_and_sentence),
		cmocka_unit_test(levels_above_max_are_dropped),
	};

	return CHECK_MAIN(tests);
}
