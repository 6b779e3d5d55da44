/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store-test.h"

#include <sys/wait.h>

#include "store/state.h"

static struct mrq_state *
state_open(const struct place *p, enum mrq_state_open mode)
{
	struct mrq_state *s = NULL;
	struct mrq_error err = { 0 };

	check_ok(mrq_state_open(p->dir, mode, &s, &err), &err);
	return s;
}

static struct mrq_state_txn *
begin(struct mrq_state *s, enum mrq_state_access access)
{
	struct mrq_state_txn *txn = NULL;
	struct mrq_error err = { 0 };

	check_ok(mrq_state_begin(s, access, &txn, &err), &err);
	return txn;
}

static void
put(struct mrq_state *s, const char *collection, const char *key, const char *value)
{
	struct mrq_error err = { 0 };
	struct mrq_state_txn *txn = begin(s, MRQ_STATE_WRITE);

	check_ok(mrq_state_put(txn, collection, key, value, strlen(value), &err), &err);
	check_ok(mrq_state_commit(txn, &err), &err);
}

/* NULL value: not there. */
static void
expect(struct mrq_state *s, const char *collection, const char *key, const char *value)
{
	struct mrq_error err = { 0 };
	struct mrq_state_txn *txn = begin(s, MRQ_STATE_READ);
	const void *have = NULL;
	size_t len = 0;
	enum mrq_status status = mrq_state_get(txn, collection, key, &have, &len, &err);

	check_status(status, value ? MRQ_OK : MRQ_E_NOT_FOUND, &err);
	if (value) {
		assert_int_equal(len, strlen(value));
		assert_memory_equal(have, value, len);
	}
	mrq_state_abort(txn);
}

static void
open_by_mode(void **state)
{
	struct place *p = *state;
	struct mrq_state *s = NULL;
	struct mrq_error err = { 0 };
	char file[128];
	struct stat st;

	check_status(mrq_state_open(p->dir, MRQ_STATE_EXISTING, &s, &err),
		     MRQ_E_NOT_FOUND, &err);
	s = state_open(p, MRQ_STATE_NEW);
	mrq_state_close(s);
	(void)snprintf(file, sizeof(file), "%s/authority.mdb", p->dir);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	check_status(mrq_state_open(p->dir, MRQ_STATE_NEW, &s, &err), MRQ_E_EXISTS,
		     &err);
	s = state_open(p, MRQ_STATE_EXISTING);
	/* Also while it is open. */
	struct mrq_state *t = NULL;
	check_status(mrq_state_open(p->dir, MRQ_STATE_NEW, &t, &err), MRQ_E_EXISTS,
		     &err);
	mrq_state_close(s);
	mrq_state_close(NULL);
	check_status(mrq_state_open("/nonexistent", MRQ_STATE_NEW, &s, &err),
		     MRQ_E_NOT_FOUND, &err);
}

static void
commit_keeps_abort_forgets(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };
	struct mrq_state *s = state_open(p, MRQ_STATE_NEW);

	put(s, "users", "ann", "1");
	struct mrq_state_txn *txn = begin(s, MRQ_STATE_WRITE);
	check_ok(mrq_state_put(txn, "users", "ann", "2", 1, &err), &err);
	check_ok(mrq_state_put(txn, "users", "bob", "3", 1, &err), &err);
	mrq_state_abort(txn);
	expect(s, "users", "ann", "1");
	expect(s, "users", "bob", NULL);
	mrq_state_close(s);
	s = state_open(p, MRQ_STATE_EXISTING);
	expect(s, "users", "ann", "1");
	put(s, "users", "ann", "");
	expect(s, "users", "ann", "");
	mrq_state_close(s);
}

static void
a_reader_sees_one_moment(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };
	struct mrq_state *s = state_open(p, MRQ_STATE_NEW);
	const void *value;
	size_t len;

	put(s, "c", "k", "old");
	struct mrq_state_txn *reader = begin(s, MRQ_STATE_READ);
	put(s, "c", "k", "new");
	check_ok(mrq_state_get(reader, "c", "k", &value, &len, &err), &err);
	assert_memory_equal(value, "old", 3);
	mrq_state_abort(reader);
	expect(s, "c", "k", "new");
	mrq_state_close(s);
}

static void
delete_and_its_absence(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };
	struct mrq_state *s = state_open(p, MRQ_STATE_NEW);

	put(s, "c", "k", "v");
	struct mrq_state_txn *txn = begin(s, MRQ_STATE_WRITE);
	check_ok(mrq_state_delete(txn, "c", "k", &err), &err);
	check_status(mrq_state_delete(txn, "c", "k", &err), MRQ_E_NOT_FOUND, &err);
	check_ok(mrq_state_commit(txn, &err), &err);
	expect(s, "c", "k", NULL);
	mrq_state_close(s);
}

static void
a_reading_transaction_changes_nothing(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };
	struct mrq_state *s = state_open(p, MRQ_STATE_NEW);
	struct mrq_state_txn *txn = begin(s, MRQ_STATE_READ);

	check_status(mrq_state_put(txn, "c", "k", "v", 1, &err), MRQ_E_INVAL, &err);
	check_status(mrq_state_delete(txn, "c", "k", &err), MRQ_E_INVAL, &err);
	mrq_state_abort(txn);
	mrq_state_close(s);
}

struct keys {
	char text[512];
	unsigned stop_after, n;
};

static bool
collect(const char *key, const void *value, size_t len, void *arg)
{
	struct keys *k = arg;
	size_t at = strlen(k->text);

	(void)snprintf(k->text + at, sizeof(k->text) - at, "%s=%.*s ", key, (int)len,
		       (const char *)value);
	return ++k->n != k->stop_after;
}

static void
each_visits_one_collection_in_order(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };
	struct mrq_state *s = state_open(p, MRQ_STATE_NEW);
	struct keys k = { 0 }, one = { .stop_after = 1 }, none = { 0 };

	put(s, "b", "10", "x");
	put(s, "b", "1", "y");
	put(s, "b", "2", "z");
	put(s, "a", "3", "no");
	put(s, "bb", "0", "no");
	put(s, "c", "0", "no");
	struct mrq_state_txn *txn = begin(s, MRQ_STATE_READ);
	check_ok(mrq_state_each(txn, "b", collect, &k, &err), &err);
	assert_string_equal(k.text, "1=y 10=x 2=z ");
	check_ok(mrq_state_each(txn, "b", collect, &one, &err), &err);
	assert_string_equal(one.text, "1=y ");
	check_ok(mrq_state_each(txn, "d", collect, &none, &err), &err);
	assert_int_equal(none.n, 0);
	mrq_state_abort(txn);
	mrq_state_close(s);
}

static void
lengths_are_bounded(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };
	struct mrq_state *s = state_open(p, MRQ_STATE_NEW);
	struct mrq_state_txn *txn = begin(s, MRQ_STATE_WRITE);
	char key[MRQ_STATE_KEY_MAX + 2];
	char *value = calloc(1, MRQ_STATE_VALUE_MAX + 1);

	memset(key, 'k', sizeof(key));
	key[MRQ_STATE_KEY_MAX + 1] = '\0';
	check_status(mrq_state_put(txn, "c", key, "v", 1, &err), MRQ_E_LIMIT, &err);
	check_status(mrq_state_put(txn, key, "k", "v", 1, &err), MRQ_E_LIMIT, &err);
	key[MRQ_STATE_KEY_MAX] = '\0';
	check_ok(mrq_state_put(txn, "c", key, "v", 1, &err), &err);
	check_status(mrq_state_put(txn, "c", "", "v", 1, &err), MRQ_E_INVAL, &err);
	check_status(mrq_state_put(txn, "", "k", "v", 1, &err), MRQ_E_INVAL, &err);
	check_ok(mrq_state_put(txn, "c", "k", value, MRQ_STATE_VALUE_MAX, &err), &err);
	check_status(mrq_state_put(txn, "c", "k", value, MRQ_STATE_VALUE_MAX + 1, &err),
		     MRQ_E_LIMIT, &err);
	check_ok(mrq_state_commit(txn, &err), &err);
	expect(s, "c", key, "v");
	free(value);
	mrq_state_close(s);
}

static uint64_t
epoch(struct mrq_state *s)
{
	uint64_t e = 0;
	struct mrq_error err = { 0 };

	check_ok(mrq_state_epoch(s, &e, &err), &err);
	return e;
}

static void
the_epoch_grows_with_each_committed_write(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };
	struct mrq_state *s = state_open(p, MRQ_STATE_NEW);
	struct mrq_state *t = state_open(p, MRQ_STATE_EXISTING); /* a second open */
	uint64_t before = epoch(s);

	assert_int_equal(epoch(t), before);
	put(t, "c", "k", "v");
	assert_true(epoch(s) > before);
	assert_int_equal(epoch(s), epoch(t));
	before = epoch(s);
	struct mrq_state_txn *txn = begin(s, MRQ_STATE_WRITE);
	check_ok(mrq_state_put(txn, "c", "k", "w", 1, &err), &err);
	assert_int_equal(epoch(t), before);
	mrq_state_abort(txn);
	assert_int_equal(epoch(t), before);
	mrq_state_close(t);
	expect(s, "c", "k", "v"); /* the first still works */
	mrq_state_close(s);
}

static void
the_epoch_grows_by_another_process(void **state)
{
	struct place *p = *state;
	int go[2], done[2];
	char c;

	mrq_state_close(state_open(p, MRQ_STATE_NEW));
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(done), 0);
	pid_t child = fork();
	if (child == 0) {
		struct mrq_state *s = state_open(p, MRQ_STATE_EXISTING);
		(void)!read(go[0], &c, 1);
		put(s, "c", "k", "from the child");
		(void)!write(done[1], "x", 1);
		(void)!read(go[0], &c, 1);
		mrq_state_close(s);
		_exit(0);
	}
	struct mrq_state *s = state_open(p, MRQ_STATE_EXISTING);
	uint64_t before = epoch(s);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(read(done[0], &c, 1), 1);
	assert_true(epoch(s) > before);
	expect(s, "c", "k", "from the child");
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(child, NULL, 0), child);
	mrq_state_close(s);
	for (int i = 0; i < 2; i++) {
		(void)close(go[i]);
		(void)close(done[i]);
	}
}

static void
refused(const struct place *p, enum mrq_status want, const char *named)
{
	struct mrq_state *s = NULL;
	struct mrq_error err = { 0 };

	check_status(mrq_state_open(p->dir, MRQ_STATE_EXISTING, &s, &err), want, &err);
	if (!strstr(err.msg, named))
		fail_msg("'%s' does not name '%s'", err.msg, named);
}

static void
unsafe_and_foreign_files_are_refused(void **state)
{
	static char noise[20000];
	struct place *p = *state;
	char file[128], other[128];
	uint64_t seed = 7;

	mrq_state_close(state_open(p, MRQ_STATE_NEW));
	(void)snprintf(file, sizeof(file), "%s/authority.mdb", p->dir);
	(void)snprintf(other, sizeof(other), "%s/other", p->dir);
	assert_int_equal(chmod(file, 0644), 0);
	refused(p, MRQ_E_CONFIG, "chmod 0600");
	assert_int_equal(chmod(file, 0600), 0);
	assert_int_equal(chmod(p->dir, 0777), 0);
	refused(p, MRQ_E_CONFIG, "others may write to folder");
	assert_int_equal(chmod(p->dir, 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(file, 65534, 65534), 0);
		refused(p, MRQ_E_CONFIG, "belongs to uid 65534");
		assert_int_equal(chown(file, 0, 0), 0);
	}
	assert_int_equal(rename(file, other), 0);
	assert_int_equal(symlink(other, file), 0);
	refused(p, MRQ_E_CONFIG, "symbolic link");
	assert_int_equal(unlink(file), 0);
	spit(file, "", 0);
	refused(p, MRQ_E_DAMAGED, "put a backup back");
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)check_next(&seed);
	spit(file, noise, sizeof(noise));
	refused(p, MRQ_E_DAMAGED, file);
	spit(file, "x", 1);
	refused(p, MRQ_E_DAMAGED, "put a backup back");
	/* A newer schema. */
	assert_int_equal(rename(other, file), 0);
	size_t len;
	char *text = slurp(file, &len);
	for (char *at = text;
	     (at = memmem(at, len - (size_t)(at - text), "schema\0", 7)); at += 7)
		at[7] = 9;
	spit(file, text, len);
	free(text);
	refused(p, MRQ_E_VERSION, "newer marque");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(open_by_mode),
		PLACE_TEST(commit_keeps_abort_forgets),
		PLACE_TEST(a_reader_sees_one_moment),
		PLACE_TEST(delete_and_its_absence),
		PLACE_TEST(a_reading_transaction_changes_nothing),
		PLACE_TEST(each_visits_one_collection_in_order),
		PLACE_TEST(lengths_are_bounded),
		PLACE_TEST(the_epoch_grows_with_each_committed_write),
		PLACE_TEST(the_epoch_grows_by_another_process),
		PLACE_TEST(unsafe_and_foreign_files_are_refused),
	};
	return CHECK_MAIN(tests);
}
