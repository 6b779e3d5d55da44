/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ciphers by generation: nearly always one, so a list that keeps a few. */
#include "internal.h"

#include <stdlib.h>

#define KEEP 8 /* ciphers kept although nobody uses them */

struct mrq_cipher {
	struct mrq_cipher *next;
	struct mrq_block_cipher *block;
	uint32_t generation;
	unsigned users;
};

void
mrq_ciphers_init(struct mrq_ciphers *cs)
{
	*cs = (struct mrq_ciphers){ .first = NULL };
	pthread_mutex_init(&cs->lock, NULL);
}

static void
cipher_free(struct mrq_cipher *cipher)
{
	mrq_block_cipher_free(cipher->block);
	free(cipher);
}

void
mrq_ciphers_clear(struct mrq_ciphers *cs)
{
	while (cs->first) {
		struct mrq_cipher *next = cs->first->next;
		cipher_free(cs->first);
		cs->first = next;
	}
	cs->n = 0;
}

/* Drop the last one that nobody uses. */
static void
trim(struct mrq_ciphers *cs)
{
	struct mrq_cipher **idle = NULL;

	for (struct mrq_cipher **at = &cs->first; *at; at = &(*at)->next)
		if ((*at)->users == 0)
			idle = at;
	if (!idle)
		return;
	struct mrq_cipher *gone = *idle;
	*idle = gone->next;
	cs->n--;
	cipher_free(gone);
}

static enum mrq_status
get_locked(struct mrq_container *c, uint32_t generation, struct mrq_cipher **ret,
	   struct mrq_error *err)
{
	struct mrq_ciphers *cs = &c->ciphers;

	for (struct mrq_cipher *at = cs->first; at; at = at->next) {
		if (at->generation != generation)
			continue;
		at->users++;
		*ret = at;
		return MRQ_OK;
	}
	struct mrq_cipher *made MRQ_CLEANUP(free) = calloc(1, sizeof(*made));
	if (!made)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a cipher");
	MRQ_TRY(mrq_block_cipher_new(&c->keys->data, &c->hdr.file_id, generation,
				     &made->block, err));
	made->generation = generation;
	made->users = 1;
	made->next = cs->first;
	cs->first = made;
	if (++cs->n > KEEP)
		trim(cs);
	*ret = MRQ_STEAL(made);
	return MRQ_OK;
}

enum mrq_status
mrq_cipher_get(struct mrq_container *c, uint32_t generation, struct mrq_cipher **ret,
	       struct mrq_error *err)
{
	pthread_mutex_lock(&c->ciphers.lock);
	enum mrq_status s = get_locked(c, generation, ret, err);
	pthread_mutex_unlock(&c->ciphers.lock);
	return s;
}

void
mrq_cipher_put(struct mrq_ciphers *cs, struct mrq_cipher *cipher)
{
	pthread_mutex_lock(&cs->lock);
	cipher->users--;
	if (cs->n > KEEP)
		trim(cs);
	pthread_mutex_unlock(&cs->lock);
}

struct mrq_block_cipher *
mrq_cipher_block(struct mrq_cipher *cipher)
{
	return cipher->block;
}

void
mrq_cipher_use_end(struct mrq_cipher_use *use)
{
	if (use->cipher)
		mrq_cipher_put(&use->c->ciphers, use->cipher);
	use->cipher = NULL;
}

enum mrq_status
mrq_cipher_use(struct mrq_cipher_use *use, uint32_t generation,
	       struct mrq_block_cipher **ret, struct mrq_error *err)
{
	if (!use->cipher || use->generation != generation) {
		mrq_cipher_use_end(use);
		MRQ_TRY(mrq_cipher_get(use->c, generation, &use->cipher, err));
		use->generation = generation;
	}
	*ret = mrq_cipher_block(use->cipher);
	return MRQ_OK;
}
