/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "history.h"

static uint64_t
below(struct history *h, uint64_t n)
{
	return check_next(&h->seed) % n;
}

static struct version *
version_push(struct history *h, enum promise promise)
{
	struct version *v = &h->versions[h->n];

	v->data = calloc(1, h->plan->size_max);
	assert_non_null(v->data);
	if (h->n) {
		memcpy(v->data, v[-1].data, h->plan->size_max);
		v->size = v[-1].size;
	}
	v->promise = promise;
	h->n++;
	return v;
}

static const uint8_t *
some_licence(void)
{
	static uint8_t licence[MRQ_PL_MAX];

	memset(licence, 'L', sizeof(licence));
	return licence;
}

static struct mrq_container *
create(const struct history_plan *plan, int fd)
{
	struct mrq_container_protection p =
		fixture_protection(some_licence(), plan->licence_max);
	struct mrq_container *c;
	struct mrq_error err;

	check_ok(mrq_container_create(fd, &p, plan->block_size, FIXTURE_NOW, "test", &c,
				      &err),
		 &err);
	return c;
}

void
history_begin(struct history *h, const struct history_plan *plan, uint64_t seed)
{
	*h = (struct history){ .plan = plan, .seed = seed | 1 };
	h->fd = fixture_file();
	shim_record(h->fd);
	h->c = create(plan, h->fd);
	(void)version_push(h, PROMISE_NONE);
}

bool
history_over(const struct history *h)
{
	return h->n > h->plan->steps;
}

void
history_end(struct history *h)
{
	mrq_container_free(h->c);
	for (size_t i = 0; i < h->n; i++)
		free(h->versions[i].data);
	close(h->fd);
	shim_record(-1);
}

static uint64_t
some_offset(struct history *h)
{
	const uint64_t b = h->plan->block_size;
	uint64_t hot[] = { 0, 30 * b, 32 * b, 34 * b, 160 * b };
	uint64_t off = hot[below(h, 5)] + below(h, 6 * b);

	if (below(h, 3) == 0)
		off = below(h, h->plan->size_max);
	if (below(h, 2))
		off -= off % b;
	return off < h->plan->size_max ? off : h->plan->size_max / 2;
}

static uint64_t
some_length(struct history *h, uint64_t off)
{
	uint64_t max[] = { 600, 9000, 40000, 300000 };
	uint64_t len = 1 + below(h, max[below(h, 4)]);

	return len < h->plan->size_max - off ? len : h->plan->size_max - off;
}

static enum mrq_status
do_write(struct history *h, struct version *v, struct mrq_error *err)
{
	uint64_t off = some_offset(h), len = some_length(h, off);

	fixture_fill(v->data + off, (size_t)len, check_next(&h->seed));
	v->size = off + len > v->size ? off + len : v->size;
	return mrq_container_write(h->c, v->data + off, (size_t)len, off, err);
}

static enum mrq_status
do_resize(struct history *h, struct version *v, struct mrq_error *err)
{
	uint64_t size = some_offset(h);

	memset(v->data + size, 0, h->plan->size_max - size);
	v->size = size;
	return mrq_container_resize(h->c, size, err);
}

static enum mrq_status
do_punch(struct history *h, struct version *v, struct mrq_error *err)
{
	uint64_t off = some_offset(h), len = some_length(h, off);

	memset(v->data + off, 0, (size_t)len);
	return mrq_container_punch(h->c, off, len, err);
}

/* What the step does; the version is filled as if it goes well. */
static enum mrq_status
do_step(struct history *h, struct version *v, struct mrq_error *err)
{
	struct mrq_container_protection p =
		fixture_protection(some_licence(), 1 + below(h, h->plan->licence_max));

	unsigned what = (unsigned)below(h, 24);

	if (h->n <= h->plan->lazy)
		what += 9;
	switch (what) {
	case 0:
	case 1:
		v->promise = PROMISE_DURABLE;
		return mrq_container_settle(h->c, MRQ_SETTLE_SYNC, err);
	case 2:
		v->promise = PROMISE_DURABLE;
		return mrq_container_protect(h->c, &p, err);
	case 3:
	case 4:
	case 5:
		v->promise = PROMISE_KERNEL;
		return mrq_container_commit(h->c, MRQ_COMMIT_KERNEL, err);
	case 6:
	case 7:
	case 8:
		v->promise = PROMISE_DURABLE;
		return mrq_container_commit(h->c, MRQ_COMMIT_DURABLE, err);
	case 9:
	case 10:
		return do_resize(h, v, err);
	case 11:
	case 12:
	case 13:
		return do_punch(h, v, err);
	default:
		return do_write(h, v, err);
	}
}

static bool
block_is(const struct version *v, uint64_t off, const uint8_t *data, uint64_t len)
{
	return memcmp(v->data + off, data, (size_t)len) == 0;
}

static bool
all_zero(const uint8_t *data, uint64_t len)
{
	return len == 0 ||
	       (data[0] == 0 && memcmp(data, data + 1, (size_t)len - 1) == 0);
}

static bool
blocks_match(const struct history *h, const uint8_t *data, uint64_t size, size_t from,
	     size_t to, bool or_zeros)
{
	for (uint64_t off = 0; off < size; off += h->plan->block_size) {
		uint64_t len = size - off < h->plan->block_size ? size - off
								: h->plan->block_size;
		bool found = or_zeros && all_zero(data + off, len);
		for (size_t i = from; i <= to && !found; i++)
			found = block_is(&h->versions[i], off, data + off, len);
		if (!found) {
			print_message("# block %llu is of no version in [%zu, %zu]\n",
				      (unsigned long long)(off / h->plan->block_size),
				      from, to);
			return false;
		}
	}
	return true;
}

bool
history_matches(const struct history *h, struct mrq_container *c, size_t from,
		size_t to, bool whole, bool or_zeros)
{
	uint64_t size = fixture_size(c);
	uint8_t *data = malloc(h->plan->size_max + 1);
	struct mrq_error err;
	bool found = false;
	size_t got;

	assert_non_null(data);
	assert_true(size <= h->plan->size_max);
	check_ok(mrq_container_read(c, data, h->plan->size_max + 1, 0, &got, &err),
		 &err);
	assert_int_equal(got, size);
	for (size_t i = from; i <= to && !found; i++)
		found = h->versions[i].size == size &&
			memcmp(h->versions[i].data, data, (size_t)size) == 0;
	if (!found && !whole)
		found = blocks_match(h, data, size, from, to, or_zeros);
	free(data);
	return found;
}

enum mrq_status
history_step(struct history *h)
{
	struct version *v = version_push(h, PROMISE_NONE);
	struct mrq_error err = { MRQ_OK, 0, "" };
	size_t got;

	shim_watch_memory(true);
	enum mrq_status s = do_step(h, v, &err);
	shim_watch_memory(false);

	v->ops = shim_ops();
	if (s == MRQ_OK)
		return s;
	assert_true(err.msg[0] != '\0');
	/* A failure: each block is of the version before or of this one. */
	assert_true(history_matches(h, h->c, h->n - 2, h->n - 1, false, false));
	v->promise = PROMISE_NONE;
	memset(v->data, 0, h->plan->size_max);
	check_ok(mrq_container_read(h->c, v->data, h->plan->size_max, 0, &got, &err),
		 &err);
	v->size = fixture_size(h->c);
	return s;
}
