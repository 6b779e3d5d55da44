/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Publishing licences: what is written, what is read, and each defect that marque-licence(5)
 * tells a reader to refuse.  The reference licence is the worked example of that page, which
 * gen-licence-example.py made without our code.
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

#define TEXT_MAX   16384
#define JWE        "eyJ9.AA.BB.CC.DD"
#define JWS        "eyJ9.e30.AA"
#define FIRST_PAGE 2400u /* bytes of licence in the first page: marque-format(5) */

/* One member each, so that a case can replace one. */
enum {
	V,
	CID,
	LBL,
	TPL,
	OWN,
	ISS,
	ORG,
	IAT,
	EXP,
	OFF,
	GRANTS,
	KID,
	KEY,
	CRT,
	N_MEMBERS
};
static const char *const members[N_MEMBERS] = {
	[V] = "\"v\":1",
	[CID] = "\"cid\":\"6f0e1a2b-4c5d-4e6f-8a9b-0c1d2e3f4a5b\"",
	[LBL] = "\"lbl\":\"b2c3d4e5-f607-4809-9a1b-2c3d4e5f6071\"",
	[TPL] = "",
	[OWN] = "\"own\":\"ann@example.com\"",
	[ISS] = "\"iss\":\"bob@example.com\"",
	[ORG] = "\"org\":\"example.com\"",
	[IAT] = "\"iat\":1767268800",
	[EXP] = "\"exp\":1798804800",
	[OFF] = "\"off\":7",
	[GRANTS] = "\"grants\":[{\"who\":\"user:cid@example.com\",\"rights\":[\"VIEW\","
		   "\"EDIT\",\"SIGN\",\"X-MORE\"]},{\"who\":\"org\",\"rights\":[]}]",
	[KID] = "\"kid\":\"org-key_1\"",
	[KEY] = "\"key\":\"" JWE "\"",
	[CRT] = "\"crt\":\"" JWS "\"",
};

/* The licence with one member replaced ("" drops it); replaced == -1 for none. */
static const char *
compose(int replaced, const char *with)
{
	static char text[TEXT_MAX];
	size_t at = 0;

	for (int i = 0; i < N_MEMBERS; i++) {
		const char *member = i == replaced ? with : members[i];
		if (*member == '\0')
			continue;
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%c%s",
				       at > 0 ? ',' : '{', member);
		assert_true(at < sizeof(text) - 1);
	}
	text[at++] = '}';
	text[at] = '\0';
	return text;
}

static struct mrq_licence *
decode(const char *json)
{
	struct mrq_licence *licence = NULL;
	struct mrq_error err = { 0 };

	if (mrq_licence_decode(json, strlen(json), &licence, &err) != MRQ_OK)
		fail_msg("%s: refused: %s", json, err.msg);
	return licence;
}

static void
assert_refused(const char *json, size_t len, enum mrq_status status, const char *named)
{
	struct mrq_licence *licence = NULL;
	struct mrq_error err = { 0 };
	enum mrq_status s = mrq_licence_decode(json, len, &licence, &err);

	if (s != status || !strstr(err.msg, named))
		fail_msg("%.300s: status %s, '%s'; expected %s and '%s'", json,
			 mrq_status_name(s), err.msg, mrq_status_name(status), named);
	assert_null(licence);
	assert_int_equal(mrq_licence_decode(json, len, &licence, NULL), status);
}

static void
decode_reads_every_member(void **state)
{
	struct mrq_licence *l = decode(compose(-1, ""));
	char id[MRQ_GUID_TEXT];

	(void)state;
	mrq_guid_format(&l->content_id, id);
	assert_string_equal(id, "6f0e1a2b-4c5d-4e6f-8a9b-0c1d2e3f4a5b");
	mrq_guid_format(&l->label_id, id);
	assert_string_equal(id, "b2c3d4e5-f607-4809-9a1b-2c3d4e5f6071");
	assert_true(mrq_guid_is_nil(&l->template_id));
	assert_string_equal(l->owner, "ann@example.com");
	assert_string_equal(l->issuer, "bob@example.com");
	assert_string_equal(l->org, "example.com");
	assert_int_equal(l->created, 1767268800);
	assert_int_equal(l->expires, 1798804800);
	assert_int_equal(l->offline_days, 7);
	assert_int_equal(l->n_grants, 2);
	assert_int_equal(l->grants[0].who.kind, MRQ_PRINCIPAL_USER);
	assert_string_equal(l->grants[0].who.name, "cid@example.com");
	assert_int_equal(l->grants[0].rights, MRQ_RIGHT_VIEW | MRQ_RIGHT_EDIT);
	assert_string_equal(l->grants[0].unknown, "SIGN,X-MORE");
	assert_int_equal(l->grants[1].who.kind, MRQ_PRINCIPAL_ORG);
	assert_int_equal(l->grants[1].rights, 0);
	assert_null(l->grants[1].unknown);
	assert_string_equal(l->key_id, "org-key_1");
	assert_string_equal(l->wrapped_key, JWE);
	assert_string_equal(l->certificate, JWS);
	mrq_licence_free(l);
}

static void
encode_writes_the_fixed_order_without_space(void **state)
{
	const char *json = compose(-1, "");
	struct mrq_licence *l = decode(json);
	char *text = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(mrq_licence_encode(l, &text, &len, NULL), MRQ_OK);
	assert_string_equal(text, json);
	assert_int_equal(len, strlen(json));
	free(text);
	mrq_licence_free(l);
}

static void
optional_members_may_be_absent(void **state)
{
	struct mrq_licence *l = decode(compose(EXP, ""));

	(void)state;
	assert_true(l->expires == MRQ_NEVER);
	mrq_licence_free(l);
	l = decode(compose(LBL, ""));
	assert_true(mrq_guid_is_nil(&l->label_id));
	mrq_licence_free(l);
	l = decode(compose(GRANTS, ""));
	assert_int_equal(l->n_grants, 0);
	assert_null(l->grants);
	mrq_licence_free(l);
}

static void
unknown_members_and_right_names_change_nothing(void **state)
{
	struct mrq_licence *l =
		decode(compose(V, "\"v\":1,\"x\":{\"y\":[1.5,null]},\"rights\":["
				  "\"OWNER\"],\"Own\":\"e@f\""));

	(void)state;
	assert_string_equal(l->owner, "ann@example.com");
	mrq_licence_free(l);
	l = decode(compose(GRANTS,
			   "\"grants\":[{\"who\":\"org\",\"rights\":[\"OWNER2\","
			   "\"SIGN\"],\"right\":[\"OWNER\"]}]"));
	assert_int_equal(l->grants[0].rights, 0);
	assert_string_equal(l->grants[0].unknown, "OWNER2,SIGN");
	mrq_licence_free(l);
}

static void
right_names_are_read_in_any_case(void **state)
{
	struct mrq_licence *l = decode(
		compose(GRANTS, "\"grants\":[{\"who\":\"Ann@Example.com\",\"rights\":"
				"[\"view\",\"Edit\",\"VIEW\"]}]"));

	(void)state;
	assert_int_equal(l->grants[0].rights, MRQ_RIGHT_VIEW | MRQ_RIGHT_EDIT);
	assert_string_equal(l->grants[0].who.name, "ann@example.com");
	mrq_licence_free(l);
}

static void
bounds_are_inside(void **state)
{
	static const struct {
		int member;
		const char *with;
	} good[] = {
		{ IAT, "\"iat\":0" },
		{ IAT, "\"iat\":253402300799" },
		{ EXP, "\"exp\":253402300799" },
		{ EXP, "\"exp\":1" },
		{ OFF, "\"off\":-1" },
		{ OFF, "\"off\":0" },
		{ OFF, "\"off\":36500" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		mrq_licence_free(decode(compose(good[i].member, good[i].with)));
}

/* --- one defect a case --- */

struct defect {
	int member;
	const char *with;
	enum mrq_status status;
	const char *named;
};

static void
assert_defects(const struct defect *defects, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *json = compose(defects[i].member, defects[i].with);
		assert_refused(json, strlen(json), defects[i].status, defects[i].named);
	}
}
#define ASSERT_DEFECTS(a) assert_defects(a, sizeof(a) / sizeof((a)[0]))

static void
missing_members_are_refused_by_name(void **state)
{
	static const struct defect defects[] = {
		{ V, "", MRQ_E_FORMAT, "'v'" },     { CID, "", MRQ_E_FORMAT, "'cid'" },
		{ OWN, "", MRQ_E_FORMAT, "'own'" }, { ISS, "", MRQ_E_FORMAT, "'iss'" },
		{ ORG, "", MRQ_E_FORMAT, "'org'" }, { IAT, "", MRQ_E_FORMAT, "'iat'" },
		{ OFF, "", MRQ_E_FORMAT, "'off'" }, { KID, "", MRQ_E_FORMAT, "'kid'" },
		{ KEY, "", MRQ_E_FORMAT, "'key'" }, { CRT, "", MRQ_E_FORMAT, "'crt'" },
	};

	(void)state;
	ASSERT_DEFECTS(defects);
}

static void
wrong_types_are_refused_by_name(void **state)
{
	static const struct defect defects[] = {
		{ V, "\"v\":\"1\"", MRQ_E_FORMAT, "'v'" },
		{ V, "\"v\":1.0", MRQ_E_FORMAT, "'v'" },
		{ V, "\"v\":null", MRQ_E_FORMAT, "'v'" },
		{ CID, "\"cid\":1", MRQ_E_FORMAT, "'cid'" },
		{ LBL, "\"lbl\":null", MRQ_E_FORMAT, "'lbl'" },
		{ TPL, "\"tpl\":{}", MRQ_E_FORMAT, "'tpl'" },
		{ OWN, "\"own\":[\"ann@example.com\"]", MRQ_E_FORMAT, "'own'" },
		{ ISS, "\"iss\":true", MRQ_E_FORMAT, "'iss'" },
		{ ORG, "\"org\":0", MRQ_E_FORMAT, "'org'" },
		{ IAT, "\"iat\":\"1767268800\"", MRQ_E_FORMAT, "'iat'" },
		{ IAT, "\"iat\":1767268800.0", MRQ_E_FORMAT, "'iat'" },
		{ EXP, "\"exp\":null", MRQ_E_FORMAT, "'exp'" },
		{ OFF, "\"off\":\"always\"", MRQ_E_FORMAT, "'off'" },
		{ KID, "\"kid\":7", MRQ_E_FORMAT, "'kid'" },
		{ KEY, "\"key\":{}", MRQ_E_FORMAT, "'key'" },
		{ CRT, "\"crt\":null", MRQ_E_FORMAT, "'crt'" },
	};

	(void)state;
	ASSERT_DEFECTS(defects);
}

static void
wrong_values_are_refused_by_name(void **state)
{
	static const struct defect defects[] = {
		{ V, "\"v\":0", MRQ_E_VERSION, "version 0" },
		{ V, "\"v\":2", MRQ_E_VERSION, "version 2" },
		{ V, "\"v\":-1", MRQ_E_VERSION, "version -1" },
		{ CID, "\"cid\":\"\"", MRQ_E_FORMAT, "'cid'" },
		{ CID, "\"cid\":\"6f0e1a2b4c5d4e6f8a9b0c1d2e3f4a5b\"", MRQ_E_FORMAT,
		  "'cid'" },
		{ CID, "\"cid\":\"6f0e1a2b-4c5d-4e6f-8a9b-0c1d2e3f4a5g\"", MRQ_E_FORMAT,
		  "'cid'" },
		{ CID, "\"cid\":\"00000000-0000-0000-0000-000000000000\"", MRQ_E_FORMAT,
		  "'cid'" },
		{ LBL, "\"lbl\":\"00000000-0000-0000-0000-000000000000\"", MRQ_E_FORMAT,
		  "'lbl'" },
		{ LBL, "\"lbl\":\"x\"", MRQ_E_FORMAT, "'lbl'" },
		{ TPL, "\"tpl\":\"x\"", MRQ_E_FORMAT, "'tpl'" },
		{ OWN, "\"own\":\"\"", MRQ_E_FORMAT, "'own'" },
		{ OWN, "\"own\":\"ann\"", MRQ_E_FORMAT, "'own'" },
		{ OWN, "\"own\":\"ann@a\\n\"", MRQ_E_FORMAT, "'own'" },
		{ ISS, "\"iss\":\"@example.com\"", MRQ_E_FORMAT, "'iss'" },
		{ ISS, "\"iss\":\"a@b@c\"", MRQ_E_FORMAT, "'iss'" },
		{ ORG, "\"org\":\"\"", MRQ_E_FORMAT, "'org'" },
		{ ORG, "\"org\":\"a@example.com\"", MRQ_E_FORMAT, "'org'" },
		{ ORG, "\"org\":\"exa mple\"", MRQ_E_FORMAT, "'org'" },
		{ IAT, "\"iat\":-1", MRQ_E_FORMAT, "'iat'" },
		{ IAT, "\"iat\":253402300800", MRQ_E_FORMAT, "'iat'" },
		{ EXP, "\"exp\":-1", MRQ_E_FORMAT, "'exp'" },
		{ EXP, "\"exp\":9223372036854775807", MRQ_E_FORMAT, "'exp'" },
		{ OFF, "\"off\":-2", MRQ_E_FORMAT, "'off'" },
		{ OFF, "\"off\":36501", MRQ_E_FORMAT, "'off'" },
		{ OFF, "\"off\":4294967296", MRQ_E_FORMAT, "'off'" },
		{ KID, "\"kid\":\"\"", MRQ_E_FORMAT, "'kid'" },
		{ KID, "\"kid\":\"a/b\"", MRQ_E_FORMAT, "'kid'" },
		{ KEY, "\"key\":\"\"", MRQ_E_FORMAT, "'key'" },
		{ KEY, "\"key\":\"a.b.c.d\"", MRQ_E_FORMAT, "'key'" },
		{ KEY, "\"key\":\"a.b.c.d.e.f\"", MRQ_E_FORMAT, "'key'" },
		{ KEY, "\"key\":\"a..c.d.e\"", MRQ_E_FORMAT, "'key'" },
		{ KEY, "\"key\":\"a.b.c.d.\"", MRQ_E_FORMAT, "'key'" },
		{ KEY, "\"key\":\"a.b.c.d.e=\"", MRQ_E_FORMAT, "'key'" },
		{ KEY, "\"key\":\"a.b.c.d+.e\"", MRQ_E_FORMAT, "'key'" },
		{ CRT, "\"crt\":\"a.b\"", MRQ_E_FORMAT, "'crt'" },
		{ CRT, "\"crt\":\"a.b.c.d\"", MRQ_E_FORMAT, "'crt'" },
		{ CRT, "\"crt\":\".b.c\"", MRQ_E_FORMAT, "'crt'" },
	};

	(void)state;
	ASSERT_DEFECTS(defects);
}

#define G(x) "\"grants\":" x
static void
bad_grants_are_refused_by_name(void **state)
{
	static const struct defect defects[] = {
		{ GRANTS, G("[]"), MRQ_E_FORMAT, "'grants'" },
		{ GRANTS, G("{}"), MRQ_E_FORMAT, "'grants'" },
		{ GRANTS, G("null"), MRQ_E_FORMAT, "'grants'" },
		{ GRANTS, G("[\"org\"]"), MRQ_E_FORMAT, "'grants'" },
		{ GRANTS, G("[{\"rights\":[]}]"), MRQ_E_FORMAT, "'who'" },
		{ GRANTS, G("[{\"who\":1,\"rights\":[]}]"), MRQ_E_FORMAT, "'who'" },
		{ GRANTS, G("[{\"who\":\"all\",\"rights\":[]}]"), MRQ_E_FORMAT,
		  "'who'" },
		{ GRANTS, G("[{\"who\":\"group:\",\"rights\":[]}]"), MRQ_E_FORMAT,
		  "'who'" },
		{ GRANTS, G("[{\"who\":\"org\"}]"), MRQ_E_FORMAT, "'rights'" },
		{ GRANTS, G("[{\"who\":\"org\",\"rights\":\"VIEW\"}]"), MRQ_E_FORMAT,
		  "'rights'" },
		{ GRANTS, G("[{\"who\":\"org\",\"rights\":[1]}]"), MRQ_E_FORMAT,
		  "'rights'" },
		{ GRANTS, G("[{\"who\":\"org\",\"rights\":[\"\"]}]"), MRQ_E_FORMAT,
		  "'rights'" },
		{ GRANTS, G("[{\"who\":\"org\",\"rights\":[\"X,OWNER\"]}]"),
		  MRQ_E_FORMAT, "'rights'" },
		{ GRANTS, G("[{\"who\":\"org\",\"rights\":[\"VIEW \"]}]"), MRQ_E_FORMAT,
		  "'rights'" },
		{ GRANTS, G("[{\"who\":\"org\",\"rights\":[\"\\u00c4\"]}]"),
		  MRQ_E_FORMAT, "'rights'" },
		{ TPL, "\"tpl\":\"0d1e2f30-4152-4637-8849-5a6b7c8d9e0f\"", MRQ_E_FORMAT,
		  "'grants'" },
	};

	(void)state;
	ASSERT_DEFECTS(defects);
}

static void
what_is_no_object_is_refused(void **state)
{
	static const char *const texts[] = { "",      " ",    "{",          "[]",   "1",
					     "\"v\"", "null", "{\"v\":1,}", "{v:1}" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i], strlen(texts[i]), MRQ_E_FORMAT, "licence is");
}

static void
duplicate_members_are_refused(void **state)
{
	static const struct defect defects[] = {
		{ OWN, "\"own\":\"ann@example.com\",\"own\":\"eve@example.com\"",
		  MRQ_E_FORMAT, "duplicate" },
		{ GRANTS, G("[{\"who\":\"org\",\"who\":\"org\",\"rights\":[]}]"),
		  MRQ_E_FORMAT, "duplicate" },
		{ V, "\"v\":1,\"x\":1,\"x\":2", MRQ_E_FORMAT, "duplicate" },
		{ V, "\"v\":1,\"\\u0076\":1", MRQ_E_FORMAT, "duplicate" },
	};

	(void)state;
	ASSERT_DEFECTS(defects);
}

static void
bytes_after_the_object_are_refused(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	int len = snprintf(text, sizeof(text), "%s{}", compose(-1, ""));
	assert_refused(text, (size_t)len, MRQ_E_FORMAT, "not valid JSON");
	text[len - 2] = '\0';
	assert_refused(text, (size_t)len - 1, MRQ_E_FORMAT, "not valid JSON");
}

static void
broken_text_is_refused(void **state)
{
	static const struct defect defects[] = {
		{ V, "\"v\":1,\"x\":\"\xff\"", MRQ_E_FORMAT, "not valid JSON" },
		{ V, "\"v\":1,\"x\":\"\\u0000\"", MRQ_E_FORMAT, "not valid JSON" },
		{ OWN, "\"own\":\"ann@example.com\\u0000x\"", MRQ_E_FORMAT,
		  "not valid JSON" },
		{ V, "\"v\":99999999999999999999", MRQ_E_FORMAT, "not valid JSON" },
	};

	(void)state;
	ASSERT_DEFECTS(defects);
}

static void
every_prefix_is_refused(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	(void)snprintf(text, sizeof(text), "%s", compose(-1, ""));
	for (size_t len = 0; len < strlen(text); len++) {
		/* In memory of its own size, so that a sanitizer sees a read past the end. */
		char *cut = malloc(len + 1);
		assert_non_null(cut);
		memcpy(cut, text, len);
		assert_refused(cut, len, MRQ_E_FORMAT, "licence is not valid JSON");
		free(cut);
	}
}

static void
deep_nesting_is_refused(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	memset(text, '[', sizeof(text));
	assert_refused(text, sizeof(text), MRQ_E_FORMAT, "not valid JSON");
}

static void
too_long_a_text_is_refused_before_parsing(void **state)
{
	char *text = malloc(MRQ_LICENCE_JSON_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', MRQ_LICENCE_JSON_MAX + 1);
	assert_refused(text, MRQ_LICENCE_JSON_MAX + 1, MRQ_E_LIMIT, "53248");
	const char *json = compose(-1, "");
	memcpy(text, json, strlen(json));
	struct mrq_licence *l = NULL;
	assert_int_equal(mrq_licence_decode(text, MRQ_LICENCE_JSON_MAX, &l, NULL),
			 MRQ_OK);
	mrq_licence_free(l);
	free(text);
}

/* A member whose string holds n times 'A'. */
static const char *
stretched(const char *prefix, size_t n, const char *suffix)
{
	static char text[8192];

	assert_true(strlen(prefix) + n + strlen(suffix) < sizeof(text));
	size_t at = strlen(prefix);
	memcpy(text, prefix, at);
	memset(text + at, 'A', n);
	memcpy(text + at + n, suffix, strlen(suffix) + 1);
	return text;
}

static void
strings_are_bounded(void **state)
{
	static const struct {
		int member;
		const char *prefix, *suffix;
		size_t most;
		const char *named;
	} cases[] = {
		{ OWN, "\"own\":\"", "@b\"", MRQ_MAIL_MAX - 2, "'own'" },
		{ ISS, "\"iss\":\"", "@b\"", MRQ_MAIL_MAX - 2, "'iss'" },
		{ ORG, "\"org\":\"", "\"", MRQ_MAIL_MAX, "'org'" },
		{ KID, "\"kid\":\"", "\"", 63, "'kid'" },
		{ KEY, "\"key\":\"", ".A.A.A.A\"", MRQ_KEY_BLOB_MAX - 8, "'key'" },
		{ CRT, "\"crt\":\"", ".A.A\"", MRQ_CERTIFICATE_MAX - 4, "'crt'" },
		{ GRANTS, G("[{\"who\":\"org\",\"rights\":[\""), "\"]}]",
		  MRQ_RIGHT_NAME_MAX, "'rights'" },
		{ GRANTS, G("[{\"who\":\""), "@b\",\"rights\":[]}]", MRQ_MAIL_MAX - 2,
		  "'who'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mrq_licence_free(decode(compose(
			cases[i].member,
			stretched(cases[i].prefix, cases[i].most, cases[i].suffix))));
		const char *json = compose(
			cases[i].member,
			stretched(cases[i].prefix, cases[i].most + 1, cases[i].suffix));
		assert_refused(json, strlen(json), MRQ_E_FORMAT, cases[i].named);
	}
}

static char *
repeated(const char *prefix, const char *item, size_t n, const char *suffix)
{
	size_t size = strlen(prefix) + n * (strlen(item) + 1) + strlen(suffix) + 1;
	char *text = malloc(size);

	assert_non_null(text);
	char *at = stpcpy(text, prefix);
	for (size_t i = 0; i < n; i++) {
		at = stpcpy(at, i > 0 ? "," : "");
		at = stpcpy(at, item);
	}
	(void)stpcpy(at, suffix);
	return text;
}

static void
right_names_are_counted(void **state)
{
	const char *head = G("[{\"who\":\"org\",\"rights\":[");

	(void)state;
	char *rights = repeated(head, "\"VIEW\"", MRQ_LICENCE_RIGHTS_MAX, "]}]");
	mrq_licence_free(decode(compose(GRANTS, rights)));
	free(rights);
	rights = repeated(head, "\"VIEW\"", MRQ_LICENCE_RIGHTS_MAX + 1, "]}]");
	const char *json = compose(GRANTS, rights);
	assert_refused(json, strlen(json), MRQ_E_FORMAT, "'rights'");
	free(rights);
}

static char *
with_grants(size_t n)
{
	char *grants = repeated(G("["), "{\"who\":\"org\",\"rights\":[]}", n, "]");
	char *whole = malloc(strlen(grants) + TEXT_MAX);

	assert_non_null(whole);
	const char *rest = compose(GRANTS, "");
	(void)sprintf(whole, "%.*s,%s}", (int)strlen(rest) - 1, rest, grants);
	free(grants);
	return whole;
}

static void
grants_are_counted_before_memory_is_taken(void **state)
{
	char *json = with_grants(MRQ_GRANTS_MAX);

	(void)state;
	struct mrq_licence *l = decode(json);
	assert_int_equal(l->n_grants, MRQ_GRANTS_MAX);
	mrq_licence_free(l);
	free(json);
	json = with_grants(MRQ_GRANTS_MAX + 1);
	assert_refused(json, strlen(json), MRQ_E_LIMIT, "1025 grants");
	free(json);
}

/* --- encode refuses what decode would --- */

static struct mrq_licence *
fresh(void)
{
	return decode(compose(-1, ""));
}

static void
assert_not_written(struct mrq_licence *l, enum mrq_status status, const char *named)
{
	struct mrq_error err = { 0 };
	char *text = NULL;
	size_t len = 7;

	assert_int_equal(mrq_licence_encode(l, &text, &len, &err), status);
	assert_non_null(strstr(err.msg, named));
	assert_null(text);
	assert_int_equal(len, 7);
	mrq_licence_free(l);
}

#define ASSERT_NOT_WRITTEN(change, named)                                              \
	do {                                                                           \
		struct mrq_licence *l = fresh();                                       \
		change;                                                                \
		assert_not_written(l, MRQ_E_INVAL, named);                             \
	} while (0)

static void
encode_refuses_bad_values(void **state)
{
	(void)state;
	ASSERT_NOT_WRITTEN(l->content_id = (struct mrq_guid){ { 0 } }, "'cid'");
	ASSERT_NOT_WRITTEN(l->owner[0] = '\0', "'own'");
	ASSERT_NOT_WRITTEN(l->issuer[0] = ' ', "'iss'");
	ASSERT_NOT_WRITTEN(l->org[0] = '@', "'org'");
	ASSERT_NOT_WRITTEN(l->created = -1, "'iat'");
	ASSERT_NOT_WRITTEN(l->created = MRQ_NEVER, "'iat'");
	ASSERT_NOT_WRITTEN(l->expires = -5, "'exp'");
	ASSERT_NOT_WRITTEN(l->offline_days = -2, "'off'");
	ASSERT_NOT_WRITTEN(l->template_id.bytes[0] = 1, "'grants'");
	ASSERT_NOT_WRITTEN(l->key_id[0] = '\0', "'kid'");
	ASSERT_NOT_WRITTEN(memset(l->key_id, 'a', sizeof(l->key_id)), "'kid'");
	ASSERT_NOT_WRITTEN(l->wrapped_key[0] = '.', "'key'");
	ASSERT_NOT_WRITTEN(free(MRQ_STEAL(l->wrapped_key)), "'key'");
	ASSERT_NOT_WRITTEN(l->certificate[0] = '=', "'crt'");
	ASSERT_NOT_WRITTEN(free(MRQ_STEAL(l->certificate)), "'crt'");
	ASSERT_NOT_WRITTEN(l->grants[0].rights = 1u << 15, "'rights'");
	ASSERT_NOT_WRITTEN(l->grants[0].who.name[0] = '\0', "'who'");
	ASSERT_NOT_WRITTEN(l->grants[0].who.name[3] = '.', "'who'");
}

static void
unknown_names_cannot_become_rights(void **state)
{
	(void)state;
	/* "SIGN,X-MORE" */
	ASSERT_NOT_WRITTEN(memcpy(l->grants[0].unknown, "A,OWNER", 8), "'rights'");
	ASSERT_NOT_WRITTEN(memcpy(l->grants[0].unknown, "owner", 6), "'rights'");
	ASSERT_NOT_WRITTEN(memcpy(l->grants[0].unknown, "A,,B", 5), "'rights'");
	ASSERT_NOT_WRITTEN(l->grants[0].unknown[0] = '\0', "'rights'");
}

static void
encode_is_bounded_as_decode_is(void **state)
{
	struct mrq_licence *l = fresh();
	struct mrq_grant *grants = calloc(MRQ_GRANTS_MAX + 1, sizeof(*grants));

	(void)state;
	assert_non_null(grants);
	mrq_grants_clear(l->grants, l->n_grants);
	l->grants = grants;
	l->n_grants = MRQ_GRANTS_MAX + 1;
	for (size_t i = 0; i < l->n_grants; i++)
		grants[i] = (struct mrq_grant){ .who = { .kind = MRQ_PRINCIPAL_ORG } };
	assert_not_written(l, MRQ_E_LIMIT, "1025 grants");

	l = fresh();
	grants = calloc(MRQ_GRANTS_MAX, sizeof(*grants));
	assert_non_null(grants);
	mrq_grants_clear(l->grants, l->n_grants);
	l->grants = grants;
	l->n_grants = MRQ_GRANTS_MAX;
	for (size_t i = 0; i < l->n_grants; i++)
		grants[i] = (struct mrq_grant){ .who = { .kind = MRQ_PRINCIPAL_ORG },
						.rights = MRQ_RIGHTS_ALL };
	assert_not_written(l, MRQ_E_LIMIT, "grant to groups instead");
}

static void
free_takes_null_and_half_built(void **state)
{
	(void)state;
	mrq_licence_free(NULL);
	struct mrq_licence *l = calloc(1, sizeof(*l));
	assert_non_null(l);
	mrq_licence_free(l);
}

/* --- the worked example --- */

static void
example_load(char ret[static TEXT_MAX])
{
	char line[4096];
	bool inside = false;
	FILE *f = fopen(LICENCE_MAN, "r");

	if (!f)
		fail_msg("cannot open '%s'", LICENCE_MAN);
	ret[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		if (strcmp(line, ".\\\" end example: licence\n") == 0)
			inside = false;
		if (inside) {
			assert_true(strlen(ret) + strlen(line) < TEXT_MAX);
			strcat(ret, line);
		}
		if (strcmp(line, ".\\\" begin example: licence\n") == 0)
			inside = true;
	}
	(void)fclose(f);
}

static void
example_of_the_page_reads_and_writes(void **state)
{
	char json[TEXT_MAX];
	char *text = NULL;
	size_t len = 0;

	(void)state;
	example_load(json);
	struct mrq_licence *l = decode(json);
	assert_string_equal(l->issuer, "ann@example.com");
	assert_int_equal(l->offline_days, 7);
	assert_int_equal(mrq_licence_encode(l, &text, &len, NULL), MRQ_OK);

	/* The page breaks lines after a comma, with a space in front of the next. */
	char *to = json;
	for (const char *from = json; *from; from++) {
		if (*from != '\n' && *from != ' ')
			*to++ = *from;
	}
	*to = '\0';
	assert_string_equal(text, json);
	free(text);
	mrq_licence_free(l);
}

/* base64url of len bytes without padding. */
static size_t
encoded(size_t len)
{
	return (len * 4 + 2) / 3;
}

static void
signed_licence_of_a_template_fits_the_first_page(void **state)
{
	static const char header[] =
		"{\"alg\":\"ES256\",\"kid\":\"0123456789012345678901234"
		"567890123456789012\",\"typ\":\"" MRQ_LICENCE_TYP "\"}";
	char json[TEXT_MAX];
	char *text = NULL;
	size_t len = 0;

	(void)state;
	example_load(json);
	struct mrq_licence *l = decode(json);
	l->expires = MRQ_TIME_MAX;
	l->offline_days = -1;
	assert_int_equal(mrq_licence_encode(l, &text, &len, NULL), MRQ_OK);
	size_t whole = encoded(sizeof(header) - 1) + 1 + encoded(len) + 1 + encoded(64);
	assert_in_range(whole, 2000, FIRST_PAGE);
	free(text);
	mrq_licence_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_reads_every_member),
		cmocka_unit_test(encode_writes_the_fixed_order_without_space),
		cmocka_unit_test(optional_members_may_be_absent),
		cmocka_unit_test(unknown_members_and_right_names_change_nothing),
		cmocka_unit_test(right_names_are_read_in_any_case),
		cmocka_unit_test(bounds_are_inside),
		cmocka_unit_test(missing_members_are_refused_by_name),
		cmocka_unit_test(wrong_types_are_refused_by_name),
		cmocka_unit_test(wrong_values_are_refused_by_name),
		cmocka_unit_test(bad_grants_are_refused_by_name),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(duplicate_members_are_refused),
		cmocka_unit_test(bytes_after_the_object_are_refused),
		cmocka_unit_test(broken_text_is_refused),
		cmocka_unit_test(every_prefix_is_refused),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(too_long_a_text_is_refused_before_parsing),
		cmocka_unit_test(strings_are_bounded),
		cmocka_unit_test(right_names_are_counted),
		cmocka_unit_test(grants_are_counted_before_memory_is_taken),
		cmocka_unit_test(encode_refuses_bad_values),
		cmocka_unit_test(unknown_names_cannot_become_rights),
		cmocka_unit_test(encode_is_bounded_as_decode_is),
		cmocka_unit_test(free_takes_null_and_half_built),
		cmocka_unit_test(example_of_the_page_reads_and_writes),
		cmocka_unit_test(signed_licence_of_a_template_fits_the_first_page),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
