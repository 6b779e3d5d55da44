/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <marque/version.h>

#include <string.h>

static void
put_option(FILE *out, const struct cli_option *o)
{
	char left[64];

	(void)snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : " ",
		       o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name,
		       o->arg ? "=" : "", o->arg ? o->arg : "");
	(void)fprintf(out, "  %-28s  %s\n", left, o->help);
}

static void
put_options(FILE *out, const char *head, uint64_t which)
{
	if (!which)
		return;
	(void)fprintf(out, "\n%s:\n", head);
	for (size_t i = 0; i < CLI_OPTIONS; i++) {
		if (which & CLI_BIT(i))
			put_option(out, &cli_options[i]);
	}
}

void
cli_synopsis(const struct cli_verb *verb, FILE *out)
{
	(void)fprintf(out, "marque %s [options]%s%s", verb->name,
		      verb->operands[0] ? " " : "", verb->operands);
}

void
cli_help_verb(const struct cli_verb *verb, FILE *out)
{
	(void)fputs("usage: ", out);
	cli_synopsis(verb, out);
	(void)fprintf(out, "\n\n%s\n", verb->help);
	put_options(out, "options", verb->options);
	put_options(out, "options of every verb", CLI_GLOBAL);
	(void)fprintf(out, "\nManual: marque-%.*s(1)\n", (int)strcspn(verb->name, " "),
		      verb->name);
}

void
cli_help_all(FILE *out)
{
	(void)fputs("usage: marque VERB [options] ...\n\n"
		    "Information protection for files: labels, rights and keys that "
		    "travel with "
		    "the file.\n\nverbs:\n",
		    out);
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		(void)fprintf(out, "  %-14s  %s\n", v->name, v->help);
	put_options(out, "options of every verb", CLI_GLOBAL);
	(void)fputs("\n'marque help VERB' tells the options of a verb.  Manual: "
		    "marque(1)\n",
		    out);
}

enum mrq_status
cli_help(struct cli *cli, struct mrq_error *err)
{
	bool any = false;

	if (cli->n == 0) {
		cli_help_all(stdout);
		return MRQ_OK;
	}
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		size_t first = strlen(cli->args[0]);
		if (strncmp(v->name, cli->args[0], first) != 0 ||
		    (v->name[first] != '\0' && v->name[first] != ' '))
			continue;
		if (cli->n > 1 && v->name[first] == ' ' &&
		    strcmp(v->name + first + 1, cli->args[1]) != 0)
			continue;
		if (any)
			(void)fputc('\n', stdout);
		cli_help_verb(v, stdout);
		any = true;
	}
	if (!any)
		return mrq_fail(err, MRQ_E_INVAL,
				"unknown verb '%.64s'; see 'marque help'",
				cli->args[0]);
	return MRQ_OK;
}

enum mrq_status
cli_version(struct cli *cli, struct mrq_error *err)
{
	(void)err;
	if (cli->json)
		(void)printf("{\"version\":\"%s\",\"library\":\"%s\"}\n", MRQ_VERSION,
			     mrq_version());
	else
		(void)printf("marque %s\n", mrq_version());
	return MRQ_OK;
}
