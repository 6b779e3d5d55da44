/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Laws of licences and grants over random ones: decode after encode is the identity, broken
 * bytes never crash nor half succeed, fewer grants never give more.  The seed is printed;
 * MRQ_SEED sets it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/guid.h"
#include "policy/licence.h"

#define ROUNDS       2000
#define MUTATIONS    20000
#define SEED_DEFAULT 20261123u

static uint64_t random_state;

/* splitmix64: small, and the same everywhere. */
static uint64_t
random_next(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static size_t
below(size_t n)
{
	return (size_t)(random_next() % n);
}

static void
random_text(char *ret, size_t len, const char *alphabet)
{
	size_t n = strlen(alphabet);

	for (size_t i = 0; i < len; i++)
		ret[i] = alphabet[below(n)];
	ret[len] = '\0';
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
#define MARKS   LETTERS "\"\\/.,'#$%&*+!?^`{|}~[]()<>;:="

static void
random_mail(char ret[static MRQ_MAIL_MAX + 1])
{
	size_t local = 1 + below(60);

	random_text(ret, local, MARKS);
	ret[local] = '@';
	random_text(ret + local + 1, 1 + below(60), MARKS);
}

static char *
random_compact(size_t parts)
{
	char *text = malloc(parts * 101);
	size_t at = 0;

	assert_non_null(text);
	for (size_t i = 0; i < parts; i++) {
		size_t len = 1 + below(100);
		random_text(text + at, len, LETTERS);
		at += len;
		text[at++] = '.';
	}
	text[at - 1] = '\0';
	return text;
}

static struct mrq_guid
random_guid(void)
{
	struct mrq_guid id;

	for (size_t i = 0; i < sizeof(id.bytes); i++)
		id.bytes[i] = (uint8_t)random_next();
	id.bytes[6] |= 0x40;
	return id;
}

/* By way of its text, so that the name has the case that the parser gives. */
static struct mrq_principal
random_principal(void)
{
	static const char *const prefixes[] = { "user:", "group:", "domain:" };
	char text[MRQ_PRINCIPAL_MAX + 1];
	char mail[MRQ_MAIL_MAX + 1];
	struct mrq_principal p;
	size_t kind = below(5);

	random_mail(mail);
	(void)snprintf(text, sizeof(text), "%s%s", kind < 3 ? prefixes[kind] : "",
		       kind < 2    ? mail
		       : kind == 2 ? strchr(mail, '@') + 1
		       : kind == 3 ? "org"
				   : "authenticated");
	assert_int_equal(mrq_principal_parse(text, &p, NULL), MRQ_OK);
	return p;
}

static char *
random_unknown(void)
{
	size_t n = below(4);
	char name[16];

	if (n == 0)
		return NULL;
	char *text = calloc(n, 32);
	assert_non_null(text);
	for (size_t i = 0; i < n; i++) {
		random_text(name, 1 + below(10), LETTERS);
		(void)sprintf(text + strlen(text), "%sX-%s", i > 0 ? "," : "", name);
	}
	return text;
}

static struct mrq_licence *
random_licence(void)
{
	struct mrq_licence *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->content_id = random_guid();
	if (below(2))
		l->label_id = random_guid();
	random_mail(l->owner);
	random_mail(l->issuer);
	random_text(l->org, 1 + below(60), LETTERS ".");
	l->created = (int64_t)below(MRQ_TIME_MAX + 1);
	l->expires = below(2) ? MRQ_NEVER : (int64_t)below(MRQ_TIME_MAX + 1);
	l->offline_days = (int32_t)below(MRQ_OFFLINE_DAYS_MAX + 2) - 1;
	l->n_grants = below(6);
	if (l->n_grants == 0 && below(2))
		l->template_id = random_guid();
	if (l->n_grants > 0) {
		l->grants = calloc(l->n_grants, sizeof(*l->grants));
		assert_non_null(l->grants);
	}
	for (size_t i = 0; i < l->n_grants; i++) {
		l->grants[i].who = random_principal();
		l->grants[i].rights = (mrq_rights)random_next() & MRQ_RIGHTS_ALL;
		l->grants[i].unknown = random_unknown();
	}
	random_text(l->key_id, 1 + below(sizeof(l->key_id) - 1), LETTERS);
	l->wrapped_key = random_compact(5);
	l->certificate = random_compact(3);
	return l;
}

static void
assert_same_grants(const struct mrq_licence *a, const struct mrq_licence *b)
{
	assert_int_equal(a->n_grants, b->n_grants);
	for (size_t i = 0; i < a->n_grants; i++) {
		const struct mrq_grant *x = &a->grants[i];
		const struct mrq_grant *y = &b->grants[i];
		assert_int_equal(x->who.kind, y->who.kind);
		assert_string_equal(x->who.name, y->who.name);
		assert_int_equal(x->rights, y->rights);
		assert_string_equal(x->unknown ? x->unknown : "",
				    y->unknown ? y->unknown : "");
	}
}

static void
assert_same(const struct mrq_licence *a, const struct mrq_licence *b)
{
	assert_true(mrq_guid_equal(&a->content_id, &b->content_id));
	assert_true(mrq_guid_equal(&a->label_id, &b->label_id));
	assert_true(mrq_guid_equal(&a->template_id, &b->template_id));
	assert_string_equal(a->owner, b->owner);
	assert_string_equal(a->issuer, b->issuer);
	assert_string_equal(a->org, b->org);
	assert_true(a->created == b->created);
	assert_true(a->expires == b->expires);
	assert_int_equal(a->offline_days, b->offline_days);
	assert_string_equal(a->key_id, b->key_id);
	assert_string_equal(a->wrapped_key, b->wrapped_key);
	assert_string_equal(a->certificate, b->certificate);
	assert_same_grants(a, b);
}

static char *
encode(const struct mrq_licence *licence, size_t *len)
{
	struct mrq_error err = { 0 };
	char *text = NULL;

	if (mrq_licence_encode(licence, &text, len, &err) != MRQ_OK)
		fail_msg("%s", err.msg);
	return text;
}

static void
decode_after_encode_is_the_identity(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct mrq_licence *l = random_licence();
		struct mrq_licence *again = NULL;
		struct mrq_error err = { 0 };
		size_t len = 0;
		char *text = encode(l, &len);
		if (mrq_licence_decode(text, len, &again, &err) != MRQ_OK)
			fail_msg("%s: %s", err.msg, text);
		assert_same(l, again);
		free(text);
		mrq_licence_free(again);
		mrq_licence_free(l);
	}
}

/* In memory of its own size, so that a sanitizer sees a read past the end. */
static char *
mutated(const char *text, size_t len, size_t *ret_len)
{
	static const char likely[] = "\"\\{}[],:0-9.eE+nulltruefalse \xff\xc3\x01";
	char *copy = malloc(len + 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	*ret_len = len;
	for (size_t n = 1 + below(4); n > 0; n--) {
		size_t at = below(*ret_len);
		switch (below(3)) {
		case 0:
			copy[at] = (char)random_next();
			break;
		case 1:
			copy[at] = likely[below(sizeof(likely) - 1)];
			break;
		default:
			memmove(copy + at, copy + at + 1, *ret_len - at - 1);
			--*ret_len;
			break;
		}
	}
	char *exact = realloc(copy, *ret_len);
	assert_non_null(exact);
	return exact;
}

/* What still reads must write, and read as the same again. */
static void
check_mutation(const char *text, size_t len)
{
	struct mrq_licence *l = NULL;
	struct mrq_error err = { 0 };
	enum mrq_status s = mrq_licence_decode(text, len, &l, &err);

	if (s != MRQ_OK) {
		assert_null(l);
		assert_int_equal(err.status, s);
		assert_true(s == MRQ_E_FORMAT || s == MRQ_E_VERSION);
		assert_true(strlen(err.msg) > 10);
		return;
	}
	struct mrq_licence *again = NULL;
	size_t again_len = 0;
	char *again_text = encode(l, &again_len);
	assert_int_equal(mrq_licence_decode(again_text, again_len, &again, NULL),
			 MRQ_OK);
	assert_same(l, again);
	free(again_text);
	mrq_licence_free(again);
	mrq_licence_free(l);
}

static void
broken_bytes_are_refused_or_mean_one_thing(void **state)
{
	struct mrq_licence *l = NULL;
	char *text = NULL;
	size_t len = 0;

	(void)state;
	for (int i = 0; i < MUTATIONS; i++) {
		if (i % 100 == 0) {
			free(text);
			mrq_licence_free(l);
			l = random_licence();
			text = encode(l, &len);
		}
		size_t broken_len;
		char *broken = mutated(text, len, &broken_len);
		check_mutation(broken, broken_len);
		free(broken);
	}
	free(text);
	mrq_licence_free(l);
}

static void
fewer_grants_never_give_more(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct mrq_licence *l = random_licence();
		struct mrq_identity who = { .member = below(2) };
		random_mail(who.mail);
		if (l->n_grants > 0 && below(2) && strchr(l->grants[0].who.name, '@'))
			memcpy(who.mail, l->grants[0].who.name, sizeof(who.mail));
		mrq_rights all = mrq_grants_rights(l->grants, l->n_grants, &who);
		mrq_rights fewer = 0;
		for (size_t n = 0; n <= l->n_grants; n++) {
			mrq_rights some = mrq_grants_rights(l->grants, n, &who);
			assert_int_equal(fewer & ~some, 0);
			fewer = some;
		}
		assert_int_equal(fewer, all);
		mrq_licence_free(l);
	}
}

static void
principals_survive_their_text_form(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct mrq_principal p = random_principal();
		struct mrq_principal again;
		char text[MRQ_PRINCIPAL_MAX + 1];
		mrq_principal_format(&p, text);
		assert_int_equal(mrq_principal_parse(text, &again, NULL), MRQ_OK);
		assert_int_equal(p.kind, again.kind);
		assert_string_equal(p.name, again.name);
	}
}

static void
parsers_take_any_text(void **state)
{
	(void)state;
	for (int i = 0; i < MUTATIONS; i++) {
		char text[400];
		struct mrq_principal p;
		mrq_rights rights = 0;
		struct mrq_error err = { 0 };
		size_t len = below(sizeof(text));
		for (size_t k = 0; k < len; k++)
			text[k] = (char)(1 + below(255));
		text[len] = '\0';
		if (mrq_principal_parse(text, &p, &err) == MRQ_OK)
			assert_true(mrq_mail_valid(text));
		if (mrq_rights_parse(text, &rights, &err) == MRQ_OK)
			assert_int_equal(rights & ~MRQ_RIGHTS_ALL, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_after_encode_is_the_identity),
		cmocka_unit_test(broken_bytes_are_refused_or_mean_one_thing),
		cmocka_unit_test(fewer_grants_never_give_more),
		cmocka_unit_test(principals_survive_their_text_form),
		cmocka_unit_test(parsers_take_any_text),
	};
	const char *seed = getenv("MRQ_SEED");

	random_state = seed ? strtoull(seed, NULL, 10) : SEED_DEFAULT;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	print_message("# seed %llu\n", (unsigned long long)random_state);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
