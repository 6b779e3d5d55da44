/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Administrative commands: each verb, each member that is wrong, and the rules of a policy. */
#include "fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static enum mrq_status
run(struct world *w, const char *verb, const char *args)
{
	char *answer = NULL;
	enum mrq_status s =
		mrq_authority_admin(w->a, verb, args, NOW, &answer, &w->err);

	assert_int_equal(answer != NULL, s == MRQ_OK);
	free(answer);
	return s;
}

static uint64_t
epoch(struct world *w)
{
	uint64_t e = 0;

	check_ok(mrq_authority_epoch(w->a, &e, &w->err), &w->err);
	return e;
}

/* What the tables of tests below start from. */
static void
furnish(struct world *w)
{
	admin_do(w, "user add",
		 "{\"mail\":\"ann@example.com\",\"aliases\":[\"a.lee@example.com\"]}");
	admin_do(w, "group add",
		 "{\"mail\":\"devs@example.com\",\"members\":[\"ann@example.com\"]}");
	admin_do(w, "template set", "{\"name\":\"T\",\"grants\":[\"org=viewer\"]}");
	admin_do(w, "label set", "{\"name\":\"L\",\"order\":40,\"template\":\"T\"}");
	admin_do(w, "superuser add", "{\"who\":\"ann@example.com\"}");
	admin_do(w, "revocation add",
		 "{\"content_id\":\"11111111-2222-4333-8444-555555555555\"}");
}

/* ---- verbs ---- */

struct good {
	const char *verb, *args;
	bool moves; /* the epoch */
};

static const struct good goods[] = {
	{ "user add",
	  "{\"mail\":\"Bob@example.com\",\"name\":\"Bob\",\"aliases\":[],"
	  "\"member\":true}",
	  true },
	{ "user set", "{\"mail\":\"ann@example.com\",\"name\":\"Ann\"}", true },
	{ "user list", "{}", false },
	{ "user rm", "{\"mail\":\"ann@example.com\"}", true },
	{ "group add", "{\"mail\":\"ops@example.com\",\"name\":\"Ops\"}", true },
	{ "group member-add",
	  "{\"mail\":\"ops@example.com\",\"members\":[\"x@y.z\",\"group:devs@example."
	  "com\"]}",
	  true },
	{ "group member-rm",
	  "{\"mail\":\"ops@example.com\",\"members\":\"devs@example.com\"}", true },
	{ "group list", "{}", false },
	{ "group rm", "{\"mail\":\"ops@example.com\"}", true },
	{ "template set",
	  "{\"template\":\"T\",\"name\":\"U\",\"grants\":[{\"who\":\"org\",\"rights\":"
	  "[\"VIEW\",\"edit\"]},{\"who\":\"a@b.c\",\"rights\":\"coowner\"}],"
	  "\"expires\":\"2040-01-01\",\"expires_days\":\"7\",\"offline_days\":"
	  "\"never\","
	  "\"archived\":\"false\"}",
	  true },
	{ "template list", "{}", false },
	{ "template show", "{\"template\":\"u\"}", false },
	{ "template export", "{\"template\":\"U\"}", false },
	{ "template archive", "{\"template\":\"U\",\"archived\":false}", true },
	{ "label set",
	  "{\"label\":\"L\",\"name\":\"M\",\"order\":41,\"colour\":\"#a0B1c2\","
	  "\"tooltip\":\"tip\",\"protection\":\"user-defined\",\"programs\":\"any\","
	  "\"enabled\":false,\"parent\":null,\"template\":null}",
	  true },
	{ "label list", "{}", false },
	{ "label show", "{\"label\":\"m\"}", false },
	{ "label rm", "{\"label\":\"M\"}", true },
	{ "template rm", "{\"template\":\"U\"}", true },
	{ "policy set",
	  "{\"default_label\":\"Public\",\"mandatory\":true,\"justify_downgrade\":"
	  "false,"
	  "\"licence_days\":14,\"help_url\":\"https://help.example.com\"}",
	  true },
	{ "policy show", "{}", false },
	{ "key list", "{}", false },
	{ "key rotate", "{}", true },
	{ "cert show", "{}", false },
	{ "superuser on", "{\"for\":\"2h\"}", true },
	{ "superuser status", "{}", false },
	{ "superuser off", "{}", true },
	{ "superuser add", "{\"who\":[\"group:devs@example.com\",\"bob@example.com\"]}",
	  true },
	{ "superuser list", "{}", false },
	{ "superuser rm", "{\"who\":\"bob@example.com\"}", true },
	{ "revocation add",
	  "{\"file_id\":\"22222222-2222-4333-8444-555555555555\",\"by\":\"x@y.z\"}",
	  true },
	{ "revocation list", "{}", false },
	{ "revocation rm", "{\"content_id\":\"11111111-2222-4333-8444-555555555555\"}",
	  true },
	{ "export", "{}", false },
};

static void
test_each_verb(void **state)
{
	struct world *w = *state;

	furnish(w);
	for (size_t i = 0; i < COUNT(goods); i++) {
		uint64_t before = epoch(w);
		if (run(w, goods[i].verb, goods[i].args) != MRQ_OK)
			fail_msg("%s %s: %s", goods[i].verb, goods[i].args, w->err.msg);
		if ((epoch(w) > before) != goods[i].moves)
			fail_msg("%s: epoch %s", goods[i].verb,
				 goods[i].moves ? "stays" : "moves");
	}
}

static void
test_verb_list_is_complete(void **state)
{
	const char *const *verbs = mrq_authority_verbs();
	size_t n = 0;

	(void)state;
	for (; verbs[n]; n++) {
		bool tested = strcmp(verbs[n], "import") == 0 ||
			      strcmp(verbs[n], "template import") == 0;
		for (size_t i = 0; i < COUNT(goods) && !tested; i++)
			tested = strcmp(goods[i].verb, verbs[n]) == 0;
		if (!tested)
			fail_msg("no test of '%s'", verbs[n]);
	}
	assert_int_equal(n, COUNT(goods) + 2);
}

/* ---- bad members: nothing changes, and the sentence names the member ---- */

struct bad {
	const char *verb, *args;
	enum mrq_status want;
	const char *says;
};

#define GUID "11111111-2222-4333-8444-555555555555"
#define NIL  "00000000-0000-0000-0000-000000000000"

static const struct bad bads[] = {
	{ "user fly", "{}", MRQ_E_INVAL, "user fly" },
	{ "", "{}", MRQ_E_INVAL, "no command" },
	{ "user list", "", MRQ_E_INVAL, "JSON" },
	{ "user list", "[]", MRQ_E_INVAL, "object" },
	{ "user list", "{\"a\":1}", MRQ_E_INVAL, "'a'" },
	{ "user list", "{} {}", MRQ_E_INVAL, "JSON" },
	{ "user add", "{\"mail\":\"b@c.d\",\"mail\":\"e@f.g\"}", MRQ_E_INVAL, "JSON" },

	{ "user add", "{}", MRQ_E_INVAL, "'mail'" },
	{ "user add", "{\"mail\":7}", MRQ_E_INVAL, "'mail'" },
	{ "user add", "{\"mail\":\"bob\"}", MRQ_E_INVAL, "'mail'" },
	{ "user add", "{\"mail\":\"b@c.d\",\"nick\":\"b\"}", MRQ_E_INVAL, "'nick'" },
	{ "user add", "{\"mail\":\"b@c.d\",\"name\":1}", MRQ_E_INVAL, "'name'" },
	{ "user add", "{\"mail\":\"b@c.d\",\"name\":\"a\\u0007\"}", MRQ_E_INVAL,
	  "'name'" },
	{ "user add", "{\"mail\":\"b@c.d\",\"member\":\"maybe\"}", MRQ_E_INVAL,
	  "'member'" },
	{ "user add", "{\"mail\":\"b@c.d\",\"aliases\":[1]}", MRQ_E_INVAL,
	  "'aliases'" },
	{ "user add", "{\"mail\":\"b@c.d\",\"aliases\":[\"b@c.d\"]}", MRQ_E_EXISTS,
	  "b@c.d" },
	{ "user add", "{\"mail\":\"b@c.d\",\"aliases\":[\"x@c.d\",\"x@c.d\"]}",
	  MRQ_E_EXISTS, "x@c.d" },
	{ "user add", "{\"mail\":\"ANN@example.com\"}", MRQ_E_EXISTS,
	  "ann@example.com" },
	{ "user add", "{\"mail\":\"a.lee@example.com\"}", MRQ_E_EXISTS, "alias" },
	{ "user add", "{\"mail\":\"devs@example.com\"}", MRQ_E_EXISTS, "group" },
	{ "user set", "{\"mail\":\"b@c.d\"}", MRQ_E_NOT_FOUND, "b@c.d" },
	{ "user set", "{\"mail\":\"ann@example.com\",\"aliases\":\"devs@example.com\"}",
	  MRQ_E_EXISTS, "devs" },
	{ "user rm", "{\"mail\":\"b@c.d\"}", MRQ_E_NOT_FOUND, "b@c.d" },

	{ "group add", "{\"mail\":\"ann@example.com\"}", MRQ_E_EXISTS, "user" },
	{ "group add", "{\"mail\":\"g@c.d\",\"members\":[\"org\"]}", MRQ_E_INVAL,
	  "'members'" },
	{ "group add", "{\"mail\":\"g@c.d\",\"members\":[null]}", MRQ_E_INVAL,
	  "'members'" },
	{ "group rm", "{\"mail\":\"ann@example.com\"}", MRQ_E_NOT_FOUND, "no group" },
	{ "group member-add", "{\"mail\":\"g@c.d\",\"members\":\"a@b.c\"}",
	  MRQ_E_NOT_FOUND, "g@c.d" },
	{ "group member-add", "{\"mail\":\"devs@example.com\"}", MRQ_E_INVAL,
	  "'members'" },
	{ "group member-rm", "{\"mail\":\"devs@example.com\",\"members\":\"z@b.c\"}",
	  MRQ_E_NOT_FOUND, "z@b.c" },

	{ "template set", "{}", MRQ_E_INVAL, "'template'" },
	{ "template set", "{\"template\":\"" GUID "\"}", MRQ_E_NOT_FOUND,
	  "no template" },
	{ "template set", "{\"name\":\"\"}", MRQ_E_INVAL, "'name'" },
	{ "template set", "{\"name\":\" x\"}", MRQ_E_INVAL, "'name'" },
	{ "template set", "{\"template\":\"T\",\"name\":\"" GUID "\"}", MRQ_E_INVAL,
	  "'name'" },
	{ "template set", "{\"template\":\"T\",\"name\":\"General\"}", MRQ_E_EXISTS,
	  "'name'" },
	{ "template set", "{\"name\":\"X\",\"grants\":7}", MRQ_E_INVAL, "'grants'" },
	{ "template set", "{\"name\":\"X\",\"grants\":\"org\"}", MRQ_E_INVAL,
	  "'grants'" },
	{ "template set", "{\"name\":\"X\",\"grants\":\"=viewer\"}", MRQ_E_INVAL,
	  "'grants'" },
	{ "template set", "{\"name\":\"X\",\"grants\":\"nobody=viewer\"}", MRQ_E_INVAL,
	  "'grants'" },
	{ "template set", "{\"name\":\"X\",\"grants\":\"org=VEIW\"}", MRQ_E_INVAL,
	  "VEIW" },
	{ "template set", "{\"name\":\"X\",\"grants\":[{\"rights\":[]}]}", MRQ_E_INVAL,
	  "'who'" },
	{ "template set", "{\"name\":\"X\",\"grants\":[{\"who\":\"org\"}]}",
	  MRQ_E_INVAL, "'rights'" },
	{ "template set",
	  "{\"name\":\"X\",\"grants\":[{\"who\":\"org\",\"rights\":[\"VEIW\"]}]}",
	  MRQ_E_INVAL, "'rights'" },
	{ "template set",
	  "{\"name\":\"X\",\"grants\":[{\"who\":\"org\",\"rights\":[],\"x\":1}]}",
	  MRQ_E_INVAL, "'x'" },
	{ "template set", "{\"name\":\"X\",\"expires\":\"soon\"}", MRQ_E_INVAL,
	  "'expires'" },
	{ "template set", "{\"name\":\"X\",\"expires\":-1}", MRQ_E_INVAL, "'expires'" },
	{ "template set", "{\"name\":\"X\",\"expires_days\":-1}", MRQ_E_INVAL,
	  "'expires_days'" },
	{ "template set", "{\"name\":\"X\",\"expires_days\":1.5}", MRQ_E_INVAL,
	  "'expires_days'" },
	{ "template set", "{\"name\":\"X\",\"offline_days\":\"often\"}", MRQ_E_INVAL,
	  "'offline_days'" },
	{ "template set", "{\"name\":\"X\",\"offline_days\":36501}", MRQ_E_INVAL,
	  "'offline_days'" },
	{ "template set", "{\"name\":\"X\",\"archived\":1}", MRQ_E_INVAL,
	  "'archived'" },
	{ "template rm", "{\"template\":\"T\"}", MRQ_E_BUSY, "label 'L'" },
	{ "template rm", "{\"template\":\"none\"}", MRQ_E_NOT_FOUND, "'none'" },
	{ "template show", "{\"template\":1}", MRQ_E_INVAL, "'template'" },
	{ "template archive", "{\"template\":\"T\",\"archived\":\"x\"}", MRQ_E_INVAL,
	  "'archived'" },
	{ "template import", "{\"document\":1}", MRQ_E_INVAL, "'document'" },
	{ "template import", "{\"document\":{\"name\":\"X\"}}", MRQ_E_INVAL, "'id'" },
	{ "template import", "{\"document\":{\"id\":\"" NIL "\",\"name\":\"X\"}}",
	  MRQ_E_INVAL, "'id'" },
	{ "template import", "{\"document\":{\"id\":\"x\",\"name\":\"X\"}}",
	  MRQ_E_INVAL, "'id'" },
	{ "template import", "{\"document\":{\"id\":\"" GUID "\"}}", MRQ_E_INVAL,
	  "'name'" },
	{ "template import", "{\"document\":{\"id\":\"" GUID "\",\"name\":\"T\"}}",
	  MRQ_E_EXISTS, "'name'" },
	{ "template import",
	  "{\"document\":{\"id\":\"" GUID "\",\"name\":\"X\",\"z\":1}}", MRQ_E_INVAL,
	  "'z'" },
	{ "template import",
	  "{\"document\":{\"id\":\"" GUID "\",\"name\":\"X\"},\"replace\":3}",
	  MRQ_E_INVAL, "'replace'" },

	{ "label set", "{}", MRQ_E_INVAL, "'label'" },
	{ "label set", "{\"label\":\"" GUID "\"}", MRQ_E_NOT_FOUND, "'label'" },
	{ "label set", "{\"label\":\"All Employees\"}", MRQ_E_INVAL, "several" },
	{ "label set", "{\"name\":\"A/B/C\"}", MRQ_E_INVAL, "'name'" },
	{ "label set", "{\"name\":\"A/\"}", MRQ_E_INVAL, "'name'" },
	{ "label set", "{\"name\":\"/B\"}", MRQ_E_INVAL, "'name'" },
	{ "label set", "{\"name\":\" A\"}", MRQ_E_INVAL, "'name'" },
	{ "label set", "{\"name\":\"\"}", MRQ_E_INVAL, "'name'" },
	{ "label set", "{\"name\":\"" GUID "\"}", MRQ_E_INVAL, "'name'" },
	{ "label set", "{\"name\":\"None/B\"}", MRQ_E_NOT_FOUND, "'parent'" },
	{ "label set", "{\"label\":\"L\",\"name\":\"General\"}", MRQ_E_EXISTS,
	  "'name'" },
	{ "label set", "{\"label\":\"L\",\"parent\":\"none\"}", MRQ_E_NOT_FOUND,
	  "'parent'" },
	{ "label set", "{\"label\":\"L\",\"parent\":\"L\"}", MRQ_E_INVAL, "'parent'" },
	{ "label set", "{\"label\":\"L\",\"parent\":\"Confidential/All Employees\"}",
	  MRQ_E_INVAL, "'parent'" },
	{ "label set", "{\"label\":\"Confidential\",\"parent\":\"L\"}", MRQ_E_INVAL,
	  "'parent'" },
	{ "label set", "{\"label\":\"L\",\"parent\":\"General\"}", MRQ_E_INVAL,
	  "'default_label'" },
	{ "label set", "{\"label\":\"L\",\"order\":\"high\"}", MRQ_E_INVAL, "'order'" },
	{ "label set", "{\"label\":\"L\",\"order\":4000000000}", MRQ_E_INVAL,
	  "'order'" },
	{ "label set", "{\"label\":\"L\",\"colour\":\"red\"}", MRQ_E_INVAL,
	  "'colour'" },
	{ "label set", "{\"label\":\"L\",\"colour\":\"#12345g\"}", MRQ_E_INVAL,
	  "'colour'" },
	{ "label set", "{\"label\":\"L\",\"tooltip\":[]}", MRQ_E_INVAL, "'tooltip'" },
	{ "label set", "{\"label\":\"L\",\"protection\":\"some\"}", MRQ_E_INVAL,
	  "'protection'" },
	{ "label set", "{\"label\":\"Public\",\"protection\":\"template\"}",
	  MRQ_E_INVAL, "'template'" },
	{ "label set", "{\"label\":\"L\",\"protection\":\"none\",\"template\":\"T\"}",
	  MRQ_E_INVAL, "'protection'" },
	{ "label set", "{\"label\":\"L\",\"template\":\"none\"}", MRQ_E_NOT_FOUND,
	  "'template'" },
	{ "label set", "{\"label\":\"L\",\"programs\":\"few\"}", MRQ_E_INVAL,
	  "'programs'" },
	{ "label set", "{\"label\":\"L\",\"enabled\":2}", MRQ_E_INVAL, "'enabled'" },
	{ "label set", "{\"label\":\"General\",\"enabled\":false}", MRQ_E_INVAL,
	  "'default_label'" },
	{ "label rm", "{\"label\":\"Confidential\"}", MRQ_E_BUSY, "sublabels" },
	{ "label rm", "{\"label\":\"General\"}", MRQ_E_BUSY, "default" },
	{ "label rm", "{\"label\":\"none\"}", MRQ_E_NOT_FOUND, "'none'" },
	{ "label show", "{\"label\":null}", MRQ_E_INVAL, "'label'" },

	{ "policy set", "{\"default_label\":\"none such\"}", MRQ_E_NOT_FOUND,
	  "'default_label'" },
	{ "policy set", "{\"default_label\":\"Confidential\"}", MRQ_E_INVAL,
	  "'default_label'" },
	{ "policy set", "{\"default_label\":5}", MRQ_E_INVAL, "'default_label'" },
	{ "policy set", "{\"mandatory\":\"\"}", MRQ_E_INVAL, "'mandatory'" },
	{ "policy set", "{\"justify_downgrade\":0}", MRQ_E_INVAL,
	  "'justify_downgrade'" },
	{ "policy set", "{\"licence_days\":-1}", MRQ_E_INVAL, "'licence_days'" },
	{ "policy set", "{\"help_url\":7}", MRQ_E_INVAL, "'help_url'" },
	{ "policy set", "{\"colour\":7}", MRQ_E_INVAL, "'colour'" },

	{ "key rotate", "{\"force\":true}", MRQ_E_INVAL, "'force'" },
	{ "superuser on", "{}", MRQ_E_INVAL, "'for'" },
	{ "superuser on", "{\"for\":\"\"}", MRQ_E_INVAL, "'for'" },
	{ "superuser on", "{\"for\":0}", MRQ_E_INVAL, "'for'" },
	{ "superuser on", "{\"for\":\"-2h\"}", MRQ_E_INVAL, "'for'" },
	{ "superuser on", "{\"for\":\"8d\"}", MRQ_E_INVAL, "'for'" },
	{ "superuser on", "{\"for\":\"ever\"}", MRQ_E_INVAL, "'for'" },
	{ "superuser on", "{\"for\":\"never\"}", MRQ_E_INVAL, "'for'" },
	{ "superuser on", "{\"for\":604801}", MRQ_E_INVAL, "'for'" },
	{ "superuser add", "{\"who\":\"org\"}", MRQ_E_INVAL, "'who'" },
	{ "superuser add", "{\"who\":[1]}", MRQ_E_INVAL, "'who'" },
	{ "superuser rm", "{\"who\":\"z@b.c\"}", MRQ_E_NOT_FOUND, "z@b.c" },
	{ "revocation add", "{}", MRQ_E_INVAL, "'content_id'" },
	{ "revocation add", "{\"content_id\":\"" GUID "\",\"file_id\":\"" GUID "\"}",
	  MRQ_E_INVAL, "either" },
	{ "revocation add", "{\"content_id\":\"x\"}", MRQ_E_INVAL, "'content_id'" },
	{ "revocation add", "{\"content_id\":null}", MRQ_E_INVAL, "'content_id'" },
	{ "revocation add", "{\"file_id\":\"" NIL "\"}", MRQ_E_INVAL, "'file_id'" },
	{ "revocation add", "{\"file_id\":\"" GUID "\",\"by\":1}", MRQ_E_INVAL,
	  "'by'" },
	{ "revocation rm", "{\"file_id\":\"" GUID "\"}", MRQ_E_NOT_FOUND,
	  "not revoked" },

	{ "import", "{}", MRQ_E_INVAL, "'document'" },
	{ "import", "{\"document\":[]}", MRQ_E_INVAL, "'document'" },
	{ "import", "{\"document\":{}}", MRQ_E_VERSION, "'version'" },
	{ "import", "{\"document\":{\"version\":2}}", MRQ_E_VERSION, "'version'" },
	{ "import", "{\"document\":{\"version\":1}}", MRQ_E_INVAL, "'org'" },
	{ "import", "{\"document\":{\"version\":1,\"org\":\"x.y\"}}", MRQ_E_INVAL,
	  "'org'" },
	{ "import", "{\"document\":{\"version\":1,\"org\":\"example.com\"}}",
	  MRQ_E_INVAL, "'policy'" },
	{ "import",
	  "{\"document\":{\"version\":1,\"org\":\"example.com\",\"secrets\":1}}",
	  MRQ_E_INVAL, "'secrets'" },
};

static char *
exported(struct world *w)
{
	char *text = NULL;

	check_ok(mrq_authority_admin(w->a, "export", "{}", NOW, &text, &w->err),
		 &w->err);
	return text;
}

static void
test_bad_members(void **state)
{
	struct world *w = *state;

	furnish(w);
	char *before = exported(w);
	uint64_t moved = epoch(w);
	for (size_t i = 0; i < COUNT(bads); i++) {
		enum mrq_status s = run(w, bads[i].verb, bads[i].args);
		if (s != bads[i].want || !strstr(w->err.msg, bads[i].says))
			fail_msg("%s %s: %s: %s", bads[i].verb, bads[i].args,
				 mrq_status_name(s), w->err.msg);
	}
	char *after = exported(w);
	assert_string_equal(before, after);
	assert_true(epoch(w) == moved);
	free(before);
	free(after);
}

/* ---- what the commands do ---- */

static void
test_user_set_replaces_aliases(void **state)
{
	struct world *w = *state;

	furnish(w);
	admin_do(w, "user set",
		 "{\"mail\":\"ann@example.com\",\"aliases\":[\"annie@example.com\"]}");
	check_ok(run(w, "user add", "{\"mail\":\"a.lee@example.com\"}"), &w->err);
	check_status(run(w, "user add", "{\"mail\":\"annie@example.com\"}"),
		     MRQ_E_EXISTS, &w->err);
	admin_do(w, "user rm", "{\"mail\":\"ann@example.com\"}");
	check_ok(run(w, "user add", "{\"mail\":\"annie@example.com\"}"), &w->err);
}

static void
test_removed_user_leaves_groups(void **state)
{
	struct world *w = *state;
	struct mrq_identity *who = NULL;

	furnish(w);
	admin_do(w, "group member-add",
		 "{\"mail\":\"devs@example.com\",\"members\":\"a.lee@example.com\"}");
	admin_do(w, "user rm", "{\"mail\":\"ann@example.com\"}");
	for (int i = 0; i < 2; i++) {
		const char *mail = i ? "a.lee@example.com" : "ann@example.com";
		check_ok(mrq_authority_identity(w->a, mail, NULL, 0, &who, &w->err),
			 &w->err);
		assert_int_equal(who->n_groups, 0);
		mrq_identity_free(who);
	}
}

static void
test_removed_group_leaves_groups(void **state)
{
	struct world *w = *state;
	struct mrq_identity *who = NULL;

	furnish(w);
	admin_do(w, "group add",
		 "{\"mail\":\"all@example.com\",\"members\":[\"devs@example.com\"]}");
	admin_do(w, "group rm", "{\"mail\":\"devs@example.com\"}");
	admin_do(w, "group add",
		 "{\"mail\":\"devs@example.com\",\"members\":\"ann@example.com\"}");
	check_ok(
		mrq_authority_identity(w->a, "ann@example.com", NULL, 0, &who, &w->err),
		&w->err);
	assert_int_equal(who->n_groups, 1);
	assert_string_equal(who->groups[0], "devs@example.com");
	mrq_identity_free(who);
}

static void
test_label_family(void **state)
{
	struct world *w = *state;
	json_t *label;

	admin_do(w, "label set",
		 "{\"name\":\"Secret\",\"order\":40,\"colour\":\"#112233\"}");
	label = admin(w, "label set", "{\"name\":\"Team\",\"parent\":\"Secret\"}");
	assert_string_equal(json_string_value(json_object_get(label, "name")),
			    "Secret/Team");
	struct mrq_guid id = guid_of(json_string_value(json_object_get(label, "id")));
	json_decref(label);

	label = admin(w, "label set", "{\"name\":\"Secret/Board\"}");
	assert_false(json_is_null(json_object_get(label, "parent")));
	json_decref(label);

	/* A new name of the parent is the children's too. */
	admin_do(w, "label set", "{\"label\":\"Secret\",\"name\":\"Hidden\"}");
	struct mrq_guid same = label_id(w, "Hidden/Team");
	assert_true(mrq_guid_equal(&same, &id));
	label = admin(w, "label show", "{\"label\":\"Hidden/Board\"}");
	assert_string_equal(json_string_value(json_object_get(label, "colour")),
			    "#112233");
	json_decref(label);

	/* Out of the family, and into another. */
	admin_do(w, "label set", "{\"label\":\"Hidden/Team\",\"parent\":null}");
	same = label_id(w, "Team");
	assert_true(mrq_guid_equal(&same, &id));
	admin_do(w, "label set", "{\"label\":\"Team\",\"parent\":\"Confidential\"}");
	same = label_id(w, "Confidential/Team");
	assert_true(mrq_guid_equal(&same, &id));
	admin_do(w, "label set", "{\"label\":\"Confidential/Team\",\"name\":\"Crew\"}");
	same = label_id(w, "Confidential/Crew");
	assert_true(mrq_guid_equal(&same, &id));
}

/* An edit of a child does not write down what it inherits. */
static void
test_inherited_colour_follows(void **state)
{
	struct world *w = *state;
	json_t *label;

	admin_do(w, "label set",
		 "{\"label\":\"Confidential/All Employees\",\"order\":25}");
	admin_do(w, "label set", "{\"label\":\"Confidential\",\"colour\":\"#abcdef\"}");
	label = admin(w, "label show", "{\"label\":\"Confidential/All Employees\"}");
	assert_string_equal(json_string_value(json_object_get(label, "colour")),
			    "#abcdef");
	json_decref(label);
}

static void
test_set_by_bare_name_creates(void **state)
{
	struct world *w = *state;

	admin_do(w, "template set",
		 "{\"template\":\"New One\",\"grants\":\"org=viewer\"}");
	(void)template_id(w, "New One");
	admin_do(w, "label set",
		 "{\"label\":\"Confidential/New\",\"template\":\"New One\"}");
	(void)label_id(w, "Confidential/New");
	json_t *label = admin(w, "label show", "{\"label\":\"New\"}");
	assert_string_equal(json_string_value(json_object_get(label, "protection")),
			    "template");
	json_decref(label);
}

static void
test_label_ids_stay(void **state)
{
	struct world *w = *state;

	furnish(w);
	struct mrq_guid label = label_id(w, "L");
	struct mrq_guid template = template_id(w, "T");
	admin_do(w, "label set", "{\"label\":\"L\",\"name\":\"L2\",\"tooltip\":\"x\"}");
	admin_do(w, "template set", "{\"template\":\"T\",\"name\":\"T2\"}");
	struct mrq_guid label_now = label_id(w, "L2");
	struct mrq_guid template_now = template_id(w, "T2");
	assert_true(mrq_guid_equal(&label, &label_now));
	assert_true(mrq_guid_equal(&template, &template_now));
	/* By id as well. */
	char text[MRQ_GUID_TEXT];
	mrq_guid_format(&label, text);
	admin_do(w, "label set", fmt("{\"label\":\"%s\",\"name\":\"L3\"}", text));
	label_now = label_id(w, "L3");
	assert_true(mrq_guid_equal(&label, &label_now));
}

static void
test_template_export_import(void **state)
{
	struct world *w = *state;
	char *text = NULL;

	admin_do(
		w, "template set",
		"{\"name\":\"T\",\"grants\":[\"org=viewer\",\"group:a@b.c=VIEW,EDIT\"],"
		"\"expires_days\":9,\"offline_days\":2}");
	struct mrq_guid id = template_id(w, "T");
	check_ok(mrq_authority_admin(w->a, "template export", "{\"template\":\"T\"}",
				     NOW, &text, &w->err),
		 &w->err);
	check_status(run(w, "template import", fmt("{\"document\":%s}", text)),
		     MRQ_E_EXISTS, &w->err);
	admin_do(w, "template set", "{\"template\":\"T\",\"grants\":[]}");
	admin_do(w, "template import", fmt("{\"document\":%s,\"replace\":true}", text));
	admin_do(w, "template rm", "{\"template\":\"T\"}");
	admin_do(w, "template import", fmt("{\"document\":%s}", text));
	struct mrq_guid same = template_id(w, "T");
	assert_true(mrq_guid_equal(&id, &same));
	char *again = NULL;
	check_ok(mrq_authority_admin(w->a, "template export", "{\"template\":\"T\"}",
				     NOW, &again, &w->err),
		 &w->err);
	assert_string_equal(text, again);
	free(text);
	free(again);
}

/* Rights that this build does not know survive, and grant nothing. */
static void
test_unknown_rights_are_kept(void **state)
{
	struct world *w = *state;

	admin_do(w, "template import",
		 "{\"document\":{\"id\":\"" GUID "\",\"name\":\"X\",\"grants\":"
		 "[{\"who\":\"org\",\"rights\":[\"VIEW\",\"SIGN\",\"X-NEW\"]}]}}");
	char *text = NULL;
	check_ok(mrq_authority_admin(w->a, "template show", "{\"template\":\"X\"}", NOW,
				     &text, &w->err),
		 &w->err);
	assert_non_null(strstr(text, "[\"VIEW\",\"SIGN\",\"X-NEW\"]"));
	free(text);
	struct mrq_guid id = guid_of(GUID);
	struct mrq_mint what = by_template(&id);
	char *pl = mint(w, &what);
	assert_int_equal(rights_of(w, pl, "x@example.com"), MRQ_RIGHT_VIEW);
	free(pl);
	check_status(
		run(w, "template import",
		    "{\"document\":{\"id\":\"" GUID "\",\"name\":\"X\",\"grants\":"
		    "[{\"who\":\"org\",\"rights\":[\"A,OWNER\"]}]},\"replace\":true}"),
		MRQ_E_INVAL, &w->err);
}

static void
test_key_list_and_cert(void **state)
{
	struct world *w = *state;

	admin_do(w, "key rotate", "{}");
	char *text = NULL;
	check_ok(mrq_authority_admin(w->a, "key list", "{}", NOW, &text, &w->err),
		 &w->err);
	assert_non_null(strstr(text, "\"archived\""));
	assert_null(strstr(text, "\"d\":")); /* no private member of a JWK */
	free(text);
	json_t *cert = admin(w, "cert show", "{}");
	assert_string_equal(json_string_value(json_object_get(cert, "org")), ORG);
	const char *kid = json_string_value(
		json_object_get(json_object_get(cert, "organisation"), "kid"));
	struct mrq_public_key *key = NULL;
	check_ok(mrq_authority_public_key(w->a, NULL, &key, &w->err), &w->err);
	assert_string_equal(kid, mrq_public_key_kid(key));
	assert_non_null(json_object_get(json_object_get(cert, "audit"), "jwk"));
	mrq_public_key_free(key);
	json_decref(cert);
}

static void
test_superuser_status(void **state)
{
	struct world *w = *state;
	json_t *status = admin(w, "superuser status", "{}");

	assert_true(json_is_false(json_object_get(status, "on")));
	json_decref(status);
	status = admin(w, "superuser on", "{\"for\":\"90m\"}");
	assert_true(json_is_true(json_object_get(status, "on")));
	char until[MRQ_TIME_TEXT];
	mrq_time_format(NOW + 5400, until);
	assert_string_equal(json_string_value(json_object_get(status, "until")), until);
	json_decref(status);
}

static void
test_export_import(void **state)
{
	struct world *w = *state;
	struct world other = { 0 };

	furnish(w);
	admin_do(w, "policy set", "{\"default_label\":\"Public\",\"mandatory\":true}");
	admin_do(w, "superuser on", "{\"for\":\"1h\"}");
	char *text = exported(w);
	char *args = malloc(strlen(text) + 32);
	assert_non_null(args);
	(void)sprintf(args, "{\"document\":%s}", text);
	world_open(&other, ORG);
	admin_do(&other, "user add", "{\"mail\":\"goes@example.com\"}");
	admin_do(&other, "import", args);
	json_t *a = admin(w, "export", "{}");
	json_t *b = admin(&other, "export", "{}");
	(void)json_object_del(a, "keys");
	(void)json_object_del(b, "keys");
	assert_true(json_equal(a, b));
	json_decref(a);
	json_decref(b);
	a = admin(&other, "superuser status", "{}");
	assert_true(json_is_false(json_object_get(a, "on")));
	json_decref(a);
	assert_null(strstr(text, "secret"));
	world_close(&other);
	free(args);
	free(text);
}

/* A document that breaks a rule half-way leaves all as it was. */
static void
test_import_is_whole_or_nothing(void **state)
{
	struct world *w = *state;

	furnish(w);
	char *before = exported(w);
	json_t *doc = json_loads(before, 0, NULL);
	json_t *labels = json_object_get(doc, "labels");
	assert_int_equal(json_array_append(labels, json_array_get(labels, 0)), 0);
	json_t *twin = json_deep_copy(json_array_get(labels, 0));
	(void)json_object_set_new(twin, "id", json_string(GUID));
	(void)json_array_append_new(labels, twin);
	char *broken = json_dumps(doc, JSON_COMPACT);
	char *args = malloc(strlen(broken) + 32);
	assert_non_null(args);
	(void)sprintf(args, "{\"document\":%s}", broken);
	check_status(run(w, "import", args), MRQ_E_EXISTS, &w->err);
	char *after = exported(w);
	assert_string_equal(before, after);
	free(args);
	free(broken);
	free(before);
	free(after);
	json_decref(doc);
}

/* ---- the page ---- */

static char *
page(void)
{
	static char text[65536];
	FILE *f = fopen(AUTHORITY_MAN, "r");

	if (!f)
		fail_msg("cannot open '%s'", AUTHORITY_MAN);
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	text[n] = '\0';
	return text;
}

static void
test_page_has_each_verb(void **state)
{
	const char *const *verbs = mrq_authority_verbs();
	const char *text = page();

	(void)state;
	for (size_t i = 0; verbs[i]; i++) {
		if (!strstr(text, fmt("\n.It Cm %s\n", verbs[i])) &&
		    !strstr(text, fmt("\n.It Cm %s No", verbs[i])))
			fail_msg("marque-authority(5) does not have '%s'", verbs[i]);
	}
}

static void
test_examples_of_page(void **state)
{
	static const char begin[] = "\n.\\\" begin example: ";
	static const char end[] = "\n.\\\" end example";
	struct world *w = *state;
	char *at = page();
	int n = 0;

	while ((at = strstr(at, begin))) {
		char *verb = at + sizeof(begin) - 1;
		char *args = strchr(verb, '\n');
		*args++ = '\0';
		at = strstr(args, end);
		assert_non_null(at);
		*at++ = '\0';
		admin_do(w, verb, args);
		*--at = '\n';
		n++;
	}
	assert_int_equal(n, 2);
	(void)label_id(w, "Confidential/Personnel");
}

/* Feature map L09: five hundred labels with templates and more. */
static void
test_many_labels(void **state)
{
	struct world *w = *state;
	struct mrq_policy_set *set = NULL;

	for (int i = 0; i < 250; i++) {
		admin_do(w, "template set",
			 fmt("{\"name\":\"t%d\",\"grants\":\"org=viewer\"}", i));
		admin_do(w, "label set",
			 fmt("{\"name\":\"l%d\",\"order\":%d,\"template\":\"t%d\"}", i,
			     1000 - i, i));
	}
	check_ok(mrq_authority_policy(w->a, &set, &w->err), &w->err);
	assert_int_equal(set->n_labels, 258);
	for (size_t i = 1; i < set->n_labels; i++)
		assert_true(set->labels[i - 1].order <= set->labels[i].order);
	mrq_policy_set_free(set);
}

#define WITH_WORLD(test)                                                               \
	cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(test_each_verb),
		cmocka_unit_test(test_verb_list_is_complete),
		WITH_WORLD(test_bad_members),
		WITH_WORLD(test_user_set_replaces_aliases),
		WITH_WORLD(test_removed_user_leaves_groups),
		WITH_WORLD(test_removed_group_leaves_groups),
		WITH_WORLD(test_label_family),
		WITH_WORLD(test_inherited_colour_follows),
		WITH_WORLD(test_set_by_bare_name_creates),
		WITH_WORLD(test_label_ids_stay),
		WITH_WORLD(test_template_export_import),
		WITH_WORLD(test_unknown_rights_are_kept),
		WITH_WORLD(test_key_list_and_cert),
		WITH_WORLD(test_superuser_status),
		WITH_WORLD(test_export_import),
		WITH_WORLD(test_import_is_whole_or_nothing),
		cmocka_unit_test(test_page_has_each_verb),
		WITH_WORLD(test_examples_of_page),
		WITH_WORLD(test_many_labels),
	};

	return CHECK_MAIN(tests);
}
