/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

struct crash_log *
crash_log_open(const char *path, bool create)
{
	int fd =
		open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_TRUNC : 0), 0600);
	struct crash_log *log = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (!create || ftruncate(fd, (off_t)CRASH_LOG_BYTES) == 0)
		log = mmap(NULL, CRASH_LOG_BYTES, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_NORESERVE, fd, 0);
	(void)close(fd);
	if (log == MAP_FAILED)
		return NULL;
	if (create)
		log->magic = CRASH_LOG_MAGIC;
	return log->magic == CRASH_LOG_MAGIC ? log : NULL;
}

void
crash_log_lock(struct crash_log *log)
{
	while (atomic_exchange(&log->lock, 1))
		(void)sched_yield();
}

void
crash_log_unlock(struct crash_log *log)
{
	atomic_store(&log->lock, 0);
}

void
crash_log_add(struct crash_log *log, const struct crash_record *record,
	      const char *name, const char *name2, const void *data, size_t len)
{
	size_t n1 = name ? strlen(name) : 0, n2 = name2 ? strlen(name2) : 0;
	size_t all = (sizeof(*record) + n1 + n2 + len + 7) / 8 * 8;
	struct crash_record *r =
		(struct crash_record *)(void *)(log->bytes + log->used);

	if (sizeof(*log) + log->used + all > CRASH_LOG_BYTES) {
		atomic_store(&log->overflow, 1);
		return;
	}
	*r = *record;
	r->len = (uint32_t)all;
	r->name_len = (uint16_t)n1;
	r->name2_len = (uint16_t)n2;
	r->data_len = (uint32_t)len;
	if (n1)
		memcpy(r->bytes, name, n1);
	if (n2)
		memcpy(r->bytes + n1, name2, n2);
	if (len && data)
		memcpy(r->bytes + n1 + n2, data, len);
	log->used += all;
	log->n++;
}

const struct crash_record *
crash_log_next(const struct crash_log *log, const struct crash_record *r)
{
	const char *at = r ? (const char *)r + r->len : log->bytes;

	if (at >= log->bytes + log->used)
		return NULL;
	return (const struct crash_record *)(const void *)at;
}

void
crash_log_clear(struct crash_log *log)
{
	log->used = log->n = 0;
}
