/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each allocation fails in turn: a status and a sentence, no leak, no half file. */
#include "store-test.h"

#include "store/cache.h"
#include "store/machine.h"
#include "store/state.h"

/* Fails when it reaches 0; negative: never. */
static int countdown = -1;

static bool
fails(void)
{
	return countdown >= 0 && countdown-- == 0;
}

void *__real_malloc(size_t len);
void *__real_calloc(size_t n, size_t len);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t n, size_t len);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

void *
__wrap_malloc(size_t len)
{
	return fails() ? NULL : __real_malloc(len);
}

void *
__wrap_calloc(size_t n, size_t len)
{
	return fails() ? NULL : __real_calloc(n, len);
}

char *
__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

char *
__wrap_strndup(const char *text, size_t len)
{
	return fails() ? NULL : __real_strndup(text, len);
}

static struct mrq_seal_key key;

static bool
visit_line(const struct mrq_audit_line *line, void *arg)
{
	(void)line;
	(void)arg;
	return true;
}

static enum mrq_status
use_log(const struct place *p, struct mrq_error *err)
{
	struct mrq_audit_options options = { .path = p->log };
	struct mrq_audit_log *log MRQ_CLEANUP(mrq_audit_log_close) = NULL;
	struct mrq_audit_record r = sample_record("path");
	struct mrq_audit_verdict v;

	MRQ_TRY(mrq_audit_log_open(&options, &log, err));
	MRQ_TRY(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, err));
	MRQ_TRY(mrq_audit_verify(p->log, NULL, &v, err));
	return mrq_audit_search(p->log, NULL, visit_line, NULL, err);
}

static enum mrq_status
use_cache(const struct place *p, struct mrq_error *err)
{
	struct mrq_cache *cache MRQ_CLEANUP(mrq_cache_close) = NULL;
	struct mrq_secret_buf buf MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };
	const uint8_t digest[MRQ_SHA256_BYTES] = { 1 };
	int64_t highest;
	size_t n;

	MRQ_TRY(mrq_cache_open(p->dir, &key,
			       &(struct mrq_cache_options){ .max_licences = 1 }, &cache,
			       err));
	MRQ_TRY(mrq_cache_licence_put(cache, "a", digest, "v", 1, 10, 1, err));
	MRQ_TRY(mrq_cache_licence_put(cache, "b", digest, "v", 1, 10, 2, err));
	MRQ_TRY(mrq_cache_licence_get(cache, "b", digest, 3, &buf, err));
	MRQ_TRY(mrq_cache_clock_note(cache, 100, &highest, err));
	return mrq_cache_sweep(cache, 100, &n, err);
}

static enum mrq_status
use_state(const struct place *p, struct mrq_error *err)
{
	struct mrq_state *state MRQ_CLEANUP(mrq_state_close) = NULL;
	struct mrq_state_txn *txn MRQ_CLEANUP(mrq_state_abort) = NULL;
	char file[128];

	(void)snprintf(file, sizeof(file), "%s/authority.mdb", p->dir);
	MRQ_TRY(mrq_state_open(
		p->dir, access(file, F_OK) == 0 ? MRQ_STATE_EXISTING : MRQ_STATE_NEW,
		&state, err));
	MRQ_TRY(mrq_state_begin(state, MRQ_STATE_WRITE, &txn, err));
	MRQ_TRY(mrq_state_put(txn, "c", "k", "v", 1, err));
	return mrq_state_commit(MRQ_STEAL(txn), err);
}

static enum mrq_status
use_machine(const struct place *p, struct mrq_error *err)
{
	struct mrq_seal_key machine;
	char secret[128], id[128];

	(void)snprintf(secret, sizeof(secret), "%s/machine.key", p->dir);
	(void)snprintf(id, sizeof(id), "%s/machine-id", p->dir);
	(void)unlink(secret);
	spit(id, "0123456789abcdef0123456789abcdef", 32);
	return mrq_machine_key(secret, id, "x", &machine, err);
}

/* Until no allocation is left to fail; then all works on what the failures left behind. */
static void
fail_each(const struct place *p,
	  enum mrq_status (*use)(const struct place *, struct mrq_error *))
{
	for (int n = 0;; n++) {
		struct mrq_error err = { 0 };
		countdown = n;
		enum mrq_status s = use(p, &err);
		bool all = countdown >= 0;
		countdown = -1;
		if (all) {
			check_ok(s, &err);
			assert_true(n > 0);
			return;
		}
		/* A failure may have been tolerated; one that was not has its sentence. */
		assert_true(s == MRQ_OK || err.msg[0]);
		assert_true(s == MRQ_OK || s == MRQ_E_NOMEM || s == MRQ_E_AUDIT);
	}
}

static void
the_log_survives(void **state)
{
	fail_each(*state, use_log);
}

static void
the_cache_survives(void **state)
{
	fail_each(*state, use_cache);
}

static void
the_state_survives(void **state)
{
	fail_each(*state, use_state);
}

static void
the_machine_key_survives(void **state)
{
	fail_each(*state, use_machine);
}

/* An append allocates nothing. */
static void
an_append_needs_no_memory(void **state)
{
	struct place *p = *state;
	struct mrq_audit_log *log = log_open(p, 0);
	struct mrq_audit_record r = sample_record("path");
	struct mrq_error err = { 0 };

	append_n(log, 1);
	countdown = 0;
	enum mrq_status s = mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, &err);
	assert_int_equal(countdown, 0);
	countdown = -1;
	check_ok(s, &err);
	mrq_audit_log_close(log);
	(void)verify_whole(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(the_log_survives),
		PLACE_TEST(the_cache_survives),
		PLACE_TEST(the_state_survives),
		PLACE_TEST(the_machine_key_survives),
		PLACE_TEST(an_append_needs_no_memory),
	};

	if (mrq_crypto_init(NULL) != MRQ_OK)
		return 1;
	mrq_seal_key_random(&key);
	return CHECK_MAIN(tests);
}
