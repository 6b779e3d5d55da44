/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Creating, attaching, locking, reading and writing, by container.h. */
#include "one-file.h"

static void
create_wants_an_empty_file(void **state)
{
	struct file *f = *state;
	struct mrq_container_protection p = fixture_protection("x", 1);
	struct mrq_container *c;

	commit(f);
	check_status(mrq_container_create(f->fd, &p, 4096, 1, "t", &c, &f->err),
		     MRQ_E_EXISTS, &f->err);
	check_status(mrq_container_create(-1, &p, 4096, 1, "t", &c, &f->err), MRQ_E_SYS,
		     &f->err);
	assert_non_null(strstr(f->err.msg, "'t'"));
}

static void
create_checks_its_arguments(void **state)
{
	struct file *f = *state;
	struct mrq_container_protection p = fixture_protection("x", 1);
	struct mrq_container *c;
	static uint8_t licence[MRQ_PL_MAX + 1];
	char owner[MRQ_MAIL_MAX + 2];

	check_status(mrq_container_create(f->fd, &p, 4095, 1, "t", &c, &f->err),
		     MRQ_E_INVAL, &f->err);
	check_status(mrq_container_create(f->fd, &p, 2048, 1, "t", &c, &f->err),
		     MRQ_E_INVAL, &f->err);
	check_status(mrq_container_create(f->fd, &p, 131072, 1, "t", &c, &f->err),
		     MRQ_E_INVAL, &f->err);
	p = fixture_protection(licence, sizeof(licence));
	check_status(mrq_container_create(f->fd, &p, 4096, 1, "t", &c, &f->err),
		     MRQ_E_LIMIT, &f->err);
	p = fixture_protection("x", 0);
	check_status(mrq_container_create(f->fd, &p, 4096, 1, "t", &c, &f->err),
		     MRQ_E_LIMIT, &f->err);
	p = fixture_protection("x", 1);
	p.licence_type = (enum mrq_licence_type)3;
	check_status(mrq_container_create(f->fd, &p, 4096, 1, "t", &c, &f->err),
		     MRQ_E_INVAL, &f->err);
	p = fixture_protection("x", 1);
	p.owner = "a\nb";
	check_status(mrq_container_create(f->fd, &p, 4096, 1, "t", &c, &f->err),
		     MRQ_E_INVAL, &f->err);
	memset(owner, 'o', sizeof(owner));
	owner[sizeof(owner) - 1] = '\0';
	p.owner = owner;
	check_status(mrq_container_create(f->fd, &p, 4096, 1, "t", &c, &f->err),
		     MRQ_E_LIMIT, &f->err);
	owner[MRQ_MAIL_MAX] = '\0';
	check_ok(mrq_container_create(f->fd, &p, 4096, 1, "t", &c, &f->err), &f->err);
	mrq_container_free(c);
}

static void
nothing_is_written_before_the_first_commit(void **state)
{
	struct file *f = *state;

	put(f, 0, 32 * 4096);
	check_ok(mrq_container_resize(f->c, 1u << 30, &f->err), &f->err);
	expect(f, 0, buf, 32 * 4096);
	assert_int_equal(fixture_file_size(f->fd), 0);
	assert_true(mrq_container_dirty(f->c));
	commit(f);
	assert_false(mrq_container_dirty(f->c));
	assert_int_equal(fixture_file_size(f->fd), 33 * 4096);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	expect(f, 0, buf, 32 * 4096);
	assert_int_equal(facts_of(f).size, 1u << 30);
}

static void
no_plaintext_reaches_the_file(void **state)
{
	struct file *f = *state;
	static const char secret[] = "a sentence that nobody else may read";

	for (unsigned i = 0; i < 60; i++) {
		check_ok(mrq_container_write(f->c, secret, sizeof(secret), i * 5000ull,
					     &f->err),
			 &f->err);
		if (i % 7 == 0)
			commit(f);
	}
	commit(f);
	uint64_t len = fixture_file_size(f->fd);
	uint8_t *all = calloc(1, len);
	assert_int_equal(pread(f->fd, all, len, 0), len);
	assert_null(memmem(all, len, secret, 12));
	free(all);
}

static void
each_file_and_write_has_its_own_ciphertext(void **state)
{
	struct file *f = *state;
	uint8_t a[4096], b[4096];

	put(f, 0, 4096);
	settle(f);
	assert_int_equal(pread(f->fd, a, sizeof(a), 4096), 4096);
	put(f, 0, 4096);
	settle(f);
	assert_int_equal(pread(f->fd, b, sizeof(b), 4096), 4096);
	assert_memory_not_equal(a, b, sizeof(a));
	expect(f, 0, buf, 4096);
}

static void
attach_tells_what_is_no_container(void **state)
{
	struct file *f = *state;
	struct mrq_container_facts facts;
	struct mrq_container *c;
	uint8_t byte;
	int fd = fixture_file();

	check_status(mrq_container_attach(fd, MRQ_ATTACH_READ_ONLY, "t", &c, &f->err),
		     MRQ_E_PLAIN, &f->err);
	assert_int_equal(pwrite(fd, "hello", 5, 0), 5);
	check_status(mrq_container_attach(fd, MRQ_ATTACH_READ_ONLY, "t", &c, &f->err),
		     MRQ_E_PLAIN, &f->err);
	check_status(mrq_container_facts_load(fd, "t", &facts, &f->err), MRQ_E_PLAIN,
		     &f->err);
	close(fd);
	check_status(mrq_container_attach(-1, MRQ_ATTACH_READ_ONLY, "t", &c, &f->err),
		     MRQ_E_SYS, &f->err);

	commit(f);
	fd = fixture_copy(f->fd);
	assert_int_equal(pwrite(fd, "\2", 1, 8), 1);
	check_status(mrq_container_attach(fd, MRQ_ATTACH_READ_ONLY, "t", &c, &f->err),
		     MRQ_E_VERSION, &f->err);
	close(fd);
	fd = fixture_copy(f->fd);
	assert_int_equal(pread(fd, &byte, 1, 100), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 100), 1);
	check_status(mrq_container_attach(fd, MRQ_ATTACH_READ_ONLY, "t", &c, &f->err),
		     MRQ_E_DAMAGED, &f->err);
	assert_int_equal(ftruncate(fd, 1000), 0);
	check_status(mrq_container_attach(fd, MRQ_ATTACH_READ_ONLY, "t", &c, &f->err),
		     MRQ_E_DAMAGED, &f->err);
	close(fd);
}

static void
facts_are_those_of_the_protection(void **state)
{
	struct file *f = *state;
	struct mrq_container_facts facts;
	uint8_t digest[MRQ_SHA256_BYTES];
	size_t len;

	put(f, 5, 5000);
	commit(f);
	check_ok(mrq_container_facts_load(f->fd, "t", &facts, &f->err), &f->err);
	assert_int_equal(facts.version, 1);
	assert_int_equal(facts.block_size, 4096);
	assert_int_equal(facts.size, 5005);
	assert_int_equal(facts.sequence, 1);
	assert_int_equal(facts.generation, 1);
	assert_int_equal(facts.created, FIXTURE_NOW);
	assert_int_equal(facts.content_id.bytes[0], 0xc0);
	assert_int_equal(facts.label_id.bytes[0], 0x1a);
	assert_string_equal(facts.owner, "ann@example.org");
	assert_int_equal(facts.licence_type, MRQ_LICENCE_JWS);
	assert_int_equal(facts.licence_len, strlen(FIXTURE_LICENCE));
	mrq_sha256(FIXTURE_LICENCE, strlen(FIXTURE_LICENCE), digest);
	assert_memory_equal(facts.licence_digest, digest, sizeof(digest));
	assert_false(facts.settled || facts.journal);
	struct mrq_container_facts same = facts_of(f);
	assert_memory_equal(&same.file_id, &facts.file_id, sizeof(facts.file_id));
	assert_memory_equal(mrq_container_licence(f->c, &len), FIXTURE_LICENCE,
			    strlen(FIXTURE_LICENCE));
	assert_int_equal(len, strlen(FIXTURE_LICENCE));
}

static void
facts_honour_the_journal(void **state)
{
	struct file *f = *state;
	struct mrq_container_facts facts;

	put(f, 0, 100);
	settle(f);
	check_ok(mrq_container_facts_load(f->fd, "t", &facts, &f->err), &f->err);
	assert_true(facts.settled && !facts.journal);
	put(f, 0, 5000);
	commit(f);
	check_ok(mrq_container_facts_load(f->fd, "t", &facts, &f->err), &f->err);
	assert_int_equal(facts.size, 5000);
	assert_true(facts.journal && !facts.settled);
	uint64_t sequence = facts.sequence;
	settle(f);
	check_ok(mrq_container_facts_load(f->fd, "t", &facts, &f->err), &f->err);
	assert_true(facts.settled && !facts.journal);
	assert_true(facts.sequence >= sequence);
}

static void
unlock_wants_the_right_key(void **state)
{
	struct file *f = *state;
	size_t got;

	put(f, 0, 10);
	commit(f);
	mrq_container_free(f->c);
	check_ok(
		mrq_container_attach(f->fd, MRQ_ATTACH_READ_WRITE, "t", &f->c, &f->err),
		&f->err);
	assert_false(mrq_container_unlocked(f->c));
	check_status(mrq_container_read(f->c, back, 1, 0, &got, &f->err), MRQ_E_NO_KEY,
		     &f->err);
	check_status(mrq_container_write(f->c, back, 1, 0, &f->err), MRQ_E_NO_KEY,
		     &f->err);
	check_status(mrq_container_resize(f->c, 1, &f->err), MRQ_E_NO_KEY, &f->err);
	check_status(mrq_container_unlock(f->c, &fixture_other_key, &f->err),
		     MRQ_E_DAMAGED, &f->err);
	assert_false(mrq_container_unlocked(f->c));
	check_ok(mrq_container_unlock(f->c, &fixture_key, &f->err), &f->err);
	check_ok(mrq_container_unlock(f->c, &fixture_other_key, &f->err), &f->err);
	expect(f, 0, buf, 10);
}

static void
lock_commits_first_and_forgets(void **state)
{
	struct file *f = *state;
	size_t got;

	put(f, 0, 10);
	check_ok(mrq_container_lock(f->c, &f->err), &f->err);
	assert_false(mrq_container_unlocked(f->c) || mrq_container_dirty(f->c));
	check_status(mrq_container_read(f->c, back, 1, 0, &got, &f->err), MRQ_E_NO_KEY,
		     &f->err);
	check_ok(mrq_container_lock(f->c, &f->err), &f->err);
	assert_int_equal(facts_of(f).size, 10);
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_DURABLE, &f->err), &f->err);
	check_ok(mrq_container_unlock(f->c, &fixture_key, &f->err), &f->err);
	expect(f, 0, buf, 10);
}

static void
reads_are_short_only_at_the_end(void **state)
{
	struct file *f = *state;
	size_t got = 7;

	put(f, 0, 5000);
	check_ok(mrq_container_read(f->c, back, 9000, 0, &got, &f->err), &f->err);
	assert_int_equal(got, 5000);
	check_ok(mrq_container_read(f->c, back, 10, 4995, &got, &f->err), &f->err);
	assert_int_equal(got, 5);
	check_ok(mrq_container_read(f->c, back, 10, 5000, &got, &f->err), &f->err);
	assert_int_equal(got, 0);
	check_ok(mrq_container_read(f->c, back, 10, UINT64_MAX, &got, &f->err),
		 &f->err);
	assert_int_equal(got, 0);
	check_ok(mrq_container_read(f->c, back, 0, 0, &got, &f->err), &f->err);
	assert_int_equal(got, 0);
}

static void
writes_stay_within_the_largest_size(void **state)
{
	struct file *f = *state;
	const uint64_t max = (uint64_t)MRQ_CONTAINER_SIZE_MAX;

	check_status(mrq_container_write(f->c, buf, 2, max - 1, &f->err), MRQ_E_LIMIT,
		     &f->err);
	check_status(mrq_container_write(f->c, buf, 1, UINT64_MAX, &f->err),
		     MRQ_E_LIMIT, &f->err);
	check_status(mrq_container_resize(f->c, max + 1, &f->err), MRQ_E_LIMIT,
		     &f->err);
	check_status(mrq_container_reserve(f->c, max, 1, &f->err), MRQ_E_LIMIT,
		     &f->err);
	check_ok(mrq_container_write(f->c, buf, 0, UINT64_MAX, &f->err), &f->err);
	check_ok(mrq_container_resize(f->c, max, &f->err), &f->err);
	settle(f);
	memset(buf, 0, 100);
	expect(f, max - 100, buf, 100);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	assert_true(facts_of(f).size == max);
}

static void
a_read_only_container_does_not_change(void **state)
{
	struct file *f = *state;

	put(f, 0, 100);
	settle(f);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	check_status(mrq_container_write(f->c, buf, 1, 0, &f->err), MRQ_E_UNSUPPORTED,
		     &f->err);
	check_status(mrq_container_resize(f->c, 1, &f->err), MRQ_E_UNSUPPORTED,
		     &f->err);
	check_status(mrq_container_punch(f->c, 0, 1, &f->err), MRQ_E_UNSUPPORTED,
		     &f->err);
	check_status(mrq_container_next_generation(f->c, &f->err), MRQ_E_UNSUPPORTED,
		     &f->err);
	commit(f);
	settle(f);
	assert_true(mrq_container_settled(f->c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(create_wants_an_empty_file),
		WITH_FILE(create_checks_its_arguments),
		WITH_FILE(nothing_is_written_before_the_first_commit),
		WITH_FILE(no_plaintext_reaches_the_file),
		WITH_FILE(each_file_and_write_has_its_own_ciphertext),
		WITH_FILE(attach_tells_what_is_no_container),
		WITH_FILE(facts_are_those_of_the_protection),
		WITH_FILE(facts_honour_the_journal),
		WITH_FILE(unlock_wants_the_right_key),
		WITH_FILE(lock_commits_first_and_forgets),
		WITH_FILE(reads_are_short_only_at_the_end),
		WITH_FILE(writes_stay_within_the_largest_size),
		WITH_FILE(a_read_only_container_does_not_change),
	};

	return CHECK_MAIN(tests);
}
