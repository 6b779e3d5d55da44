/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CRASH_EXPLORE_H
#define MRQ_TEST_CRASH_EXPLORE_H

/* One state after the other: made, opened, judged. */
#include "disk.h"
#include "guard.h"
#include "outside.h"
#include "promise.h"
#include "reader.h"

#define SEEN_MAX 64u

/* A set of numbers. */
struct hashes {
	uint64_t *slots;
	size_t n, room;
};
/** False when it was there already. */
bool hashes_add(struct hashes *s, uint64_t hash);

/* What was found in the latest image of an object. */
struct memory {
	uint64_t hash; /* of the image */
	bool valid;
	uint8_t *data;
	struct seen seen; /* with `data` and `why` */
	char why[256];
};

struct explorer {
	struct reader *reader;
	const struct history *h;
	struct promises *promises;
	struct guard *guard;
	struct outside *outside; /* who judges instead of the promises */
	struct crash_log *log;   /* of our own recoveries */
	int fds[2];              /* the file to be opened, and a second one */
	uint64_t seed;
	unsigned budget;       /* samples at one step */
	unsigned subsets_max;  /* so many pending calls: all their subsets */
	unsigned cut_recovery; /* one of so many states; 0: none */
	bool stop_at_first;
	bool cut_only; /* no state is that of a killed daemon */

	struct memory *memory; /* by object */
	size_t n_memory;
	struct hashes states, judged;
	uint64_t n_judged, n_recoveries, n_recovery_states, n_violations;
};

/**
 * Open a state in all ways and compare with what is promised after so many steps.
 * Says so when it does not hold; `how` tells how the state came to be.
 */
bool explore_state(struct explorer *e, const struct disk *d, size_t steps,
		   enum power power, const char *how);
/** All states after the steps of a frontier that the budget allows. */
void explore_frontier(struct explorer *e, const struct frontier *f);
/** Recover a state, and cut that off at each of its own steps. */
void explore_recovery(struct explorer *e, const struct frontier *f,
		      const struct disk *state);
/** Is it time to stop? */
bool explore_over(const struct explorer *e);

#endif
