/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making and opening an authority; seals; keys over rotations; other processes. */
#include "fixture.h"

#include "store/state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mrq_authority_unlock
passphrase_unlock(struct mrq_secret_buf *buf, const char *text)
{
	check_ok(mrq_secret_buf_init(buf, strlen(text), NULL), NULL);
	memcpy(buf->data, text, strlen(text));
	return (struct mrq_authority_unlock){ .seal = MRQ_AUTHORITY_SEAL_PASSPHRASE,
					      .passphrase = buf };
}

static void
test_passphrase(void **state)
{
	char dir[64];
	struct mrq_error err = { 0 };
	struct mrq_secret_buf right MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };
	struct mrq_secret_buf wrong MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };
	struct mrq_authority *a = NULL;
	enum mrq_authority_seal seal = MRQ_AUTHORITY_SEAL_MACHINE;
	struct stat st;
	char sub[80];

	(void)state;
	check_ok(mrq_crypto_init(&err), &err);
	struct mrq_authority_unlock good = passphrase_unlock(&right, "open sesame");
	struct mrq_authority_unlock bad = passphrase_unlock(&wrong, "open sesamE");
	dir_make(dir);
	(void)snprintf(sub, sizeof(sub), "%s/a", dir);
	check_ok(mrq_authority_init(sub, ORG, &good, NOW, &err), &err);
	assert_int_equal(stat(sub, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	check_ok(mrq_authority_seal_load(sub, &seal, &err), &err);
	assert_int_equal(seal, MRQ_AUTHORITY_SEAL_PASSPHRASE);
	check_status(mrq_authority_open(sub, &bad, &a, &err), MRQ_E_PASSPHRASE, &err);
	struct mrq_authority_unlock none = { .seal = MRQ_AUTHORITY_SEAL_PASSPHRASE };
	check_status(mrq_authority_open(sub, &none, &a, &err), MRQ_E_PASSPHRASE, &err);
	assert_null(a);
	check_ok(mrq_authority_open(sub, &good, &a, &err), &err);
	assert_string_equal(mrq_authority_org(a), ORG);
	assert_non_null(mrq_authority_audit_key(a));
	mrq_authority_free(a);
	check_status(mrq_authority_init(sub, "other.org", &bad, NOW, &err),
		     MRQ_E_EXISTS, &err);
	check_ok(mrq_authority_open(sub, &good, &a, &err), &err); /* left as it was */
	mrq_authority_free(a);
	dir_remove(dir);
}

static void
test_other_machine(void **state)
{
	struct world *w = *state;
	struct mrq_seal_key other;
	struct mrq_authority_unlock unlock = { .seal = MRQ_AUTHORITY_SEAL_MACHINE,
					       .machine_key = &other };
	struct mrq_authority *a = NULL;
	struct mrq_secret_buf phrase MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };

	mrq_seal_key_random(&other);
	check_status(mrq_authority_open(w->dir, &unlock, &a, &w->err), MRQ_E_DAMAGED,
		     &w->err);
	assert_non_null(strstr(w->err.msg, "another machine"));
	struct mrq_authority_unlock by_phrase = passphrase_unlock(&phrase, "x");
	check_status(mrq_authority_open(w->dir, &by_phrase, &a, &w->err), MRQ_E_INVAL,
		     &w->err);
	assert_null(a);
}

static void
test_absent(void **state)
{
	char dir[64];
	struct mrq_error err = { 0 };
	struct mrq_authority *a = NULL;
	enum mrq_authority_seal seal;

	(void)state;
	dir_make(dir);
	check_status(mrq_authority_open(dir, NULL, &a, &err), MRQ_E_NOT_FOUND, &err);
	assert_non_null(strstr(err.msg, "run 'marque init'"));
	check_status(mrq_authority_seal_load(dir, &seal, &err), MRQ_E_NOT_FOUND, &err);
	check_status(mrq_authority_open("/nonexistent/x", NULL, &a, &err),
		     MRQ_E_NOT_FOUND, &err);
	dir_remove(dir);
}

static void
test_bad_org(void **state)
{
	static const char *const bad[] = { "", "a@b.example", "two words" };
	struct world *w = *state;
	struct mrq_authority_unlock unlock = { .seal = MRQ_AUTHORITY_SEAL_MACHINE,
					       .machine_key = &w->machine };
	char dir[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		dir_make(dir);
		check_status(mrq_authority_init(dir, bad[i], &unlock, NOW, &w->err),
			     MRQ_E_INVAL, &w->err);
		dir_remove(dir);
	}
}

/* An init that stopped half-way left a state without an authority in it. */
static void
test_init_after_interrupted_init(void **state)
{
	char dir[64];
	struct mrq_error err = { 0 };
	struct mrq_seal_key machine;
	struct mrq_authority_unlock unlock = { .seal = MRQ_AUTHORITY_SEAL_MACHINE,
					       .machine_key = &machine };
	struct mrq_state *half = NULL;
	struct mrq_authority *a = NULL;

	(void)state;
	check_ok(mrq_crypto_init(&err), &err);
	mrq_seal_key_random(&machine);
	dir_make(dir);
	check_ok(mrq_state_open(dir, MRQ_STATE_NEW, &half, &err), &err);
	mrq_state_close(half);
	check_status(mrq_authority_open(dir, &unlock, &a, &err), MRQ_E_NOT_FOUND, &err);
	check_ok(mrq_authority_init(dir, ORG, &unlock, NOW, &err), &err);
	check_ok(mrq_authority_open(dir, &unlock, &a, &err), &err);
	mrq_authority_free(a);
	dir_remove(dir);
}

/* The public half is known without keys, and is that of the key that signs. */
static void
check_audit_public(struct world *w, struct mrq_authority *clear)
{
	struct mrq_public_key *known = NULL, *signs = NULL;

	check_ok(mrq_authority_audit_public(clear, &known, &w->err), &w->err);
	check_ok(mrq_private_key_public(mrq_authority_audit_key(w->a), &signs, &w->err),
		 &w->err);
	assert_string_equal(mrq_public_key_kid(known), mrq_public_key_kid(signs));
	mrq_public_key_free(known);
	mrq_public_key_free(signs);
}

static void
test_without_keys(void **state)
{
	struct world *w = *state;
	struct mrq_mint what = ad_hoc();
	char *pl = mint(w, &what);
	char *text = NULL;
	struct mrq_authority *clear = NULL;
	struct mrq_policy_set *set = NULL;
	struct mrq_use_licence use = { 0 };
	struct mrq_identity *who = NULL;
	struct mrq_public_key *key = NULL;
	struct mrq_revocation_list revoked MRQ_CLEANUP(
		mrq_revocation_list_clear) = { 0 };

	check_ok(mrq_authority_open(w->dir, NULL, &clear, &w->err), &w->err);
	assert_null(mrq_authority_audit_key(clear));
	check_audit_public(w, clear);
	check_ok(mrq_authority_policy(clear, &set, &w->err), &w->err);
	mrq_policy_set_free(set);
	check_ok(mrq_authority_public_key(clear, NULL, &key, &w->err), &w->err);
	assert_string_equal(mrq_public_key_kid(key),
			    mrq_public_key_kid(w->publishing->seal_to));
	check_ok(mrq_authority_identity(clear, "owner@example.com", NULL, 0, &who,
					&w->err),
		 &w->err);
	check_status(mrq_authority_use(clear, pl, strlen(pl), who, NOW, &use, &w->err),
		     MRQ_E_NO_KEY, &w->err);
	check_status(mrq_authority_certify(clear, key, "host:x", NOW, NOW + 9, &text,
					   &w->err),
		     MRQ_E_NO_KEY, &w->err);
	check_status(mrq_authority_revocations(clear, NOW, &text, &w->err),
		     MRQ_E_NO_KEY, &w->err);
	check_ok(mrq_authority_revoked(clear, &revoked, &w->err), &w->err);
	check_status(
		mrq_authority_admin(clear, "key rotate", "{}", NOW, &text, &w->err),
		MRQ_E_NO_KEY, &w->err);
	mrq_public_key_free(key);
	mrq_identity_free(who);
	mrq_authority_free(clear);
	free(pl);
}

static void
test_old_licences_after_rotations(void **state)
{
	struct world *w = *state;
	char *licences[4];
	struct mrq_content_key keys[4];
	char kids[4][MRQ_KID_TEXT];
	struct mrq_mint what = ad_hoc();
	json_t *list;

	for (size_t i = 0; i < 4; i++) {
		if (i > 0)
			admin_do(w, "key rotate", "{}");
		mrq_publishing_free(w->publishing);
		world_publishing(w, "host:alpha", &w->publishing);
		memcpy(kids[i], mrq_public_key_kid(w->publishing->seal_to),
		       MRQ_KID_TEXT);
		assert_true(i == 0 || strcmp(kids[i], kids[i - 1]) != 0);
		licences[i] = mint_at(w, &what, NOW, &keys[i]);
	}
	/* Also by a process that starts now. */
	struct mrq_authority_unlock unlock = { .seal = MRQ_AUTHORITY_SEAL_MACHINE,
					       .machine_key = &w->machine };
	struct mrq_authority *again = NULL;
	struct mrq_identity *who = NULL;
	check_ok(mrq_authority_open(w->dir, &unlock, &again, &w->err), &w->err);
	check_ok(mrq_authority_identity(w->a, "owner@example.com", NULL, 0, &who,
					&w->err),
		 &w->err);
	for (size_t i = 0; i < 4; i++) {
		struct mrq_use_licence use = { 0 };
		check_ok(use_at(w, licences[i], "owner@example.com", NOW, &use),
			 &w->err);
		assert_memory_equal(&use.key, &keys[i], sizeof(use.key));
		check_ok(mrq_authority_use(again, licences[i], strlen(licences[i]), who,
					   NOW, &use, &w->err),
			 &w->err);
		assert_memory_equal(&use.key, &keys[i], sizeof(use.key));
		free(licences[i]);
	}
	mrq_identity_free(who);
	mrq_authority_free(again);
	list = admin(w, "key list", "{}");
	assert_int_equal(json_array_size(list), 5); /* and the audit key */
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(listed(list, "kid", kids[i], "state"),
				    i == 3 ? "active" : "archived");
	json_decref(list);
}

/* Another process revokes; this one, with its snapshot, sees it at the next question. */
static void
test_other_process(void **state)
{
	int to_child[2];
	char dir[64] = "";
	int status;

	(void)state;
	assert_int_equal(pipe2(to_child, O_CLOEXEC), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct mrq_authority *a = NULL;
		struct mrq_guid id;
		(void)close(to_child[1]);
		if (read(to_child[0], dir, sizeof(dir)) != sizeof(dir) ||
		    read(to_child[0], &id, sizeof(id)) != sizeof(id))
			_exit(1);
		if (mrq_authority_open(dir, NULL, &a, NULL) != MRQ_OK)
			_exit(2);
		if (mrq_authority_revoke(a, MRQ_REVOKE_CONTENT, &id, "x", NOW, NULL) !=
		    MRQ_OK)
			_exit(3);
		mrq_authority_free(a);
		_exit(0);
	}
	struct world w = { 0 };
	struct mrq_use_licence use = { 0 };
	struct mrq_grant g = grant("org", MRQ_RIGHT_VIEW);
	struct mrq_mint what = ad_hoc();
	world_open(&w, ORG);
	what.content_id = guid_of("11111111-2222-4333-8444-555555555555");
	what.grants = &g;
	what.n_grants = 1;
	char *pl = mint(&w, &what);
	check_ok(use_at(&w, pl, "x@example.com", NOW, &use), &w.err);
	assert_int_equal(write(to_child[1], w.dir, sizeof(w.dir)), sizeof(w.dir));
	assert_int_equal(write(to_child[1], &what.content_id, 16), 16);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	check_status(use_at(&w, pl, "x@example.com", NOW, &use), MRQ_E_REVOKED, &w.err);
	free(pl);
	world_close(&w);
	(void)close(to_child[0]);
	(void)close(to_child[1]);
}

#define WITH_WORLD(test)                                                               \
	cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_other_process), /* forks, so before any state is open */
		cmocka_unit_test(test_passphrase),
		WITH_WORLD(test_other_machine),
		cmocka_unit_test(test_absent),
		WITH_WORLD(test_bad_org),
		cmocka_unit_test(test_init_after_interrupted_init),
		WITH_WORLD(test_without_keys),
		WITH_WORLD(test_old_licences_after_rotations),
	};

	return CHECK_MAIN(tests);
}
