/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tampering with each line in turn is always found and pointed at. */
#include "store-test.h"

#include <jansson.h>

#define RECORDS 200
#define LINES   (RECORDS + 2) /* genesis, checkpoint at the end */

struct lines {
	char *text;
	size_t len;
	char *at[LINES + 1];
};

static struct lines
make_log(struct place *p)
{
	struct mrq_audit_log *log = log_open(p, 0);
	struct lines l = { 0 };
	unsigned n = 0;

	append_n(log, RECORDS);
	mrq_audit_log_close(log);
	l.text = slurp(p->log, &l.len);
	l.at[n++] = l.text;
	for (size_t i = 0; i < l.len; i++) {
		if (l.text[i] == '\n')
			l.at[n++] = l.text + i + 1;
	}
	assert_int_equal(n, LINES + 1);
	return l;
}

/* Write the lines in this order; -1 ends. */
static void
write_order(const struct place *p, const struct lines *l, const int *order)
{
	FILE *f = fopen(p->log, "w");

	assert_non_null(f);
	for (; *order >= 0; order++)
		(void)fwrite(l->at[*order], 1,
			     (size_t)(l->at[*order + 1] - l->at[*order]), f);
	assert_int_equal(fclose(f), 0);
}

static struct mrq_audit_verdict
expect_bad(const struct place *p, const char *jwk, uint64_t line)
{
	struct mrq_audit_verdict v = { 0 };
	struct mrq_error err = { 0 };

	check_status(mrq_audit_verify(p->log, jwk, &v, &err), MRQ_E_FORGED, &err);
	if (v.bad_line != line)
		fail_msg("line %u pointed at as %s, not %u", (unsigned)v.bad_line,
			 v.bad_what, (unsigned)line);
	assert_string_equal(v.bad_file, p->log);
	assert_non_null(strstr(err.msg, p->log));
	return v;
}

static void
make_order(int order[static LINES + 3])
{
	for (int i = 0; i < LINES; i++)
		order[i] = i;
	order[LINES] = -1;
}

static void
a_removed_line_is_found(void **state)
{
	struct place *p = *state;
	struct lines l = make_log(p);
	int order[LINES + 3];

	for (int i = 0; i < LINES - 1; i++) {
		make_order(order);
		memmove(order + i, order + i + 1, sizeof(*order) * (size_t)(LINES - i));
		write_order(p, &l, order);
		(void)expect_bad(p, NULL, (uint64_t)i + 1);
		(void)expect_bad(p, p->jwk, (uint64_t)i + 1);
	}
	free(l.text);
}

static void
swapped_lines_are_found(void **state)
{
	struct place *p = *state;
	struct lines l = make_log(p);
	int order[LINES + 3];

	for (int i = 0; i < LINES - 1; i++) {
		make_order(order);
		order[i] = i + 1;
		order[i + 1] = i;
		write_order(p, &l, order);
		(void)expect_bad(p, NULL, (uint64_t)i + 1);
		(void)expect_bad(p, p->jwk, (uint64_t)i + 1);
	}
	free(l.text);
}

static void
a_repeated_line_is_found(void **state)
{
	struct place *p = *state;
	struct lines l = make_log(p);
	int order[LINES + 3];

	for (int i = 0; i < LINES; i++) {
		make_order(order);
		memmove(order + i + 1, order + i,
			sizeof(*order) * (size_t)(LINES + 1 - i));
		write_order(p, &l, order);
		struct mrq_audit_verdict v = expect_bad(p, NULL, (uint64_t)i + 2);
		assert_string_equal(v.bad_what, "removed or reordered");
		(void)expect_bad(p, p->jwk, (uint64_t)i + 2);
	}
	free(l.text);
}

/* Every line, at several places; then every byte of four lines. */
static void
flip(struct place *p, struct lines *l, int line, size_t off, char to)
{
	char *at = l->at[line] + off, was = *at;

	if (to == was)
		return;
	*at = to;
	spit(p->log, l->text, l->len);
	if (mrq_audit_verify(p->log, p->jwk, &(struct mrq_audit_verdict){ 0 }, NULL) ==
	    MRQ_OK)
		fail_msg("line %d, byte %u: '%c' to '%c' is not found", line,
			 (unsigned)off, was, to);
	(void)expect_bad(p, p->jwk, (uint64_t)line + 1);
	/* Without the key the line before the last has only the last to testify. */
	if (line < LINES - 1)
		(void)expect_bad(p, NULL, (uint64_t)line + 1);
	*at = was;
}

static void
an_edited_line_is_found(void **state)
{
	struct place *p = *state;
	struct lines l = make_log(p);

	for (int i = 0; i < LINES; i++) {
		size_t len = (size_t)(l.at[i + 1] - l.at[i]);
		flip(p, &l, i, 7, '9');  /* seq */
		flip(p, &l, i, 40, 'x'); /* prev */
		flip(p, &l, i, len / 2, '!');
		flip(p, &l, i, len / 2, '"');
		flip(p, &l, i, len - 2, ' ');
	}
	free(l.text);
}

static void
every_edited_byte_is_found(void **state)
{
	static const int lines[] = { 0, 1, 100, LINES - 2, LINES - 1 };
	struct place *p = *state;
	struct lines l = make_log(p);

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		size_t len = (size_t)(l.at[lines[i] + 1] - l.at[lines[i]]);
		for (size_t off = 0; off < len; off++)
			flip(p, &l, lines[i], off,
			     (char)(l.at[lines[i]][off] ^ (off % 2 ? 1 : 4)));
	}
	free(l.text);
}

/* An attacker without the key rewrites all that follows: the next checkpoint does not fit. */
static void
a_chain_made_anew_is_forged(void **state)
{
	struct place *p = *state;
	struct place other = *p;
	struct mrq_audit_verdict v;
	struct mrq_error err = { 0 };

	check_ok(mrq_private_key_generate(&other.signer, &err), &err);
	struct mrq_audit_log *log = log_open(&other, 0);
	append_n(log, 3);
	mrq_audit_log_close(log);
	check_ok(mrq_audit_verify(p->log, NULL, &v, &err), &err);
	check_status(mrq_audit_verify(p->log, p->jwk, &v, &err), MRQ_E_FORGED, &err);
	assert_int_equal(v.bad_line, 1);
	assert_string_equal(v.bad_what, "checkpoint forged");
	mrq_private_key_free(other.signer);
}

/* What nobody can see, and how it is seen all the same: the head that was noted elsewhere. */
static void
a_cut_tail_shows_in_the_head(void **state)
{
	struct place *p = *state;
	struct lines l = make_log(p);
	struct mrq_audit_verdict whole = verify_whole(p), cut;

	spit(p->log, l.text, (size_t)(l.at[150] - l.text));
	cut = verify_whole(p);
	assert_int_equal(cut.last_seq, 150);
	assert_int_equal(cut.unsigned_tail, 149);
	assert_string_not_equal(cut.head, whole.head);
	free(l.text);
}

static void
a_missing_checkpoint_is_found(void **state)
{
	struct place *p = *state;
	struct mrq_private_key *signer = p->signer;
	struct mrq_error err = { 0 };
	struct mrq_audit_verdict v;

	struct mrq_audit_log *log = log_open(p, 0);
	append_n(log, 1000);
	mrq_audit_log_close(log);
	p->signer = NULL;
	log = log_open(p, 0);
	append_n(log, 100);
	mrq_audit_log_close(log);
	p->signer = signer;
	check_status(mrq_audit_verify(p->log, p->jwk, &v, &err), MRQ_E_FORGED, &err);
	assert_int_equal(v.bad_line, 1024);
	assert_string_equal(v.bad_what, "checkpoint unsigned");
}

static void
unfinished_and_foreign_lines_are_found(void **state)
{
	struct place *p = *state;
	struct lines l = make_log(p);
	struct mrq_audit_verdict v;

	spit(p->log, l.text, l.len - 1);
	v = expect_bad(p, p->jwk, LINES);
	assert_string_equal(v.bad_what, "unfinished");
	char *big = calloc(1, l.len + 200000);
	memcpy(big, l.text, l.len);
	memset(big + l.len, 'x', 199999);
	big[l.len + 199999] = '\n';
	spit(p->log, big, l.len + 200000);
	v = expect_bad(p, p->jwk, LINES + 1);
	assert_string_equal(v.bad_what, "not a record");
	spit(p->log, "\n", 1);
	(void)expect_bad(p, p->jwk, 1);
	free(big);
	free(l.text);
}

static void
a_hole_between_files_is_found(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };
	struct mrq_audit_verdict v;

	for (int i = 0; i < 3; i++) {
		struct mrq_audit_log *log = log_open(p, 0);
		append_n(log, 3);
		mrq_audit_log_close(log);
		if (i == 2)
			break;
		(void)rename(p->log1, p->log2);
		assert_int_equal(rename(p->log, p->log1), 0);
	}
	v = verify_whole(p);
	assert_int_equal(v.first_seq, 1);
	/* The middle file goes away, the oldest takes its place. */
	assert_int_equal(rename(p->log2, p->log1), 0);
	check_status(mrq_audit_verify(p->log, p->jwk, &v, &err), MRQ_E_FORGED, &err);
	assert_int_equal(v.bad_line, 1);
	assert_string_equal(v.bad_file, p->log);
	/* The oldest alone may be gone: the first number tells. */
	assert_int_equal(unlink(p->log1), 0);
	v = verify_whole(p);
	assert_true(v.first_seq > 1);
}

static void
no_log_and_bad_keys_have_their_status(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };
	struct mrq_audit_verdict v;

	check_status(mrq_audit_verify(p->log, NULL, &v, &err), MRQ_E_NOT_FOUND, &err);
	check_status(mrq_audit_verify(p->dir, NULL, &v, &err), MRQ_E_INVAL, &err);
	spit(p->log, "", 0);
	v = verify_whole(p);
	assert_int_equal(v.records, 0);
	assert_int_equal(v.first_seq, 0);
	assert_int_not_equal(mrq_audit_verify(p->log, "{}", &v, &err), MRQ_OK);
}

/* The log in marque-audit(5): its lines begin with a number; \e is mdoc's backslash. */
static void
the_example_of_the_man_page_verifies(void **state)
{
	struct place *p = *state;
	struct mrq_audit_verdict v;
	struct mrq_error err = { 0 };
	char line[4096];
	FILE *in = fopen(AUDIT_MAN, "r"), *out = fopen(p->log, "w");

	assert_non_null(in);
	assert_non_null(out);
	while (fgets(line, sizeof(line), in)) {
		if (strncmp(line, "{\"seq\":", 7) != 0 || line[7] < '0' ||
		    line[7] > '9')
			continue;
		for (char *c = line; *c; c++) {
			(void)fputc(*c, out);
			c += c[0] == '\\' && c[1] == 'e';
		}
	}
	(void)fclose(in);
	assert_int_equal(fclose(out), 0);
	check_ok(mrq_audit_verify(p->log, NULL, &v, &err), &err);
	assert_int_equal(v.records, 4);
	assert_int_equal(v.checkpoints, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(a_removed_line_is_found),
		PLACE_TEST(swapped_lines_are_found),
		PLACE_TEST(a_repeated_line_is_found),
		PLACE_TEST(an_edited_line_is_found),
		PLACE_TEST(every_edited_byte_is_found),
		PLACE_TEST(a_chain_made_anew_is_forged),
		PLACE_TEST(a_cut_tail_shows_in_the_head),
		PLACE_TEST(a_missing_checkpoint_is_found),
		PLACE_TEST(unfinished_and_foreign_lines_are_found),
		PLACE_TEST(a_hole_between_files_is_found),
		PLACE_TEST(no_log_and_bad_keys_have_their_status),
		PLACE_TEST(the_example_of_the_man_page_verifies),
	};
	return CHECK_MAIN(tests);
}
