/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/sequence.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"

#define BUCKETS    8192u   /* a power of two */
#define MEMORY_MAX 262144u /* files kept in memory; above it stored ones are dropped */

struct node {
	struct node *next;
	struct mrq_guid id;
	uint64_t seen, durable, stored;
};

struct mrq_sequences {
	pthread_mutex_t lock;
	struct node *buckets[BUCKETS]; /* guarded by lock */
	size_t n, pending;             /* guarded by lock */
	struct mrq_cache *cache;
};

enum mrq_status
mrq_sequences_new(struct mrq_cache *cache, struct mrq_sequences **ret,
		  struct mrq_error *err)
{
	struct mrq_sequences *s = calloc(1, sizeof(*s));
	if (!s)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the rollback guard");
	pthread_mutex_init(&s->lock, NULL);
	s->cache = cache;
	*ret = s;
	return MRQ_OK;
}

static struct node **
slot(struct mrq_sequences *s, const struct mrq_guid *id)
{
	uint32_t h = 0;
	memcpy(&h, id->bytes, sizeof(h)); /* file ids are random */
	struct node **at = &s->buckets[h % BUCKETS];
	while (*at && !mrq_guid_equal(&(*at)->id, id))
		at = &(*at)->next;
	return at;
}

/** Drop what the disk knows as well, to stay within bounds. */
static void
shrink(struct mrq_sequences *s)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct node **at = &s->buckets[i];
		while (*at) {
			struct node *n = *at;
			if (n->stored != n->seen) {
				at = &n->next;
				continue;
			}
			*at = n->next;
			free(n);
			s->n--;
		}
	}
}

static struct node *
obtain(struct mrq_sequences *s, const struct mrq_guid *id)
{
	struct node **at = slot(s, id);
	if (*at)
		return *at;
	if (s->n >= MEMORY_MAX) {
		shrink(s);
		at = slot(s, id);
	}
	*at = calloc(1, sizeof(**at));
	if (*at) {
		(*at)->id = *id;
		s->n++;
	}
	return *at;
}

enum mrq_status
mrq_sequences_check(struct mrq_sequences *s, const struct mrq_guid *file_id,
		    uint64_t sequence, const char *what, struct mrq_error *err)
{
	uint64_t seen = 0;
	pthread_mutex_lock(&s->lock);
	const struct node *n = *slot(s, file_id);
	if (n)
		seen = n->seen;
	pthread_mutex_unlock(&s->lock);
	if (!n && s->cache)
		MRQ_TRY(mrq_cache_sequence_get(s->cache, file_id, &seen, err));
	if (sequence < seen)
		return mrq_fail(
			err, MRQ_E_ROLLBACK,
			"'%s' is an older version than this host has seen (%llu "
			"after %llu); if a backup was restored on purpose, run "
			"'marque fsck --accept' on it",
			what, (unsigned long long)sequence, (unsigned long long)seen);
	return MRQ_OK;
}

void
mrq_sequences_note(struct mrq_sequences *s, const struct mrq_guid *file_id,
		   uint64_t sequence, uint64_t durable)
{
	pthread_mutex_lock(&s->lock);
	struct node *n = obtain(s, file_id);
	if (n) {
		if (sequence > n->seen)
			n->seen = sequence;
		if (durable > n->durable) {
			n->durable = durable;
			s->pending++;
		}
	}
	pthread_mutex_unlock(&s->lock);
}

enum mrq_status
mrq_sequences_accept(struct mrq_sequences *s, const struct mrq_guid *file_id,
		     uint64_t sequence, struct mrq_error *err)
{
	pthread_mutex_lock(&s->lock);
	struct node *n = *slot(s, file_id);
	if (n)
		n->seen = n->durable = n->stored = sequence;
	pthread_mutex_unlock(&s->lock);
	struct mrq_cache_sequence item = { *file_id, sequence };
	return s->cache ? mrq_cache_sequence_put(s->cache, &item, 1, MRQ_SEQUENCE_SET,
						 err)
			: MRQ_OK;
}

/** Copy what is to be stored; NULL when there is nothing or no memory. */
static struct mrq_cache_sequence *
collect(struct mrq_sequences *s, size_t *ret_n)
{
	struct mrq_cache_sequence *items = NULL;
	size_t n = 0;
	pthread_mutex_lock(&s->lock);
	if (s->pending)
		items = calloc(s->n, sizeof(*items));
	for (size_t i = 0; items && i < BUCKETS; i++) {
		for (struct node *e = s->buckets[i]; e; e = e->next) {
			if (e->durable <= e->stored)
				continue;
			items[n++] = (struct mrq_cache_sequence){ e->id, e->durable };
			e->stored = e->durable;
		}
	}
	if (items)
		s->pending = 0;
	pthread_mutex_unlock(&s->lock);
	*ret_n = n;
	return items;
}

enum mrq_status
mrq_sequences_store(struct mrq_sequences *s, struct mrq_error *err)
{
	size_t n = 0;
	if (!s->cache)
		return MRQ_OK;
	struct mrq_cache_sequence *items MRQ_CLEANUP(free) = collect(s, &n);
	return n ? mrq_cache_sequence_put(s->cache, items, n, MRQ_SEQUENCE_RAISE, err)
		 : MRQ_OK;
}

void
mrq_sequences_free(struct mrq_sequences *s)
{
	if (!s)
		return;
	enum mrq_status ignored = mrq_sequences_store(s, NULL);
	(void)ignored;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (s->buckets[i]) {
			struct node *n = s->buckets[i];
			s->buckets[i] = n->next;
			free(n);
		}
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
}
