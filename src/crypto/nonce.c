/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nonces, bought from the kernel in small batches.  Invariants:
 * (1) a nonce leaves its batch when it is handed out, and is wiped there;
 * (2) a batch belongs to one thread, and a fork gives the child an empty one (the page is
 *     MADV_WIPEONFORK: left == 0);
 * (3) a batch older than a second is dropped, which bounds what a cloned machine can repeat.
 */
#include <sys/mman.h>

#include "base/clock.h"
#include "block.h"
#include "internal.h"

#include <string.h>

#define BATCH    64
#define BATCH_NS INT64_C(1000000000)

struct batch {
	int64_t born_ns;
	size_t left;
	uint8_t nonces[BATCH][MRQ_NONCE_BYTES];
};

static _Thread_local struct batch *own;
static pthread_key_t own_key;
static pthread_once_t own_once = PTHREAD_ONCE_INIT;
static int own_key_failed;

static void
batch_exit(void *p)
{
	own = NULL;
	mrq_wipe(p, sizeof(struct batch));
	(void)munmap(p, sizeof(struct batch));
}

static void
make_key(void)
{
	own_key_failed = pthread_key_create(&own_key, batch_exit);
}

static struct batch *
batch_new(void)
{
	(void)pthread_once(&own_once, make_key);
	if (own_key_failed)
		return NULL;
	void *p = mmap(NULL, sizeof(struct batch), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, sizeof(struct batch), MADV_WIPEONFORK) < 0 ||
	    pthread_setspecific(own_key, p) != 0) {
		(void)munmap(p, sizeof(struct batch));
		return NULL;
	}
	return p;
}

void
mrq_nonce_take(uint8_t *ret)
{
	if (!own && !(own = batch_new())) {
		mrq_random(ret, MRQ_NONCE_BYTES);
		return;
	}

	struct batch *b = own;
	int64_t now = mrq_clock_monotonic_ns();
	if (b->left == 0 || now - b->born_ns >= BATCH_NS) {
		mrq_random(b->nonces, sizeof(b->nonces));
		b->left = BATCH;
		b->born_ns = now;
	}
	uint8_t *nonce = b->nonces[--b->left];
	memcpy(ret, nonce, MRQ_NONCE_BYTES);
	mrq_wipe(nonce, MRQ_NONCE_BYTES);
}
