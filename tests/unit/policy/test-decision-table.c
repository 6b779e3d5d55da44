/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every cell of the decision against decision-table.txt, which was written from the design by
 * somebody else.  Columns and patterns: see that file.  Each cell must be matched by exactly
 * one line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/decision.h"

#define LINES_MAX      1024
#define COLUMNS        11
#define COMPLAINTS_MAX 20
#define CELLS          860160u

static const char *const requests[] = { "read", "write", "replace", "relabel",
					"list-rights" };
static const char *const programs[] = { "ordinary", "trusted" };
static const char *const switches[] = { "trusted", "audited", "any" };
static const char *const states[] = { "valid",   "expired",     "offline-over",
				      "revoked", "unreachable", "clock-back",
				      "no-grant" };
static const char *const flags[] = { "0", "1" };
static const struct {
	const char *name;
	mrq_rights right;
} universe[] = {
	{ "VIEW", MRQ_RIGHT_VIEW },
	{ "EDIT", MRQ_RIGHT_EDIT },
	{ "DOCEDIT", MRQ_RIGHT_DOCEDIT },
	{ "EXTRACT", MRQ_RIGHT_EXTRACT },
	{ "EXPORT", MRQ_RIGHT_EXPORT },
	{ "VIEWRIGHTSDATA", MRQ_RIGHT_VIEWRIGHTSDATA },
	{ "EDITRIGHTSDATA", MRQ_RIGHT_EDITRIGHTSDATA },
	{ "OWNER", MRQ_RIGHT_OWNER },
	{ "AUDITEDEXTRACT", MRQ_RIGHT_AUDITEDEXTRACT },
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* One line: for each column the set of values that it matches, a bit each. */
struct line {
	unsigned int number;
	unsigned int request, program, programs, state, owner, issuer, super;
	mrq_rights present, absent;
	char result[24], ground[24];
};

struct table {
	struct line lines[LINES_MAX];
	size_t n;
};

static unsigned int
values_parse(const char *text, const char *const *names, size_t n, unsigned int number)
{
	if (strcmp(text, "*") == 0)
		return (1u << n) - 1;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, names[i]) == 0)
			return 1u << i;
	}
	fail_msg("line %u: unknown value '%s'", number, text);
	return 0;
}

static mrq_rights
right_parse(const char *name, unsigned int number)
{
	for (size_t i = 0; i < COUNT(universe); i++) {
		if (strcmp(name, universe[i].name) == 0)
			return universe[i].right;
	}
	fail_msg("line %u: unknown right '%s'", number, name);
	return 0;
}

static mrq_rights
all_rights(void)
{
	mrq_rights all = 0;

	for (size_t i = 0; i < COUNT(universe); i++)
		all |= universe[i].right;
	return all;
}

/* "*"; "-" for none; "+A,-B" where others may be either; "A,B" where others are absent. */
static void
rights_parse(char *text, struct line *line)
{
	char *rest = NULL;
	bool exact = false;

	if (strcmp(text, "*") == 0)
		return;
	if (strcmp(text, "-") == 0) {
		line->absent = all_rights();
		return;
	}
	for (char *p = strtok_r(text, ",", &rest); p; p = strtok_r(NULL, ",", &rest)) {
		if (*p == '-') {
			line->absent |= right_parse(p + 1, line->number);
			continue;
		}
		exact = exact || *p != '+';
		line->present |= right_parse(p + (*p == '+'), line->number);
	}
	if (exact)
		line->absent = all_rights() & ~line->present;
	if (line->present & line->absent)
		fail_msg("line %u: a right is both present and absent", line->number);
}

static void
line_parse(char *text, unsigned int number, struct line *line)
{
	char *c[COLUMNS];
	char *rest = NULL;
	size_t n = 0;

	for (char *p = strtok_r(text, " \t\n", &rest); p;
	     p = strtok_r(NULL, " \t\n", &rest)) {
		if (n < COLUMNS)
			c[n] = p;
		n++;
	}
	if (n != COLUMNS || strcmp(c[8], "->") != 0)
		fail_msg("line %u: not the %d columns of the heading", number, COLUMNS);

	*line = (struct line){ .number = number };
	line->request = values_parse(c[0], requests, COUNT(requests), number);
	line->program = values_parse(c[1], programs, COUNT(programs), number);
	line->programs = values_parse(c[2], switches, COUNT(switches), number);
	line->state = values_parse(c[3], states, COUNT(states), number);
	rights_parse(c[4], line);
	line->owner = values_parse(c[5], flags, COUNT(flags), number);
	line->issuer = values_parse(c[6], flags, COUNT(flags), number);
	line->super = values_parse(c[7], flags, COUNT(flags), number);
	(void)snprintf(line->result, sizeof(line->result), "%s", c[9]);
	(void)snprintf(line->ground, sizeof(line->ground), "%s", c[10]);
}

static void
table_load(const char *path, struct table *table)
{
	char text[512];
	unsigned int number = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		fail_msg("cannot open '%s'", path);
	while (fgets(text, sizeof(text), f)) {
		number++;
		assert_non_null(strchr(text, '\n'));
		text[strcspn(text, "#")] = '\0';
		if (text[strspn(text, " \t\n")] == '\0')
			continue;
		assert_true(table->n < LINES_MAX);
		line_parse(text, number, &table->lines[table->n++]);
	}
	(void)fclose(f);
	assert_true(table->n > 0);
}

static bool
matches(const struct line *l, const struct mrq_decision_input *in)
{
	return l->request & (1u << in->request) && l->program & (1u << in->program) &&
	       l->programs & (1u << in->programs) && l->state & (1u << in->state) &&
	       l->owner & (1u << in->owner) && l->issuer & (1u << in->issuer) &&
	       l->super & (1u << in->super_user) &&
	       (in->rights & l->present) == l->present && !(in->rights & l->absent);
}

static const char *
result_name(const struct mrq_decision *d)
{
	if (d->granted != (d->status == MRQ_OK) || (!d->granted && d->audit_first))
		return "contradiction";
	if (d->granted)
		return d->audit_first ? "grant-audit-first" : "grant";
	return mrq_status_name(d->status);
}

static unsigned int complaints;

static void
complain(const struct mrq_decision_input *in, const char *what)
{
	char rights[MRQ_RIGHTS_TEXT];

	if (complaints++ >= COMPLAINTS_MAX)
		return;
	mrq_rights_format(in->rights, rights);
	print_message("# %s %s %s %s %s %d %d %d: %s\n", requests[in->request],
		      programs[in->program], switches[in->programs], states[in->state],
		      rights, in->owner, in->issuer, in->super_user, what);
}

static void
cell_check(const struct table *table, const struct mrq_decision_input *in)
{
	const struct line *found = NULL;
	char what[160];

	for (size_t i = 0; i < table->n; i++) {
		const struct line *l = &table->lines[i];
		if (!matches(l, in))
			continue;
		if (found) {
			(void)snprintf(what, sizeof(what),
				       "lines %u (%s %s) and %u (%s %s) both match",
				       found->number, found->result, found->ground,
				       l->number, l->result, l->ground);
			complain(in, what);
		}
		found = l;
	}
	if (!found) {
		complain(in, "no line matches");
		return;
	}

	struct mrq_decision d = mrq_policy_decide(in);
	const char *ground =
		d.ground == MRQ_GROUND_NONE ? "-" : mrq_ground_name(d.ground);
	if (strcmp(result_name(&d), found->result) == 0 &&
	    strcmp(ground, found->ground) == 0)
		return;
	(void)snprintf(what, sizeof(what), "line %u expects %s %s, decided %s %s",
		       found->number, found->result, found->ground, result_name(&d),
		       ground);
	complain(in, what);
}

static mrq_rights
spread(unsigned int bits)
{
	mrq_rights rights = 0;

	for (size_t i = 0; i < COUNT(universe); i++) {
		if (bits & (1u << i))
			rights |= universe[i].right;
	}
	return rights;
}

/* The cell with this number, in mixed radix. */
static struct mrq_decision_input
cell_make(unsigned int number)
{
	struct mrq_decision_input in = { 0 };

	in.owner = number & 1;
	in.issuer = number >> 1 & 1;
	in.super_user = number >> 2 & 1;
	in.rights = spread(number >> 3 & 0x1ff);
	number >>= 12;
	in.request = (enum mrq_request)(number % COUNT(requests));
	number /= COUNT(requests);
	in.program = (enum mrq_program)(number % COUNT(programs));
	number /= COUNT(programs);
	in.programs = (enum mrq_programs_switch)(number % COUNT(switches));
	number /= COUNT(switches);
	in.state = (enum mrq_licence_state)number;
	return in;
}

static void
names_are_those_of_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++)
		assert_string_equal(mrq_request_name((enum mrq_request)i), requests[i]);
	for (size_t i = 0; i < COUNT(programs); i++)
		assert_string_equal(mrq_program_name((enum mrq_program)i), programs[i]);
	for (size_t i = 0; i < COUNT(switches); i++)
		assert_string_equal(
			mrq_programs_switch_name((enum mrq_programs_switch)i),
			switches[i]);
	for (size_t i = 0; i < COUNT(states); i++)
		assert_string_equal(mrq_licence_state_name((enum mrq_licence_state)i),
				    states[i]);
}

static void
every_cell_decides_as_expected(void **state)
{
	static struct table table;
	const char *path = getenv("MRQ_DECISION_TABLE");

	(void)state;
	table_load(path ? path : DECISION_TABLE, &table);
	assert_int_equal(CELLS, (1u << 12) * COUNT(requests) * COUNT(programs) *
					COUNT(switches) * COUNT(states));
	for (unsigned int i = 0; i < CELLS; i++) {
		struct mrq_decision_input in = cell_make(i);
		cell_check(&table, &in);
	}
	if (complaints > 0)
		fail_msg("%u complaints, the first %d above", complaints,
			 COMPLAINTS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_the_table),
		cmocka_unit_test(every_cell_decides_as_expected),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
