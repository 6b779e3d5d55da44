/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The arena: chunks of locked pages, cut into units.  What a caller gets is a run of units;
 * the books are kept outside, so that a chunk holds nothing but secrets and zeros (also
 * after a fork, whose child finds zeros).
 */
#include "secret.h"

#include <sys/mman.h>
#include <sys/random.h>

#include <sodium.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "guarded.h"

#define UNIT        64
#define CHUNK_UNITS 512 /* 32 KiB: fits twice into the smallest usual RLIMIT_MEMLOCK */
#define CHUNK_BYTES ((size_t)UNIT * CHUNK_UNITS)
#define CHUNKS_MAX  2048

struct chunk {
	uint8_t *base;
	size_t n_free;
	size_t next; /* where the last search ended */
	bool hidden;
	uint16_t run
		[CHUNK_UNITS]; /* units of the run that begins here; INSIDE; 0 free */
};
#define INSIDE UINT16_MAX

static pthread_mutex_t arena_lock = PTHREAD_MUTEX_INITIALIZER;
static struct chunk *chunks[CHUNKS_MAX]; /* guarded by arena_lock */
static size_t n_chunks;                  /* guarded by arena_lock */

/* Memory that even the kernel has no address of: no dump, debugger or hibernation finds it.  The child
 * of a fork would share it: it gets none, and zeros from zeros_for_child(). */
static uint8_t *
map_hidden(void)
{
	void *p = mrq_hidden_map(NULL, CHUNK_BYTES);
	if (p && madvise(p, CHUNK_BYTES, MADV_DONTFORK) < 0) {
		(void)munmap(p, CHUNK_BYTES);
		return NULL;
	}
	return p;
}

static uint8_t *
map_locked(void)
{
	void *p = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, CHUNK_BYTES, MADV_DONTDUMP) < 0 ||
	    madvise(p, CHUNK_BYTES, MADV_WIPEONFORK) < 0 || mlock(p, CHUNK_BYTES) < 0) {
		(void)munmap(p, CHUNK_BYTES);
		return NULL;
	}
	return p;
}

/* In the child, whose only thread forked: nobody else changes the table. */
static void
zeros_for_child(void)
{
	for (size_t i = 0; i < n_chunks; i++) {
		if (chunks[i]->hidden &&
		    mmap(chunks[i]->base, CHUNK_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			abort();
	}
}

static void
lock_for_fork(void)
{
	(void)pthread_mutex_lock(&arena_lock);
}

static void
unlock_after_fork(void)
{
	(void)pthread_mutex_unlock(&arena_lock);
}

static void
unlock_in_child(void)
{
	zeros_for_child();
	(void)pthread_mutex_unlock(&arena_lock);
}

/* Arena lock held. */
static bool
fork_is_watched(void)
{
	static bool watched;

	if (!watched)
		watched = pthread_atfork(lock_for_fork, unlock_after_fork,
					 unlock_in_child) == 0;
	return watched;
}

/* Arena lock held. */
static struct chunk *
add_chunk(void)
{
	if (n_chunks == CHUNKS_MAX)
		return NULL;

	struct chunk *c MRQ_CLEANUP(free) = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->base = fork_is_watched() ? map_hidden() : NULL;
	c->hidden = c->base != NULL;
	if (!c->hidden && !(c->base = map_locked()))
		return NULL;
	c->n_free = CHUNK_UNITS;
	chunks[n_chunks++] = c;
	return MRQ_STEAL(c);
}

/* First free run of n units in [from, to); CHUNK_UNITS when there is none. */
static size_t
find_run(const struct chunk *c, size_t from, size_t to, size_t n)
{
	size_t length = 0;

	for (size_t i = from; i < to; i++) {
		length = c->run[i] ? 0 : length + 1;
		if (length == n)
			return i + 1 - n;
	}
	return CHUNK_UNITS;
}

static void *
chunk_alloc(struct chunk *c, size_t n)
{
	if (c->n_free < n)
		return NULL;
	size_t at = find_run(c, c->next, CHUNK_UNITS, n);
	if (at == CHUNK_UNITS)
		at = find_run(c, 0, CHUNK_UNITS, n);
	if (at == CHUNK_UNITS)
		return NULL;

	c->run[at] = (uint16_t)n;
	for (size_t i = 1; i < n; i++)
		c->run[at + i] = INSIDE;
	c->n_free -= n;
	c->next = (at + n) % CHUNK_UNITS;
	return c->base + at * UNIT;
}

void *
mrq_secret_alloc(size_t len)
{
	if (len == 0 || len > CHUNK_BYTES)
		return NULL;
	size_t n = (len + UNIT - 1) / UNIT;

	pthread_mutex_t *lock MRQ_CLEANUP(pthread_mutex_unlock) = &arena_lock;
	(void)pthread_mutex_lock(lock);
	/* The newest chunk is the likeliest to have room. */
	for (size_t i = n_chunks; i > 0; i--) {
		void *p = chunk_alloc(chunks[i - 1], n);
		if (p)
			return p;
	}
	struct chunk *c = add_chunk();
	return c ? chunk_alloc(c, n) : NULL;
}

/* Arena lock held. */
static struct chunk *
chunk_of(const uint8_t *p)
{
	for (size_t i = 0; i < n_chunks; i++) {
		if ((uintptr_t)p - (uintptr_t)chunks[i]->base < CHUNK_BYTES)
			return chunks[i];
	}
	return NULL;
}

void
mrq_secret_free(void *p)
{
	if (!p)
		return;

	pthread_mutex_t *lock MRQ_CLEANUP(pthread_mutex_unlock) = &arena_lock;
	(void)pthread_mutex_lock(lock);
	struct chunk *c = chunk_of(p);
	assert(c);
	size_t at = (size_t)((uint8_t *)p - c->base) / UNIT;
	size_t n = c->run[at];
	assert(n > 0 && n != INSIDE);
	sodium_memzero(p, n * UNIT);
	memset(&c->run[at], 0, n * sizeof(c->run[0]));
	c->n_free += n;
}

enum mrq_status
mrq_secret_buf_init(struct mrq_secret_buf *ret, size_t len, struct mrq_error *err)
{
	uint8_t *data = len < SIZE_MAX ? calloc(1, len + 1) : NULL;

	if (!data)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a secret of %zu bytes",
				len);
	*ret = (struct mrq_secret_buf){ .data = data, .len = len };
	return MRQ_OK;
}

void
mrq_secret_buf_clear(struct mrq_secret_buf *buf)
{
	if (buf->data)
		sodium_memzero(buf->data, buf->len);
	free(buf->data);
	*buf = (struct mrq_secret_buf){ 0 };
}

void
mrq_random(void *ret, size_t len)
{
	uint8_t *to = ret;

	while (len > 0) {
		ssize_t n = getrandom(to, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		/* There is nothing safe to do without randomness. */
		if (n <= 0)
			abort();
		to += n;
		len -= (size_t)n;
	}
}
