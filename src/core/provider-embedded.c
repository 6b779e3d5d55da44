/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/provider.h"

#include "authority/verify.h"

#include <string.h>

/*
 * The embedded authority as a provider: calls within the process, so a deadline is kept by
 * answering at once.
 */
#define PUBLISHING_SECONDS 86400 /* life of a publishing certificate */

struct embedded {
	struct mrq_provider base;
	struct mrq_authority *a; /* owned */
};

static struct mrq_authority *
authority_of(struct mrq_provider *p)
{
	return ((struct embedded *)(void *)p)->a;
}

void
mrq_publishing_free(struct mrq_publishing *p)
{
	if (!p)
		return;
	mrq_private_key_free(p->key);
	mrq_public_key_free(p->seal_to);
	free(p->certificate);
	free(p);
}

void
mrq_revocations_free(struct mrq_revocations *r)
{
	if (!r)
		return;
	free(r->contents);
	free(r->files);
	free(r);
}

static enum mrq_status
embedded_publish(struct mrq_provider *p, const char *subject, int64_t now,
		 int64_t deadline_ns, struct mrq_publishing **ret,
		 struct mrq_error *err)
{
	struct mrq_publishing *made MRQ_CLEANUP(mrq_publishing_free) =
		calloc(1, sizeof(*made));
	struct mrq_public_key *own MRQ_CLEANUP(mrq_public_key_free) = NULL;
	struct mrq_authority *a = authority_of(p);

	(void)deadline_ns;
	if (!made)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a publishing key");
	made->expires = now + PUBLISHING_SECONDS;
	MRQ_TRY(mrq_private_key_generate(&made->key, err));
	MRQ_TRY(mrq_private_key_public(made->key, &own, err));
	MRQ_TRY(mrq_authority_certify(a, own, subject, now, made->expires,
				      &made->certificate, err));
	MRQ_TRY(mrq_authority_public_key(a, NULL, &made->seal_to, err));
	*ret = MRQ_STEAL(made);
	return MRQ_OK;
}

static enum mrq_status
embedded_use(struct mrq_provider *p, const void *pl, size_t pl_len,
	     const struct mrq_identity *who, int64_t now, int64_t deadline_ns,
	     struct mrq_use_licence *ret, struct mrq_error *err)
{
	(void)deadline_ns;
	return mrq_authority_use(authority_of(p), pl, pl_len, who, now, ret, err);
}

static enum mrq_status
embedded_policy(struct mrq_provider *p, int64_t deadline_ns,
		struct mrq_policy_set **ret, struct mrq_error *err)
{
	(void)deadline_ns;
	return mrq_authority_policy(authority_of(p), ret, err);
}

static enum mrq_status
embedded_revocations(struct mrq_provider *p, int64_t now, int64_t deadline_ns,
		     struct mrq_revocations **ret, struct mrq_error *err)
{
	struct mrq_revocation_list list MRQ_CLEANUP(mrq_revocation_list_clear) = { 0 };
	struct mrq_revocations *made = NULL;

	(void)now;
	(void)deadline_ns;
	MRQ_TRY(mrq_authority_revoked(authority_of(p), &list, err));
	made = calloc(1, sizeof(*made));
	if (!made)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a revocation list");
	made->epoch = list.epoch;
	made->contents = MRQ_STEAL(list.contents);
	made->n_contents = list.n_contents;
	made->files = MRQ_STEAL(list.files);
	made->n_files = list.n_files;
	*ret = made;
	return MRQ_OK;
}

static enum mrq_status
embedded_identity(struct mrq_provider *p, const char *mail, const char *const *groups,
		  size_t n_groups, int64_t deadline_ns, struct mrq_identity **ret,
		  struct mrq_error *err)
{
	(void)deadline_ns;
	return mrq_authority_identity(authority_of(p), mail, groups, n_groups, ret,
				      err);
}

static enum mrq_status
embedded_epoch(struct mrq_provider *p, uint64_t *ret, struct mrq_error *err)
{
	return mrq_authority_epoch(authority_of(p), ret, err);
}

static void
embedded_free(struct mrq_provider *p)
{
	mrq_authority_free(authority_of(p));
	free(p);
}

static const struct mrq_provider_ops embedded_ops = {
	.name = "embedded",
	.publish = embedded_publish,
	.use = embedded_use,
	.policy = embedded_policy,
	.revocations = embedded_revocations,
	.identity = embedded_identity,
	.epoch = embedded_epoch,
	.free = embedded_free,
};

enum mrq_status
mrq_provider_embedded_new(struct mrq_authority *a, struct mrq_provider **ret,
			  struct mrq_error *err)
{
	struct embedded *p = calloc(1, sizeof(*p));

	if (!p)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a provider");
	p->base.ops = &embedded_ops;
	p->a = a;
	*ret = &p->base;
	return MRQ_OK;
}
