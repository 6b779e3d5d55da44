/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A random run of operations on a container equals the same run on a plain array,
 * whatever is committed, settled, locked, attached anew or abandoned in between.
 */
#include "fixture.h"

#include <time.h>

#define HOT_MAX 8
#define IO_MAX  (600u * 1024)

struct plan {
	const char *name;
	uint32_t block_size;
	unsigned steps;
	uint64_t size_max;
	uint64_t hot[HOT_MAX]; /* offsets around which most happens; 0 ends */
};

struct run {
	const struct plan *plan;
	uint64_t seed;
	int fd;
	struct mrq_container *c;
	uint8_t *model, *saved; /* now; at the last commit */
	uint64_t size, saved_size;
	uint64_t saved_sequence; /* 0: never committed */
	uint8_t *buf;
	uint64_t touched_end; /* past the last byte that was ever written */
};

static uint64_t
below(struct run *r, uint64_t n)
{
	return n ? check_next(&r->seed) % n : 0;
}

static uint64_t
some_offset(struct run *r)
{
	unsigned n = 0;

	while (n < HOT_MAX && r->plan->hot[n])
		n++;
	if (below(r, 4) == 0)
		return below(r, r->plan->size_max);
	uint64_t at = r->plan->hot[below(r, n)], spread = 6ull * r->plan->block_size;
	at = at + below(r, 2 * spread);
	at = at > spread ? at - spread : 0;
	if (below(r, 3) == 0)
		at -= at % r->plan->block_size;
	return at < r->plan->size_max ? at : r->plan->size_max - 1;
}

static uint64_t
some_length(struct run *r, uint64_t off)
{
	uint64_t max[] = { 16, 5000, 3ull * r->plan->block_size, IO_MAX };
	uint64_t len = 1 + below(r, max[below(r, 4)]);

	if (below(r, 4) == 0)
		len = (len / r->plan->block_size + 1) * r->plan->block_size;
	len = len < IO_MAX ? len : IO_MAX;
	return len < r->plan->size_max - off ? len : r->plan->size_max - off;
}

static void
compare(struct run *r, uint64_t off, uint64_t len)
{
	struct mrq_error err;
	size_t got;

	assert_int_equal(fixture_size(r->c), r->size);
	check_ok(mrq_container_read(r->c, r->buf, (size_t)len, off, &got, &err), &err);
	uint64_t want = off >= r->size ? 0 : r->size - off < len ? r->size - off : len;
	assert_int_equal(got, want);
	assert_memory_equal(r->buf, r->model + off, got);
}

static void
compare_all(struct run *r)
{
	uint64_t end = r->touched_end < r->size ? r->touched_end : r->size;

	if (r->plan->size_max > 16u << 20) {
		for (unsigned i = 0; i < HOT_MAX && r->plan->hot[i]; i++) {
			uint64_t from = r->plan->hot[i] - 8ull * r->plan->block_size;
			compare(r, from < end ? from : 0, 16ull * r->plan->block_size);
		}
		return;
	}
	for (uint64_t off = 0; off < end; off += IO_MAX)
		compare(r, off, IO_MAX);
}

static void
save(struct run *r)
{
	struct mrq_container_facts facts;

	mrq_container_facts_get(r->c, &facts);
	memcpy(r->saved, r->model, r->touched_end);
	r->saved_size = r->size;
	r->saved_sequence = facts.sequence;
}

static void
do_write(struct run *r)
{
	uint64_t off = some_offset(r), len = some_length(r, off);
	struct mrq_error err;

	fixture_fill(r->buf, (size_t)len, check_next(&r->seed));
	check_ok(mrq_container_write(r->c, r->buf, (size_t)len, off, &err), &err);
	memcpy(r->model + off, r->buf, (size_t)len);
	r->size = off + len > r->size ? off + len : r->size;
	r->touched_end = r->size > r->touched_end ? r->size : r->touched_end;
}

static void
do_resize(struct run *r)
{
	uint64_t size = below(r, 8) ? some_offset(r) : 0;
	struct mrq_error err;

	check_ok(mrq_container_resize(r->c, size, &err), &err);
	if (size < r->touched_end)
		memset(r->model + size, 0, r->touched_end - size);
	r->size = size;
	r->touched_end = r->size > r->touched_end ? r->size : r->touched_end;
}

static void
do_punch(struct run *r)
{
	uint64_t off = some_offset(r), len = some_length(r, off);
	struct mrq_error err;

	if (below(r, 5) == 0)
		len = r->plan->size_max - off;
	check_ok(mrq_container_punch(r->c, off, len, &err), &err);
	uint64_t end = off + len < r->size ? off + len : r->size;
	if (off < end)
		memset(r->model + off, 0, end - off);
}

static void
do_commit(struct run *r)
{
	struct mrq_error err;

	check_ok(mrq_container_commit(
			 r->c, below(r, 2) ? MRQ_COMMIT_DURABLE : MRQ_COMMIT_KERNEL,
			 &err),
		 &err);
	assert_false(mrq_container_dirty(r->c));
	save(r);
}

static void
do_settle(struct run *r)
{
	struct mrq_error err;

	check_ok(mrq_container_settle(r->c, MRQ_SETTLE_SYNC, &err), &err);
	assert_true(mrq_container_settled(r->c));
	assert_true(fixture_file_size(r->fd) % MRQ_PAGE == 0);
	save(r);
}

/* Committed or not, whoever attaches sees the last commit. */
static void
do_reattach(struct run *r)
{
	struct mrq_container_facts facts;
	struct mrq_error err;
	bool read_only = below(r, 3) == 0;

	if (below(r, 3))
		do_commit(r);
	if (r->saved_sequence == 0)
		return;
	mrq_container_free(r->c);
	r->c = NULL;
	if (read_only) {
		r->c = fixture_open(r->fd, MRQ_ATTACH_READ_ONLY);
		mrq_container_facts_get(r->c, &facts);
		if (facts.sequence == r->saved_sequence) {
			uint64_t size = r->size;
			uint8_t *model = r->model;
			r->model = r->saved;
			r->size = r->saved_size;
			compare_all(r);
			r->model = model;
			r->size = size;
		}
		mrq_container_free(r->c);
	}
	check_ok(mrq_container_facts_load(r->fd, "test", &facts, &err), &err);
	r->c = fixture_open(r->fd, MRQ_ATTACH_READ_WRITE);
	if (facts.sequence != r->saved_sequence) {
		/* It committed by itself in between: a state that we did not note. */
		size_t got;
		r->size = facts.size;
		memset(r->model, 0, r->touched_end);
		for (uint64_t off = 0; off < r->size; off += IO_MAX) {
			check_ok(mrq_container_read(r->c, r->model + off, IO_MAX, off,
						    &got, &err),
				 &err);
		}
	} else {
		memcpy(r->model, r->saved, r->touched_end);
		r->size = r->saved_size;
	}
	save(r);
}

static void
do_relock(struct run *r)
{
	struct mrq_error err;
	size_t got;

	check_ok(mrq_container_lock(r->c, &err), &err);
	save(r);
	assert_false(mrq_container_unlocked(r->c));
	check_status(mrq_container_read(r->c, r->buf, 1, 0, &got, &err), MRQ_E_NO_KEY,
		     &err);
	check_ok(mrq_container_unlock(r->c, &fixture_key, &err), &err);
}

static void
do_protect(struct run *r)
{
	char licence[900];
	struct mrq_error err;

	memset(licence, 'L', sizeof(licence));
	struct mrq_container_protection p =
		fixture_protection(licence, 1 + below(r, sizeof(licence)));
	check_ok(mrq_container_protect(r->c, &p, &err), &err);
	size_t len;
	const void *now = mrq_container_licence(r->c, &len);
	assert_int_equal(len, p.licence_len);
	assert_memory_equal(now, licence, len);
	save(r);
}

static void
do_seek(struct run *r)
{
	static const uint8_t zeros[65536];
	uint64_t off = some_offset(r), at = r->size, hole;
	struct mrq_error err;
	enum mrq_status s = mrq_container_seek(r->c, off, MRQ_SEEK_DATA, &at, &err);

	if (s != MRQ_E_NOT_FOUND)
		check_ok(s, &err);
	if (s == MRQ_E_NOT_FOUND)
		at = r->size;
	/* All in front of the data is zeros. */
	for (uint64_t i = off; i < at; i += sizeof(zeros)) {
		uint64_t n = at - i < sizeof(zeros) ? at - i : sizeof(zeros);
		assert_memory_equal(r->model + i, zeros, (size_t)n);
	}
	if (off >= r->size)
		return;
	check_ok(mrq_container_seek(r->c, off, MRQ_SEEK_HOLE, &hole, &err), &err);
	assert_true(hole >= off && hole <= r->size);
	if (s == MRQ_OK && at > off)
		assert_int_equal(hole, off);
	if (hole < r->size) {
		uint64_t end = hole - hole % r->plan->block_size + r->plan->block_size;
		end = end < r->size ? end : r->size;
		assert_memory_equal(r->model + hole, zeros, (size_t)(end - hole));
	}
}

static void
step(struct run *r)
{
	struct mrq_error err;
	uint64_t off;

	switch (below(r, 40)) {
	case 0:
		do_settle(r);
		break;
	case 1:
		do_reattach(r);
		break;
	case 2:
		do_relock(r);
		break;
	case 3:
		if (below(r, 4) == 0)
			do_protect(r);
		else
			check_ok(mrq_container_next_generation(r->c, &err), &err);
		break;
	case 4:
	case 5:
	case 6:
		do_commit(r);
		break;
	case 7:
	case 8:
		do_resize(r);
		break;
	case 9:
	case 10:
	case 11:
		do_punch(r);
		break;
	case 12:
	case 13:
		do_seek(r);
		break;
	case 14:
		off = some_offset(r);
		check_ok(mrq_container_reserve(r->c, off, some_length(r, off), &err),
			 &err);
		break;
	default:
		if (below(r, 3))
			do_write(r);
		off = some_offset(r);
		compare(r, off, some_length(r, off));
		break;
	}
}

static uint8_t *
plain_array(uint64_t len)
{
	void *p = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static void
run_plan(const struct plan *plan, uint64_t seed)
{
	uint64_t room = plan->size_max + IO_MAX + 65536;
	struct run r = { .plan = plan, .seed = seed, .fd = fixture_file() };

	print_message("# %s: seed %llu\n", plan->name, (unsigned long long)seed);
	r.model = plain_array(room);
	r.saved = plain_array(room);
	r.buf = malloc(IO_MAX + 65536);
	assert_non_null(r.buf);
	r.c = fixture_create(r.fd, plan->block_size);
	for (unsigned i = 0; i < plan->steps; i++) {
		step(&r);
		if (i % 100 == 99)
			compare_all(&r);
	}
	do_settle(&r);
	compare_all(&r);
	mrq_container_free(r.c);
	free(r.buf);
	munmap(r.model, (size_t)room);
	munmap(r.saved, (size_t)room);
	close(r.fd);
}

static uint64_t
seed_of_run(void)
{
	const char *text = getenv("MRQ_TEST_SEED");

	if (text)
		return strtoull(text, NULL, 10) | 1;
	return ((uint64_t)time(NULL) * 2654435761u) | 1;
}

static const struct plan small = {
	.name = "4 KiB blocks, around the inline blocks and one segment",
	.block_size = 4096,
	.steps = 2500,
	.size_max = 1u << 20,
	.hot = { 1, 32 * 4096, 160 * 4096 },
};

static const struct plan large = {
	.name = "4 KiB blocks, sparse, around 256 segments",
	.block_size = 4096,
	.steps = 800,
	.size_max = 150ull << 20,
	.hot = { 4096, 32 * 4096, 160 * 4096, (32 + 256 * 128) * 4096ull,
		 (32 + 257 * 128) * 4096ull },
};

static const struct plan wide = {
	.name = "64 KiB blocks",
	.block_size = 65536,
	.steps = 500,
	.size_max = 13ull << 20,
	.hot = { 1, 32 * 65536, 160 * 65536 },
};

static void
equals_an_array_small(void **state)
{
	(void)state;
	run_plan(&small, seed_of_run());
}

static void
equals_an_array_large(void **state)
{
	(void)state;
	run_plan(&large, seed_of_run());
}

static void
equals_an_array_wide(void **state)
{
	(void)state;
	run_plan(&wide, seed_of_run());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_an_array_small),
		cmocka_unit_test(equals_an_array_large),
		cmocka_unit_test(equals_an_array_wide),
	};

	return CHECK_MAIN(tests);
}
