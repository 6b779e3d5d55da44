/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_PUBLISHER_H
#define MRQ_CORE_PUBLISHER_H

/*
 * Publishing licences at hand: one per (label, template, owner, issuer) and period, so that a
 * file's creation costs no public-key operation.  Renewed every MRQ_PUBLISH_SECONDS or
 * MRQ_PUBLISH_FILES; ad-hoc grants get one of their own each time.  Thread-safe.
 */
#include "base/cleanup.h"
#include "core/provider.h"
#include "format/container.h"

#define MRQ_PUBLISH_SECONDS 3600
#define MRQ_PUBLISH_FILES   4096u
#define MRQ_PUBLISH_SLOTS   256u

/** What is to be protected, and how. */
struct mrq_publish_request {
	struct mrq_guid label_id, template_id; /* nil: none */
	const char *owner, *issuer, *org;
	const struct mrq_grant
		*grants; /* ad hoc, or those of a label without protection */
	size_t n_grants;
	int64_t expires; /* MRQ_NEVER */
	int32_t offline_days;
	bool shared; /* grants are the label's own: may be shared by many files */
	struct mrq_guid content_id; /* nil: a new one; else kept, never shared */
};

/** A licence and its content key; wipe by scope. */
struct mrq_published {
	struct mrq_guid content_id, label_id;
	char owner[MRQ_MAIL_MAX + 1];
	char *licence;
	size_t licence_len;
	struct mrq_content_key key;
	bool minted; /* now, not taken from the table */
};
void mrq_published_clear(struct mrq_published *p);
MRQ_DEFINE_CLEANUP_VALUE(mrq_published_clear, struct mrq_published)

struct mrq_publisher;
MRQ_MUST_CHECK enum mrq_status mrq_publisher_new(struct mrq_publisher **ret,
						 struct mrq_error *err);
void mrq_publisher_free(struct mrq_publisher *p);
MRQ_DEFINE_CLEANUP(mrq_publisher_free, struct mrq_publisher *)
/** Forget licences and certificate (policy changed, keys rotated). */
void mrq_publisher_drop(struct mrq_publisher *p);

/** Find or mint.  `subject` is what a certificate would be asked for. */
MRQ_MUST_CHECK enum mrq_status
mrq_publisher_get(struct mrq_publisher *p, struct mrq_provider *provider,
		  const char *subject, const struct mrq_publish_request *request,
		  int64_t now, struct mrq_published *ret, struct mrq_error *err);
/** The container's view of a published licence; borrows from it. */
struct mrq_container_protection mrq_published_protection(const struct mrq_published *p);

#endif
