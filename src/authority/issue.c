/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/internal.h"
#include "authority/policy-set.h"
#include "base/clock.h"
#include "base/guid.h"
#include "crypto/kdf.h"

#include <string.h>

/*
 * Issuing.  A use licence is computed from the verified publishing licence and one snapshot:
 *
 *   rights    of the template as it is now, or of the licence's own grants; a template that is
 *	       gone grants nobody anything; owner, issuer and super users have all rights
 *   expires   the earliest of template.expires, created + template.expires_days, licence.expires
 *   offline   the lesser of the site's days and the template's (else the licence's)
 *
 * Order of refusals: forged or malformed, a key that is not ours, revoked, expired.  The last
 * two do not concern owner, issuer and super users.
 */
#define DAY                     86400
#define CERTIFICATE_SKEW        3600 /* seconds a client's clock may be behind ours */
#define CERTIFICATE_SECONDS_MAX (400 * (int64_t)DAY)

static enum mrq_status
needs_keys(struct mrq_error *err)
{
	return mrq_fail(err, MRQ_E_NO_KEY,
			"the authority was opened without its keys; that needs root or "
			"the passphrase");
}

enum mrq_status
mrq_authority_certify(struct mrq_authority *a, const struct mrq_public_key *publishing,
		      const char *subject, int64_t now, int64_t until, char **ret,
		      struct mrq_error *err)
{
	struct mrq_snapshot *snap MRQ_CLEANUP(mrq_snapshot_put) = NULL;
	struct mrq_certificate crt = { 0 };
	size_t len = strnlen(subject, MRQ_SUBJECT_MAX + 1);

	if (len == 0 || len > MRQ_SUBJECT_MAX)
		return mrq_fail(
			err, MRQ_E_INVAL,
			"the subject of a publishing certificate is host:NAME or "
			"user:MAIL, at most %d bytes",
			MRQ_SUBJECT_MAX);
	if (now < 0 || until <= now || until - now > CERTIFICATE_SECONDS_MAX)
		return mrq_fail(err, MRQ_E_INVAL,
				"a publishing certificate lasts at most 400 days from "
				"now");
	MRQ_TRY(mrq_snapshot_get(a, &snap, err));
	if (!snap->current->private)
		return needs_keys(err);
	memcpy(crt.org, a->org, sizeof(crt.org));
	memcpy(crt.subject, subject, len + 1);
	crt.not_before = now > CERTIFICATE_SKEW ? now - CERTIFICATE_SKEW : 0;
	crt.not_after = until;
	/* Only read: the signer borrows the key. */
	crt.key = (struct mrq_public_key *)(uintptr_t)publishing;
	return mrq_certificate_sign(snap->current->private, &crt, ret, err);
}

/* ---- who ---- */

static bool
is_me(const struct mrq_identity *who, const char *mail)
{
	const struct mrq_principal p_user = { .kind = MRQ_PRINCIPAL_USER };
	struct mrq_principal p = p_user;

	memcpy(p.name, mail, strlen(mail) + 1);
	return mrq_principal_matches(&p, who);
}

static bool
is_super_user(const struct mrq_super_users *super, const struct mrq_identity *who,
	      int64_t now)
{
	if (now >= super->until)
		return false;
	for (size_t i = 0; i < super->n; i++) {
		if (mrq_principal_matches(&super->who[i], who))
			return true;
	}
	return false;
}

/* ---- what ---- */

static int64_t
days_after(int64_t when, int32_t days)
{
	int64_t seconds = (int64_t)days * DAY;

	return when > MRQ_NEVER - seconds ? MRQ_NEVER : when + seconds;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
expiry(const struct mrq_licence *l, const struct mrq_template *t)
{
	int64_t expires = l->expires;

	if (t)
		expires = earlier(expires, t->expires);
	if (t && t->expires_days > 0)
		expires = earlier(expires, days_after(l->created, t->expires_days));
	return expires;
}

static void
offline_set(struct mrq_use_licence *use, int32_t site_days, int32_t days)
{
	if (days == MRQ_OFFLINE_ALWAYS || days > site_days)
		days = site_days;
	use->never_store = days == 0;
	use->valid_until = days_after(use->issued, days);
}

static void
label_set(struct mrq_use_licence *use, const struct mrq_policy_set *policy)
{
	const struct mrq_label *label = NULL;

	if (!mrq_guid_is_nil(&use->label_id))
		label = mrq_label_find(policy->labels, policy->n_labels,
				       &use->label_id);
	use->programs = label ? label->programs : MRQ_PROGRAMS_AUDITED;
}

/* As a super user only until the time is up, and nothing of it on a disk. */
static void
super_user_set(struct mrq_use_licence *use, int64_t until)
{
	if (!use->super_user)
		return;
	use->never_store = true;
	use->valid_until = earlier(use->valid_until, until);
}

static void
rights_set(struct mrq_use_licence *use, const struct mrq_licence *l,
	   const struct mrq_template *t, const struct mrq_identity *who)
{
	if (use->owner || use->issuer || use->super_user)
		use->rights = MRQ_RIGHTS_ALL;
	else if (!mrq_guid_is_nil(&l->template_id))
		use->rights = t ? mrq_grants_rights(t->grants, t->n_grants, who) : 0;
	else
		use->rights = mrq_grants_rights(l->grants, l->n_grants, who);
	use->list_rights =
		(use->rights & (MRQ_RIGHT_VIEWRIGHTSDATA | MRQ_RIGHT_OWNER)) != 0;
}

static void
use_compute(const struct mrq_snapshot *snap, const struct mrq_licence *l,
	    const struct mrq_identity *who, int64_t now, struct mrq_use_licence *use)
{
	const struct mrq_policy_set *policy = &snap->policy->set;
	const struct mrq_template *t = NULL;

	if (!mrq_guid_is_nil(&l->template_id))
		t = mrq_template_find(policy, &l->template_id);
	use->content_id = l->content_id;
	use->label_id = l->label_id;
	use->template_id = l->template_id;
	use->issued = now;
	use->epoch = snap->epoch;
	use->owner = is_me(who, l->owner);
	use->issuer = is_me(who, l->issuer);
	use->super_user = is_super_user(&snap->super, who, now);
	rights_set(use, l, t, who);
	use->expires = expiry(l, t);
	offline_set(use, policy->licence_days, t ? t->offline_days : l->offline_days);
	super_user_set(use, snap->super.until);
	label_set(use, policy);
}

/* ---- refusals ---- */

static enum mrq_status
withdrawn_check(const struct mrq_snapshot *snap, const struct mrq_use_licence *use,
		int64_t now, struct mrq_error *err)
{
	char id[MRQ_GUID_TEXT];
	char when[MRQ_TIME_TEXT];

	if (use->owner || use->issuer || use->super_user)
		return MRQ_OK;
	mrq_guid_format(&use->content_id, id);
	if (mrq_revocation_listed(snap->revoked.contents, snap->revoked.n_contents,
				  &use->content_id))
		return mrq_fail(err, MRQ_E_REVOKED,
				"content %s was revoked; ask its owner", id);
	if (now < use->expires)
		return MRQ_OK;
	mrq_time_format(use->expires, when);
	return mrq_fail(err, MRQ_E_EXPIRED, "content %s expired on %s; ask its owner",
			id, when);
}

static enum mrq_status
key_find(const struct mrq_snapshot *snap, const struct mrq_licence *l,
	 const struct mrq_org_key **ret, struct mrq_error *err)
{
	const struct mrq_org_key *key = mrq_snapshot_key(snap, l->key_id);

	if (!key || !mrq_mail_equal(l->org, snap->policy->set.org))
		return mrq_fail(err, MRQ_E_NO_KEY,
				"licence of '%.200s' is sealed to key '%s', which this "
				"authority does not hold",
				l->org, l->key_id);
	if (!key->private)
		return needs_keys(err);
	*ret = key;
	return MRQ_OK;
}

static enum mrq_status
key_open(const struct mrq_org_key *key, const struct mrq_licence *l,
	 const char *publishing_kid, struct mrq_use_licence *use, struct mrq_error *err)
{
	struct mrq_content_key seed MRQ_CLEANUP(mrq_content_key_wipe) = { 0 };

	if (use->rights == 0)
		return MRQ_OK;
	MRQ_TRY(mrq_jwe_open_content_key(key->private, l->wrapped_key,
					 strlen(l->wrapped_key), &seed, err));
	mrq_kdf_content_key(&seed, &l->content_id, publishing_kid, &use->key);
	use->has_key = true;
	return MRQ_OK;
}

enum mrq_status
mrq_authority_use(struct mrq_authority *a, const char *pl, size_t pl_len,
		  const struct mrq_identity *who, int64_t now,
		  struct mrq_use_licence *ret, struct mrq_error *err)
{
	struct mrq_use_licence use MRQ_CLEANUP(mrq_use_licence_wipe) = { 0 };
	struct mrq_licence *licence MRQ_CLEANUP(mrq_licence_free) = NULL;
	struct mrq_snapshot *snap MRQ_CLEANUP(mrq_snapshot_put) = NULL;
	const struct mrq_org_key *key = NULL;
	char publishing_kid[MRQ_KID_TEXT];

	MRQ_TRY(mrq_verifier_licence(a->verifier, pl, pl_len, &licence, publishing_kid,
				     err));
	MRQ_TRY(mrq_snapshot_get(a, &snap, err));
	MRQ_TRY(key_find(snap, licence, &key, err));
	use_compute(snap, licence, who, now, &use);
	MRQ_TRY(withdrawn_check(snap, &use, now, err));
	MRQ_TRY(key_open(key, licence, publishing_kid, &use, err));
	*ret = use;
	return MRQ_OK;
}
