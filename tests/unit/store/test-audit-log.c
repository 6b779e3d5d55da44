/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store-test.h"

#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "store/audit-chain.h"

static void
the_first_line_is_genesis_the_last_a_checkpoint(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);

	append_n(log, 3);
	assert_int_equal(count_lines(p->log), 4);
	mrq_audit_log_close(log);
	assert_int_equal(count_lines(p->log), 5);
	assert_true(file_has(p->log,
			     "\"event\":\"checkpoint\",\"mark\":\"genesis\",\"jws\":"));
	struct mrq_audit_verdict v = verify_whole(p);
	assert_int_equal(v.records, 5);
	assert_int_equal(v.checkpoints, 2);
	assert_int_equal(v.first_seq, 1);
	assert_int_equal(v.last_seq, 5);
	assert_int_equal(v.unsigned_tail, 0);
}

static void
the_file_is_ours_alone(void **state)
{
	struct place *p = *state;
	struct stat st;

	mode_t before = umask(0);
	struct mrq_audit_log *log = log_open(p, 0);
	(void)umask(before);
	assert_int_equal(stat(p->log, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 0); /* nothing before the first append */
	mrq_audit_log_close(log);
	assert_int_equal(count_lines(p->log), 0);
}

static enum mrq_status
try_open(const char *path, struct mrq_error *err)
{
	struct mrq_audit_options options = { .path = path };
	struct mrq_audit_log *log = NULL;
	enum mrq_status s = mrq_audit_log_open(&options, &log, err);

	mrq_audit_log_close(log);
	return s;
}

static void
unsafe_files_are_refused(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };

	check_status(try_open(NULL, &err), MRQ_E_INVAL, &err);
	check_status(try_open("", &err), MRQ_E_INVAL, &err);
	check_status(try_open(p->dir, &err), MRQ_E_SYS, &err);
	assert_non_null(strstr(err.msg, "it is a folder; set the path of a file"));
	check_status(try_open("/nonexistent/audit.log", &err), MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_non_null(strstr(err.msg, "'/nonexistent/audit.log': its folder does not "
					"exist; make the folder"));
	check_status(try_open("/dev/null/audit.log", &err), MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, ENOTDIR);
	assert_non_null(strstr(err.msg, "set another path"));
	assert_int_equal(symlink("/dev/null", p->log), 0);
	check_status(try_open(p->log, &err), MRQ_E_CONFIG, &err);
	assert_int_equal(unlink(p->log), 0);
	assert_int_equal(mkfifo(p->log, 0600), 0);
	check_status(try_open(p->log, &err), MRQ_E_CONFIG, &err);
	assert_int_equal(unlink(p->log), 0);
	spit(p->log, "", 0);
	assert_int_equal(chmod(p->log, 0620), 0);
	check_status(try_open(p->log, &err), MRQ_E_CONFIG, &err);
	assert_non_null(strstr(err.msg, p->log));
	assert_int_equal(chmod(p->log, 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(p->log, 12345, 12345), 0);
		check_status(try_open(p->log, &err), MRQ_E_CONFIG, &err);
		assert_non_null(strstr(err.msg, "belongs to uid 12345"));
	}
	/* Nothing foreign is appended to, let alone cut. */
	assert_int_equal(unlink(p->log), 0);
	spit(p->log, "root:x:0:0", 10);
	check_status(try_open(p->log, &err), MRQ_E_CONFIG, &err);
	assert_non_null(strstr(err.msg, "is not an audit log"));
	assert_true(file_has(p->log, "root:x:0:0"));
}

static void
checkpoints_are_not_for_callers(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };
	struct mrq_audit_log *log = log_open(p, 0);
	struct mrq_audit_record r = { .event = MRQ_AUDIT_CHECKPOINT };

	check_status(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, &err), MRQ_E_INVAL,
		     &err);
	mrq_audit_log_close(log);
	assert_int_equal(count_lines(p->log), 0);
}

static void
a_restart_continues_the_chain(void **state)
{
	struct place *p = *state;

	for (int i = 0; i < 3; i++) {
		struct mrq_audit_log *log = log_open(p, 0);
		append_n(log, 2);
		mrq_audit_log_close(log);
	}
	struct mrq_audit_verdict v = verify_whole(p);
	assert_int_equal(v.records, 1 + 3 * 3);
	assert_int_equal(v.checkpoints, 4);
}

static void
every_1024th_line_is_a_checkpoint(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);

	append_n(log, 2500);
	mrq_audit_log_close(log);
	struct mrq_audit_verdict v = verify_whole(p);
	assert_int_equal(v.records, 2500 + 1 + 2 + 1);
	assert_int_equal(v.checkpoints, 4);
	assert_true(file_has(p->log, "{\"seq\":1024,"));
}

static void
without_a_signer_the_chain_still_holds(void **state)
{
	struct place *p = *state;
	struct mrq_private_key *signer = p->signer;
	struct mrq_audit_verdict v;
	struct mrq_error err = { 0 };

	p->signer = NULL;
	struct mrq_audit_log *log = log_open(p, 0);
	append_n(log, 5);
	mrq_audit_log_close(log);
	check_ok(mrq_audit_verify(p->log, NULL, &v, &err), &err);
	assert_int_equal(v.records, 7);
	check_status(mrq_audit_verify(p->log, p->jwk, &v, &err), MRQ_E_FORGED, &err);
	assert_int_equal(v.bad_line, 1);
	assert_string_equal(v.bad_what, "checkpoint unsigned");
	p->signer = signer;
}

static void
a_torn_last_line_is_cut_and_told(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);
	size_t len;

	append_n(log, 5);
	mrq_audit_log_close(log);
	char *text = slurp(p->log, &len);
	/* At every length: within the second line, and up to the last byte. */
	const char *second = strchr(text, '\n') + 1;
	const char *third = strchr(second, '\n') + 1;
	for (const char *cut = second + 1; cut < third; cut += 7) {
		spit(p->log, text, (size_t)(cut - text));
		log = log_open(p, 0);
		append_n(log, 1);
		mrq_audit_log_close(log);
		assert_true(file_has(p->log, "\"event\":\"gap\""));
		assert_true(file_has(p->log, "\"lost\":1"));
		struct mrq_audit_verdict v = verify_whole(p);
		assert_int_equal(v.records, 1 + 1 + 1 + 1);
	}
	/* Torn within the very first line: the log begins anew. */
	spit(p->log, text, 20);
	log = log_open(p, 0);
	append_n(log, 1);
	mrq_audit_log_close(log);
	(void)verify_whole(p);
	free(text);
}

static void
an_end_of_other_bytes_is_told_and_found(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);
	struct mrq_audit_verdict v;
	struct mrq_error err = { 0 };

	append_n(log, 2);
	mrq_audit_log_close(log);
	FILE *f = fopen(p->log, "a");
	(void)fputs("no record\nnor this\n", f);
	(void)fclose(f);
	log = log_open(p, 0);
	append_n(log, 1);
	mrq_audit_log_close(log);
	assert_true(file_has(p->log, "2 lines at the end are no records"));
	check_status(mrq_audit_verify(p->log, p->jwk, &v, &err), MRQ_E_FORGED, &err);
	assert_int_equal(v.bad_line, 5);
	assert_string_equal(v.bad_what, "not a record");
}

static void
zeros_after_a_power_cut_are_cut_off(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);
	struct stat st;

	append_n(log, 2);
	mrq_audit_log_close(log);
	assert_int_equal(stat(p->log, &st), 0);
	assert_int_equal(truncate(p->log, st.st_size + 100000), 0);
	log = log_open(p, 0);
	append_n(log, 1);
	mrq_audit_log_close(log);
	(void)verify_whole(p);
	assert_true(file_has(p->log, "its 100000 bytes were cut off"));
}

static void
a_full_device_refuses_and_counts(void **state)
{
	struct place *p = *state;
	struct mrq_audit_options options = { .path = "/dev/full", .signer = p->signer };
	struct mrq_audit_log *log = NULL;
	struct mrq_error err = { 0 };
	struct mrq_audit_record r = sample_record("x");

	check_ok(mrq_audit_log_open(&options, &log, &err), &err);
	for (int i = 0; i < 3; i++) {
		check_status(mrq_audit_append(log, &r, MRQ_AUDIT_DURABLE, &err),
			     MRQ_E_AUDIT, &err);
		assert_int_equal(err.sys_errno, ENOSPC);
		assert_non_null(strstr(err.msg, "/dev/full"));
		assert_non_null(strstr(err.msg, "free space"));
	}
	mrq_audit_log_close(log);
}

static void
limit_size(rlim_t size)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A write that is short is taken back; when there is room again a gap tells how many were lost. */
static void
a_short_write_leaves_whole_lines(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);
	struct mrq_audit_record r = sample_record("x");
	struct mrq_error err = { 0 };
	struct stat before, after;

	(void)signal(SIGXFSZ, SIG_IGN);
	append_n(log, 3);
	assert_int_equal(stat(p->log, &before), 0);
	for (rlim_t room = 0; room < 240; room += 40) {
		limit_size((rlim_t)before.st_size + room);
		check_status(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, &err),
			     MRQ_E_AUDIT, &err);
		assert_int_equal(err.sys_errno, EFBIG);
		assert_int_equal(stat(p->log, &after), 0);
		assert_int_equal(after.st_size, before.st_size);
	}
	limit_size(RLIM_INFINITY);
	append_n(log, 1);
	mrq_audit_log_close(log);
	assert_true(file_has(p->log, "\"lost\":6"));
	struct mrq_audit_verdict v = verify_whole(p);
	assert_int_equal(v.records, 1 + 3 + 1 + 1 + 1);
}

static void
close_tells_of_a_loss(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);
	struct mrq_audit_record r = sample_record("x");
	struct stat st;

	append_n(log, 1);
	assert_int_equal(stat(p->log, &st), 0);
	limit_size((rlim_t)st.st_size);
	check_status(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, NULL), MRQ_E_AUDIT,
		     NULL);
	limit_size(RLIM_INFINITY);
	mrq_audit_log_close(log);
	assert_true(file_has(p->log, "\"lost\":1"));
	(void)verify_whole(p);
}

struct worker {
	struct mrq_audit_log *log;
	enum mrq_audit_durability how;
	unsigned n;
	enum mrq_status status;
};

static void *
work(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < w->n && w->status == MRQ_OK; i++) {
		struct mrq_audit_record r = sample_record("some/path");
		w->status = mrq_audit_append(w->log, &r, w->how, NULL);
	}
	return NULL;
}

static void
run_workers(struct mrq_audit_log *log, unsigned n, enum mrq_audit_durability how)
{
	pthread_t threads[8];
	struct worker workers[8];

	for (int i = 0; i < 8; i++) {
		workers[i] = (struct worker){ .log = log, .how = how, .n = n };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]),
				 0);
	}
	for (int i = 0; i < 8; i++) {
		(void)pthread_join(threads[i], NULL);
		check_ok(workers[i].status, NULL);
	}
}

static void
eight_threads_lose_and_mix_nothing(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);

	run_workers(log, 500, MRQ_AUDIT_KERNEL);
	mrq_audit_log_close(log);
	struct mrq_audit_verdict v = verify_whole(p);
	assert_int_equal(v.records - v.checkpoints, 4000);
}

static void
durable_appends_of_threads_share_syncs(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);

	run_workers(log, 25, MRQ_AUDIT_DURABLE);
	mrq_audit_log_close(log);
	struct mrq_audit_verdict v = verify_whole(p);
	assert_int_equal(v.records - v.checkpoints, 200);
}

static void
two_processes_share_one_file(void **state)
{
	struct place *p = *state;
	pid_t children[2];

	for (int i = 0; i < 2; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			struct mrq_audit_log *log = log_open(p, 0);
			append_n(log, 1500);
			mrq_audit_log_close(log);
			_exit(0);
		}
	}
	for (int i = 0; i < 2; i++) {
		int status;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	struct mrq_audit_verdict v = verify_whole(p);
	assert_int_equal(v.records - v.checkpoints, 3000);
}

static void
rotation_by_reopen_continues_in_a_new_file(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);
	struct mrq_error err = { 0 };

	append_n(log, 3);
	assert_int_equal(rename(p->log, p->log1), 0);
	check_ok(mrq_audit_log_reopen(log, &err), &err);
	append_n(log, 3);
	mrq_audit_log_close(log);
	assert_true(file_has(p->log1, "\"mark\":\"rotated\""));
	assert_true(file_has(p->log, "\"mark\":\"continues\""));
	struct mrq_audit_verdict v = verify_whole(p);
	assert_int_equal(v.records - v.checkpoints, 6);
	/* A second time, with the new file made by the rotating program. */
	log = log_open(p, 0);
	append_n(log, 1);
	assert_int_equal(rename(p->log1, p->log2), 0);
	assert_int_equal(rename(p->log, p->log1), 0);
	spit(p->log, "", 0);
	check_ok(mrq_audit_log_reopen(log, &err), &err);
	append_n(log, 1);
	mrq_audit_log_close(log);
	v = verify_whole(p);
	assert_int_equal(v.records - v.checkpoints, 8);
	/* Reopening what did not move changes nothing. */
	log = log_open(p, 0);
	uint64_t lines = count_lines(p->log);
	check_ok(mrq_audit_log_reopen(log, &err), &err);
	mrq_audit_log_close(log);
	assert_int_equal(count_lines(p->log), lines);
}

static void
rotation_while_nobody_writes_continues_too(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);

	append_n(log, 3);
	mrq_audit_log_close(log);
	assert_int_equal(rename(p->log, p->log1), 0);
	log = log_open(p, 0);
	append_n(log, 2);
	mrq_audit_log_close(log);
	assert_true(file_has(p->log, "\"mark\":\"continues\""));
	struct mrq_audit_verdict v = verify_whole(p);
	assert_int_equal(v.records - v.checkpoints, 5);
}

/* One process has seen the rotation, the other has not: what it writes follows all the same. */
static void
rotation_under_two_writers_keeps_one_chain(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *a = log_open(p, 0), *b = log_open(p, 0);
	struct mrq_error err = { 0 };

	append_n(a, 2);
	append_n(b, 2);
	assert_int_equal(rename(p->log, p->log1), 0);
	append_n(b, 1); /* into the moved file: b looks at the name once a second */
	check_ok(mrq_audit_log_reopen(a, &err), &err);
	append_n(a, 1);
	append_n(b, 1); /* finds the mark of a */
	append_n(a, 1);
	mrq_audit_log_close(b);
	mrq_audit_log_close(a);
	struct mrq_audit_verdict v = verify_whole(p);
	assert_int_equal(v.records - v.checkpoints, 8);
	assert_false(file_has(p->log1, "\"seq\":12,"));
}

static void
copy_and_truncate_continues(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);
	size_t len;

	append_n(log, 3);
	char *text = slurp(p->log, &len);
	spit(p->log1, text, len);
	free(text);
	assert_int_equal(truncate(p->log, 0), 0);
	append_n(log, 2);
	mrq_audit_log_close(log);
	struct mrq_audit_verdict v = verify_whole(p);
	assert_int_equal(v.records - v.checkpoints, 5);
}

/* Lines taken away under a running log: it goes on from what it wrote, and verification finds it. */
static void
a_cut_under_a_running_log_is_found(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);
	struct mrq_audit_verdict v;
	struct mrq_error err = { 0 };
	size_t len;

	append_n(log, 5);
	char *text = slurp(p->log, &len);
	char *second = strchr(text, '\n') + 1;
	assert_int_equal(truncate(p->log, strchr(second, '\n') + 1 - text), 0);
	free(text);
	append_n(log, 1);
	mrq_audit_log_close(log);
	assert_true(file_has(p->log, "taken away by another program"));
	check_status(mrq_audit_verify(p->log, p->jwk, &v, &err), MRQ_E_FORGED, &err);
	assert_int_equal(v.bad_line, 3);
	assert_string_equal(v.bad_what, "removed or reordered");
}

/* A worker of a mount carries its caller's identity. */
static void
rotation_works_under_a_users_identity(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);
	struct mrq_error err = { 0 };
	struct stat st;

	if (geteuid() != 0) {
		mrq_audit_log_close(log);
		skip();
	}
	append_n(log, 1);
	assert_int_equal(rename(p->log, p->log1), 0);
	(void)setfsgid(65534);
	(void)setfsuid(65534);
	check_ok(mrq_audit_log_reopen(log, &err), &err);
	append_n(log, 1);
	assert_int_equal(setfsuid((uid_t)-1), 65534); /* given back */
	assert_int_equal(setfsgid((gid_t)-1), 65534);
	(void)setfsuid(0);
	(void)setfsgid(0);
	mrq_audit_log_close(log);
	assert_int_equal(stat(p->log, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	(void)verify_whole(p);
}

static void
time_zero_means_now(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);
	struct mrq_audit_record r = sample_record("x");
	struct mrq_error err = { 0 };

	r.when_ns = 0;
	check_ok(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, &err), &err);
	mrq_audit_log_close(log);
	assert_false(file_has(p->log, "\"time\":\"1970"));
}

static void
a_link_is_the_digest_that_b2sum_gives(void **state)
{
	static const char line[] = "0123456789012345678901234567890123456789\n";
	uint8_t have[MRQ_BLAKE2B_BYTES];
	char hex[65] = "", command[] = "printf '%s\\n' "
				       "0123456789012345678901234567890123456789 | "
				       "b2sum -l 256 2>/dev/null";

	(void)state;
	mrq_chain_digest(line, sizeof(line) - 1, have);
	FILE *f = popen(command, "r");
	if (!f || fscanf(f, "%64s", hex) != 1) {
		if (f)
			(void)pclose(f);
		skip();
	}
	(void)pclose(f);
	for (int i = 0; i < MRQ_BLAKE2B_BYTES; i++) {
		char byte[3];
		(void)snprintf(byte, sizeof(byte), "%02x", have[i]);
		assert_memory_equal(byte, hex + 2 * i, 2);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(the_first_line_is_genesis_the_last_a_checkpoint),
		PLACE_TEST(the_file_is_ours_alone),
		PLACE_TEST(unsafe_files_are_refused),
		PLACE_TEST(checkpoints_are_not_for_callers),
		PLACE_TEST(a_restart_continues_the_chain),
		PLACE_TEST(every_1024th_line_is_a_checkpoint),
		PLACE_TEST(without_a_signer_the_chain_still_holds),
		PLACE_TEST(a_torn_last_line_is_cut_and_told),
		PLACE_TEST(an_end_of_other_bytes_is_told_and_found),
		PLACE_TEST(zeros_after_a_power_cut_are_cut_off),
		PLACE_TEST(a_full_device_refuses_and_counts),
		PLACE_TEST(a_short_write_leaves_whole_lines),
		PLACE_TEST(close_tells_of_a_loss),
		PLACE_TEST(eight_threads_lose_and_mix_nothing),
		PLACE_TEST(durable_appends_of_threads_share_syncs),
		PLACE_TEST(two_processes_share_one_file),
		PLACE_TEST(rotation_by_reopen_continues_in_a_new_file),
		PLACE_TEST(rotation_while_nobody_writes_continues_too),
		PLACE_TEST(rotation_under_two_writers_keeps_one_chain),
		PLACE_TEST(copy_and_truncate_continues),
		PLACE_TEST(a_cut_under_a_running_log_is_found),
		PLACE_TEST(rotation_works_under_a_users_identity),
		PLACE_TEST(time_zero_means_now),
		cmocka_unit_test(a_link_is_the_digest_that_b2sum_gives),
	};
	return CHECK_MAIN(tests);
}
