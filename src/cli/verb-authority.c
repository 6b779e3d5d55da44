/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `marque authority`: words of a command line become the JSON of marque-authority(5).  Which
 * members a command has is the authority's to say; here is only which one a bare word means.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <marque/authority.h>

#include "base/file.h"
#include "output.h"

#define INPUT_MAX MRQ_JSON_TEXT_MAX
#define VERB_MAX  64

static const struct {
	const char *verb;   /* or its first word */
	const char *first;  /* member that the first bare word is */
	const char *others; /* and the further ones, together an array */
} bare_words[] = {
	{ "group member-add", "mail", "members" },
	{ "group member-rm", "mail", "members" },
	{ "user", "mail", NULL },
	{ "group", "mail", NULL },
	{ "template", "template", NULL },
	{ "label", "label", NULL },
	{ "superuser", "who", NULL },
	{ "revocation", "content_id", NULL },
};

static bool
covers(const char *row, const char *verb)
{
	size_t n = strlen(row);

	return strncmp(row, verb, n) == 0 && (verb[n] == '\0' || verb[n] == ' ');
}

/* "MEMBER=VALUE" or "MEMBER:=JSON"; NULL for a bare word. */
static const char *
sign_of(const char *word)
{
	size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz_");

	return n > 0 && (word[n] == '=' || (word[n] == ':' && word[n + 1] == '='))
		       ? word + n
		       : NULL;
}

static bool
same_member(const char *a, const char *b)
{
	const char *end = sign_of(b);

	return end && strncmp(a, b, (size_t)(end - b) + 1) == 0;
}

static enum mrq_status
put_value(struct mrq_json_out *out, const char *name, const char *sign,
	  struct mrq_error *err)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;

	if (*sign == '=') {
		mrq_json_out_text(out, name, sign + 1);
		return MRQ_OK;
	}
	enum mrq_status s = mrq_json_doc_parse(sign + 2, strlen(sign + 2), &doc, err);
	if (s != MRQ_OK)
		return mrq_while(err, MRQ_E_INVAL, "'%.64s'", sign + 2);
	mrq_json_out_node(out, name, mrq_json_doc_root(doc));
	return MRQ_OK;
}

/* A member given several times is an array. */
static enum mrq_status
put_member(struct mrq_json_out *out, char *const *words, int n, int at,
	   struct mrq_error *err)
{
	const char *sign = sign_of(words[at]);
	size_t times = 0;

	for (int i = 0; i < n; i++) {
		if (!same_member(words[at], words[i]))
			continue;
		if (i < at)
			return MRQ_OK; /* written with the first */
		times++;
	}
	char *name MRQ_CLEANUP(free) = strndup(words[at], (size_t)(sign - words[at]));
	if (!name)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for arguments");
	if (times == 1)
		return put_value(out, name, sign, err);
	mrq_json_out_begin(out, name, '[');
	for (int i = at; i < n; i++) {
		if (same_member(words[at], words[i]))
			MRQ_TRY(put_value(out, NULL, sign_of(words[i]), err));
	}
	mrq_json_out_end(out, ']');
	return MRQ_OK;
}

static enum mrq_status
put_bare_words(struct mrq_json_out *out, const char *verb, char *const *words, int n,
	       struct mrq_error *err)
{
	const char *first = NULL, *others = NULL;
	int seen = 0;

	for (size_t i = 0; i < sizeof(bare_words) / sizeof(bare_words[0]) && !first;
	     i++) {
		if (covers(bare_words[i].verb, verb)) {
			first = bare_words[i].first;
			others = bare_words[i].others;
		}
	}
	for (int i = 0; i < n; i++) {
		if (sign_of(words[i]))
			continue;
		if (!first || (seen > 0 && !others))
			return mrq_fail(
				err, MRQ_E_INVAL,
				"'%s' has no use for '%.64s'; members are given as "
				"MEMBER=VALUE",
				verb, words[i]);
		if (seen == 1)
			mrq_json_out_begin(out, others, '[');
		mrq_json_out_text(out, seen == 0 ? first : NULL, words[i]);
		seen++;
	}
	if (seen > 1)
		mrq_json_out_end(out, ']');
	return MRQ_OK;
}

static void
put_grants(struct mrq_json_out *out, const struct cli_given *given)
{
	const char *text;

	if (!cli_has(given, CLI_USER))
		return;
	mrq_json_out_begin(out, "grants", '[');
	for (size_t i = 0; (text = cli_each(given, CLI_USER, i)) != NULL; i++)
		mrq_json_out_text(out, NULL, text);
	mrq_json_out_end(out, ']');
}

static enum mrq_status
load_input(const char *name, char **ret, struct mrq_error *err)
{
	size_t len = 0;

	if (strcmp(name, "-") != 0)
		return mrq_file_load(AT_FDCWD, name, INPUT_MAX, (uint8_t **)ret, &len,
				     err);
	char *text MRQ_CLEANUP(free) = malloc((size_t)INPUT_MAX + 1);
	if (!text)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the input");
	len = fread(text, 1, (size_t)INPUT_MAX + 1, stdin);
	if (ferror(stdin))
		return mrq_fail_sys(err, "cannot read standard input");
	if (len > INPUT_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "the input is longer than %u bytes",
				INPUT_MAX);
	text[len] = '\0';
	*ret = MRQ_STEAL(text);
	return MRQ_OK;
}

/* "import" takes the whole input as one member; elsewhere its members are the arguments. */
static enum mrq_status
put_input(struct mrq_json_out *out, const char *verb, const char *name,
	  struct mrq_error *err)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
	char *text MRQ_CLEANUP(free) = NULL;
	const char *last = strrchr(verb, ' ');

	MRQ_TRY(load_input(name, &text, err));
	enum mrq_status s = mrq_json_doc_parse(text, strlen(text), &doc, err);
	if (s != MRQ_OK)
		return mrq_while(err, s, "'%s'", name);
	const struct mrq_json_node *root = mrq_json_doc_root(doc);
	if (strcmp(last ? last + 1 : verb, "import") == 0) {
		mrq_json_out_node(out, "document", root);
		return MRQ_OK;
	}
	if (root->kind != MRQ_JSON_OBJECT)
		return mrq_fail(err, MRQ_E_INVAL, "'%s' holds no JSON object", name);
	for (const struct mrq_json_node *m = root->child; m; m = m->next)
		mrq_json_out_node(out, m->name, m);
	return MRQ_OK;
}

static enum mrq_status
make_args(const struct cli *cli, const char *verb, char *const *words, int n,
	  char **ret, struct mrq_error *err)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	const char *input = cli_value(&cli->given, CLI_INPUT);
	const char *span = cli_value(&cli->given, CLI_FOR);

	mrq_json_out_begin(&out, NULL, '{');
	MRQ_TRY(put_bare_words(&out, verb, words, n, err));
	for (int i = 0; i < n; i++) {
		if (sign_of(words[i]))
			MRQ_TRY(put_member(&out, words, n, i, err));
	}
	put_grants(&out, &cli->given);
	if (span)
		mrq_json_out_text(&out, "for", span);
	if (input)
		MRQ_TRY(put_input(&out, verb, input, err));
	mrq_json_out_end(&out, '}');
	return mrq_json_out_finish(&out, ret, err);
}

static enum mrq_status
put_answer(const struct cli *cli, const char *answer, struct mrq_error *err)
{
	const char *output = cli_value(&cli->given, CLI_OUTPUT);

	if (output)
		return mrq_file_replace(AT_FDCWD, output, answer, strlen(answer), 0600,
					err);
	if (cli->json)
		return cli_put_json_lines(stdout, answer, err);
	if (strcmp(answer, "{}") == 0)
		return MRQ_OK;
	return cli_put_json_text(stdout, answer, err);
}

static enum mrq_status
administer(struct cli *cli, const char *verb, char *const *words, int n,
	   struct mrq_error *err)
{
	struct mrq_session *session = NULL;
	char *args MRQ_CLEANUP(free) = NULL, *answer MRQ_CLEANUP(free) = NULL;

	MRQ_TRY(make_args(cli, verb, words, n, &args, err));
	MRQ_TRY(cli_session(cli, MRQ_SESSION_KEYS, &session, err));
	MRQ_TRY(mrq_admin(session, verb, args, &answer, err));
	return put_answer(cli, answer, err);
}

enum mrq_status
cli_authority(struct cli *cli, struct mrq_error *err)
{
	char verb[VERB_MAX];
	bool one = strcmp(cli->args[0], "export") == 0 ||
		   strcmp(cli->args[0], "import") == 0;

	if (!one && cli->n < 2)
		return mrq_fail(
			err, MRQ_E_INVAL,
			"'authority %.32s' needs a verb: see marque-authority(1)",
			cli->args[0]);
	int len = snprintf(verb, sizeof(verb), "%s%s%s", cli->args[0], one ? "" : " ",
			   one ? "" : cli->args[1]);
	if (len < 0 || (size_t)len >= sizeof(verb))
		return mrq_fail(err, MRQ_E_INVAL,
				"'%.32s' is no command of an authority", verb);
	int words = one ? 1 : 2;
	return administer(cli, verb, cli->args + words, cli->n - words, err);
}

static enum mrq_status
put_keys(const char *answer, struct mrq_error *err)
{
	static const char *const heads[] = { "USE", "STATE", "CREATED", "KEY" };
	struct cli_table table MRQ_CLEANUP(cli_table_clear) = {
		.columns = sizeof(heads) / sizeof(heads[0]), .heads = heads
	};
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;

	MRQ_TRY(mrq_json_doc_parse(answer, strlen(answer), &doc, err));
	for (const struct mrq_json_node *key = mrq_json_doc_root(doc)->child; key;
	     key = key->next) {
		const char *const cells[] = {
			mrq_json_node_text(key, "use"),
			mrq_json_node_text(key, "state"),
			mrq_json_node_text(key, "created"),
			mrq_json_node_text(key, "kid"),
		};
		MRQ_TRY(cli_table_add(&table, cells, err));
	}
	cli_table_print(&table, stdout);
	return MRQ_OK;
}

enum mrq_status
cli_key_list(struct cli *cli, struct mrq_error *err)
{
	struct mrq_session *session = NULL;
	char *answer MRQ_CLEANUP(free) = NULL;

	MRQ_TRY(cli_session(cli, MRQ_SESSION_KEYS, &session, err));
	MRQ_TRY(mrq_admin(session, "key list", "{}", &answer, err));
	return cli->json ? cli_put_json_lines(stdout, answer, err)
			 : put_keys(answer, err);
}

enum mrq_status
cli_key_rotate(struct cli *cli, struct mrq_error *err)
{
	return administer(cli, "key rotate", cli->args, 0, err);
}
