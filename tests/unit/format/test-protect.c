/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other licences and key generations, by container.h. */
#include "one-file.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(protect_changes_the_licence_and_not_the_data),
		WITH_FILE(protect_refuses_what_does_not_fit),
		WITH_FILE(a_new_file_takes_any_licence),
		WITH_FILE(blocks_of_many_generations_are_read),
		WITH_FILE(a_generation_ends_by_itself),
		WITH_FILE(the_last_generation_takes_no_write_too_many),
	};

	return CHECK_MAIN(tests);
}
