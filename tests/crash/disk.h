/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CRASH_DISK_H
#define MRQ_TEST_CRASH_DISK_H

/*
 * A file system as it may be after a power cut.  A history is the log made readable: what
 * each call did to which object.  A disk is a tree of files; that which is durable at one
 * step of a history, and the calls since, of which any part may have reached it:
 *
 *   - of a write any sectors, whatever the order of the writes was, and the growth of
 *     the file with or without them;
 *   - a change of size, a hole, a name: as a whole or not at all.  A rename is one change.
 *
 * A sync of a file makes durable what was done to its bytes before, and no name; that of
 * a folder all changes of names in it, and nothing else.
 */
#include "image.h"
#include "log.h"

#define NO_OBJECT SIZE_MAX

struct object {
	uint64_t ino;
	bool folder;
};

/* A name gets another object, or none. */
struct naming {
	size_t folder, object;
	char *name;
};

struct step {
	const struct crash_record *record;
	size_t object; /* of a call on a file or folder; NO_OBJECT: of a mark */
	struct naming names[2];
	unsigned n_names;
};

struct name {
	size_t folder, object;
	const char *name; /* of the history */
};

struct disk {
	struct image *images; /* by object */
	size_t n_images;
	struct name *names;
	size_t n_names, room;
};

struct history {
	struct object *objects;
	size_t n_objects, objects_room;
	struct step *steps;
	size_t n_steps, steps_room;
	struct disk start; /* before the first step; all durable */
	char **strings;
	size_t n_strings;
};

/** Take the tree at `root` as it is; objects[0] is its root. */
void history_begin(struct history *h, const char *root);
/** Add what a log holds. */
void history_add(struct history *h, const struct crash_log *log);
void history_clear(struct history *h);

void disk_copy(struct disk *to, const struct disk *from);
void disk_clear(struct disk *d);
uint64_t disk_hash(const struct disk *d);
/** Object of a name, or NO_OBJECT. */
size_t disk_find(const struct disk *d, size_t folder, const char *name);
/** The path of a name below the root, "" if it is not reached from there. */
void disk_path(const struct disk *d, const struct name *n,
	       char ret[static CRASH_NAME_MAX]);

/** How much of a step reached the disk. */
enum part {
	PART_NONE,
	PART_ALL,
	PART_SIZE,    /* of a write: the growth alone */
	PART_PAGES,   /* some of its pages of 4096 bytes */
	PART_SECTORS, /* some of its sectors of 512 bytes */
	PART_HEAD,    /* its first pages */
};
void disk_apply(struct disk *d, const struct history *h, size_t step, enum part part,
		uint64_t *seed);

/** What is durable at a step, and what is not yet. */
struct frontier {
	const struct history *h;
	size_t step; /* this many steps were made */
	struct disk durable;
	size_t *pending; /* steps, in order */
	size_t n_pending, room;
	bool forgot; /* a sync failed: the files are not what programs see of them */
};
void frontier_begin(struct frontier *f, const struct history *h);
void frontier_step(struct frontier *f);
void frontier_clear(struct frontier *f);

#endif
