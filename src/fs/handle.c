/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "attach.h"
#include "reply.h"
#include "settle.h"

bool
mrq_handle_writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

enum mrq_request
mrq_handle_request(int flags)
{
	if ((flags & O_ACCMODE) == O_WRONLY && (flags & O_TRUNC))
		return MRQ_REQUEST_REPLACE;
	return mrq_handle_writes(flags) ? MRQ_REQUEST_WRITE : MRQ_REQUEST_READ;
}

enum mrq_status
mrq_fh_new(const struct mrq_call *call, struct mrq_inode *ino,
	   const struct mrq_file *file, struct mrq_handle *right, int flags,
	   struct mrq_fh **ret, struct mrq_error *err)
{
	struct mrq_fh *fh = calloc(1, sizeof(*fh));
	if (!fh)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for an open file");
	fh->ino = ino;
	fh->right = right;
	fh->who = call->who;
	fh->request = mrq_handle_request(flags);
	fh->flags = flags;
	fh->writes = mrq_handle_writes(flags);
	fh->refs = 1;
	(void)pthread_mutex_lock(&ino->lock);
	bool fenced = ino->fence != MRQ_FENCE_NONE;
	bool replaced = ino->file != file;
	if (!fenced && !replaced) {
		fh->listed = true;
		fh->next = ino->handles;
		if (fh->next)
			fh->next->prev = fh;
		ino->handles = fh;
		ino->writers += fh->writes;
	}
	(void)pthread_mutex_unlock(&ino->lock);
	if (fenced || replaced) {
		free(fh);
		return fenced ? mrq_fail_errno(err, ESTALE)
			      : mrq_fail(err, MRQ_E_BUSY, "the file was converted");
	}
	mrq_inode_ref(ino);
	(void)atomic_fetch_add(&call->fs->handles, 1);
	*ret = fh;
	return MRQ_OK;
}

/** Caller holds ino->lock. */
static void
unlist(struct mrq_fh *fh)
{
	struct mrq_inode *ino = fh->ino;
	if (!fh->listed)
		return;
	if (fh->prev)
		fh->prev->next = fh->next;
	else
		ino->handles = fh->next;
	if (fh->next)
		fh->next->prev = fh->prev;
	fh->next = fh->prev = NULL;
	fh->listed = false;
	ino->writers -= fh->writes;
}

void
mrq_fh_unref(struct mrq_fs *fs, struct mrq_fh *fh)
{
	struct mrq_inode *ino = fh->ino;
	(void)pthread_mutex_lock(&ino->lock);
	bool last = --fh->refs == 0;
	(void)pthread_mutex_unlock(&ino->lock);
	if (!last)
		return;
	mrq_handle_free(fh->right);
	mrq_attach_put(fs, ino);
	mrq_inode_unref(fs, ino, 1);
	free(fh);
	(void)atomic_fetch_sub(&fs->handles, 1);
}

void
mrq_fh_close(struct mrq_fs *fs, struct mrq_fh *fh)
{
	struct mrq_inode *ino = fh->ino;
	(void)pthread_mutex_lock(&ino->lock);
	unlist(fh);
	bool unsettled = fh->writes && ino->writers == 0 && ino->file &&
			 ino->fence == MRQ_FENCE_NONE && !mrq_file_settled(ino->file);
	(void)pthread_mutex_unlock(&ino->lock);
	if (unsettled)
		mrq_settle_later(fs, ino);
	mrq_fh_unref(fs, fh);
}

enum mrq_status
mrq_fh_collect(struct mrq_inode *ino, struct mrq_fh ***ret, size_t *ret_n,
	       struct mrq_error *err)
{
	size_t n = 0, i = 0;
	(void)pthread_mutex_lock(&ino->lock);
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &ino->lock;
	(void)held;
	for (struct mrq_fh *fh = ino->handles; fh; fh = fh->next)
		n++;
	struct mrq_fh **list = calloc(n + 1, sizeof(struct mrq_fh *));
	if (!list)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a list of open files");
	for (struct mrq_fh *fh = ino->handles; fh; fh = fh->next) {
		fh->refs++;
		list[i++] = fh;
	}
	*ret = list;
	*ret_n = n;
	return MRQ_OK;
}

enum mrq_status
mrq_fh_recheck(struct mrq_fh *fh, struct mrq_error *err)
{
	struct mrq_inode *ino = fh->ino;
	(void)pthread_mutex_lock(&ino->lock);
	struct mrq_handle *right = fh->checking ? NULL : fh->right;
	fh->checking |= right != NULL;
	(void)pthread_mutex_unlock(&ino->lock);
	if (!right)
		return MRQ_OK;
	enum mrq_status st = mrq_handle_recheck(right, err);
	(void)pthread_mutex_lock(&ino->lock);
	fh->checking = false;
	bool orphan = fh->right != right;
	(void)pthread_mutex_unlock(&ino->lock);
	if (orphan) /* disowned meanwhile: ours to free */
		mrq_handle_free(right);
	return st;
}

void
mrq_fh_disown(struct mrq_inode *ino)
{
	(void)pthread_mutex_lock(&ino->lock);
	for (struct mrq_fh *fh = ino->handles; fh; fh = fh->next) {
		if (!fh->checking)
			mrq_handle_free(fh->right);
		fh->right = NULL;
	}
	(void)pthread_mutex_unlock(&ino->lock);
}
