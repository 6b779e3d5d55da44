/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contract of container.h, line by line. */
#include "fixture.h"

#include "format/internal.h"

static uint8_t buf[1 << 20], back[1 << 20];

struct file {
	int fd;
	struct mrq_container *c;
	struct mrq_error err;
};

static int
setup(void **state)
{
	struct file *f = calloc(1, sizeof(*f));

	f->fd = fixture_file();
	f->c = fixture_create(f->fd, 4096);
	fixture_fill(buf, sizeof(buf), 1);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct file *f = *state;

	mrq_container_free(f->c);
	close(f->fd);
	free(f);
	return 0;
}

static void
put(struct file *f, uint64_t off, size_t len)
{
	check_ok(mrq_container_write(f->c, buf + off % 4096, len, off, &f->err),
		 &f->err);
}

static void
commit(struct file *f)
{
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_KERNEL, &f->err), &f->err);
}

static void
settle(struct file *f)
{
	check_ok(mrq_container_settle(f->c, MRQ_SETTLE_SYNC, &f->err), &f->err);
}

static void
reopen(struct file *f, enum mrq_attach mode)
{
	mrq_container_free(f->c);
	f->c = NULL;
	f->c = fixture_open(f->fd, mode);
}

static void
expect(struct file *f, uint64_t off, const void *data, size_t len)
{
	size_t got;

	check_ok(mrq_container_read(f->c, back, len, off, &got, &f->err), &f->err);
	assert_int_equal(got, len);
	assert_memory_equal(back, data, len);
}

static struct mrq_container_facts
facts_of(struct file *f)
{
	struct mrq_container_facts facts;

	mrq_container_facts_get(f->c, &facts);
	return facts;
}

/* create */

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

/* attach, facts */

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
attach_replays_into_memory_or_the_file(void **state)
{
	struct file *f = *state;
	struct mrq_container_facts facts;

	put(f, 0, 9000);
	settle(f);
	put(f, 100, 9000);
	commit(f);
	uint64_t len = fixture_file_size(f->fd);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	expect(f, 100, buf + 100, 9000);
	assert_int_equal(fixture_file_size(f->fd), len);
	assert_true(facts_of(f).journal);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	expect(f, 100, buf + 100, 9000);
	assert_int_equal(fixture_file_size(f->fd), 4 * 4096);
	facts = facts_of(f);
	assert_true(facts.settled && !facts.journal);
}

static void
what_was_not_committed_is_cut_off(void **state)
{
	struct file *f = *state;

	put(f, 0, 100);
	settle(f);
	put(f, 40 * 4096, 8192);
	put(f, 0, 100);
	assert_true(fixture_file_size(f->fd) > 40 * 4096);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	assert_int_equal(fixture_file_size(f->fd), 2 * 4096);
	assert_int_equal(facts_of(f).size, 100);
	expect(f, 0, buf, 100);
}

/* unlock, lock */

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

/* read, write */

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

/* Pages on disk of a file of one block under a licence of so many bytes. */
static long
pages_taken(const struct mrq_container_protection *p, struct file *f)
{
	int fd MRQ_CLEANUP(mrq_close) = fixture_file();
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;
	struct stat st;

	check_ok(mrq_container_create(fd, p, 4096, FIXTURE_NOW, "test", &c, &f->err),
		 &f->err);
	check_ok(mrq_container_write(c, buf, 4096, 0, &f->err), &f->err);
	check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &f->err), &f->err);
	assert_int_equal(fstat(fd, &st), 0);
	return st.st_blocks / 8;
}

static void
room_for_another_licence_takes_no_space(void **state)
{
	struct file *f = *state;
	static uint8_t licence[6496];
	struct mrq_container_protection p;

	memset(licence, 'l', sizeof(licence));
	p = fixture_protection(licence, 1376);
	assert_int_equal(pages_taken(&p, f), 2);
	p = fixture_protection(licence, 2400);
	assert_int_equal(pages_taken(&p, f), 2);
	p = fixture_protection(licence, 2401);
	assert_int_equal(pages_taken(&p, f), 3);

	/* and is there when it is needed */
	int fd MRQ_CLEANUP(mrq_close) = fixture_file();
	p = fixture_protection(licence, 2000);
	mrq_container_free(f->c);
	f->c = NULL;
	close(f->fd);
	f->fd = dup(fd);
	check_ok(mrq_container_create(f->fd, &p, 4096, FIXTURE_NOW, "test", &f->c,
				      &f->err),
		 &f->err);
	put(f, 0, 3 * 4096);
	commit(f);
	p = fixture_protection(licence, sizeof(licence));
	check_ok(mrq_container_protect(f->c, &p, &f->err), &f->err);
	settle(f);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	assert_int_equal(facts_of(f).licence_len, sizeof(licence));
	expect(f, 0, buf, 3 * 4096);
}

static void
holes_stay_holes(void **state)
{
	struct file *f = *state;
	static const uint8_t zeros[8192];
	struct stat st;

	put(f, 64ull << 20, 100);
	settle(f);
	assert_int_equal(fstat(f->fd, &st), 0);
	assert_true(st.st_blocks < 64);
	expect(f, 32 << 20, zeros, sizeof(zeros));
	put(f, 0, 1 << 20);
	settle(f);
	assert_int_equal(fstat(f->fd, &st), 0);
	long full = st.st_blocks;
	check_ok(mrq_container_punch(f->c, 4096, 100 * 4096, &f->err), &f->err);
	settle(f);
	assert_int_equal(fstat(f->fd, &st), 0);
	assert_true(st.st_blocks <= full - 99 * 8);
	expect(f, 4096, zeros, sizeof(zeros));
	expect(f, 101 * 4096, buf + 101 * 4096, 4096);
	assert_int_equal(facts_of(f).size, (64u << 20) + 100);
}

static void
bytes_cut_off_come_back_as_zeros(void **state)
{
	struct file *f = *state;
	static const uint8_t zeros[300000];

	put(f, 0, 300000);
	settle(f);
	check_ok(mrq_container_resize(f->c, 5000, &f->err), &f->err);
	check_ok(mrq_container_resize(f->c, 300000, &f->err), &f->err);
	expect(f, 0, buf, 5000);
	expect(f, 5000, zeros, 295000);
	settle(f);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	expect(f, 0, buf, 5000);
	expect(f, 5000, zeros, 295000);
}

static void
punch_keeps_the_size_and_what_is_beside(void **state)
{
	struct file *f = *state;

	put(f, 0, 20000);
	commit(f);
	check_ok(mrq_container_punch(f->c, 1000, 12000, &f->err), &f->err);
	assert_int_equal(facts_of(f).size, 20000);
	memcpy(back, buf, 20000);
	memset(back + 1000, 0, 12000);
	uint8_t *model = malloc(20000);
	memcpy(model, back, 20000);
	expect(f, 0, model, 20000);
	check_ok(mrq_container_punch(f->c, 19000, UINT64_MAX - 19000, &f->err),
		 &f->err);
	check_ok(mrq_container_punch(f->c, 30000, 10, &f->err), &f->err);
	check_ok(mrq_container_punch(f->c, 10, 0, &f->err), &f->err);
	memset(model + 19000, 0, 1000);
	expect(f, 0, model, 20000);
	free(model);
}

static void
reserve_changes_neither_content_nor_size(void **state)
{
	struct file *f = *state;

	put(f, 0, 100);
	settle(f);
	check_ok(mrq_container_reserve(f->c, 0, 1 << 20, &f->err), &f->err);
	check_ok(mrq_container_reserve(f->c, 0, 0, &f->err), &f->err);
	assert_int_equal(facts_of(f).size, 100);
	assert_int_equal(fixture_file_size(f->fd), 8192);
	put(f, 4096, 1 << 19);
	settle(f);
	expect(f, 0, buf, 100);
	expect(f, 4096, buf, 1 << 19);
}

static void
seek_finds_data_and_holes_by_block(void **state)
{
	struct file *f = *state;
	uint64_t at;

	put(f, 3 * 4096, 10);
	put(f, 500ull * 4096, 10);
	check_ok(mrq_container_resize(f->c, 1000 * 4096, &f->err), &f->err);
	check_ok(mrq_container_seek(f->c, 0, MRQ_SEEK_DATA, &at, &f->err), &f->err);
	assert_int_equal(at, 3 * 4096);
	check_ok(mrq_container_seek(f->c, at + 5, MRQ_SEEK_DATA, &at, &f->err),
		 &f->err);
	assert_int_equal(at, 3 * 4096 + 5);
	check_ok(mrq_container_seek(f->c, at, MRQ_SEEK_HOLE, &at, &f->err), &f->err);
	assert_int_equal(at, 4 * 4096);
	check_ok(mrq_container_seek(f->c, at, MRQ_SEEK_DATA, &at, &f->err), &f->err);
	assert_int_equal(at, 500 * 4096);
	check_ok(mrq_container_seek(f->c, 7, MRQ_SEEK_HOLE, &at, &f->err), &f->err);
	assert_int_equal(at, 7);
	check_status(mrq_container_seek(f->c, 501 * 4096, MRQ_SEEK_DATA, &at, &f->err),
		     MRQ_E_NOT_FOUND, &f->err);
	check_status(mrq_container_seek(f->c, 1000 * 4096, MRQ_SEEK_HOLE, &at, &f->err),
		     MRQ_E_NOT_FOUND, &f->err);
	put(f, 999 * 4096, 4096);
	check_ok(mrq_container_seek(f->c, 999 * 4096, MRQ_SEEK_HOLE, &at, &f->err),
		 &f->err);
	assert_int_equal(at, 1000 * 4096);
}

/* commit, settle */

static void
a_commit_survives_the_process(void **state)
{
	struct file *f = *state;
	static uint8_t other[200000];

	put(f, 0, 200000);
	commit(f);
	memset(other, 7, sizeof(other));
	check_ok(mrq_container_write(f->c, other, 100000, 50000, &f->err), &f->err);
	commit(f);
	check_ok(mrq_container_write(f->c, other, 1000, 0, &f->err), &f->err);
	/* and what is not committed does not */
	reopen(f, MRQ_ATTACH_READ_WRITE);
	expect(f, 0, buf, 50000);
	expect(f, 50000, other, 100000);
	expect(f, 150000, buf + 150000, 50000);
}

static void
settled_is_said_when_it_is_so(void **state)
{
	struct file *f = *state;

	assert_false(mrq_container_settled(f->c));
	commit(f);
	assert_false(mrq_container_settled(f->c));
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_DURABLE, &f->err), &f->err);
	assert_true(mrq_container_settled(f->c));
	assert_int_equal(facts_of(f).sequence, 2); /* the header says so, too */
	put(f, 0, 10);
	assert_false(mrq_container_settled(f->c));
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_DURABLE, &f->err), &f->err);
	assert_false(mrq_container_settled(f->c)); /* durable, with a journal */
	check_ok(mrq_container_settle(f->c, MRQ_SETTLE_DURABLE_ALREADY, &f->err),
		 &f->err);
	assert_true(mrq_container_settled(f->c));
	assert_int_equal(fixture_file_size(f->fd), 8192);
}

static void
durable_is_said_of_what_was_synced(void **state)
{
	struct file *f = *state;

	put(f, 0, 10);
	commit(f);
	assert_int_equal(facts_of(f).durable, 0);
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_DURABLE, &f->err), &f->err);
	assert_int_equal(facts_of(f).sequence, 2); /* which no sync has followed */
	assert_int_equal(facts_of(f).durable, 1);
	put(f, 0, 10);
	commit(f);
	assert_int_equal(facts_of(f).durable, 1);
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_DURABLE, &f->err), &f->err);
	assert_int_equal(facts_of(f).sequence, 3);
	assert_int_equal(facts_of(f).durable, 3);
	reopen(f, MRQ_ATTACH_READ_ONLY); /* with a journal: nobody knows */
	assert_int_equal(facts_of(f).durable, 0);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	assert_int_equal(facts_of(f).durable, 3);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	assert_int_equal(facts_of(f).durable, 2);
}

static void
an_idle_commit_writes_nothing(void **state)
{
	struct file *f = *state;

	put(f, 0, 10);
	settle(f);
	uint64_t sequence = facts_of(f).sequence;
	commit(f);
	settle(f);
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_DURABLE, &f->err), &f->err);
	assert_int_equal(facts_of(f).sequence, sequence);
	assert_int_equal(fixture_file_size(f->fd), 8192);
}

/* protect, generations */

static void
protect_changes_the_licence_and_not_the_data(void **state)
{
	struct file *f = *state;
	struct mrq_container_protection p = fixture_protection("another licence", 15);
	struct mrq_container_facts facts;
	uint8_t before[4096], after[4096];
	size_t len;

	put(f, 0, 3000);
	settle(f);
	assert_int_equal(pread(f->fd, before, 4096, 4096), 4096);
	p.content_key = &fixture_other_key;
	p.owner = "";
	p.licence_type = MRQ_LICENCE_XRML;
	p.label_id = (struct mrq_guid){ { 0 } };
	check_ok(mrq_container_protect(f->c, &p, &f->err), &f->err);
	assert_memory_equal(mrq_container_licence(f->c, &len), "another licence", 15);
	assert_int_equal(len, 15);
	mrq_container_free(f->c);
	check_ok(
		mrq_container_attach(f->fd, MRQ_ATTACH_READ_WRITE, "t", &f->c, &f->err),
		&f->err);
	check_status(mrq_container_unlock(f->c, &fixture_key, &f->err), MRQ_E_DAMAGED,
		     &f->err);
	check_ok(mrq_container_unlock(f->c, &fixture_other_key, &f->err), &f->err);
	expect(f, 0, buf, 3000);
	check_ok(mrq_container_facts_load(f->fd, "t", &facts, &f->err), &f->err);
	assert_string_equal(facts.owner, "");
	assert_int_equal(facts.licence_type, MRQ_LICENCE_XRML);
	assert_int_equal(facts.label_id.bytes[0], 0);
	assert_int_equal(pread(f->fd, after, 4096, 4096), 4096);
	assert_memory_equal(before, after, 4096);
}

static void
protect_refuses_what_does_not_fit(void **state)
{
	struct file *f = *state;
	static uint8_t licence[5000];
	struct mrq_container_protection p =
		fixture_protection(licence, sizeof(licence));
	size_t len;

	memset(licence, 'l', sizeof(licence));
	commit(f);
	uint64_t sequence = facts_of(f).sequence;
	check_status(mrq_container_protect(f->c, &p, &f->err), MRQ_E_LIMIT, &f->err);
	assert_non_null(strstr(f->err.msg, "2400"));
	assert_int_equal(facts_of(f).sequence, sequence);
	assert_memory_equal(mrq_container_licence(f->c, &len), FIXTURE_LICENCE,
			    strlen(FIXTURE_LICENCE));
	p.licence_len = 2400;
	check_ok(mrq_container_protect(f->c, &p, &f->err), &f->err);
}

static void
a_new_file_takes_any_licence(void **state)
{
	struct file *f = *state;
	static uint8_t licence[MRQ_PL_MAX];
	struct mrq_container_protection p =
		fixture_protection(licence, sizeof(licence));

	memset(licence, 'l', sizeof(licence));
	put(f, 0, 9000);
	check_ok(mrq_container_protect(f->c, &p, &f->err), &f->err);
	assert_int_equal(fixture_file_size(f->fd), (19 + 3) * 4096);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	expect(f, 0, buf, 9000);
	p.licence_len = 60000;
	check_ok(mrq_container_protect(f->c, &p, &f->err), &f->err);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	assert_int_equal(facts_of(f).licence_len, 60000);
	expect(f, 0, buf, 9000);
}

static void
blocks_of_many_generations_are_read(void **state)
{
	struct file *f = *state;

	for (unsigned i = 0; i < 40; i++) {
		put(f, i * 4096ull, 4096);
		check_ok(mrq_container_next_generation(f->c, &f->err), &f->err);
	}
	settle(f);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	assert_int_equal(facts_of(f).generation, 41);
	for (unsigned i = 0; i < 40; i++)
		expect(f, i * 4096ull, buf, 4096);
}

static void
a_generation_ends_by_itself(void **state)
{
	struct file *f = *state;

	f->c->hdr.writes = MRQ_GENERATION_WRITES - 3;
	put(f, 0, 2 * 4096);
	assert_int_equal(facts_of(f).generation, 1);
	put(f, 0, 2 * 4096);
	assert_int_equal(facts_of(f).generation, 2);
	assert_int_equal(f->c->hdr.writes, 2);
	settle(f);
	expect(f, 0, buf, 2 * 4096);
}

static void
the_last_generation_takes_no_write_too_many(void **state)
{
	struct file *f = *state;

	put(f, 0, 4096);
	f->c->hdr.generation = UINT32_MAX;
	f->c->hdr.writes = MRQ_GENERATION_WRITES - 2;
	put(f, 0, 4096);
	settle(f);
	check_status(mrq_container_write(f->c, buf + 1, 4096, 0, &f->err), MRQ_E_LIMIT,
		     &f->err);
	settle(f);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	expect(f, 0, buf, 4096);
	check_status(mrq_container_write(f->c, buf + 1, 4096, 0, &f->err), MRQ_E_LIMIT,
		     &f->err);
}

/* unsettled headers */

static void
scribble(struct file *f, uint64_t page)
{
	uint8_t junk[512] = { 0 };

	assert_int_equal(pwrite(f->fd, junk, sizeof(junk), (off_t)(page * 4096 + 1024)),
			 sizeof(junk));
}

static void
blocks_lost_in_a_power_cut_are_holes(void **state)
{
	struct file *f = *state;
	static const uint8_t zeros[4096];
	struct mrq_check found;

	put(f, 0, 3 * 4096);
	commit(f);
	scribble(f, 2);
	mrq_container_free(f->c);
	check_ok(
		mrq_container_attach(f->fd, MRQ_ATTACH_READ_WRITE, "t", &f->c, &f->err),
		&f->err);
	check_ok(mrq_container_check(f->c, NULL, NULL, &found, &f->err), &f->err);
	assert_int_equal(found.lost, 1);
	assert_int_equal(found.blocks, 2);
	assert_int_equal(found.holes, 1);
	check_ok(mrq_container_unlock(f->c, &fixture_key, &f->err), &f->err);
	expect(f, 0, buf, 4096);
	expect(f, 4096, zeros, 4096);
	expect(f, 8192, buf + 8192, 4096);
	check_ok(mrq_container_check(f->c, NULL, NULL, &found, &f->err), &f->err);
	assert_int_equal(found.lost, 1);
	settle(f);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	check_ok(mrq_container_check(f->c, NULL, NULL, &found, &f->err), &f->err);
	assert_int_equal(found.lost, 0);
	expect(f, 4096, zeros, 4096);
	expect(f, 8192, buf + 8192, 4096);
}

/* The header in the file still tells of the lost block: its place is not fresh. */
static void
the_place_of_a_lost_block_is_not_fresh(void **state)
{
	struct file *f = *state;
	static const uint8_t zeros[4096];

	put(f, 0, 3 * 4096);
	commit(f);
	scribble(f, 2);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	put(f, 4096, 4096);
	/*
	 * What was not committed is not there, neither as the old nor as the new block.
	 */
	reopen(f, MRQ_ATTACH_READ_ONLY);
	expect(f, 4096, zeros, 4096);
	expect(f, 8192, buf + 8192, 4096);
}

static void
once_settled_nothing_counts_as_lost(void **state)
{
	struct file *f = *state;
	size_t got;

	put(f, 0, 3 * 4096);
	settle(f);
	scribble(f, 2);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	expect(f, 0, buf, 4096);
	memset(back, 0x5a, 4096);
	check_status(mrq_container_read(f->c, back, 4096, 4096, &got, &f->err),
		     MRQ_E_DAMAGED, &f->err);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(back[i], 0);
	expect(f, 8192, buf + 8192, 4096);
	/* Overwriting it whole heals it. */
	put(f, 4096, 4096);
	expect(f, 4096, buf, 4096);
}

/* check */

struct reported {
	uint64_t off, len;
	unsigned n;
};

static void
note(uint64_t off, uint64_t len, const char *reason, void *arg)
{
	struct reported *r = arg;

	assert_true(reason[0] != '\0');
	r->off = off;
	r->len = len;
	r->n++;
}

static void
check_finds_each_damaged_range(void **state)
{
	struct file *f = *state;
	struct reported r = { 0 };
	struct mrq_check found;

	put(f, 0, 1 << 20); /* 32 blocks, a segment of 128, and 96 */
	settle(f);
	check_ok(mrq_container_check(f->c, note, &r, &found, &f->err), &f->err);
	assert_int_equal(found.blocks, 256);
	assert_int_equal(found.holes, 0);
	assert_true(found.keyed && !found.journal_replayed);
	scribble(f, mrq_layout_block_page(&f->c->layout, 40));
	check_status(mrq_container_check(f->c, note, &r, &found, &f->err),
		     MRQ_E_DAMAGED, &f->err);
	assert_int_equal(found.damaged, 1);
	assert_true(r.n == 1 && r.off == 40 * 4096 && r.len == 4096);
	scribble(f, mrq_layout_tree_page(&f->c->layout, 0, 1));
	check_status(mrq_container_check(f->c, note, &r, &found, &f->err),
		     MRQ_E_DAMAGED, &f->err);
	assert_int_equal(found.damaged, 2);
	assert_true(r.n == 3 && r.off == 160 * 4096 && r.len == 96 * 4096);
}

static void
check_without_a_key_sees_what_is_missing(void **state)
{
	struct file *f = *state;
	struct mrq_check found;

	put(f, 0, 1 << 20);
	settle(f);
	mrq_container_free(f->c);
	check_ok(mrq_container_attach(f->fd, MRQ_ATTACH_READ_ONLY, "t", &f->c, &f->err),
		 &f->err);
	check_ok(mrq_container_check(f->c, NULL, NULL, &found, &f->err), &f->err);
	assert_true(!found.keyed && found.blocks == 256);
	assert_int_equal(ftruncate(f->fd, 100 * 4096), 0);
	check_status(mrq_container_check(f->c, NULL, NULL, &found, &f->err),
		     MRQ_E_DAMAGED, &f->err);
	assert_true(found.damaged > 0);
}

/* limits of memory and journal */

#define SEGMENT (128 * 4096ull)

/* More tag pages than stay in memory; fresh ones are written before the commit. */
static void
many_dirty_tag_pages_are_bounded(void **state)
{
	struct file *f = *state;
	const unsigned n = 700;

	commit(f);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < n; i++) {
			put(f, 32 * 4096 + i * SEGMENT + round * 4096, 4096);
			assert_true(f->c->tree.n_dirty <= MRQ_TREE_DIRTY_MAX + 10);
			assert_true(f->c->tree.n_clean <= MRQ_TREE_CLEAN_MAX);
		}
		if (round == 1)
			commit(f);
	}
	/* Uncommitted: whoever attaches must not see a tag page written over. */
	int copy = fixture_copy(f->fd);
	struct mrq_container *c = fixture_open(copy, MRQ_ATTACH_READ_WRITE);
	struct mrq_check found;
	check_ok(mrq_container_check(c, NULL, NULL, &found, &f->err), &f->err);
	assert_true(found.blocks >= 2 * n);
	mrq_container_free(c);
	close(copy);
	settle(f);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	check_ok(mrq_container_check(f->c, NULL, NULL, &found, &f->err), &f->err);
	assert_int_equal(found.blocks, 3 * n);
	for (unsigned i = 0; i < n; i += 37)
		for (unsigned k = 0; k < 3; k++)
			expect(f, 32 * 4096 + i * SEGMENT + k * 4096, buf, 4096);
}

static void
the_journal_is_bounded(void **state)
{
	struct file *f = *state;
	uint64_t most = 0;

	put(f, 0, 1 << 20);
	settle(f);
	for (unsigned i = 0; i < 160; i++) {
		put(f, 0, 1 << 20);
		commit(f);
		uint64_t pages = f->c->journal_end - f->c->journal_start;
		most = pages > most ? pages : most;
	}
	assert_true(most > MRQ_JOURNAL_MAX / MRQ_PAGE / 2);
	assert_true(most <= MRQ_JOURNAL_MAX / MRQ_PAGE);
	assert_true(fixture_file_size(f->fd) < (uint64_t)MRQ_JOURNAL_MAX + (8u << 20));
	reopen(f, MRQ_ATTACH_READ_ONLY);
	expect(f, 0, buf, 1 << 20);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

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
		WITH_FILE(attach_replays_into_memory_or_the_file),
		WITH_FILE(what_was_not_committed_is_cut_off),
		WITH_FILE(unlock_wants_the_right_key),
		WITH_FILE(lock_commits_first_and_forgets),
		WITH_FILE(reads_are_short_only_at_the_end),
		WITH_FILE(writes_stay_within_the_largest_size),
		WITH_FILE(a_read_only_container_does_not_change),
		WITH_FILE(holes_stay_holes),
		WITH_FILE(room_for_another_licence_takes_no_space),
		WITH_FILE(bytes_cut_off_come_back_as_zeros),
		WITH_FILE(punch_keeps_the_size_and_what_is_beside),
		WITH_FILE(reserve_changes_neither_content_nor_size),
		WITH_FILE(seek_finds_data_and_holes_by_block),
		WITH_FILE(a_commit_survives_the_process),
		WITH_FILE(settled_is_said_when_it_is_so),
		WITH_FILE(durable_is_said_of_what_was_synced),
		WITH_FILE(an_idle_commit_writes_nothing),
		WITH_FILE(protect_changes_the_licence_and_not_the_data),
		WITH_FILE(protect_refuses_what_does_not_fit),
		WITH_FILE(a_new_file_takes_any_licence),
		WITH_FILE(blocks_of_many_generations_are_read),
		WITH_FILE(a_generation_ends_by_itself),
		WITH_FILE(the_last_generation_takes_no_write_too_many),
		WITH_FILE(blocks_lost_in_a_power_cut_are_holes),
		WITH_FILE(the_place_of_a_lost_block_is_not_fresh),
		WITH_FILE(once_settled_nothing_counts_as_lost),
		WITH_FILE(check_finds_each_damaged_range),
		WITH_FILE(check_without_a_key_sees_what_is_missing),
		WITH_FILE(many_dirty_tag_pages_are_bounded),
		WITH_FILE(the_journal_is_bounded),
	};

	return CHECK_MAIN(tests);
}
