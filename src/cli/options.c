/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include "base/clock.h"

#include <string.h>

const struct cli_option cli_options[CLI_OPTIONS] = {
	[CLI_STATE] = { "state", 0, "DIR", "state folder of the authority" },
	[CLI_CONFIG] = { "config", 0, "FILE", "configuration" },
	[CLI_JSON] = { "json", 0, NULL, "print one JSON object a line" },
	[CLI_PASSPHRASE_FD] = { "passphrase-fd", 0, "N",
				"read the passphrase from descriptor N" },
	[CLI_VERBOSE] = { "verbose", 'v', NULL, "say more on standard error" },
	[CLI_HELP] = { "help", 'h', NULL, "print this help" },
	[CLI_VERSION] = { "version", 'V', NULL, "print name and version" },
	[CLI_ORG] = { "org", 0, "DOMAIN", "domain of the organisation" },
	[CLI_SEAL] = { "seal", 0, "HOW",
		       "keep the keys under 'machine' (default) or 'passphrase'" },
	[CLI_MOUNT_OPTIONS] = { "options", 'o', "OPTS",
				"mount options, comma separated" },
	[CLI_FOREGROUND] = { "foreground", 'f', NULL, "stay in the foreground" },
	[CLI_DRAIN] = { "drain", 0, NULL,
			"refuse new opens and wait until no file is open" },
	[CLI_LAZY] = { "lazy", 'l', NULL, "detach now, end when the last file closes" },
	[CLI_CSV] = { "csv", 0, NULL, "print comma separated values with a head line" },
	[CLI_RIGHTS] = { "rights", 0, NULL,
			 "show owner, expiry and rights of each path" },
	[CLI_RECURSIVE] = { "recursive", 'r', NULL, "go into folders" },
	[CLI_WHAT_IF] = { "what-if", 'n', NULL, "decide and tell, change nothing" },
	[CLI_JUSTIFICATION] = { "justification", 'm', "TEXT",
				"why protection is lowered" },
	[CLI_NEW_KEY] = { "new-key", 0, NULL,
			  "encrypt the content again, under a new data key" },
	[CLI_PRESERVE] = { "preserve", 0, NULL,
			   "keep times, owner, mode and attributes (the default)" },
	[CLI_NO_PRESERVE] = { "no-preserve", 0, NULL, "let the time of change move" },
	[CLI_FILES0_FROM] = { "files0-from", 0, "FILE",
			      "take paths, each ended by a NUL, from FILE ('-': "
			      "input)" },
	[CLI_USER] = { "user", 'u', "WHO=RIGHTS",
		       "grant a level or rights to WHO; may be repeated" },
	[CLI_EXPIRES] = { "expires", 0, "WHEN",
			  "date, RFC 3339 time, +90d or 'never'" },
	[CLI_OWNER] = { "owner", 0, "MAIL", "owner of the protected file" },
	[CLI_FILE_ONLY] = { "file-only", 0, NULL,
			    "this one file, not all under its licence" },
	[CLI_FROM] = { "from", 0, "WHEN", "records since then" },
	[CLI_TO] = { "to", 0, "WHEN", "records before then" },
	[CLI_PRINCIPAL] = { "principal", 0, "MAIL", "records of this person" },
	[CLI_PATH] = { "path", 0, "PATH", "records of this path below its mount" },
	[CLI_FILE_ID] = { "file-id", 0, "ID", "records of this file" },
	[CLI_CONTENT_ID] = { "content-id", 0, "ID", "records under this licence" },
	[CLI_EVENT] = { "event", 0, "NAME", "records of this event" },
	[CLI_RESULT] = { "result", 0, "WORD", "'granted' or 'denied' ones" },
	[CLI_SUPER_USER] = { "super-user", 0, NULL, "uses of the super user's power" },
	[CLI_LOG] = { "log", 0, "FILE",
		      "this audit log instead of the configured one" },
	[CLI_FOLLOW] = { "follow", 'f', NULL, "go on with new records" },
	[CLI_LINES] = { "lines", 'n', "N", "the last N records (10)" },
	[CLI_FORMAT] = { "format", 0, "FORM", "'json', 'csv' or 'w3c'" },
	[CLI_OUTPUT] = { "output", 'O', "FILE", "write to a new FILE" },
	[CLI_KEY] = { "key", 0, "FILE", "public key (JWK) of the log's checkpoints" },
	[CLI_REPAIR] = { "repair", 0, NULL, "replay journals and bring files to rest" },
	[CLI_ACCEPT] = { "accept", 0, NULL, "take the present version as the newest" },
	[CLI_FOR] = { "for", 0, "SPAN", "for how long: 30m, 2h, 1d" },
	[CLI_INPUT] = { "input", 'i', "FILE",
			"read the members, a JSON object, from FILE ('-': input)" },
};

static bool
takes(uint64_t allowed, size_t opt)
{
	return (allowed & CLI_BIT(opt)) != 0;
}

static bool
find_name(uint64_t allowed, const char *name, size_t len, enum cli_opt *ret)
{
	for (size_t i = 0; i < CLI_OPTIONS; i++) {
		if (takes(allowed, i) && strlen(cli_options[i].name) == len &&
		    memcmp(cli_options[i].name, name, len) == 0) {
			*ret = (enum cli_opt)i;
			return true;
		}
	}
	return false;
}

static bool
find_letter(uint64_t allowed, char letter, enum cli_opt *ret)
{
	for (size_t i = 0; i < CLI_OPTIONS; i++) {
		if (takes(allowed, i) && cli_options[i].letter == letter) {
			*ret = (enum cli_opt)i;
			return true;
		}
	}
	return false;
}

static enum mrq_status
give(struct cli_given *given, enum cli_opt opt, const char *value,
     struct mrq_error *err)
{
	if (given->n == CLI_GIVEN_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "more than %d options",
				CLI_GIVEN_MAX);
	given->items[given->n].opt = opt;
	given->items[given->n].value = value;
	given->n++;
	return MRQ_OK;
}

/* A value that stands in the next word. */
static enum mrq_status
next_value(char **argv, int n, int *at, const char *what, const char **ret,
	   struct mrq_error *err)
{
	if (*at + 1 >= n)
		return mrq_fail(err, MRQ_E_INVAL, "option '%.64s' needs a value", what);
	*ret = argv[++*at];
	return MRQ_OK;
}

static enum mrq_status
take_long(uint64_t allowed, char **argv, int n, int *at, struct cli_given *ret,
	  struct mrq_error *err)
{
	const char *word = argv[*at];
	size_t len = strcspn(word + 2, "=");
	const char *value = word[2 + len] == '=' ? word + 3 + len : NULL;
	enum cli_opt opt;

	if (!find_name(allowed, word + 2, len, &opt))
		return mrq_fail(err, MRQ_E_INVAL, "unknown option '%.64s'", word);
	if (!cli_options[opt].arg && value)
		return mrq_fail(err, MRQ_E_INVAL, "option '--%s' takes no value",
				cli_options[opt].name);
	if (cli_options[opt].arg && !value)
		MRQ_TRY(next_value(argv, n, at, word, &value, err));
	return give(ret, opt, value, err);
}

static enum mrq_status
take_short(uint64_t allowed, char **argv, int n, int *at, struct cli_given *ret,
	   struct mrq_error *err)
{
	for (const char *c = argv[*at] + 1; *c; c++) {
		const char shown[] = { '-', *c, '\0' };
		const char *value = NULL;
		enum cli_opt opt;

		if (!find_letter(allowed, *c, &opt))
			return mrq_fail(err, MRQ_E_INVAL, "unknown option '%s'", shown);
		if (!cli_options[opt].arg) {
			MRQ_TRY(give(ret, opt, NULL, err));
			continue;
		}
		if (c[1] != '\0')
			value = c + 1;
		else
			MRQ_TRY(next_value(argv, n, at, shown, &value, err));
		return give(ret, opt, value, err);
	}
	return MRQ_OK;
}

enum mrq_status
cli_options_parse(uint64_t allowed, bool stop, char **argv, int n,
		  struct cli_given *ret, int *ret_n, struct mrq_error *err)
{
	int kept = 0, at = 0;

	for (; at < n; at++) {
		const char *word = argv[at];
		if (strcmp(word, "--") == 0) {
			at++;
			break;
		}
		if (word[0] != '-' || word[1] == '\0') {
			if (stop)
				break;
			argv[kept++] = argv[at];
			continue;
		}
		if (word[1] == '-')
			MRQ_TRY(take_long(allowed, argv, n, &at, ret, err));
		else
			MRQ_TRY(take_short(allowed, argv, n, &at, ret, err));
	}
	for (; at < n; at++)
		argv[kept++] = argv[at];
	*ret_n = kept;
	return MRQ_OK;
}

const char *
cli_each(const struct cli_given *given, enum cli_opt opt, size_t i)
{
	for (size_t at = 0; at < given->n; at++) {
		if (given->items[at].opt == opt && i-- == 0)
			return given->items[at].value;
	}
	return NULL;
}

bool
cli_has(const struct cli_given *given, enum cli_opt opt)
{
	for (size_t at = 0; at < given->n; at++) {
		if (given->items[at].opt == opt)
			return true;
	}
	return false;
}

const char *
cli_value(const struct cli_given *given, enum cli_opt opt)
{
	const char *value = NULL;

	for (size_t at = 0; at < given->n; at++) {
		if (given->items[at].opt == opt)
			value = given->items[at].value;
	}
	return value;
}

enum mrq_status
cli_number(const struct cli_given *given, enum cli_opt opt, uint32_t min, uint32_t max,
	   uint32_t *ret, struct mrq_error *err)
{
	const char *text = cli_value(given, opt);
	uint64_t v = 0;
	size_t i = 0;

	if (!text)
		return MRQ_OK;
	for (; text[i] >= '0' && text[i] <= '9' && v <= max; i++)
		v = 10 * v + (uint64_t)(text[i] - '0');
	if (i == 0 || text[i] != '\0' || v < min || v > max)
		return mrq_fail(err, MRQ_E_INVAL,
				"--%s: '%.64s' is no number from %u to %u",
				cli_options[opt].name, text, min, max);
	*ret = (uint32_t)v;
	return MRQ_OK;
}

enum mrq_status
cli_time(const struct cli_given *given, enum cli_opt opt, int64_t now, int64_t *ret,
	 struct mrq_error *err)
{
	const char *text = cli_value(given, opt);

	if (!text || mrq_time_parse(text, now, ret))
		return MRQ_OK;
	return mrq_fail(
		err, MRQ_E_INVAL,
		"--%s: '%.64s' is no time; use 2026-12-31, 2026-12-31T12:00:00Z, "
		"+90d or never",
		cli_options[opt].name, text);
}
