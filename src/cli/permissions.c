/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "permissions.h"

#include <string.h>

#include "base/clock.h"

enum mrq_status
cli_permission_parse(const char *text, char who[static MRQ_PRINCIPAL_MAX + 1],
		     mrq_rights *ret, struct mrq_error *err)
{
	/* The last '=': a mail address may hold one, names of rights do not. */
	const char *sign = strrchr(text, '=');
	size_t len = sign ? (size_t)(sign - text) : 0;

	if (!sign || len == 0 || sign[1] == '\0')
		return mrq_fail(err, MRQ_E_INVAL,
				"--user: '%.64s' is not WHO=RIGHTS; use for example "
				"ann@example.com=reviewer",
				text);
	if (len > MRQ_PRINCIPAL_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"--user: a name is longer than %d bytes",
				MRQ_PRINCIPAL_MAX);
	MRQ_TRY(mrq_rights_parse(sign + 1, ret, err));
	memcpy(who, text, len);
	who[len] = '\0';
	return MRQ_OK;
}

static enum mrq_status
take_expiry(const struct cli_given *given, int64_t now, int64_t *ret,
	    struct mrq_error *err)
{
	int64_t expires = MRQ_NEVER;

	MRQ_TRY(cli_time(given, CLI_EXPIRES, now, &expires, err));
	if (expires <= now)
		return mrq_fail(err, MRQ_E_INVAL, "--expires: '%.64s' has passed",
				cli_value(given, CLI_EXPIRES));
	*ret = expires == MRQ_NEVER ? 0 : expires;
	return MRQ_OK;
}

enum mrq_status
cli_permissions(const struct cli_given *given, int64_t now, struct cli_permissions *ret,
		struct mrq_error *err)
{
	size_t n = 0;

	for (const char *text; (text = cli_each(given, CLI_USER, n)) != NULL; n++) {
		if (n == CLI_PERMISSIONS_MAX)
			return mrq_fail(err, MRQ_E_LIMIT,
					"more than %d grants; use a group",
					CLI_PERMISSIONS_MAX);
		MRQ_TRY(cli_permission_parse(text, ret->who[n], &ret->items[n].rights,
					     err));
		ret->items[n].who = ret->who[n];
	}
	if (n == 0)
		return mrq_fail(err, MRQ_E_INVAL,
				"nobody is granted anything; use --user WHO=RIGHTS");
	ret->all = (struct mrq_permissions){ .items = ret->items,
					     .n = n,
					     .owner = cli_value(given, CLI_OWNER) };
	return take_expiry(given, now, &ret->all.expires, err);
}
