/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_FORMAT_SHIM_H
#define MRQ_TEST_FORMAT_SHIM_H

/*
 * Stands between format/ and the system (-Wl,--wrap): records what is done to one file,
 * so that a test can build the file as it was, or could be, at any instant; and lets
 * one call fail.
 */
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIM_SECTOR 512u

enum shim_kind { SHIM_WRITE, SHIM_SYNC, SHIM_TRUNCATE, SHIM_PUNCH, SHIM_MEMORY };

struct shim_op {
	enum shim_kind kind;
	uint64_t off, len; /* TRUNCATE: len is the new length */
	uint8_t *data;     /* WRITE */
};

/** Forget all and record what happens to fd from now on; -1: nothing. */
void shim_record(int fd);
size_t shim_ops(void);
const struct shim_op *shim_op(size_t i);

/**
 * Let call number n (from 0) of the recorded file fail with this errno; when `torn`, a
 * write leaves half its sectors behind.  `kind` selects which calls are counted.
 */
void shim_fail(enum shim_kind kind, size_t n, int with, bool torn);
/**
 * Memory (malloc, calloc, realloc) is counted, and can fail, only between true and
 * false.
 */
void shim_watch_memory(bool watch);
/** True when it has failed since. */
bool shim_has_failed(void);

/**
 * Do to another file what an operation did.  `keep` decides on each sector; NULL: all.
 */
typedef bool (*shim_keep)(void *arg);
void shim_apply(int fd, const struct shim_op *op, shim_keep keep, void *arg);

#endif
