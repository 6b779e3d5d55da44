/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The session end to end, without a mount: an authority in a temporary folder, two principals by
 * uid rule, one file.  The clock is the test's.
 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <marque/marque.h>

#include "check.h"

#define ANN 70001
#define BOB 70002
#define EVE 70003

static int64_t the_time;

static int64_t
test_now(void *arg)
{
	(void)arg;
	return the_time;
}

struct world {
	char dir[64], state[96], conf[128], file[96];
	struct mrq_session *session;
};

static struct mrq_caller
as(uid_t uid)
{
	return (struct mrq_caller){ .uid = uid, .gid = uid, .pid = getpid() };
}

static void
write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
open_session(struct world *w)
{
	struct mrq_error err = { 0 };
	const struct mrq_session_options o = {
		.state_dir = w->state,
		.config_file = w->conf,
		.keys = MRQ_SESSION_KEYS,
		.mount_point = "/mnt/test",
		.now = test_now,
	};
	check_ok(mrq_session_open(&o, &w->session, &err), &err);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct mrq_error err = { 0 };
	char conf_dir[96];
	the_time = time(NULL);
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/marque-session-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->state, sizeof(w->state), "%s/state", w->dir);
	(void)snprintf(conf_dir, sizeof(conf_dir), "%s/etc", w->dir);
	(void)snprintf(w->conf, sizeof(w->conf), "%s/marque.conf", conf_dir);
	(void)snprintf(w->file, sizeof(w->file), "%s/source.bin", w->dir);
	const struct mrq_init_options init = { .state_dir = w->state,
					       .config_dir = conf_dir,
					       .org = "example.org" };
	check_ok(mrq_init(&init, &err), &err);
	write_text(w->conf,
		   "[identity]\nuid.70001 = ann@example.org\n"
		   "uid.70002 = bob@example.org\nuid.70003 = eve@other.test\n");
	open_session(w);
	*state = w;
	return 0;
}

static char warned[512];

static void
note_warning(enum mrq_log_level level, const char *msg, void *arg)
{
	(void)arg;
	if (level == MRQ_LOG_WARNING)
		(void)snprintf(warned, sizeof(warned), "%s", msg);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	struct world *w = *state;
	mrq_session_free(w->session);
	(void)nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

/** Ann makes the file with some text in it; returns it still attached. */
static struct mrq_file *
make(struct world *w, const char *text)
{
	struct mrq_error err = { 0 };
	struct mrq_file *f = NULL;
	struct mrq_handle *h = NULL;
	struct mrq_caller ann = as(ANN);
	int fd = open(w->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	check_ok(mrq_file_attach_new(w->session, fd, "/a.txt", &f, &err), &err);
	check_ok(mrq_file_create(f, &ann, "/a.txt", &err), &err);
	check_ok(mrq_file_open(f, &ann, MRQ_REQUEST_WRITE, "/a.txt", &h, &err), &err);
	check_ok(mrq_file_write(f, text, strlen(text), 0, &err), &err);
	check_ok(mrq_file_commit(f, false, &err), &err);
	mrq_handle_free(h);
	return f;
}

static struct mrq_file *
attach(struct world *w)
{
	struct mrq_error err = { 0 };
	struct mrq_file *f = NULL;
	int fd = open(w->file, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	check_ok(mrq_file_attach(w->session, fd, "/a.txt", &f, &err), &err);
	return f;
}

static enum mrq_status
try_open(struct mrq_file *f, uid_t uid, enum mrq_request request)
{
	struct mrq_error err = { 0 };
	struct mrq_handle *h = NULL;
	struct mrq_caller who = as(uid);
	enum mrq_status s = mrq_file_open(f, &who, request, "/a.txt", &h, &err);
	mrq_handle_free(h);
	return s;
}

static void
expect_text(struct mrq_file *f, const char *want)
{
	char buf[256];
	size_t len = 0;
	struct mrq_error err = { 0 };
	check_ok(mrq_file_read(f, buf, sizeof(buf), 0, &len, &err), &err);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(buf, want, len);
}

static void
test_default_label_lets_the_organisation_in(void **state)
{
	struct world *w = *state;
	struct mrq_file *f = make(w, "hello, world");
	struct mrq_facts facts;
	mrq_file_facts(f, &facts);
	assert_int_equal(facts.kind, MRQ_FILE_PROTECTED);
	assert_string_equal(facts.owner, "ann@example.org");
	assert_int_equal(facts.size, 12);
	check_ok(try_open(f, BOB, MRQ_REQUEST_READ), NULL);
	check_status(try_open(f, EVE, MRQ_REQUEST_READ), MRQ_E_DENIED, NULL);
	expect_text(f, "hello, world");
	mrq_file_free(f);
	f = attach(w);
	check_ok(try_open(f, BOB, MRQ_REQUEST_READ), NULL);
	expect_text(f, "hello, world");
	mrq_file_free(f);
}

static void
test_only_the_maker_opens_a_new_file_undecided(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	struct mrq_file *f = NULL;
	struct mrq_caller ann = as(ANN);
	int fd = open(w->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	check_ok(mrq_file_attach_new(w->session, fd, "/a.txt", &f, &err), &err);
	check_ok(mrq_file_create(f, &ann, "/a.txt", &err), &err);
	check_status(try_open(f, EVE, MRQ_REQUEST_READ), MRQ_E_DENIED, NULL);
	check_status(try_open(f, EVE, MRQ_REQUEST_WRITE), MRQ_E_DENIED, NULL);
	check_ok(try_open(f, ANN, MRQ_REQUEST_WRITE), NULL);
	check_status(try_open(f, EVE, MRQ_REQUEST_READ), MRQ_E_DENIED, NULL);
	mrq_file_free(f);
}

static void
test_plaintext_does_not_reach_the_source(void **state)
{
	struct world *w = *state;
	mrq_file_free(make(w, "a marker that nobody may find"));
	char buf[65536];
	int fd = open(w->file, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf));
	assert_true(n > 4096);
	assert_null(memmem(buf, (size_t)n, "marker", 6));
	close(fd);
}

static void
test_permissions_name_who_may(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	struct mrq_file *f = make(w, "for bob");
	struct mrq_caller ann = as(ANN), bob = as(BOB);
	const struct mrq_permission grant = { "bob@example.org", MRQ_LEVEL_VIEWER };
	const struct mrq_permissions p = { .items = &grant, .n = 1 };
	const struct mrq_change_options plainly = { .justification = "test" };
	check_ok(mrq_file_protect(f, &ann, &p, &plainly, "/a.txt", &err), &err);
	/* VIEW is not enough for a program that could copy */
	check_status(try_open(f, BOB, MRQ_REQUEST_READ), MRQ_E_DENIED, NULL);
	char why[512];
	check_ok(mrq_session_why(w->session, BOB, "/a.txt", why, sizeof(why), &err),
		 &err);
	assert_non_null(strstr(why, "EXTRACT"));
	assert_non_null(strstr(why, "ann@example.org"));
	/* and no right to change it */
	check_status(mrq_file_protect(f, &bob, &p, &plainly, "/a.txt", &err),
		     MRQ_E_DENIED, &err);
	check_ok(try_open(f, ANN, MRQ_REQUEST_WRITE), NULL);
	mrq_file_free(f);
}

static void
test_expiry_spares_the_owner(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	struct mrq_file *f = make(w, "for a while");
	struct mrq_caller ann = as(ANN);
	const struct mrq_permission grant = { "org", MRQ_LEVEL_COAUTHOR };
	const struct mrq_permissions p = { .items = &grant,
					   .n = 1,
					   .expires = the_time + 100 };
	const struct mrq_change_options plainly = { .justification = "test" };
	check_ok(mrq_file_protect(f, &ann, &p, &plainly, "/a.txt", &err), &err);
	check_ok(try_open(f, BOB, MRQ_REQUEST_READ), NULL);
	struct mrq_handle *h = NULL;
	struct mrq_caller bob = as(BOB);
	check_ok(mrq_file_open(f, &bob, MRQ_REQUEST_READ, "/a.txt", &h, &err), &err);
	the_time += 200;
	check_status(try_open(f, BOB, MRQ_REQUEST_READ), MRQ_E_EXPIRED, NULL);
	check_status(mrq_handle_recheck(h, &err), MRQ_E_EXPIRED, &err);
	check_ok(try_open(f, ANN, MRQ_REQUEST_READ), NULL);
	mrq_handle_free(h);
	mrq_file_free(f);
}

static void
test_revocation_and_back(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	struct mrq_file *f = make(w, "secret for now");
	struct mrq_caller root = as(0);
	check_ok(try_open(f, BOB, MRQ_REQUEST_READ), NULL);
	check_ok(mrq_revoke(w->session, &root, w->file, true, &err), &err);
	check_ok(mrq_session_poll(w->session, &err), &err);
	check_status(try_open(f, BOB, MRQ_REQUEST_READ), MRQ_E_REVOKED, NULL);
	check_ok(try_open(f, ANN, MRQ_REQUEST_READ), NULL);
	check_ok(mrq_unrevoke(w->session, &root, w->file, true, &err), &err);
	check_ok(mrq_session_poll(w->session, &err), &err);
	check_ok(try_open(f, BOB, MRQ_REQUEST_READ), NULL);
	check_ok(mrq_revoke(w->session, &root, w->file, false, &err), &err);
	check_ok(mrq_session_poll(w->session, &err), &err);
	check_status(try_open(f, BOB, MRQ_REQUEST_WRITE), MRQ_E_REVOKED, NULL);
	mrq_file_free(f);
}

static void
test_clock_that_went_back(void **state)
{
	struct world *w = *state;
	struct mrq_file *f = make(w, "timely");
	check_ok(try_open(f, BOB, MRQ_REQUEST_READ), NULL);
	the_time -= 86400;
	check_status(try_open(f, BOB, MRQ_REQUEST_READ), MRQ_E_CLOCK, NULL);
	check_ok(try_open(f, ANN, MRQ_REQUEST_READ), NULL);
	mrq_file_free(f);
}

static void
test_label_lowered_only_with_a_reason(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	struct mrq_file *f = make(w, "labelled");
	struct mrq_caller ann = as(ANN);
	const struct mrq_change_options silent = { 0 },
					spoken = { .justification = "old" };
	check_ok(mrq_file_label_set(f, &ann, "Confidential/All Employees", &silent,
				    "/a.txt", &err),
		 &err);
	char *label = NULL;
	check_ok(mrq_file_attribute(f, &ann, "label", "/a.txt", &label, &err), &err);
	assert_string_equal(label, "Confidential/All Employees");
	free(label);
	check_status(mrq_file_label_set(f, &ann, "Public", &silent, "/a.txt", &err),
		     MRQ_E_POLICY, &err);
	check_ok(mrq_file_label_set(f, &ann, "Public", &spoken, "/a.txt", &err), &err);
	check_status(
		mrq_file_label_set(f, &ann, "Confidential", &spoken, "/a.txt", &err),
		MRQ_E_POLICY, &err);
	check_status(mrq_file_label_set(f, &ann, "Nonsense", &spoken, "/a.txt", &err),
		     MRQ_E_NOT_FOUND, &err);
	expect_text(f, "labelled");
	mrq_file_free(f);
}

static void
test_one_licence_serves_many_files(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	struct mrq_caller ann = as(ANN);
	for (int i = 0; i < 200; i++) {
		struct mrq_file *f = NULL;
		int fd = open(w->dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		check_ok(mrq_file_attach_new(w->session, fd, "/x", &f, &err), &err);
		check_ok(mrq_file_create(f, &ann, "/x", &err), &err);
		mrq_file_free(f);
	}
	char *json = NULL;
	check_ok(mrq_session_counters(w->session, &json, &err), &err);
	assert_non_null(strstr(json, "\"publishing_licences\":1,"));
	free(json);
}

static void
test_rollback_is_noticed(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	struct mrq_file *f = make(w, "first version");
	check_ok(mrq_file_settle(f, false, &err), &err);
	char old[65536];
	int fd = open(w->file, O_RDWR | O_CLOEXEC);
	ssize_t n = pread(fd, old, sizeof(old), 0);
	const struct mrq_change_options silent = { 0 };
	struct mrq_caller ann = as(ANN);
	check_ok(mrq_file_label_set(f, &ann, "Confidential/All Employees", &silent,
				    "/a.txt", &err),
		 &err);
	check_ok(mrq_file_settle(f, false, &err), &err);
	mrq_file_free(f);
	mrq_session_free(w->session);
	w->session = NULL;
	assert_int_equal(pwrite(fd, old, (size_t)n, 0), n);
	assert_int_equal(ftruncate(fd, n), 0);
	close(fd);
	open_session(w);
	f = attach(w);
	check_status(try_open(f, ANN, MRQ_REQUEST_READ), MRQ_E_ROLLBACK, NULL);
	mrq_file_free(f);
	struct mrq_fsck_result r;
	check_ok(mrq_fsck(w->session, w->file, MRQ_FSCK_ACCEPT, NULL, NULL, &r, &err),
		 &err);
	f = attach(w);
	check_ok(try_open(f, ANN, MRQ_REQUEST_READ), NULL);
	mrq_file_free(f);
}

static void
test_key_rotation_and_rewrap(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	struct mrq_file *f = make(w, "kept");
	char *json = NULL;
	check_ok(mrq_admin(w->session, "key rotate", "{}", &json, &err), &err);
	free(json);
	check_ok(mrq_session_poll(w->session, &err), &err);
	check_ok(try_open(f, BOB, MRQ_REQUEST_READ), NULL);
	struct mrq_facts before, after;
	mrq_file_facts(f, &before);
	struct mrq_caller root = as(0);
	check_ok(mrq_file_rewrap(f, &root, "/a.txt", &err), &err);
	mrq_file_facts(f, &after);
	assert_memory_equal(before.content_id.bytes, after.content_id.bytes, 16);
	check_ok(try_open(f, BOB, MRQ_REQUEST_READ), NULL);
	expect_text(f, "kept");
	mrq_file_free(f);
}

static void
test_copy_of_the_state_opens_nothing(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	mrq_session_free(w->session);
	w->session = NULL;
	/* another machine id */
	char id[96];
	(void)snprintf(id, sizeof(id), "%s/machine-id", w->dir);
	write_text(id, "0123456789abcdef0123456789abcdef\n");
	char conf[512];
	(void)snprintf(conf, sizeof(conf), "[authority]\nmachine_id = %s\n", id);
	write_text(w->conf, conf);
	const struct mrq_session_options o = { .state_dir = w->state,
					       .config_file = w->conf,
					       .keys = MRQ_SESSION_KEYS };
	check_status(mrq_session_open(&o, &w->session, &err), MRQ_E_DAMAGED, &err);
	assert_null(w->session);
}

/** A label that takes protection away: nothing on a plain file, and never in a container. */
static void
test_a_label_that_removes(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	char *json = NULL;
	check_ok(mrq_admin(w->session, "label set",
			   "{\"name\":\"Released\",\"order\":0,"
			   "\"protection\":\"removes\"}",
			   &json, &err),
		 &err);
	free(json);
	check_ok(mrq_session_poll(w->session, &err), &err);
	write_text(w->file, "plain");
	const struct mrq_change_options spoken = { .justification = "out" },
					new_key = { .justification = "out",
						    .new_key = true };
	struct mrq_caller ann = as(ANN);
	struct mrq_file *f = attach(w);
	check_status(mrq_file_label_set(f, &ann, "Released", &spoken, "/a.txt", &err),
		     MRQ_E_PLAIN, &err);
	check_status(mrq_file_label_set(f, &ann, NULL, &spoken, "/a.txt", &err),
		     MRQ_E_PLAIN, &err);
	int fd = open(w->dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	check_status(mrq_file_convert(f, &ann, MRQ_CONVERT_PROTECT, "Released", NULL,
				      &spoken, "/a.txt", fd, &err),
		     MRQ_E_PLAIN, &err);
	mrq_file_free(f);
	assert_int_equal(unlink(w->file), 0);
	f = make(w, "protected");
	check_status(mrq_file_label_set(f, &ann, "Released", &spoken, "/a.txt", &err),
		     MRQ_E_UNSUPPORTED, &err);
	check_status(mrq_file_convert(f, &ann, MRQ_CONVERT_PROTECT, "Released", NULL,
				      &new_key, "/a.txt", fd, &err),
		     MRQ_E_INVAL, &err);
	assert_non_null(strstr(err.msg, "takes protection away"));
	check_ok(mrq_file_convert(f, &ann, MRQ_CONVERT_UNPROTECT, "Released", NULL,
				  &spoken, "/a.txt", fd, &err),
		 &err);
	char text[16];
	assert_int_equal(pread(fd, text, sizeof(text), 0), 9);
	assert_memory_equal(text, "protected", 9);
	close(fd);
	mrq_file_free(f);
}

static void
test_new_files_of_a_label_that_removes_are_plain(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	char *json = NULL;
	struct mrq_facts facts;
	check_ok(mrq_admin(w->session, "label set",
			   "{\"name\":\"Released\",\"order\":0,"
			   "\"protection\":\"removes\"}",
			   &json, &err),
		 &err);
	free(json);
	check_ok(mrq_session_poll(w->session, &err), &err);
	write_text(w->conf, "[identity]\nuid.70001 = ann@example.org\n"
			    "[labels]\ndirectory./ = Released\n");
	check_ok(mrq_session_reload(w->session, &err), &err);
	struct mrq_file *f = make(w, "for all");
	mrq_file_facts(f, &facts);
	assert_int_equal(facts.kind, MRQ_FILE_PLAIN);
	mrq_file_free(f);
}

/* ---- what the audit log says ---- */

struct records {
	size_t n;
	char last[4096]; /* the latest line */
};

static bool
count_record(const struct mrq_audit_line *line, void *arg)
{
	struct records *r = arg;
	r->n++;
	(void)snprintf(r->last, sizeof(r->last), "%.*s", (int)line->len, line->json);
	return true;
}

/** Records of an event (NULL: of label, protect, unprotect and rewrap) so far. */
static struct records
records_of(struct world *w, const char *event)
{
	static const char *const changes[] = { "label", "protect", "unprotect",
					       "rewrap" };
	struct records r = { 0 };
	const char *path = mrq_session_settings(w->session)->audit_path;
	for (size_t i = 0; i < (event ? 1 : 4); i++) {
		struct mrq_error err = { 0 };
		struct mrq_audit_filter only = { .event = event ? event : changes[i] };
		check_ok(mrq_audit_search(path, &only, count_record, &r, &err), &err);
	}
	return r;
}

static enum mrq_status
convert(struct world *w, struct mrq_file *f, uid_t uid, enum mrq_convert direction,
	const struct mrq_change_options *options)
{
	struct mrq_error err = { 0 };
	struct mrq_caller who = as(uid);
	int fd = open(w->dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	enum mrq_status st = mrq_file_convert(
		f, &who, direction,
		direction == MRQ_CONVERT_PROTECT ? "Confidential/All Employees" : NULL,
		NULL, options, "/a.txt", fd, &err);
	close(fd);
	return st;
}

static void
test_what_if_leaves_no_record(void **state)
{
	struct world *w = *state;
	const struct mrq_change_options what_if = { .what_if = true },
					and_why = { .what_if = true,
						    .justification = "j" };
	const struct mrq_permission grant = { "bob@example.org", MRQ_LEVEL_VIEWER };
	const struct mrq_permissions p = { .items = &grant, .n = 1 };
	struct mrq_file *f = make(w, "as it is");
	struct mrq_caller ann = as(ANN), eve = as(EVE);
	const char *label = "Confidential/All Employees";
	check_ok(mrq_file_label_set(f, &ann, label, &what_if, "/a.txt", NULL), NULL);
	check_status(mrq_file_label_set(f, &eve, label, &what_if, "/a.txt", NULL),
		     MRQ_E_DENIED, NULL);
	check_status(mrq_file_label_set(f, &ann, "Public", &what_if, "/a.txt", NULL),
		     MRQ_E_POLICY, NULL);
	check_ok(mrq_file_protect(f, &ann, &p, &what_if, "/a.txt", NULL), NULL);
	check_ok(convert(w, f, ANN, MRQ_CONVERT_UNPROTECT, &and_why), NULL);
	check_ok(convert(w, f, ANN, MRQ_CONVERT_PROTECT, &and_why), NULL);
	assert_int_equal(records_of(w, NULL).n, 0);
	mrq_file_free(f);
}

static void
expect_one(struct world *w, const char *event, const char *const *says)
{
	struct records r = records_of(w, event);
	assert_int_equal(r.n, 1);
	for (; *says; says++)
		if (!strstr(r.last, *says))
			fail_msg("'%s' does not say '%s'", r.last, *says);
}

#define EXPECT_ONE(event, ...)                                                         \
	expect_one(w, event, (const char *const[]){ __VA_ARGS__, NULL })

/** A record tells the change and the decision behind it, once. */
static void
test_a_change_is_one_record(void **state)
{
	struct world *w = *state;
	const struct mrq_change_options spoken = { .justification = "because" };
	const struct mrq_permission grant = { "bob@example.org", MRQ_LEVEL_VIEWER };
	const struct mrq_permissions p = { .items = &grant, .n = 1 };
	struct mrq_file *f = make(w, "as it is");
	struct mrq_caller ann = as(ANN), root = as(0);
	check_ok(mrq_file_label_set(f, &ann, "Confidential/All Employees", &spoken,
				    "/a.txt", NULL),
		 NULL);
	EXPECT_ONE("label", "\"result\":\"granted\"", "\"request\":\"relabel\"",
		   "\"ground\":\"owner\"", "\"label_before\":\"", "\"label_after\":\"",
		   "\"reason\":\"because\"", "\"principal\":\"ann@example.org\"");
	EXPECT_ONE("label", "\"label_name\":\"Confidential/All Employees\"",
		   "\"template_id\":\"", "\"owner\":\"ann@example.org\"",
		   "\"issuer\":\"ann@example.org\"");
	check_ok(mrq_file_rewrap(f, &root, "/a.txt", NULL), NULL);
	EXPECT_ONE("rewrap", "\"result\":\"granted\"");
	check_ok(mrq_file_protect(f, &ann, &p, &spoken, "/a.txt", NULL), NULL);
	EXPECT_ONE("protect", "\"result\":\"granted\"", "\"ground\":\"owner\"");
	check_ok(convert(w, f, ANN, MRQ_CONVERT_UNPROTECT, &spoken), NULL);
	EXPECT_ONE("unprotect", "\"ground\":\"owner\"", "\"reason\":\"because\"");
	assert_int_equal(records_of(w, NULL).n, 4);
	struct records of = records_of(w, "licence");
	assert_non_null(strstr(of.last, "\"issuer\":\"ann@example.org\""));
	assert_non_null(strstr(of.last, "\"published\":\""));
	of = records_of(w, "publish");
	assert_non_null(strstr(of.last, "\"owner\":\"ann@example.org\""));
	assert_non_null(strstr(of.last, "\"published\":\""));
	check_ok(convert(w, f, ANN, MRQ_CONVERT_PROTECT, &spoken), NULL);
	assert_int_equal(records_of(w, "protect").n, 2);
	assert_int_equal(records_of(w, NULL).n, 5);
	check_status(convert(w, f, EVE, MRQ_CONVERT_UNPROTECT, &spoken), MRQ_E_DENIED,
		     NULL);
	assert_int_equal(records_of(w, NULL).n, 6);
	mrq_file_free(f);
}

/** One that is listed and does not exist is not trusted; all else goes on, with a warning. */
static void
test_a_missing_trusted_program_is_a_warning(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	write_text(w->conf, "[programs]\ntrusted = /nowhere/viewer\n"
			    "[identity]\nuid.70001 = ann@example.org\n");
	warned[0] = 0;
	mrq_log_set_sink(note_warning, MRQ_LOG_WARNING, NULL);
	check_ok(mrq_session_reload(w->session, &err), &err);
	assert_non_null(strstr(warned, "'/nowhere/viewer'"));
	mrq_session_free(w->session);
	warned[0] = 0;
	open_session(w);
	mrq_log_set_sink(NULL, MRQ_LOG_ERROR, NULL);
	assert_non_null(strstr(warned, "'/nowhere/viewer'"));
	mrq_file_free(make(w, "goes on"));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		CASE(test_default_label_lets_the_organisation_in),
		CASE(test_only_the_maker_opens_a_new_file_undecided),
		CASE(test_plaintext_does_not_reach_the_source),
		CASE(test_permissions_name_who_may),
		CASE(test_expiry_spares_the_owner),
		CASE(test_revocation_and_back),
		CASE(test_clock_that_went_back),
		CASE(test_label_lowered_only_with_a_reason),
		CASE(test_one_licence_serves_many_files),
		CASE(test_rollback_is_noticed),
		CASE(test_key_rotation_and_rewrap),
		CASE(test_copy_of_the_state_opens_nothing),
		CASE(test_a_label_that_removes),
		CASE(test_new_files_of_a_label_that_removes_are_plain),
		CASE(test_what_if_leaves_no_record),
		CASE(test_a_change_is_one_record),
		CASE(test_a_missing_trusted_program_is_a_warning),
	};
	return CHECK_MAIN(tests);
}
