/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/licences.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 4u
#define SETS (MRQ_LICENCES_MAX / WAYS)

struct entry {
	char mail[MRQ_MAIL_MAX + 1];
	uint8_t digest[MRQ_SHA256_BYTES];
	uint64_t used; /* for replacing the least recently used of a set */
	struct mrq_use_licence *use; /* locked memory; NULL: free */
};

struct mrq_licences {
	pthread_mutex_t lock;
	struct entry entries[SETS][WAYS]; /* guarded by lock */
	uint64_t clock;                   /* guarded by lock */
};

enum mrq_status
mrq_licences_new(struct mrq_licences **ret, struct mrq_error *err)
{
	struct mrq_licences *l = calloc(1, sizeof(*l));
	if (!l)
		return mrq_fail(err, MRQ_E_NOMEM,
				"no memory for the table of licences");
	pthread_mutex_init(&l->lock, NULL);
	*ret = l;
	return MRQ_OK;
}

static void
entry_clear(struct entry *e)
{
	mrq_secret_free(e->use);
	*e = (struct entry){ .use = NULL };
}

void
mrq_licences_drop(struct mrq_licences *l, const char *mail)
{
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < SETS; i++)
		for (size_t k = 0; k < WAYS; k++)
			if (!mail || !strcmp(l->entries[i][k].mail, mail))
				entry_clear(&l->entries[i][k]);
	pthread_mutex_unlock(&l->lock);
}

void
mrq_licences_free(struct mrq_licences *l)
{
	if (!l)
		return;
	mrq_licences_drop(l, NULL);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static struct entry *
set_of(struct mrq_licences *l, const char *mail, const uint8_t *digest)
{
	/* the digest is uniform already; the mail spreads the readers of one licence */
	uint32_t h = 0;
	memcpy(&h, digest, sizeof(h));
	for (const char *p = mail; *p; p++)
		h = h * 31 + (unsigned char)*p;
	return l->entries[h % SETS];
}

static struct entry *
find(struct entry *set, const char *mail, const uint8_t *digest)
{
	for (size_t k = 0; k < WAYS; k++)
		if (set[k].use && !memcmp(set[k].digest, digest, MRQ_SHA256_BYTES) &&
		    !strcmp(set[k].mail, mail))
			return &set[k];
	return NULL;
}

bool
mrq_licences_fits(const struct mrq_use_licence *use, const struct mrq_licences_of *of)
{
	return use->epoch == of->epoch && of->now < use->valid_until &&
	       memcmp(use->identity, of->identity, sizeof(use->identity)) == 0;
}

bool
mrq_licences_get(struct mrq_licences *l, const char *mail,
		 const uint8_t digest[static MRQ_SHA256_BYTES],
		 const struct mrq_licences_of *of, struct mrq_use_licence *ret)
{
	bool hit = false;
	pthread_mutex_lock(&l->lock);
	struct entry *e = find(set_of(l, mail, digest), mail, digest);
	if (e && mrq_licences_fits(e->use, of) && of->now >= e->use->issued - 60) {
		e->used = ++l->clock;
		*ret = *e->use;
		hit = true;
	}
	pthread_mutex_unlock(&l->lock);
	return hit;
}

void
mrq_licences_put(struct mrq_licences *l, const char *mail,
		 const uint8_t digest[static MRQ_SHA256_BYTES],
		 const struct mrq_use_licence *use)
{
	if (use->never_store || strlen(mail) > MRQ_MAIL_MAX)
		return;
	pthread_mutex_lock(&l->lock);
	struct entry *set = set_of(l, mail, digest);
	struct entry *e = find(set, mail, digest);
	if (!e) {
		e = &set[0];
		for (size_t k = 0; k < WAYS && e->use; k++)
			if (!set[k].use || set[k].used < e->used)
				e = &set[k];
		entry_clear(e);
		e->use = mrq_secret_alloc(sizeof(*e->use));
	}
	if (e->use) {
		*e->use = *use;
		e->used = ++l->clock;
		memcpy(e->digest, digest, MRQ_SHA256_BYTES);
		memcpy(e->mail, mail, strlen(mail) + 1);
	}
	pthread_mutex_unlock(&l->lock);
}
