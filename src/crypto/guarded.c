/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guarded.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <sodium.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PAGE MRQ_GUARDED_MAX

void *
mrq_hidden_map(void *at, size_t len)
{
#ifdef SYS_memfd_secret
	int fd MRQ_CLEANUP(mrq_close) = (int)syscall(SYS_memfd_secret, O_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)len) < 0)
		return NULL;
	void *p = mmap(at, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | (at ? MAP_FIXED : 0), fd, 0);
	return p == MAP_FAILED ? NULL : p;
#else
	(void)at;
	(void)len;
	return NULL;
#endif
}

/* The bytes end where the page does, so that a read too far is a fault. */
static uint8_t *
hidden_new(size_t len)
{
	uint8_t *p = mmap(NULL, 3 * (size_t)PAGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (sysconf(_SC_PAGESIZE) != PAGE || !mrq_hidden_map(p + PAGE, PAGE)) {
		(void)munmap(p, 3 * (size_t)PAGE);
		return NULL;
	}
	return p + 2 * (size_t)PAGE - len;
}

/* Where a page begins that ends behind len bytes. */
static uint8_t *
page_of(uint8_t *bytes)
{
	return bytes - (uintptr_t)bytes % PAGE;
}

void
mrq_guarded_init(struct mrq_guarded *ret, size_t len)
{
	*ret = (struct mrq_guarded){ .bytes = NULL };
	if (len == 0 || len > PAGE)
		return;
	ret->bytes = hidden_new(len);
	ret->hidden = ret->bytes != NULL;
	if (ret->hidden)
		return;
	ret->bytes = sodium_malloc(len);
	if (ret->bytes)
		sodium_memzero(ret->bytes, len);
}

bool
mrq_guarded_set(const struct mrq_guarded *g, enum mrq_guard to)
{
	static const int access[] = {
		[MRQ_GUARD_CLOSED] = PROT_NONE,
		[MRQ_GUARD_READ] = PROT_READ,
		[MRQ_GUARD_WRITE] = PROT_READ | PROT_WRITE,
	};
	static int (*const of_sodium[])(void *) = {
		[MRQ_GUARD_CLOSED] = sodium_mprotect_noaccess,
		[MRQ_GUARD_READ] = sodium_mprotect_readonly,
		[MRQ_GUARD_WRITE] = sodium_mprotect_readwrite,
	};

	if (!g->hidden)
		return of_sodium[to](g->bytes) == 0;
	return mprotect(page_of(g->bytes), PAGE, access[to]) == 0;
}

void
mrq_guarded_clear(struct mrq_guarded *g)
{
	if (g->hidden) {
		uint8_t *page = page_of(g->bytes);
		if (mrq_guarded_set(g, MRQ_GUARD_WRITE))
			sodium_memzero(page, PAGE);
		(void)munmap(page - PAGE, 3 * (size_t)PAGE);
	} else {
		sodium_free(g->bytes); /* wipes it */
	}
	*g = (struct mrq_guarded){ .bytes = NULL };
}
