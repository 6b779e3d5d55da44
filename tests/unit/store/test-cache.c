/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store-test.h"

#include <pthread.h>

#include "store/cache.h"

#define NOW   INT64_C(1772359200)
#define LATER (NOW + 1000000)

static struct mrq_seal_key key;

static struct mrq_cache *
cache_open(const struct place *p, const struct mrq_cache_options *options)
{
	struct mrq_cache *c = NULL;
	struct mrq_error err = { 0 };

	check_ok(mrq_cache_open(p->dir, &key, options, &c, &err), &err);
	return c;
}

static void
make_digest(unsigned n, uint8_t ret[static MRQ_SHA256_BYTES])
{
	memset(ret, 0, MRQ_SHA256_BYTES);
	ret[0] = (uint8_t)(n >> 8);
	ret[31] = (uint8_t)n;
}

static void
put(struct mrq_cache *c, const char *who, unsigned n, const char *value,
    int64_t never_after, int64_t now)
{
	uint8_t digest[MRQ_SHA256_BYTES];
	struct mrq_error err = { 0 };

	make_digest(n, digest);
	check_ok(mrq_cache_licence_put(c, who, digest, value, strlen(value),
				       never_after, now, &err),
		 &err);
}

/* NULL value: not there. */
static void
expect(struct mrq_cache *c, const char *who, unsigned n, const char *value, int64_t now)
{
	uint8_t digest[MRQ_SHA256_BYTES];
	struct mrq_secret_buf buf = { 0 };
	struct mrq_error err = { 0 };

	make_digest(n, digest);
	check_status(mrq_cache_licence_get(c, who, digest, now, &buf, &err),
		     value ? MRQ_OK : MRQ_E_NOT_FOUND, &err);
	if (value) {
		assert_int_equal(buf.len, strlen(value));
		assert_memory_equal(buf.data, value, buf.len);
	}
	mrq_secret_buf_clear(&buf);
}

static void
a_licence_comes_back_also_after_a_restart(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = cache_open(p, NULL);
	char file[128];
	struct stat st;

	put(c, "ann@example.com", 1, "licence 1", LATER, NOW);
	put(c, "ann@example.com", 2, "", LATER, NOW);
	put(c, "bob@example.com", 1, "licence of bob", LATER, NOW);
	expect(c, "ann@example.com", 1, "licence 1", NOW);
	expect(c, "ann@example.com", 2, "", NOW);
	expect(c, "ann@example.com", 3, NULL, NOW);
	put(c, "ann@example.com", 1, "in its place", LATER, NOW);
	mrq_cache_close(c);
	(void)snprintf(file, sizeof(file), "%s/cache.mdb", p->dir);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	c = cache_open(p, NULL);
	expect(c, "ann@example.com", 1, "in its place", NOW);
	expect(c, "bob@example.com", 1, "licence of bob", NOW);
	mrq_cache_close(c);
	mrq_cache_close(NULL);
}

static void
the_file_shows_neither_mails_nor_values(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = cache_open(p, NULL);
	struct mrq_error err = { 0 };
	char file[128];

	put(c, "ann@example.com", 1, "secret licence", LATER, NOW);
	check_ok(mrq_cache_document_put(c, "policy", "secret policy", 13, &err), &err);
	mrq_cache_close(c);
	(void)snprintf(file, sizeof(file), "%s/cache.mdb", p->dir);
	assert_false(file_has(file, "ann@"));
	assert_false(file_has(file, "secret"));
	assert_true(file_has(file, "document:policy"));
}

static void
another_key_opens_nothing(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = cache_open(p, NULL);
	struct mrq_error err = { 0 };
	struct mrq_seal_key other;

	put(c, "ann@example.com", 1, "x", LATER, NOW);
	mrq_seal_key_random(&other);
	struct mrq_cache *d = NULL;
	/* Also while it is open under the right one. */
	check_status(mrq_cache_open(p->dir, &other, NULL, &d, &err), MRQ_E_DAMAGED,
		     &err);
	mrq_cache_close(c);
	check_status(mrq_cache_open(p->dir, &other, NULL, &d, &err), MRQ_E_DAMAGED,
		     &err);
	assert_non_null(strstr(err.msg, "sealed on another machine"));
	assert_non_null(strstr(err.msg, "cache.mdb"));
	assert_non_null(strstr(err.msg, "remove this file"));
	c = cache_open(p, NULL);
	expect(c, "ann@example.com", 1, "x", NOW);
	mrq_cache_close(c);
}

/* A sealed value that was moved, or whose clear part was changed, is not opened. */
static void
changed_values_are_damaged(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = cache_open(p, NULL);
	struct mrq_error err = { 0 };
	struct mrq_secret_buf buf = { 0 };
	uint8_t digest[MRQ_SHA256_BYTES], mark[16];
	const int64_t never_after = INT64_C(0x1122334455667788);
	char file[128];
	size_t len, hits = 0;

	put(c, "ann@example.com", 1, "x", never_after, NOW);
	mrq_cache_close(c);
	(void)snprintf(file, sizeof(file), "%s/cache.mdb", p->dir);
	char *text = slurp(file, &len);
	memcpy(mark, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	for (char *at = text; (at = memmem(at, len - (size_t)(at - text), mark, 8));
	     hits++)
		*at++ = 0; /* another never_after */
	assert_true(hits > 0);
	spit(file, text, len);
	free(text);
	c = cache_open(p, NULL);
	make_digest(1, digest);
	check_status(
		mrq_cache_licence_get(c, "ann@example.com", digest, NOW, &buf, &err),
		MRQ_E_DAMAGED, &err);
	mrq_cache_close(c);
}

static void
lengths_are_bounded(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = cache_open(p, NULL);
	struct mrq_error err = { 0 };
	struct mrq_secret_buf buf = { 0 };
	uint8_t digest[MRQ_SHA256_BYTES];
	char *value = malloc(MRQ_CACHE_DOCUMENT_MAX + 1), name[400];

	memset(value, 'v', MRQ_CACHE_DOCUMENT_MAX + 1);
	memset(name, 'n', sizeof(name));
	make_digest(1, digest);
	check_ok(mrq_cache_licence_put(c, "a", digest, value, MRQ_CACHE_VALUE_MAX,
				       LATER, NOW, &err),
		 &err);
	check_ok(mrq_cache_licence_get(c, "a", digest, NOW, &buf, &err), &err);
	assert_int_equal(buf.len, MRQ_CACHE_VALUE_MAX);
	assert_memory_equal(buf.data, value, buf.len);
	mrq_secret_buf_clear(&buf);
	check_status(mrq_cache_licence_put(c, "a", digest, value,
					   MRQ_CACHE_VALUE_MAX + 1, LATER, NOW, &err),
		     MRQ_E_LIMIT, &err);
	name[MRQ_PRINCIPAL_MAX + 1] = '\0';
	check_status(mrq_cache_licence_put(c, name, digest, "x", 1, LATER, NOW, &err),
		     MRQ_E_LIMIT, &err);
	check_status(
		mrq_cache_document_put(c, "d", value, MRQ_CACHE_DOCUMENT_MAX + 1, &err),
		MRQ_E_LIMIT, &err);
	check_ok(mrq_cache_document_put(c, "d", value, MRQ_CACHE_DOCUMENT_MAX, &err),
		 &err);
	name[MRQ_CACHE_DOCUMENT_NAME_MAX + 1] = '\0';
	check_status(mrq_cache_document_put(c, name, "x", 1, &err), MRQ_E_LIMIT, &err);
	check_status(mrq_cache_document_put(c, "", "x", 1, &err), MRQ_E_INVAL, &err);
	free(value);
	mrq_cache_close(c);
}

static void
clear_forgets_one_or_all(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = cache_open(p, NULL);
	struct mrq_error err = { 0 };
	size_t n = 99;

	for (unsigned i = 0; i < 300; i++) {
		put(c, "ann@example.com", i, "a", LATER, NOW);
		put(c, "bob@example.com", i, "b", LATER, NOW);
	}
	check_ok(mrq_cache_licence_clear(c, "nobody@example.com", &n, &err), &err);
	assert_int_equal(n, 0);
	check_ok(mrq_cache_licence_clear(c, "ann@example.com", &n, &err), &err);
	assert_int_equal(n, 300);
	expect(c, "ann@example.com", 5, NULL, NOW);
	expect(c, "bob@example.com", 5, "b", NOW);
	check_ok(mrq_cache_licence_clear(c, NULL, &n, &err), &err);
	assert_int_equal(n, 300);
	expect(c, "bob@example.com", 5, NULL, NOW);
	mrq_cache_close(c);
}

struct seen {
	unsigned n, stop_after;
};

static bool
see(const char *principal, const uint8_t digest[static MRQ_SHA256_BYTES],
    const void *value, size_t len, int64_t stored, int64_t never_after, void *arg)
{
	struct seen *s = arg;

	assert_true(strcmp(principal, "ann@example.com") == 0 ||
		    strcmp(principal, "bob@example.com") == 0);
	assert_int_equal(len, 1);
	assert_int_equal(*(const char *)value, principal[0]);
	assert_true(digest[31] < 3);
	assert_int_equal(stored, NOW + digest[31]);
	assert_int_equal(never_after, LATER + digest[31]);
	return ++s->n != s->stop_after;
}

static void
each_gives_what_was_put(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = cache_open(p, NULL);
	struct mrq_error err = { 0 };
	struct seen all = { 0 }, two = { .stop_after = 2 };

	for (unsigned i = 0; i < 3; i++) {
		put(c, "ann@example.com", i, "a", LATER + i, NOW + i);
		put(c, "bob@example.com", i, "b", LATER + i, NOW + i);
	}
	check_ok(mrq_cache_licence_each(c, see, &all, &err), &err);
	assert_int_equal(all.n, 6);
	check_ok(mrq_cache_licence_each(c, see, &two, &err), &err);
	assert_int_equal(two.n, 2);
	mrq_cache_close(c);
}

static void
sweep_takes_what_is_past(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = cache_open(p, NULL);
	struct mrq_error err = { 0 };
	size_t n = 99;

	for (unsigned i = 0; i < 100; i++)
		put(c, "ann@example.com", i, "a", NOW + i, NOW);
	put(c, "ann@example.com", 200, "always", INT64_MAX, NOW);
	expect(c, "ann@example.com", 10, "a", NOW + 10);
	expect(c, "ann@example.com", 10, NULL,
	       NOW + 11); /* not given out, swept or not */
	check_ok(mrq_cache_sweep(c, NOW + 50, &n, &err), &err);
	assert_int_equal(n, 50);
	expect(c, "ann@example.com", 49, NULL, NOW);
	expect(c, "ann@example.com", 50, "a", NOW);
	check_ok(mrq_cache_sweep(c, INT64_MAX - 1, &n, &err), &err);
	assert_int_equal(n, 50);
	expect(c, "ann@example.com", 200, "always", NOW);
	mrq_cache_close(c);
}

static void
the_least_recently_used_go_first(void **state)
{
	struct place *p = *state;
	const struct mrq_cache_options options = { .max_licences = 8 };
	struct mrq_cache *c = cache_open(p, &options);
	unsigned left = 0;

	for (unsigned i = 0; i < 8; i++)
		put(c, "ann@example.com", i, "a", LATER, NOW + i);
	/* Reads renew; within a minute they do not count. */
	expect(c, "ann@example.com", 0, "a", NOW + 500);
	expect(c, "ann@example.com", 1, "a", NOW + 30);
	put(c, "ann@example.com", 8, "a", LATER, NOW + 600);
	put(c, "ann@example.com", 9, "a", LATER, NOW + 601);
	expect(c, "ann@example.com", 0, "a", NOW + 601);
	expect(c, "ann@example.com", 1, NULL, NOW + 601);
	expect(c, "ann@example.com", 2, NULL, NOW + 601);
	for (unsigned i = 3; i < 10; i++)
		expect(c, "ann@example.com", i, "a", NOW + 601);
	mrq_cache_close(c);
	/* Reads are remembered by close, and a smaller bound by sweep. */
	struct mrq_error err = { 0 };
	size_t n = 0;
	c = cache_open(p, &options);
	expect(c, "ann@example.com", 3, "a", NOW + 9000);
	mrq_cache_close(c);
	c = cache_open(p, &(struct mrq_cache_options){ .max_licences = 2 });
	check_ok(mrq_cache_sweep(c, NOW + 9001, &n, &err), &err);
	assert_int_equal(n, 6);
	expect(c, "ann@example.com", 3, "a", NOW + 9001);
	for (unsigned i = 0; i < 10; i++) {
		uint8_t digest[MRQ_SHA256_BYTES];
		struct mrq_secret_buf buf = { 0 };
		make_digest(i, digest);
		left += mrq_cache_licence_get(c, "ann@example.com", digest, NOW, &buf,
					      NULL) == MRQ_OK;
		mrq_secret_buf_clear(&buf);
	}
	assert_int_equal(left, 2);
	mrq_cache_close(c);
}

static int64_t
note(struct mrq_cache *c, int64_t now)
{
	int64_t highest = 0;
	struct mrq_error err = { 0 };

	check_ok(mrq_cache_clock_note(c, now, &highest, &err), &err);
	return highest;
}

static void
the_clock_never_goes_back(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = cache_open(p, NULL);

	assert_int_equal(note(c, NOW), NOW);
	assert_int_equal(note(c, NOW - 5000), NOW);
	assert_int_equal(note(c, NOW + 59), NOW + 59); /* in memory only */
	mrq_cache_close(c);
	c = cache_open(p, NULL);
	assert_int_equal(note(c, NOW - 1), NOW);
	assert_int_equal(note(c, NOW + 60), NOW + 60); /* on disk */
	mrq_cache_close(c);
	c = cache_open(p, NULL);
	assert_int_equal(note(c, 0), NOW + 60);
	/* Two at once. */
	struct mrq_cache *d = cache_open(p, NULL);
	assert_int_equal(note(d, NOW + 1000), NOW + 1000);
	assert_int_equal(note(c, NOW + 500), NOW + 1000);
	mrq_cache_close(d);
	mrq_cache_close(c);
}

static struct mrq_cache_sequence
sequence(unsigned id, uint64_t n)
{
	struct mrq_cache_sequence s = { .sequence = n };

	s.file_id.bytes[0] = (uint8_t)id;
	s.file_id.bytes[1] = (uint8_t)(id >> 8);
	return s;
}

static void
expect_sequence(struct mrq_cache *c, unsigned id, uint64_t want)
{
	struct mrq_cache_sequence s = sequence(id, 0);
	uint64_t have = 99;
	struct mrq_error err = { 0 };

	check_ok(mrq_cache_sequence_get(c, &s.file_id, &have, &err), &err);
	assert_int_equal(have, want);
}

static void
sequences_rise_or_are_set(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = cache_open(p, NULL);
	struct mrq_error err = { 0 };
	struct mrq_cache_sequence items[] = { sequence(1, 10), sequence(2, UINT64_MAX),
					      sequence(1, 7) };

	expect_sequence(c, 1, 0);
	check_ok(mrq_cache_sequence_put(c, items, 0, MRQ_SEQUENCE_RAISE, &err), &err);
	check_ok(mrq_cache_sequence_put(c, items, 3, MRQ_SEQUENCE_RAISE, &err), &err);
	expect_sequence(c, 1, 10);
	expect_sequence(c, 2, UINT64_MAX);
	items[0] = sequence(1, 4);
	check_ok(mrq_cache_sequence_put(c, items, 1, MRQ_SEQUENCE_RAISE, &err), &err);
	expect_sequence(c, 1, 10);
	check_ok(mrq_cache_sequence_put(c, items, 1, MRQ_SEQUENCE_SET, &err), &err);
	expect_sequence(c, 1, 4);
	mrq_cache_close(c);
	c = cache_open(p, NULL);
	expect_sequence(c, 1, 4);
	mrq_cache_close(c);
}

static void
sequences_are_bounded(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c =
		cache_open(p, &(struct mrq_cache_options){ .max_sequences = 64 });
	struct mrq_error err = { 0 };
	unsigned left = 0;

	for (unsigned i = 0; i < 1000; i++) {
		struct mrq_cache_sequence s = sequence(i, i + 1);
		(void)note(c, NOW + i); /* the time of a last use */
		check_ok(mrq_cache_sequence_put(c, &s, 1, MRQ_SEQUENCE_RAISE, &err),
			 &err);
	}
	for (unsigned i = 0; i < 1000; i++) {
		struct mrq_cache_sequence s = sequence(i, 0);
		uint64_t have = 0;
		check_ok(mrq_cache_sequence_get(c, &s.file_id, &have, &err), &err);
		left += have > 0;
	}
	assert_in_range(left, 64, 64 + 4);
	expect_sequence(c, 999, 1000);
	expect_sequence(c, 0, 0);
	mrq_cache_close(c);
}

static void
documents_come_back(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = cache_open(p, NULL);
	struct mrq_secret_buf buf = { 0 };
	struct mrq_error err = { 0 };

	check_status(mrq_cache_document_get(c, "policy", &buf, &err), MRQ_E_NOT_FOUND,
		     &err);
	assert_non_null(strstr(err.msg, "policy"));
	check_ok(mrq_cache_document_put(c, "policy", "old", 3, &err), &err);
	check_ok(mrq_cache_document_put(c, "policy", "newer", 5, &err), &err);
	check_ok(mrq_cache_document_put(c, "revocations", "", 0, &err), &err);
	check_ok(mrq_cache_document_get(c, "policy", &buf, &err), &err);
	assert_int_equal(buf.len, 5);
	assert_memory_equal(buf.data, "newer", 5);
	mrq_secret_buf_clear(&buf);
	check_ok(mrq_cache_document_get(c, "revocations", &buf, &err), &err);
	assert_int_equal(buf.len, 0);
	mrq_secret_buf_clear(&buf);
	mrq_cache_close(c);
}

/* A full map: old ones make room, what cannot fit is an error and breaks nothing. */
static void
a_full_file_makes_room(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c =
		cache_open(p, &(struct mrq_cache_options){ .map_bytes = 1u << 20 });
	struct mrq_error err = { 0 };
	uint8_t digest[MRQ_SHA256_BYTES];
	char *value = calloc(1, 1u << 20);

	for (unsigned i = 0; i < 200; i++) {
		make_digest(i, digest);
		check_ok(mrq_cache_licence_put(c, "ann@example.com", digest, value,
					       20000, LATER, NOW + i, &err),
			 &err);
	}
	struct mrq_secret_buf buf = { 0 };
	make_digest(199, digest);
	check_ok(mrq_cache_licence_get(c, "ann@example.com", digest, NOW, &buf, &err),
		 &err);
	mrq_secret_buf_clear(&buf);
	check_status(mrq_cache_document_put(c, "huge", value, 1u << 20, &err),
		     MRQ_E_LIMIT, &err);
	assert_non_null(strstr(err.msg, "is full"));
	assert_non_null(strstr(err.msg, "cache.mdb"));
	put(c, "ann@example.com", 7, "still works", LATER, NOW + 300);
	expect(c, "ann@example.com", 7, "still works", NOW + 300);
	free(value);
	mrq_cache_close(c);
}

static void
foreign_and_newer_files_are_refused(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = NULL;
	struct mrq_error err = { 0 };
	char file[128], other[128];

	(void)snprintf(file, sizeof(file), "%s/cache.mdb", p->dir);
	(void)snprintf(other, sizeof(other), "%s/other", p->dir);
	spit(file, "SQLite format 3", 16);
	check_status(mrq_cache_open(p->dir, &key, NULL, &c, &err), MRQ_E_DAMAGED, &err);
	assert_non_null(strstr(err.msg, file));
	assert_non_null(strstr(err.msg, "remove this file"));
	assert_int_equal(rename(file, other), 0);
	assert_int_equal(symlink(other, file), 0);
	check_status(mrq_cache_open(p->dir, &key, NULL, &c, &err), MRQ_E_CONFIG, &err);
	assert_int_equal(unlink(file), 0);
	mrq_cache_close(cache_open(p, NULL));
	size_t len;
	char *text = slurp(file, &len);
	for (char *at = text; (at = memmem(at, len - (size_t)(at - text), "schema", 6));
	     at += 6)
		at[6] = 9;
	spit(file, text, len);
	free(text);
	check_status(mrq_cache_open(p->dir, &key, NULL, &c, &err), MRQ_E_VERSION, &err);
	check_status(mrq_cache_open("/nonexistent", &key, NULL, &c, &err),
		     MRQ_E_NOT_FOUND, &err);
}

static void *
hammer(void *arg)
{
	struct mrq_cache *c = arg;
	static unsigned next;
	unsigned me = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
	char who[32];

	(void)snprintf(who, sizeof(who), "user%u@example.com", me);
	for (unsigned i = 0; i < 30; i++) {
		struct mrq_cache_sequence s = sequence(me, i + 1);
		put(c, who, i, who, LATER, NOW + i);
		expect(c, who, i, who, NOW + i + 100);
		(void)note(c, NOW + i * 10);
		check_ok(mrq_cache_sequence_put(c, &s, 1, MRQ_SEQUENCE_RAISE, NULL),
			 NULL);
	}
	return NULL;
}

static void
many_threads_may_use_it(void **state)
{
	struct place *p = *state;
	struct mrq_cache *c = cache_open(p, NULL);
	pthread_t threads[6];

	for (int i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, c), 0);
	for (int i = 0; i < 6; i++)
		(void)pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < 6; i++)
		expect_sequence(c, i, 30);
	mrq_cache_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(a_licence_comes_back_also_after_a_restart),
		PLACE_TEST(the_file_shows_neither_mails_nor_values),
		PLACE_TEST(another_key_opens_nothing),
		PLACE_TEST(changed_values_are_damaged),
		PLACE_TEST(lengths_are_bounded),
		PLACE_TEST(clear_forgets_one_or_all),
		PLACE_TEST(each_gives_what_was_put),
		PLACE_TEST(sweep_takes_what_is_past),
		PLACE_TEST(the_least_recently_used_go_first),
		PLACE_TEST(the_clock_never_goes_back),
		PLACE_TEST(sequences_rise_or_are_set),
		PLACE_TEST(sequences_are_bounded),
		PLACE_TEST(documents_come_back),
		PLACE_TEST(a_full_file_makes_room),
		PLACE_TEST(foreign_and_newer_files_are_refused),
		PLACE_TEST(many_threads_may_use_it),
	};

	if (mrq_crypto_init(NULL) != MRQ_OK)
		return 1;
	mrq_seal_key_random(&key);
	return CHECK_MAIN(tests);
}
