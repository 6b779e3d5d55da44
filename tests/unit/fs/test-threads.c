/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Many threads on few files: every operation at once with settling, withdrawal and conversion.
 * What they find is checked as far as it can be known; the sanitizers look at the rest.
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES   4
#define THREADS 6
#define ROUNDS  1500

static struct rig *the_rig;

struct actor {
	pthread_t thread;
	uint64_t seed;
	unsigned done;
};

static unsigned
pick(struct actor *a, unsigned n)
{
	return (unsigned)(check_next(&a->seed) % n);
}

static void
name_of(struct actor *a, char ret[static 8])
{
	(void)snprintf(ret, 8, "f%u", pick(a, FILES));
}

/** The inode of a name, or NULL: others rename and remove. */
static struct mrq_inode *
look(const char *name)
{
	struct fuse_entry_param e;
	struct mrq_inode *ino;
	if (mrq_do_lookup(the_rig->fs, rig_root(the_rig), name, &e, &ino, NULL) !=
	    MRQ_OK)
		return NULL;
	return ino;
}

/** Every block of every file holds one byte value, whoever wrote it last. */
static void
read_whole_blocks(struct actor *a, struct mrq_fh *fh)
{
	char buf[4096];
	size_t n = 0;
	if (mrq_do_read(fh, buf, sizeof(buf), pick(a, 8) * 4096u, &n, NULL) != MRQ_OK)
		return;
	for (size_t i = 1; i < n; i++)
		if (buf[i] != buf[0])
			fail_msg("a block holds %d and %d", buf[0], buf[i]);
	a->done++;
}

static void
write_block(struct actor *a, const struct mrq_call *call, struct mrq_fh *fh)
{
	char buf[4096];
	memset(buf, 1 + (int)pick(a, 100), sizeof(buf));
	if (mrq_do_write(call, fh, MRQ_WRITE_PROGRAM, buf, sizeof(buf),
			 pick(a, 8) * 4096u, NULL) == MRQ_OK)
		a->done++;
}

static void
use_file(struct actor *a, const struct mrq_call *call)
{
	char name[8];
	struct mrq_fh *fh;
	name_of(a, name);
	struct mrq_inode *ino = look(name);
	if (!ino)
		return;
	bool writes = pick(a, 2);
	if (mrq_do_open(call, ino, writes ? O_RDWR : O_RDONLY, &fh, NULL) == MRQ_OK) {
		for (unsigned i = pick(a, 6); i > 0; i--) {
			if (writes && pick(a, 2))
				write_block(a, call, fh);
			else
				read_whole_blocks(a, fh);
		}
		enum mrq_status st = pick(a, 2) ? mrq_do_flush(fh, NULL)
						: mrq_do_fsync(fh, pick(a, 2), NULL);
		a->done += st == MRQ_OK;
		mrq_fh_close(the_rig->fs, fh);
	}
	rig_drop(the_rig, ino);
}

static void
make_file(struct actor *a, const struct mrq_call *call)
{
	char name[8];
	struct fuse_entry_param e;
	struct mrq_fh *fh;
	name_of(a, name);
	if (mrq_do_create(call, rig_root(the_rig), name, 0666, O_RDWR, &e, &fh, NULL) !=
	    MRQ_OK)
		return;
	struct mrq_inode *ino = fh->ino;
	write_block(a, call, fh);
	mrq_fh_close(the_rig->fs, fh);
	rig_drop(the_rig, ino);
}

static void
change_names(struct actor *a, const struct mrq_call *call)
{
	char from[8], to[8];
	unsigned flags = pick(a, 3) == 0 ? RENAME_EXCHANGE : 0;
	name_of(a, from);
	name_of(a, to);
	enum mrq_status st =
		pick(a, 4) == 0 ? mrq_do_unlink(call, rig_root(the_rig), from, NULL)
				: mrq_do_rename(call, rig_root(the_rig), from,
						rig_root(the_rig), to, flags, NULL);
	a->done += st == MRQ_OK;
}

static void
change_label(struct actor *a, const struct mrq_call *call)
{
	static const char *const values[] = { "General", "Confidential/All Employees",
					      ";justification=test" };
	char name[8];
	name_of(a, name);
	struct mrq_inode *ino = look(name);
	if (!ino)
		return;
	const char *value = values[pick(a, 3)];
	enum mrq_status st = mrq_do_setxattr(call, ino, "user.marque.label", value,
					     strlen(value), 0, NULL);
	a->done += st == MRQ_OK;
	rig_drop(the_rig, ino);
}

static void
change_attributes(struct actor *a, const struct mrq_call *call)
{
	char name[8];
	struct stat st,
		attr = { .st_size = pick(a, 9) * 4096, .st_mode = S_IFREG | 0666 };
	name_of(a, name);
	struct mrq_inode *ino = look(name);
	if (!ino)
		return;
	int set = pick(a, 2) ? FUSE_SET_ATTR_SIZE : FUSE_SET_ATTR_MODE;
	enum mrq_status s = mrq_do_setattr(call, ino, NULL, &attr, set, &st, NULL);
	a->done += s == MRQ_OK;
	s = mrq_do_getattr(the_rig->fs, ino, &st, NULL);
	a->done += s == MRQ_OK;
	rig_drop(the_rig, ino);
}

static void
fence_one(struct actor *a)
{
	char name[8];
	name_of(a, name);
	struct mrq_inode *ino = look(name);
	if (!ino)
		return;
	mrq_fence_begin(the_rig->fs, ino, MRQ_E_REVOKED, NULL);
	rig_drop(the_rig, ino);
}

static void *
act(void *arg)
{
	struct actor *a = arg;
	struct mrq_call call = rig_call(the_rig, getuid());
	call.who.gid = getgid();
	for (int i = 0; i < ROUNDS; i++) {
		unsigned what = pick(a, 100);
		if (what < 50)
			use_file(a, &call);
		else if (what < 65)
			make_file(a, &call);
		else if (what < 80)
			change_names(a, &call);
		else if (what < 85)
			change_label(a, &call);
		else if (what < 95)
			change_attributes(a, &call);
		else if (what < 97)
			fence_one(a);
		else if (what < 99)
			mrq_fs_recheck(the_rig->fs);
		else
			a->done += mrq_fs_flush(the_rig->fs, NULL) == MRQ_OK;
	}
	return NULL;
}

static void
everything_at_once(void **state)
{
	struct actor actors[THREADS] = { { .seed = 0 } };
	unsigned done = 0;
	const char *given = getenv("MARQUE_SEED"); /* to look for more */
	uint64_t seed = given ? strtoull(given, NULL, 10) : 1000;
	the_rig = *state;
	for (unsigned i = 0; i < THREADS; i++) {
		actors[i].seed = seed + i;
		assert_int_equal(
			pthread_create(&actors[i].thread, NULL, act, &actors[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		(void)pthread_join(actors[i].thread, NULL);
		done += actors[i].done;
	}
	assert_true(done > ROUNDS);
	struct mrq_error err = { 0 };
	struct mrq_fs_counters count;
	check_ok(mrq_fs_flush(the_rig->fs, &err), &err);
	mrq_fs_count(the_rig->fs, &count);
	assert_int_equal(count.handles, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everything_at_once, rig_setup,
						rig_teardown),
	};
	return CHECK_MAIN(tests);
}
