/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/label.h"

#define ID(n)                                                                          \
	{                                                                              \
		.bytes = { 0x10, [15] = (n) }                                          \
	}

enum { PUBLIC, GENERAL, CONF, CONF_ALL, CONF_FEW, HIGH, HIGH_ALL, HIGH_FEW, N_LABELS };

/* Sublabels carry orders of their own, which must not count. */
static struct mrq_label labels[N_LABELS] = {
	[PUBLIC] = { .id = ID(1), .name = "Public", .order = 0 },
	[GENERAL] = { .id = ID(2), .name = "General", .order = 1 },
	[CONF] = { .id = ID(3),
		   .name = "Confidential",
		   .order = 2,
		   .has_children = true },
	[CONF_ALL] = { .id = ID(4),
		       .name = "Confidential/All Employees",
		       .parent = ID(3),
		       .order = 90 },
	[CONF_FEW] = { .id = ID(5),
		       .name = "Confidential/Recipients Only",
		       .parent = ID(3),
		       .order = 3 },
	[HIGH] = { .id = ID(6), .name = "Highly Confidential", .order = 5 },
	[HIGH_ALL] = { .id = ID(7),
		       .name = "Highly Confidential/All Employees",
		       .parent = ID(6),
		       .order = 6 },
	[HIGH_FEW] = { .id = ID(8),
		       .name = "Highly Confidential/Specific People",
		       .parent = ID(6),
		       .order = 7 },
};

static enum mrq_change
change(int from, int to)
{
	return mrq_label_change(labels, N_LABELS, from < 0 ? NULL : &labels[from],
				to < 0 ? NULL : &labels[to]);
}

static void
sublabels_rank_as_their_parent(void **state)
{
	(void)state;
	assert_int_equal(mrq_label_rank(labels, N_LABELS, &labels[GENERAL]), 1);
	assert_int_equal(mrq_label_rank(labels, N_LABELS, &labels[CONF]), 2);
	assert_int_equal(mrq_label_rank(labels, N_LABELS, &labels[CONF_ALL]), 2);
	assert_int_equal(mrq_label_rank(labels, N_LABELS, &labels[CONF_FEW]), 2);
}

static void
orphans_rank_by_their_own_order(void **state)
{
	(void)state;
	assert_int_equal(mrq_label_rank(&labels[CONF_FEW], 1, &labels[CONF_FEW]), 3);
	assert_int_equal(mrq_label_rank(NULL, 0, &labels[CONF_FEW]), 3);
}

static void
circle_of_parents_ends(void **state)
{
	struct mrq_label circle[2] = {
		{ .id = ID(1), .parent = ID(2), .order = 1 },
		{ .id = ID(2), .parent = ID(1), .order = 2 },
	};

	(void)state;
	int rank = mrq_label_rank(circle, 2, &circle[0]);
	assert_true(rank == 1 || rank == 2);
}

static void
change_between_labels(void **state)
{
	(void)state;
	assert_int_equal(change(GENERAL, GENERAL), MRQ_CHANGE_SAME);
	assert_int_equal(change(PUBLIC, GENERAL), MRQ_CHANGE_RAISE);
	assert_int_equal(change(GENERAL, PUBLIC), MRQ_CHANGE_LOWER);
	assert_int_equal(change(CONF_ALL, CONF_FEW), MRQ_CHANGE_SIDEWAYS);
	assert_int_equal(change(CONF_FEW, CONF_ALL), MRQ_CHANGE_SIDEWAYS);
	assert_int_equal(change(CONF_ALL, HIGH_ALL), MRQ_CHANGE_RAISE);
	assert_int_equal(change(HIGH_FEW, CONF_ALL), MRQ_CHANGE_LOWER);
	assert_int_equal(change(CONF_ALL, GENERAL), MRQ_CHANGE_LOWER);
}

static void
change_from_and_to_no_label(void **state)
{
	(void)state;
	assert_int_equal(change(-1, -1), MRQ_CHANGE_SAME);
	assert_int_equal(change(-1, PUBLIC), MRQ_CHANGE_RAISE);
	assert_int_equal(change(PUBLIC, -1), MRQ_CHANGE_REMOVE);
}

static void
siblings_of_an_unlisted_parent_are_sideways(void **state)
{
	(void)state;
	assert_int_equal(mrq_label_change(&labels[CONF_ALL], 2, &labels[CONF_ALL],
					  &labels[CONF_FEW]),
			 MRQ_CHANGE_SIDEWAYS);
}

static void
change_is_antisymmetric_and_names_are_unique(void **state)
{
	(void)state;
	for (int a = 0; a < N_LABELS; a++) {
		for (int b = 0; b < N_LABELS; b++)
			assert_int_equal(change(a, b) == MRQ_CHANGE_LOWER,
					 change(b, a) == MRQ_CHANGE_RAISE);
	}
	assert_string_equal(mrq_change_name(MRQ_CHANGE_SAME), "same");
	assert_string_equal(mrq_change_name(MRQ_CHANGE_RAISE), "raise");
	assert_string_equal(mrq_change_name(MRQ_CHANGE_SIDEWAYS), "sideways");
	assert_string_equal(mrq_change_name(MRQ_CHANGE_LOWER), "lower");
	assert_string_equal(mrq_change_name(MRQ_CHANGE_REMOVE), "remove");
	assert_string_equal(mrq_change_name((enum mrq_change)99), "unknown");
}

/* The nine cells of L40 to L42; user-defined counts as encrypting, as a template does. */
static void
effect_on_protection_is_the_table(void **state)
{
	static const struct {
		enum mrq_protected_by now;
		enum mrq_label_protection to;
		enum mrq_effect effect;
	} cells[] = {
		{ MRQ_BY_USER_DEFINED, MRQ_LABEL_NONE, MRQ_EFFECT_KEEP },
		{ MRQ_BY_USER_DEFINED, MRQ_LABEL_TEMPLATE, MRQ_EFFECT_REPLACE },
		{ MRQ_BY_USER_DEFINED, MRQ_LABEL_USER_DEFINED, MRQ_EFFECT_REPLACE },
		{ MRQ_BY_USER_DEFINED, MRQ_LABEL_REMOVES, MRQ_EFFECT_REMOVE },
		{ MRQ_BY_TEMPLATE, MRQ_LABEL_NONE, MRQ_EFFECT_KEEP },
		{ MRQ_BY_TEMPLATE, MRQ_LABEL_TEMPLATE, MRQ_EFFECT_REPLACE },
		{ MRQ_BY_TEMPLATE, MRQ_LABEL_USER_DEFINED, MRQ_EFFECT_REPLACE },
		{ MRQ_BY_TEMPLATE, MRQ_LABEL_REMOVES, MRQ_EFFECT_REMOVE },
		{ MRQ_BY_LABEL, MRQ_LABEL_NONE, MRQ_EFFECT_REMOVE },
		{ MRQ_BY_LABEL, MRQ_LABEL_TEMPLATE, MRQ_EFFECT_REPLACE },
		{ MRQ_BY_LABEL, MRQ_LABEL_USER_DEFINED, MRQ_EFFECT_REPLACE },
		{ MRQ_BY_LABEL, MRQ_LABEL_REMOVES, MRQ_EFFECT_REMOVE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		assert_int_equal(mrq_label_effect(cells[i].now, cells[i].to),
				 cells[i].effect);
	assert_int_equal(mrq_label_effect(MRQ_BY_LABEL, (enum mrq_label_protection)99),
			 MRQ_EFFECT_KEEP);
}

static const struct mrq_label *
find(const char *text)
{
	return mrq_label_find_text(labels, N_LABELS, text);
}

static void
find_by_id(void **state)
{
	struct mrq_guid absent = ID(99);

	(void)state;
	assert_ptr_equal(mrq_label_find(labels, N_LABELS, &labels[HIGH].id),
			 &labels[HIGH]);
	assert_null(mrq_label_find(labels, N_LABELS, &absent));
	assert_null(mrq_label_find(NULL, 0, &absent));
}

static void
find_by_text(void **state)
{
	(void)state;
	assert_ptr_equal(find("10000000-0000-0000-0000-000000000004"),
			 &labels[CONF_ALL]);
	assert_ptr_equal(find("confidential/ALL employees"), &labels[CONF_ALL]);
	assert_ptr_equal(find("recipients only"), &labels[CONF_FEW]);
	assert_ptr_equal(find("Confidential"), &labels[CONF]);
	assert_ptr_equal(find("Highly Confidential"), &labels[HIGH]);
}

static void
find_refuses_absent_and_ambiguous(void **state)
{
	(void)state;
	assert_null(find("All Employees"));
	assert_null(find("Secret"));
	assert_null(find(""));
	assert_null(find("/All Employees"));
	assert_null(find("Employees"));
	assert_null(find("10000000-0000-0000-0000-000000000099"));
}

static void
clear_takes_null_and_half_built(void **state)
{
	struct mrq_template t = { .n_grants = 2 };

	(void)state;
	mrq_grants_clear(NULL, 0);
	mrq_template_clear(NULL);
	t.grants = calloc(2, sizeof(*t.grants));
	assert_non_null(t.grants);
	t.grants[1].unknown = strdup("SIGN");
	mrq_template_clear(&t);
	assert_null(t.grants);
	assert_int_equal(t.n_grants, 0);
	mrq_template_clear(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sublabels_rank_as_their_parent),
		cmocka_unit_test(orphans_rank_by_their_own_order),
		cmocka_unit_test(circle_of_parents_ends),
		cmocka_unit_test(change_between_labels),
		cmocka_unit_test(change_from_and_to_no_label),
		cmocka_unit_test(siblings_of_an_unlisted_parent_are_sideways),
		cmocka_unit_test(change_is_antisymmetric_and_names_are_unique),
		cmocka_unit_test(effect_on_protection_is_the_table),
		cmocka_unit_test(find_by_id),
		cmocka_unit_test(find_by_text),
		cmocka_unit_test(find_refuses_absent_and_ambiguous),
		cmocka_unit_test(clear_takes_null_and_half_built),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
