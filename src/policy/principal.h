/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_POLICY_PRINCIPAL_H
#define MRQ_POLICY_PRINCIPAL_H

/*
 * Principals: "user:MAIL", "group:MAIL", "domain:NAME", "org", "authenticated".  Mail and
 * domain compare without case (ASCII).  A bare mail means user:.
 */
#include <marque/error.h>
#include <marque/types.h>

#include <stdbool.h>
#include <stddef.h>

enum mrq_principal_kind {
	MRQ_PRINCIPAL_USER,
	MRQ_PRINCIPAL_GROUP,
	MRQ_PRINCIPAL_DOMAIN,
	MRQ_PRINCIPAL_ORG,
	MRQ_PRINCIPAL_AUTHENTICATED,
};

struct mrq_principal {
	enum mrq_principal_kind kind;
	char name[MRQ_MAIL_MAX + 1]; /* lower case; "" for org and authenticated */
};

MRQ_MUST_CHECK enum mrq_status
mrq_principal_parse(const char *text, struct mrq_principal *ret, struct mrq_error *err);
void mrq_principal_format(const struct mrq_principal *p,
			  char ret[static MRQ_PRINCIPAL_MAX + 1]);
/** A mail address we accept: one '@', printable ASCII without space, bounded. */
bool mrq_mail_valid(const char *mail);
bool mrq_mail_equal(const char *a, const char *b);
/** A domain we accept: 1 to MRQ_MAIL_MAX bytes, printable ASCII without space and '@'. */
bool mrq_domain_valid(const char *domain);

/** Somebody as the authority knows them: who asks for a licence. */
struct mrq_identity {
	char mail[MRQ_MAIL_MAX + 1];
	char (*aliases)[MRQ_MAIL_MAX + 1]; /* further addresses */
	size_t n_aliases;
	char (*groups)[MRQ_MAIL_MAX + 1]; /* group mails, nested ones resolved */
	size_t n_groups;
	bool member; /* of the organisation, no guest */
};

/**
 * True when a grant to p reaches this identity: by its mail or an alias (user, domain), by its
 * groups, or as a member of the organisation.  An identity without a valid mail is nobody.
 */
bool mrq_principal_matches(const struct mrq_principal *p,
			   const struct mrq_identity *who);

#endif
