/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_FORMAT_HISTORY_H
#define MRQ_TEST_FORMAT_HISTORY_H

/*
 * A random run on one container that remembers the content after each step, and how
 * much the steps promised: what tests of crashes and failures compare with.
 */
#include "fixture.h"
#include "shim.h"

#define HISTORY_STEPS_MAX 80u

struct history_plan {
	uint32_t block_size;
	uint64_t size_max; /* bytes of plaintext */
	unsigned steps;
	unsigned lazy;        /* so many steps at the beginning commit nothing */
	uint32_t licence_max; /* bytes */
};

enum promise { PROMISE_NONE, PROMISE_KERNEL, PROMISE_DURABLE };

struct version {
	uint8_t *data; /* size_max bytes */
	uint64_t size;
	size_t ops;           /* calls recorded when the step had returned */
	enum promise promise; /* by the step: this and all before */
};

struct history {
	const struct history_plan *plan;
	uint64_t seed;
	int fd;
	struct mrq_container *c;
	struct version versions[HISTORY_STEPS_MAX + 1];
	size_t n; /* versions[0]: no file yet */
};

/** Begin with a new container; nothing is committed. */
void history_begin(struct history *h, const struct history_plan *plan, uint64_t seed);
bool history_over(const struct history *h);
void history_end(struct history *h);
/**
 * One step; `s` of the call is returned and, when it is a failure, the content is read
 * back and must be, block by block, that before or after.
 */
enum mrq_status history_step(struct history *h);

/**
 * The content of a container is that of a version in [from, to]; when not `whole`, each
 * block by itself may be of any of them, or zeros if `or_zeros`.
 */
bool history_matches(const struct history *h, struct mrq_container *c, size_t from,
		     size_t to, bool whole, bool or_zeros);

#endif
