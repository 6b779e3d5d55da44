/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Content of protected and plain files behind one set of calls. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "core/internal.h"

static bool
is_container(const struct mrq_file *file)
{
	return mrq_file_kind_get(file) == MRQ_FILE_PROTECTED;
}

/** Damage found while reading is reported once per failing call. */
static enum mrq_status
watch(struct mrq_file *file, enum mrq_status status, struct mrq_error *err)
{
	if (status == MRQ_E_DAMAGED || status == MRQ_E_ROLLBACK) {
		struct mrq_error unnamed = { .status = status };
		struct mrq_caller nobody = { .uid = (uid_t)-1 };
		mrq_file_report(file, &nobody, status, file->what,
				err ? err : &unnamed);
	}
	return status;
}

enum mrq_status
mrq_file_read(struct mrq_file *file, void *buf, size_t len, uint64_t off,
	      size_t *ret_len, struct mrq_error *err)
{
	struct mrq_error own = { 0 };
	if (!err)
		err = &own;
	if (is_container(file))
		return watch(file,
			     mrq_container_read(file->container, buf, len, off, ret_len,
						err),
			     err);
	return mrq_pread_upto(file->fd, buf, len, (off_t)off, ret_len, file->what, err);
}

enum mrq_status
mrq_file_write(struct mrq_file *file, const void *buf, size_t len, uint64_t off,
	       struct mrq_error *err)
{
	struct mrq_error own = { 0 };
	if (!err)
		err = &own;
	if (is_container(file))
		return watch(file,
			     mrq_container_write(file->container, buf, len, off, err),
			     err);
	return mrq_pwrite_full(file->fd, buf, len, (off_t)off, file->what, err);
}

enum mrq_status
mrq_file_resize(struct mrq_file *file, uint64_t size, struct mrq_error *err)
{
	if (is_container(file))
		return mrq_container_resize(file->container, size, err);
	if (mrq_ftruncate(file->fd, (off_t)size) < 0)
		return mrq_fail_sys(err, "cannot resize '%s'", file->what);
	return MRQ_OK;
}

static enum mrq_status
allocate_container(struct mrq_file *file, int mode, uint64_t off, uint64_t len,
		   struct mrq_error *err)
{
	struct mrq_container *c = file->container;
	struct mrq_container_facts facts;
	mrq_container_facts_get(c, &facts);
	uint64_t end = off + len;
	int what = mode & ~FALLOC_FL_KEEP_SIZE;
	if (what == FALLOC_FL_PUNCH_HOLE && (mode & FALLOC_FL_KEEP_SIZE))
		return mrq_container_punch(c, off, len, err);
	if (what == FALLOC_FL_ZERO_RANGE) {
		uint64_t inside = end < facts.size ? end : facts.size;
		if (off < inside)
			MRQ_TRY(mrq_container_punch(c, off, inside - off, err));
	} else if (what != 0) {
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"'%s' cannot be allocated in that way", file->what);
	}
	MRQ_TRY(mrq_container_reserve(c, off, len, err));
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > facts.size)
		return mrq_container_resize(c, end, err);
	return MRQ_OK;
}

enum mrq_status
mrq_file_allocate(struct mrq_file *file, int mode, uint64_t off, uint64_t len,
		  struct mrq_error *err)
{
	if (off > (uint64_t)MRQ_CONTAINER_SIZE_MAX ||
	    len > (uint64_t)MRQ_CONTAINER_SIZE_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "'%s' cannot grow that far",
				file->what);
	if (is_container(file))
		return allocate_container(file, mode, off, len, err);
	if (mrq_fallocate(file->fd, mode, (off_t)off, (off_t)len) < 0)
		return mrq_fail_sys(err, "cannot allocate in '%s'", file->what);
	return MRQ_OK;
}

enum mrq_status
mrq_file_seek(struct mrq_file *file, uint64_t off, int whence, uint64_t *ret,
	      struct mrq_error *err)
{
	if (is_container(file))
		return mrq_container_seek(
			file->container, off,
			whence == SEEK_DATA ? MRQ_SEEK_DATA : MRQ_SEEK_HOLE, ret, err);
	off_t at = lseek(file->fd, (off_t)off, whence);
	if (at < 0 && errno == ENXIO)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "no such place in '%s'",
				file->what);
	if (at < 0)
		return mrq_fail_sys(err, "cannot seek in '%s'", file->what);
	*ret = (uint64_t)at;
	return MRQ_OK;
}

static void
note_sequence(struct mrq_file *file)
{
	struct mrq_container_facts facts;
	mrq_container_facts_get(file->container, &facts);
	mrq_sequences_note(file->session->sequences, &facts.file_id, facts.sequence,
			   facts.durable);
}

enum mrq_status
mrq_file_commit(struct mrq_file *file, bool durable, struct mrq_error *err)
{
	if (is_container(file)) {
		struct mrq_container_facts facts;
		mrq_container_facts_get(file->container, &facts);
		/* A new file that is still empty waits, so that header and data go in one write. */
		if (!durable && facts.size == 0 && facts.sequence == 0)
			return MRQ_OK;
		MRQ_TRY(mrq_container_commit(
			file->container,
			durable ? MRQ_COMMIT_DURABLE : MRQ_COMMIT_KERNEL, err));
		note_sequence(file);
		return MRQ_OK;
	}
	if (durable && mrq_fdatasync(file->fd) < 0)
		return mrq_fail_sys(err, "cannot sync '%s'", file->what);
	return MRQ_OK;
}

enum mrq_status
mrq_file_settle(struct mrq_file *file, bool durable_already, struct mrq_error *err)
{
	if (!is_container(file) || !mrq_container_unlocked(file->container))
		return MRQ_OK;
	MRQ_TRY(mrq_container_settle(
		file->container,
		durable_already ? MRQ_SETTLE_DURABLE_ALREADY : MRQ_SETTLE_SYNC, err));
	note_sequence(file);
	return MRQ_OK;
}

bool
mrq_file_settled(struct mrq_file *file)
{
	return !is_container(file) || !mrq_container_unlocked(file->container) ||
	       mrq_container_settled(file->container);
}
