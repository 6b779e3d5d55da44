/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_PROVIDER_H
#define MRQ_CORE_PROVIDER_H

/*
 * The client side of an authority: one interface, an implementation per kind.  Every call has a
 * deadline (CLOCK_MONOTONIC nanoseconds) and may be made from any thread; none may be made while
 * a lock of the mount is held.
 */
#include "authority/authority.h"

/** What a client needs to mint publishing licences offline until it runs out. */
struct mrq_publishing {
	struct mrq_private_key *key;    /* owned */
	char *certificate;              /* JWS, owned */
	struct mrq_public_key *seal_to; /* organisation key, owned */
	int64_t expires;
};
void mrq_publishing_free(struct mrq_publishing *p);
MRQ_DEFINE_CLEANUP(mrq_publishing_free, struct mrq_publishing *)

/** Identifiers that may no longer be opened; sorted. */
struct mrq_revocations {
	uint64_t epoch;
	struct mrq_guid *contents, *files;
	size_t n_contents, n_files;
};
void mrq_revocations_free(struct mrq_revocations *r);
MRQ_DEFINE_CLEANUP(mrq_revocations_free, struct mrq_revocations *)

struct mrq_provider;
struct mrq_provider_ops {
	const char *name; /* "embedded", "rms" */
	enum mrq_status (*publish)(struct mrq_provider *p, const char *subject,
				   int64_t now, int64_t deadline_ns,
				   struct mrq_publishing **ret, struct mrq_error *err);
	enum mrq_status (*use)(struct mrq_provider *p, const void *pl, size_t pl_len,
			       const struct mrq_identity *who, int64_t now,
			       int64_t deadline_ns, struct mrq_use_licence *ret,
			       struct mrq_error *err);
	enum mrq_status (*policy)(struct mrq_provider *p, int64_t deadline_ns,
				  struct mrq_policy_set **ret, struct mrq_error *err);
	enum mrq_status (*revocations)(struct mrq_provider *p, int64_t now,
				       int64_t deadline_ns,
				       struct mrq_revocations **ret,
				       struct mrq_error *err);
	enum mrq_status (*identity)(struct mrq_provider *p, const char *mail,
				    const char *const *groups, size_t n_groups,
				    int64_t deadline_ns, struct mrq_identity **ret,
				    struct mrq_error *err);
	/** Cheap: has anything changed since?  (policy epoch) */
	enum mrq_status (*epoch)(struct mrq_provider *p, uint64_t *ret,
				 struct mrq_error *err);
	void (*free)(struct mrq_provider *p);
};
struct mrq_provider {
	const struct mrq_provider_ops *ops;
};

/** The in-process authority; takes ownership of a. */
MRQ_MUST_CHECK enum mrq_status mrq_provider_embedded_new(struct mrq_authority *a,
							 struct mrq_provider **ret,
							 struct mrq_error *err);

#endif
