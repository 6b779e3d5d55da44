/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Containers of another implementation, which was made from marque-format(5) alone: this one
 * reads each as it does, and refuses what it refuses.
 */
#include "format/container.h"

#include "vectors.h"

static struct vector vectors[VECTORS_MAX];

static enum mrq_status
wanted(const struct vector *v)
{
	static const struct {
		const char *name;
		enum mrq_status status;
	} table[] = {
		{ "ok", MRQ_OK },
		{ "plain", MRQ_E_PLAIN },
		{ "version", MRQ_E_VERSION },
		{ "format", MRQ_E_FORMAT },
		{ "damaged", MRQ_E_DAMAGED },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].name, v->expect) == 0)
			return table[i].status;
	fail_msg("%s: unknown expectation '%s'", v->name, v->expect);
	return MRQ_E_INVAL;
}

static enum mrq_status
unlocked(const struct vector *v, int fd, enum mrq_attach mode,
	 struct mrq_container **ret, struct mrq_error *err)
{
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;

	MRQ_TRY(mrq_container_attach(fd, mode, v->name, &c, err));
	MRQ_TRY(mrq_container_unlock(c, &v->key, err));
	*ret = MRQ_STEAL(c);
	return MRQ_OK;
}

static struct mrq_container *
opened(const struct vector *v, int fd, enum mrq_attach mode)
{
	struct mrq_container *c = NULL;
	struct mrq_error err;

	check_ok(unlocked(v, fd, mode, &c, &err), &err);
	return c;
}

static uint64_t
size_of(struct mrq_container *c)
{
	struct mrq_container_facts facts;

	mrq_container_facts_get(c, &facts);
	return facts.size;
}

static void
fact_right(const struct vector *v, const char *name, uint64_t have, const char *how)
{
	uint64_t want = vector_number(v, name);

	if (have != want)
		fail_msg("%s: %s is %llu, wanted %llu", how, name,
			 (unsigned long long)have, (unsigned long long)want);
}

static void
facts_right(const struct vector *v, const struct mrq_container_facts *facts,
	    const char *how)
{
	assert_int_equal(facts->version, 1);
	fact_right(v, "size", facts->size, how);
	fact_right(v, "sequence", facts->sequence, how);
	fact_right(v, "block_size", facts->block_size, how);
}

/** The SHA-256 of [off, off + len) is hex. */
static void
range_right(const struct vector *v, struct mrq_container *c, uint64_t off, size_t len,
	    const char *hex)
{
	uint8_t *buf = malloc(len + 1);
	struct mrq_error err;
	char have[65];
	size_t got = 0;

	assert_non_null(buf);
	check_ok(mrq_container_read(c, buf, len, off, &got, &err), &err);
	assert_int_equal(got, len);
	vector_sha256(buf, len, have);
	free(buf);
	if (strcmp(have, hex) != 0)
		fail_msg("%s: other bytes at %llu", v->name, (unsigned long long)off);
}

static void
plaintext_right(const struct vector *v, struct mrq_container *c)
{
	const char *hex = mrq_json_node_text(v->json, "sha256");
	const struct mrq_json_node *ranges = mrq_json_node_member(v->json, "ranges");
	int64_t off, len;

	if (hex)
		range_right(v, c, 0, (size_t)vector_number(v, "size"), hex);
	for (const struct mrq_json_node *at = ranges ? ranges->child : NULL; at;
	     at = at->next) {
		assert_true(mrq_json_node_integer(at->child, &off));
		assert_true(mrq_json_node_integer(at->child->next, &len));
		range_right(v, c, (uint64_t)off, (size_t)len,
			    at->child->next->next->text);
	}
}

/** Blocks that are no holes, as seek tells them. */
static void
holes_right(const struct vector *v, struct mrq_container *c)
{
	uint64_t at = 0, hole, blocks = 0, b = vector_number(v, "block_size");
	struct mrq_error err;

	while (mrq_container_seek(c, at, MRQ_SEEK_DATA, &at, &err) == MRQ_OK) {
		check_ok(mrq_container_seek(c, at, MRQ_SEEK_HOLE, &hole, &err), &err);
		assert_true(hole > at && at % b == 0);
		blocks += (hole - at + b - 1) / b;
		at = hole;
	}
	assert_int_equal(err.status, MRQ_E_NOT_FOUND);
	assert_int_equal(blocks, vector_number(v, "blocks"));
}

static void
check_right(const struct vector *v, struct mrq_container *c)
{
	struct mrq_check found = { 0 };
	struct mrq_error err;

	check_ok(mrq_container_check(c, NULL, NULL, &found, &err), &err);
	assert_true(found.keyed);
	assert_int_equal(found.damaged, 0);
	assert_int_equal(found.lost, vector_number(v, "lost"));
	assert_int_equal(found.blocks, vector_number(v, "blocks"));
}

/** What stands in the clear, a journal honoured. */
static void
facts_alone(const struct vector *v)
{
	int fd MRQ_CLEANUP(mrq_close) = vector_open(v);
	struct mrq_container_facts facts;
	struct mrq_error err;

	check_ok(mrq_container_facts_load(fd, v->name, &facts, &err), &err);
	facts_right(v, &facts, "facts_load");
	assert_int_equal(facts.journal, vector_true(v, "journal"));
}

/** Read without writing: all bytes, holes, a check. */
static void
read_only(const struct vector *v)
{
	int fd MRQ_CLEANUP(mrq_close) = vector_open(v);
	struct mrq_container_facts facts;

	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) =
		opened(v, fd, MRQ_ATTACH_READ_ONLY);
	mrq_container_facts_get(c, &facts);
	facts_right(v, &facts, "attach");
	plaintext_right(v, c);
	holes_right(v, c);
	check_right(v, c);
}

/** Attach for writing and settle: the same bytes, also to the next who opens it. */
static void
settled(const struct vector *v)
{
	int fd MRQ_CLEANUP(mrq_close) = vector_open(v);
	struct mrq_container_facts facts;
	struct mrq_error err;

	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) =
		opened(v, fd, MRQ_ATTACH_READ_WRITE);
	plaintext_right(v, c);
	check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &err), &err);
	assert_true(mrq_container_settled(c));
	check_ok(mrq_container_facts_load(fd, v->name, &facts, &err), &err);
	assert_false(facts.journal);
	assert_int_equal(facts.size, vector_number(v, "size"));
	struct mrq_container *again MRQ_CLEANUP(mrq_container_free) =
		opened(v, fd, MRQ_ATTACH_READ_ONLY);
	plaintext_right(v, again);
}

static enum mrq_status
read_all(struct mrq_container *c, struct mrq_error *err)
{
	static uint8_t buf[65536];
	uint64_t size = size_of(c);

	for (uint64_t off = 0; off < size; off += sizeof(buf)) {
		size_t got;

		MRQ_TRY(mrq_container_read(c, buf, sizeof(buf), off, &got, err));
	}
	return MRQ_OK;
}

static enum mrq_status
attempt(const struct vector *v, enum mrq_attach mode, struct mrq_error *err)
{
	int fd MRQ_CLEANUP(mrq_close) = vector_open(v);
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;

	MRQ_TRY(unlocked(v, fd, mode, &c, err));
	return read_all(c, err);
}

static void
refused(const struct vector *v, enum mrq_status want)
{
	struct mrq_error err = { 0 };

	check_status(attempt(v, MRQ_ATTACH_READ_ONLY, &err), want, &err);
	assert_true(err.msg[0]);
	check_status(attempt(v, MRQ_ATTACH_READ_WRITE, &err), want, &err);
}

/** What is wrong in the clear is found without a key. */
static void
refused_in_the_clear(const struct vector *v, enum mrq_status want)
{
	int fd MRQ_CLEANUP(mrq_close) = vector_open(v);
	struct mrq_container_facts facts;
	struct mrq_error err;

	check_status(mrq_container_facts_load(fd, v->name, &facts, &err), want, &err);
}

/** A check counts the damage that a read meets. */
static void
check_finds(const struct vector *v)
{
	int fd MRQ_CLEANUP(mrq_close) = vector_open(v);
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;
	struct mrq_check found = { 0 };
	struct mrq_error err;

	if (unlocked(v, fd, MRQ_ATTACH_READ_ONLY, &c, &err) != MRQ_OK)
		return;
	check_status(mrq_container_check(c, NULL, NULL, &found, &err), MRQ_E_DAMAGED,
		     &err);
	assert_true(found.damaged > 0);
}

static void
test_vector(void **state)
{
	const struct vector *v = *state;
	enum mrq_status want = wanted(v);

	if (want == MRQ_OK) {
		read_only(v);
		settled(v);
		return;
	}
	refused(v, want);
	if (want == MRQ_E_DAMAGED)
		check_finds(v);
}

/** Without a key: the facts, or what can be seen to be wrong. */
static void
test_facts(void **state)
{
	const struct vector *v = *state;
	enum mrq_status want = wanted(v);

	if (want == MRQ_OK)
		facts_alone(v);
	else if (want != MRQ_E_DAMAGED)
		refused_in_the_clear(v, want);
}

int
main(void)
{
	static struct CMUnitTest tests[2 * VECTORS_MAX];
	static char names[VECTORS_MAX][128];
	struct mrq_error err;
	size_t vectors_n, n = 0;

	if (mrq_crypto_init(&err) != MRQ_OK)
		return 1;
	vectors_n = vectors_load(vectors);
	for (size_t i = 0; i < vectors_n; i++) {
		struct vector *v = &vectors[i];

		tests[n++] = (struct CMUnitTest){ .name = v->name,
						  .test_func = test_vector,
						  .initial_state = v };
		(void)snprintf(names[i], sizeof(names[i]), "facts of %s", v->name);
		tests[n++] = (struct CMUnitTest){ .name = names[i],
						  .test_func = test_facts,
						  .initial_state = v };
	}
	return check_main(__FILE__, tests, n);
}
