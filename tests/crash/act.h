/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CRASH_ACT_H
#define MRQ_TEST_CRASH_ACT_H

/*
 * What a program does on the mount, and tells the log of: a WILL mark before each call, a
 * mark for each promise after the call that gives it.  Any failure ends the program.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct act_file {
	uint64_t number;
	int fd;
};

/** Open a file for writing and truncate it at once; it has a number. */
struct act_file act_truncate(const char *path, uint64_t number);
/** A file that has no name until act_name. */
struct act_file act_make_nameless(void);
void act_name(struct act_file *f, const char *path);
/** A file of the setup: written before the recorder is there. */
struct act_file act_found(const char *path);
/** The same file, opened again. */
struct act_file act_again(const char *path, uint64_t number);
struct act_file act_make(const char *path);
void act_write(struct act_file *f, uint64_t off, size_t len);
/** Through a descriptor with O_DSYNC, or by a shared mapping and msync; both are durable. */
void act_write_synced(struct act_file *f, const char *path, uint64_t off, size_t len);
void act_write_mapped(struct act_file *f, uint64_t off, size_t len);
/** A random number below n. */
unsigned act_random(unsigned n);
void act_append(struct act_file *f, size_t len);
void act_resize(struct act_file *f, uint64_t size);
/** Reserve space, and grow to it. */
void act_reserve(struct act_file *f, uint64_t off, uint64_t len);
void act_zero(struct act_file *f, uint64_t off, uint64_t len);
void act_punch(struct act_file *f, uint64_t off, uint64_t len);
void act_sync(struct act_file *f);
void act_close(struct act_file *f);
void act_label(struct act_file *f, const char *label);
void act_rename(const char *from, const char *to);
void act_exchange(const char *a, const char *b);
void act_link(const char *from, const char *to);
void act_unlink(const char *path);
/** Sync the root of the mount. */
void act_sync_names(void);
/** Have the daemon bring all files to rest. */
void act_settle(void);
/** Have the daemon store what it knows of its files. */
void act_poll(void);

/** The daemon is killed, and mounts again: no file is open. */
void act_remount(void);
/** From here on plaintext may be written to the source tree. */
void act_reveal(void);
/** Unmount for good; afterwards act_marque works in the source tree. */
void act_unmount(void);
/** A verb of marque, with its arguments, that may give a file another label. */
void act_marque(struct act_file *f, const char *verb, const char *path);

struct act_found {
	const char *path; /* "plain..." is not protected */
	size_t size;
};
struct act_work {
	const char *name;
	struct act_found found[4]; /* ended by a path of NULL */
	void (*run)(void);
};
extern const struct act_work act_works[];
extern const size_t act_n_works;

#endif
