/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_IDENTITY_H
#define MRQ_CORE_IDENTITY_H

/*
 * From a uid to a principal: the rules of [identity] in marque.conf(5), groups from NSS, the
 * rest from the authority.  Cached for MRQ_IDENTITY_SECONDS; a change of policy drops all.
 */
#include "base/cleanup.h"
#include "core/config.h"
#include "core/provider.h"

#define MRQ_IDENTITY_SECONDS 300
/* Beyond these it still counts for so long, when the host cannot tell who somebody is. */
#define MRQ_IDENTITY_STALE_SECONDS 3600
#define MRQ_IDENTITY_GROUPS_MAX    1024

/** Immutable, counted. */
struct mrq_identity_ref;
const struct mrq_identity *mrq_identity_get(const struct mrq_identity_ref *ref);
/** Digest of mail, aliases, groups and membership, in whatever order they came. */
const uint8_t *mrq_identity_digest(const struct mrq_identity_ref *ref);
void mrq_identity_unref(struct mrq_identity_ref *ref);
MRQ_DEFINE_CLEANUP(mrq_identity_unref, struct mrq_identity_ref *)

struct mrq_identities;
MRQ_MUST_CHECK enum mrq_status mrq_identities_new(struct mrq_identities **ret,
						  struct mrq_error *err);
void mrq_identities_free(struct mrq_identities *identities);
MRQ_DEFINE_CLEANUP(mrq_identities_free, struct mrq_identities *)
void mrq_identities_drop(struct mrq_identities *identities);

/**
 * The mail of a uid by the rules alone.  MRQ_E_DENIED for uid -1 or one without an account; MRQ_E_SYS
 * when that cannot be found out at present (descriptors, memory, the name service).
 */
MRQ_MUST_CHECK enum mrq_status mrq_identity_mail(const struct mrq_config *config,
						 const char *org, uid_t uid,
						 char ret[static MRQ_MAIL_MAX + 1],
						 struct mrq_error *err);
/** The identity of a uid as found before, for who cannot be told now; NULL: none, or too long ago. */
struct mrq_identity_ref *mrq_identities_known(struct mrq_identities *identities,
					      uid_t uid, int64_t now);
/** The full identity, cached; when it cannot be found out at present, as it was known before. */
MRQ_MUST_CHECK enum mrq_status
mrq_identities_find(struct mrq_identities *identities, const struct mrq_config *config,
		    const char *org, struct mrq_provider *provider, uid_t uid,
		    int64_t now, struct mrq_identity_ref **ret, struct mrq_error *err);

#endif
