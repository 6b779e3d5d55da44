/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The check of LMDB files: it never refuses what LMDB wrote, and what it lets pass does not crash
 * LMDB, whatever bytes were changed.
 */
#include "store-test.h"

#include <sys/wait.h>

#include "store/env.h"
#include "store/state.h"

#define STEPS     400
#define MUTATIONS 1500

/* The same in each run, unless the environment says otherwise. */
static uint64_t
first_seed(uint64_t usual)
{
	const char *text = getenv("MRQ_TEST_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : usual;

	print_message("# seed %llu\n", (unsigned long long)seed);
	return seed;
}

static enum mrq_status
check_file(const char *path, struct mrq_error *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	enum mrq_status s = mrq_env_check(fd, (uint64_t)st.st_size, err);
	(void)close(fd);
	return s;
}

static void
random_key(uint64_t *seed, char ret[static 32])
{
	(void)snprintf(ret, 32, "key %u", (unsigned)(check_next(seed) % 500));
}

/* Many puts and deletes, small and large. */
static void
random_step(struct mrq_state *s, uint64_t *seed)
{
	static char value[60000];
	struct mrq_error err = { 0 };
	struct mrq_state_txn *txn = NULL;
	char name[32];

	check_ok(mrq_state_begin(s, MRQ_STATE_WRITE, &txn, &err), &err);
	for (unsigned i = check_next(seed) % 20; i > 0; i--) {
		random_key(seed, name);
		size_t len = check_next(seed) % 8 ? check_next(seed) % 600
						  : check_next(seed) % sizeof(value);
		if (check_next(seed) % 3 == 0)
			(void)!mrq_state_delete(txn, "collection", name, NULL);
		else
			check_ok(mrq_state_put(txn, "collection", name, value, len,
					       &err),
				 &err);
	}
	if (check_next(seed) % 10 == 0)
		mrq_state_abort(txn);
	else
		check_ok(mrq_state_commit(txn, &err), &err);
}

static void
what_lmdb_wrote_is_sound(void **state)
{
	struct place *p = *state;
	struct mrq_state *s = NULL;
	struct mrq_error err = { 0 };
	uint64_t seed = first_seed(42);
	char file[128];

	(void)snprintf(file, sizeof(file), "%s/authority.mdb", p->dir);
	check_ok(mrq_state_open(p->dir, MRQ_STATE_NEW, &s, &err), &err);
	check_ok(check_file(file, &err), &err);
	for (int i = 0; i < STEPS; i++) {
		struct mrq_state_txn *reader = NULL;
		/* Now and then a reader holds old pages back. */
		if (i % 5 == 0)
			check_ok(mrq_state_begin(s, MRQ_STATE_READ, &reader, &err),
				 &err);
		random_step(s, &seed);
		random_step(s, &seed);
		mrq_state_abort(reader);
		check_ok(check_file(file, &err), &err);
	}
	mrq_state_close(s);
}

static bool
count(const char *name, const void *value, size_t len, void *arg)
{
	unsigned *sum = arg;
	const volatile uint8_t *bytes = value;

	for (size_t i = 0; i < len; i += 64)
		*sum += bytes[i];
	*sum += (unsigned)strlen(name);
	return true;
}

/* In a child: 0 when refused, 1 when all was read and written, else it crashed. */
static int
use_file(const struct place *p)
{
	struct mrq_state *s = NULL;
	struct mrq_state_txn *txn = NULL;
	unsigned sum = 0;
	char name[32];
	uint64_t seed = 5;

	if (mrq_state_open(p->dir, MRQ_STATE_EXISTING, &s, NULL) != MRQ_OK)
		return 0;
	if (mrq_state_begin(s, MRQ_STATE_READ, &txn, NULL) == MRQ_OK) {
		(void)!mrq_state_each(txn, "collection", count, &sum, NULL);
		mrq_state_abort(txn);
	}
	for (int i = 0; i < 3; i++) {
		if (mrq_state_begin(s, MRQ_STATE_WRITE, &txn, NULL) != MRQ_OK)
			break;
		random_key(&seed, name);
		(void)!mrq_state_delete(txn, "collection", name, NULL);
		random_key(&seed, name);
		(void)!mrq_state_put(txn, "collection", name, "value", 5, NULL);
		(void)!mrq_state_commit(txn, NULL);
	}
	mrq_state_close(s);
	return 1;
}

static int
use_in_child(const struct place *p)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		(void)close(2);
		_exit(use_file(p));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static char *
make_file(const struct place *p, const char *file, size_t *ret_len)
{
	struct mrq_state *s = NULL;
	struct mrq_error err = { 0 };
	uint64_t seed = first_seed(3);

	check_ok(mrq_state_open(p->dir, MRQ_STATE_NEW, &s, &err), &err);
	for (int i = 0; i < 60; i++)
		random_step(s, &seed);
	mrq_state_close(s);
	return slurp(file, ret_len);
}

/* Structure is in the first bytes and offsets of pages: changes go there mostly. */
static void
mutate(char *text, size_t len, uint64_t *seed)
{
	size_t page = check_next(seed) % (len / 4096) * 4096;
	size_t off =
		check_next(seed) % 3 ? check_next(seed) % 200 : check_next(seed) % 4096;

	switch (check_next(seed) % 4) {
	case 0:
		text[page + off] ^= (char)(1u << check_next(seed) % 8);
		break;
	case 1:
		text[page + off] = (char)check_next(seed);
		break;
	case 2:
		memset(text + page, 0, 4096);
		break;
	default:
		memcpy(text + page, text + check_next(seed) % (len / 4096) * 4096,
		       4096);
		break;
	}
}

static void
a_damaged_file_never_crashes(void **state)
{
	struct place *p = *state;
	char file[128];
	size_t len;
	unsigned refused = 0;
	uint64_t seed = first_seed(99);

	(void)snprintf(file, sizeof(file), "%s/authority.mdb", p->dir);
	char *good = make_file(p, file, &len), *bad = malloc(len);
	assert_int_equal(use_in_child(p), 1);
	for (unsigned i = 0; i < MUTATIONS; i++) {
		uint64_t start = seed;
		memcpy(bad, good, len);
		mutate(bad, len, &seed);
		spit(file, bad, len);
		int result = use_in_child(p);
		if (result < 0)
			fail_msg("signal %d with mutation %u, seed %llu", -result, i,
				 (unsigned long long)start);
		refused += result == 0;
	}
	assert_true(refused > MUTATIONS / 50);
	free(bad);
	free(good);
}

static void
a_cut_file_never_crashes(void **state)
{
	struct place *p = *state;
	char file[128];
	size_t len;

	(void)snprintf(file, sizeof(file), "%s/authority.mdb", p->dir);
	char *good = make_file(p, file, &len);
	for (size_t cut = 1; cut < len; cut += cut < 16384 ? 997 : 8000) {
		spit(file, good, cut);
		assert_true(use_in_child(p) >= 0);
	}
	spit(file, good, 16);
	assert_int_equal(use_in_child(p), 0);
	free(good);
}

static void
each_defect_has_its_sentence(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };
	char file[128];
	size_t len;

	(void)snprintf(file, sizeof(file), "%s/authority.mdb", p->dir);
	char *good = make_file(p, file, &len);
	struct {
		size_t off;
		char value;
		const char *what;
	} defects[] = {
		{ 16, 0, "not the beginning of an LMDB file" },
		{ 20, 9, "not the beginning of an LMDB file" },
		{ 10, 1, "not the beginning of an LMDB file" },
		{ 41, 3, "impossible size of pages" },
		{ 4096 + 41, 0x20, "another size of pages" },
	};
	for (size_t i = 0; i < sizeof(defects) / sizeof(defects[0]); i++) {
		char *bad = malloc(len);
		memcpy(bad, good, len);
		bad[defects[i].off] = defects[i].value;
		spit(file, bad, len);
		free(bad);
		check_status(check_file(file, &err), MRQ_E_DAMAGED, &err);
		if (!strstr(err.msg, defects[i].what))
			fail_msg("'%s' is not '%s'", err.msg, defects[i].what);
	}
	free(good);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(what_lmdb_wrote_is_sound),
		PLACE_TEST(a_damaged_file_never_crashes),
		PLACE_TEST(a_cut_file_never_crashes),
		PLACE_TEST(each_defect_has_its_sentence),
	};
	return CHECK_MAIN(tests);
}
