/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cached form of use licences: what is written is read, what is broken is refused. */
#include "check.h"

#include "authority/use.h"
#include "base/clock.h"

static struct mrq_use_licence
sample(uint64_t *seed)
{
	struct mrq_use_licence use = { 0 };

	for (size_t i = 0; i < 16; i++) {
		use.content_id.bytes[i] = (uint8_t)check_next(seed);
		use.label_id.bytes[i] = (uint8_t)check_next(seed);
		use.template_id.bytes[i] = (uint8_t)check_next(seed);
	}
	use.rights = (mrq_rights)check_next(seed) & MRQ_RIGHTS_ALL;
	use.owner = check_next(seed) & 1;
	use.issuer = check_next(seed) & 1;
	use.super_user = check_next(seed) & 1;
	use.list_rights = check_next(seed) & 1;
	use.never_store = check_next(seed) & 1;
	use.has_key = use.rights != 0;
	use.programs = (enum mrq_programs_switch)(check_next(seed) % 3);
	use.issued = (int64_t)check_next(seed);
	use.expires = check_next(seed) & 1 ? MRQ_NEVER : (int64_t)check_next(seed);
	use.valid_until = (int64_t)check_next(seed);
	use.epoch = check_next(seed);
	memset(use.identity, (int)(check_next(seed) % 256), sizeof(use.identity));
	if (use.has_key)
		memset(&use.key, (int)(1 + check_next(seed) % 255), sizeof(use.key));
	return use;
}

static void
check_equal(const struct mrq_use_licence *a, const struct mrq_use_licence *b)
{
	assert_memory_equal(&a->content_id, &b->content_id, 16);
	assert_memory_equal(&a->label_id, &b->label_id, 16);
	assert_memory_equal(&a->template_id, &b->template_id, 16);
	assert_memory_equal(&a->key, &b->key, sizeof(a->key));
	assert_memory_equal(a->identity, b->identity, sizeof(a->identity));
	assert_int_equal(a->rights, b->rights);
	assert_true(a->owner == b->owner && a->issuer == b->issuer &&
		    a->super_user == b->super_user && a->has_key == b->has_key &&
		    a->list_rights == b->list_rights &&
		    a->never_store == b->never_store);
	assert_true(a->programs == b->programs && a->issued == b->issued &&
		    a->expires == b->expires && a->valid_until == b->valid_until &&
		    a->epoch == b->epoch);
}

static void
test_round_trip(void **state)
{
	uint64_t seed = 42;
	uint8_t bytes[MRQ_USE_LICENCE_BYTES];
	struct mrq_error err = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct mrq_use_licence in = sample(&seed);
		struct mrq_use_licence out = { 0 };
		size_t len = mrq_use_licence_encode(&in, bytes);
		assert_true(len <= sizeof(bytes));
		check_ok(mrq_use_licence_decode(bytes, len, &out, &err), &err);
		check_equal(&in, &out);
	}
}

static void
test_lengths(void **state)
{
	uint64_t seed = 7;
	uint8_t bytes[MRQ_USE_LICENCE_BYTES + 1] = { 0 };
	struct mrq_error err = { 0 };
	struct mrq_use_licence in = sample(&seed);
	struct mrq_use_licence out = { 0 };
	size_t len = mrq_use_licence_encode(&in, bytes);

	(void)state;
	for (size_t i = 0; i <= sizeof(bytes); i++) {
		if (i != len)
			check_status(mrq_use_licence_decode(bytes, i, &out, &err),
				     MRQ_E_FORMAT, &err);
	}
	assert_false(out.has_key);
}

struct defect {
	size_t at;
	uint8_t value;
	enum mrq_status want;
};

static void
test_defects(void **state)
{
	static const struct defect defects[] = {
		{ 0, 1, MRQ_E_VERSION },    { 0, 3, MRQ_E_VERSION },
		{ 1, 0x48, MRQ_E_FORMAT },  /* unknown flag */
		{ 1, 0x00, MRQ_E_FORMAT },  /* a key that should not be there */
		{ 2, 3, MRQ_E_FORMAT },     /* no such switch */
		{ 3, 1, MRQ_E_FORMAT },     /* reserved */
		{ 53, 0x80, MRQ_E_FORMAT }, /* right without a name */
	};
	struct mrq_error err = { 0 };
	struct mrq_use_licence in = { .rights = 1, .has_key = true };
	uint8_t bytes[MRQ_USE_LICENCE_BYTES];

	(void)state;
	memset(&in.key, 7, sizeof(in.key));
	for (size_t i = 0; i < sizeof(defects) / sizeof(defects[0]); i++) {
		struct mrq_use_licence out = { 0 };
		size_t len = mrq_use_licence_encode(&in, bytes);
		bytes[defects[i].at] = defects[i].value;
		check_status(mrq_use_licence_decode(bytes, len, &out, &err),
			     defects[i].want, &err);
		assert_false(out.has_key);
	}
}

static void
test_key_needs_a_right(void **state)
{
	struct mrq_error err = { 0 };
	struct mrq_use_licence in = { .has_key = true };
	struct mrq_use_licence out = { 0 };
	uint8_t bytes[MRQ_USE_LICENCE_BYTES];

	(void)state;
	memset(&in.key, 7, sizeof(in.key));
	check_status(mrq_use_licence_decode(bytes, mrq_use_licence_encode(&in, bytes),
					    &out, &err),
		     MRQ_E_FORMAT, &err);
}

static void
test_wipe(void **state)
{
	uint64_t seed = 3;
	struct mrq_use_licence use = sample(&seed);
	static const uint8_t zeros[sizeof(use)];

	(void)state;
	mrq_use_licence_wipe(&use);
	assert_memory_equal(&use, zeros, sizeof(use));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_defects),
		cmocka_unit_test(test_key_needs_a_right),
		cmocka_unit_test(test_wipe),
	};

	return CHECK_MAIN(tests);
}
