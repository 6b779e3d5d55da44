/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/publisher.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/guid.h"
#include "core/publish.h"

#define ASK_NS             30000000000ll
#define CERTIFICATE_MARGIN 60 /* seconds before its end at which it is renewed */

/** One licence that many files share. */
struct slot {
	struct mrq_guid label_id, template_id;
	char issuer[MRQ_MAIL_MAX + 1];
	int64_t minted;
	uint32_t files;
	struct mrq_published *pub; /* locked memory; NULL: free */
};

struct mrq_publisher {
	pthread_mutex_t lock;
	struct slot slots[MRQ_PUBLISH_SLOTS]; /* guarded by lock */
	size_t next;                          /* guarded by lock */
	struct mrq_publishing *publishing;    /* guarded by lock */
};

void
mrq_published_clear(struct mrq_published *p)
{
	free(p->licence);
	p->licence = NULL;
	mrq_content_key_wipe(&p->key);
}

enum mrq_status
mrq_publisher_new(struct mrq_publisher **ret, struct mrq_error *err)
{
	struct mrq_publisher *p = calloc(1, sizeof(*p));
	if (!p)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to publish licences");
	pthread_mutex_init(&p->lock, NULL);
	*ret = p;
	return MRQ_OK;
}

static void
slot_clear(struct slot *s)
{
	if (s->pub) {
		mrq_published_clear(s->pub);
		mrq_secret_free(s->pub);
	}
	*s = (struct slot){ .pub = NULL };
}

void
mrq_publisher_drop(struct mrq_publisher *p)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < MRQ_PUBLISH_SLOTS; i++)
		slot_clear(&p->slots[i]);
	mrq_publishing_free(p->publishing);
	p->publishing = NULL;
	pthread_mutex_unlock(&p->lock);
}

void
mrq_publisher_free(struct mrq_publisher *p)
{
	if (!p)
		return;
	mrq_publisher_drop(p);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static enum mrq_status
copy_published(const struct mrq_published *from, struct mrq_published *ret,
	       struct mrq_error *err)
{
	char *licence = malloc(from->licence_len + 1);
	if (!licence)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a licence");
	memcpy(licence, from->licence, from->licence_len + 1);
	*ret = *from;
	ret->licence = licence;
	ret->minted = false;
	return MRQ_OK;
}

static bool
shareable(const struct mrq_publish_request *r)
{
	return r->shared && mrq_guid_is_nil(&r->content_id) && r->expires == MRQ_NEVER;
}

static struct slot *
find(struct mrq_publisher *p, const struct mrq_publish_request *r, int64_t now)
{
	for (size_t i = 0; i < MRQ_PUBLISH_SLOTS; i++) {
		struct slot *s = &p->slots[i];
		if (!s->pub || !mrq_guid_equal(&s->label_id, &r->label_id) ||
		    !mrq_guid_equal(&s->template_id, &r->template_id) ||
		    strcmp(s->pub->owner, r->owner) != 0 ||
		    strcmp(s->issuer, r->issuer) != 0)
			continue;
		if (s->files < MRQ_PUBLISH_FILES && now >= s->minted &&
		    now < s->minted + MRQ_PUBLISH_SECONDS)
			return s;
		slot_clear(s);
	}
	return NULL;
}

/** The certificate may be fetched while the lock is held only by nobody: see mrq_publisher_get. */
static bool
certificate_good(const struct mrq_publisher *p, int64_t now)
{
	return p->publishing && now + CERTIFICATE_MARGIN < p->publishing->expires;
}

static enum mrq_status
renew(struct mrq_publisher *p, struct mrq_provider *provider, const char *subject,
      int64_t now, struct mrq_error *err)
{
	struct mrq_publishing *fresh = NULL;
	MRQ_TRY(provider->ops->publish(provider, subject, now,
				       mrq_clock_monotonic_ns() + ASK_NS, &fresh, err));
	pthread_mutex_lock(&p->lock);
	mrq_publishing_free(p->publishing);
	p->publishing = fresh;
	pthread_mutex_unlock(&p->lock);
	return MRQ_OK;
}

static enum mrq_status
mint(const struct mrq_publishing *publishing, const struct mrq_publish_request *r,
     int64_t now, struct mrq_published *ret, struct mrq_error *err)
{
	struct mrq_published pub MRQ_CLEANUP(
		mrq_published_clear) = { .label_id = r->label_id, .minted = true };
	struct mrq_mint what = {
		.content_id = r->content_id,
		.label_id = r->label_id,
		.template_id = r->template_id,
		.grants = r->grants,
		.n_grants = r->n_grants,
		.owner = r->owner,
		.issuer = r->issuer,
		.org = r->org,
		.expires = r->expires,
		.offline_days = r->offline_days,
	};
	if (mrq_guid_is_nil(&what.content_id))
		mrq_random(what.content_id.bytes, sizeof(what.content_id.bytes));
	what.content_id.bytes[6] =
		(what.content_id.bytes[6] & 0x0f) | 0x40; /* version 4 */
	what.content_id.bytes[8] = (what.content_id.bytes[8] & 0x3f) | 0x80;
	if (!mrq_guid_is_nil(&r->content_id))
		what.content_id = r->content_id;
	if (strlen(r->owner) > MRQ_MAIL_MAX || strlen(r->issuer) > MRQ_MAIL_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "a mail address has at most %d bytes",
				MRQ_MAIL_MAX);
	MRQ_TRY(mrq_licence_mint(publishing, &what, now, &pub.licence, &pub.licence_len,
				 &pub.key, err));
	pub.content_id = what.content_id;
	memcpy(pub.owner, r->owner, strlen(r->owner) + 1);
	*ret = pub;
	pub.licence = NULL; /* handed over */
	return MRQ_OK;
}

/** Keep a copy for the next files; without memory there is none. */
static void
remember(struct mrq_publisher *p, const struct mrq_publish_request *r,
	 const struct mrq_published *pub, int64_t now)
{
	struct slot *s = &p->slots[p->next];
	for (size_t i = 0; i < MRQ_PUBLISH_SLOTS && s->pub; i++)
		s = &p->slots[(p->next + i) % MRQ_PUBLISH_SLOTS];
	if (s->pub)
		s = &p->slots[p->next];
	p->next = (p->next + 1) % MRQ_PUBLISH_SLOTS;
	slot_clear(s);
	struct mrq_published *kept = mrq_secret_alloc(sizeof(*kept));
	if (!kept || copy_published(pub, kept, NULL) != MRQ_OK) {
		mrq_secret_free(kept);
		return;
	}
	s->pub = kept;
	s->label_id = r->label_id;
	s->template_id = r->template_id;
	memcpy(s->issuer, r->issuer, strlen(r->issuer) + 1);
	s->minted = now;
	s->files = 1;
}

enum mrq_status
mrq_publisher_get(struct mrq_publisher *p, struct mrq_provider *provider,
		  const char *subject, const struct mrq_publish_request *r, int64_t now,
		  struct mrq_published *ret, struct mrq_error *err)
{
	for (int tries = 0; tries < 3; tries++) {
		pthread_mutex_lock(&p->lock);
		if (!certificate_good(p, now)) {
			pthread_mutex_unlock(&p->lock);
			MRQ_TRY(renew(p, provider, subject, now, err));
			continue;
		}
		struct slot *s = shareable(r) ? find(p, r, now) : NULL;
		enum mrq_status st;
		if (s) {
			s->files++;
			st = copy_published(s->pub, ret, err);
		} else {
			st = mint(p->publishing, r, now, ret, err);
			if (st == MRQ_OK && shareable(r))
				remember(p, r, ret, now);
		}
		pthread_mutex_unlock(&p->lock);
		return st;
	}
	return mrq_fail(
		err, MRQ_E_NO_KEY,
		"the authority's publishing certificates are not valid now; look at "
		"the clock");
}

struct mrq_container_protection
mrq_published_protection(const struct mrq_published *p)
{
	return (struct mrq_container_protection){
		.content_id = p->content_id,
		.label_id = p->label_id,
		.owner = p->owner,
		.licence_type = MRQ_LICENCE_JWS,
		.licence = p->licence,
		.licence_len = (uint32_t)p->licence_len,
		.content_key = &p->key,
	};
}
