/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "principal.h"

#include <string.h>

#include "base/error.h"
#include "text.h"

static const struct {
	const char *prefix;
	enum mrq_principal_kind kind;
} named_kinds[] = {
	{ "user:", MRQ_PRINCIPAL_USER },
	{ "group:", MRQ_PRINCIPAL_GROUP },
	{ "domain:", MRQ_PRINCIPAL_DOMAIN },
};
#define NAMED_KINDS_COUNT (sizeof(named_kinds) / sizeof(named_kinds[0]))

static bool
printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return false;
	}
	return true;
}

bool
mrq_mail_valid(const char *mail)
{
	size_t len = strnlen(mail, MRQ_MAIL_MAX + 1);
	const char *at = memchr(mail, '@', len);

	return len <= MRQ_MAIL_MAX && at && at > mail && at[1] != '\0' &&
	       !strchr(at + 1, '@') && printable(mail, len);
}

bool
mrq_domain_valid(const char *domain)
{
	size_t len = strnlen(domain, MRQ_MAIL_MAX + 1);

	return len > 0 && len <= MRQ_MAIL_MAX && !memchr(domain, '@', len) &&
	       printable(domain, len);
}

bool
mrq_mail_equal(const char *a, const char *b)
{
	return mrq_text_equal(a, b);
}

static bool
name_valid(enum mrq_principal_kind kind, const char *name)
{
	return kind == MRQ_PRINCIPAL_DOMAIN ? mrq_domain_valid(name)
					    : mrq_mail_valid(name);
}

static enum mrq_status
named_parse(enum mrq_principal_kind kind, const char *name, struct mrq_principal *ret,
	    struct mrq_error *err)
{
	if (!name_valid(kind, name))
		return mrq_fail(err, MRQ_E_INVAL, "'%.280s' is no %s", name,
				kind == MRQ_PRINCIPAL_DOMAIN ? "domain name"
							     : "mail address");
	struct mrq_principal p = { .kind = kind };
	for (size_t i = 0; name[i]; i++)
		p.name[i] = mrq_ascii_lower(name[i]);
	*ret = p;
	return MRQ_OK;
}

enum mrq_status
mrq_principal_parse(const char *text, struct mrq_principal *ret, struct mrq_error *err)
{
	for (size_t i = 0; i < NAMED_KINDS_COUNT; i++) {
		size_t len = strlen(named_kinds[i].prefix);
		if (strncmp(text, named_kinds[i].prefix, len) == 0)
			return named_parse(named_kinds[i].kind, text + len, ret, err);
	}
	if (strcmp(text, "org") == 0) {
		*ret = (struct mrq_principal){ .kind = MRQ_PRINCIPAL_ORG };
		return MRQ_OK;
	}
	if (strcmp(text, "authenticated") == 0) {
		*ret = (struct mrq_principal){ .kind = MRQ_PRINCIPAL_AUTHENTICATED };
		return MRQ_OK;
	}
	/* A colon in a bare mail is rather a mistyped kind ("usr:ann@example.com"). */
	if (strchr(text, ':') || !mrq_mail_valid(text))
		return mrq_fail(err, MRQ_E_INVAL,
				"'%.280s' names nobody; use user:MAIL, group:MAIL, "
				"domain:NAME, org or authenticated",
				text);
	return named_parse(MRQ_PRINCIPAL_USER, text, ret, err);
}

void
mrq_principal_format(const struct mrq_principal *p,
		     char ret[static MRQ_PRINCIPAL_MAX + 1])
{
	for (size_t i = 0; i < NAMED_KINDS_COUNT; i++) {
		if (named_kinds[i].kind != p->kind)
			continue;
		size_t len = strlen(named_kinds[i].prefix);
		memcpy(ret, named_kinds[i].prefix, len);
		memcpy(ret + len, p->name, strlen(p->name) + 1);
		return;
	}
	if (p->kind == MRQ_PRINCIPAL_ORG)
		memcpy(ret, "org", sizeof("org"));
	else
		memcpy(ret, "authenticated", sizeof("authenticated"));
}

static bool
listed(const char *mail, char (*list)[MRQ_MAIL_MAX + 1], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (mrq_mail_equal(mail, list[i]))
			return true;
	}
	return false;
}

static bool
mail_in_domain(const char *mail, const char *domain)
{
	const char *at = strchr(mail, '@');

	return at && mrq_mail_equal(at + 1, domain);
}

static bool
in_domain(const struct mrq_identity *who, const char *domain)
{
	if (mail_in_domain(who->mail, domain))
		return true;
	for (size_t i = 0; i < who->n_aliases; i++) {
		if (mail_in_domain(who->aliases[i], domain))
			return true;
	}
	return false;
}

bool
mrq_principal_matches(const struct mrq_principal *p, const struct mrq_identity *who)
{
	if (!mrq_mail_valid(who->mail))
		return false;
	switch (p->kind) {
	case MRQ_PRINCIPAL_USER:
		return p->name[0] && (mrq_mail_equal(p->name, who->mail) ||
				      listed(p->name, who->aliases, who->n_aliases));
	case MRQ_PRINCIPAL_GROUP:
		return p->name[0] && listed(p->name, who->groups, who->n_groups);
	case MRQ_PRINCIPAL_DOMAIN:
		return p->name[0] && in_domain(who, p->name);
	case MRQ_PRINCIPAL_ORG:
		return who->member;
	case MRQ_PRINCIPAL_AUTHENTICATED:
		return true;
	}
	return false;
}
