/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/statvfs.h>

#include "loop.h"
#include "ops.h"

#define READAHEAD_MAX   (1024u * 1024u) /* bytes */
#define BACKGROUND_MAX  64u
#define BACKGROUND_BUSY 48u

static void
want(struct fuse_conn_info *conn, unsigned flag, bool yes)
{
	if (yes && (conn->capable & flag))
		conn->want |= flag;
	else
		conn->want &= ~flag;
}

void
mrq_op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct mrq_fs *fs = userdata;
	bool cached = !fs->options.shared;
	want(conn, FUSE_CAP_WRITEBACK_CACHE, cached && !fs->options.read_only);
	want(conn, FUSE_CAP_AUTO_INVAL_DATA, !cached);
	want(conn, FUSE_CAP_EXPLICIT_INVAL_DATA, false);
	want(conn, FUSE_CAP_ATOMIC_O_TRUNC, true);
	want(conn, FUSE_CAP_POSIX_ACL, fs->root);
	want(conn, FUSE_CAP_DONT_MASK,
	     true); /* creds.h: the umask goes with the caller */
	want(conn, FUSE_CAP_HANDLE_KILLPRIV, true); /* loop.c makes it version 2 */
	want(conn, FUSE_CAP_READDIRPLUS, true);
	want(conn, FUSE_CAP_READDIRPLUS_AUTO, true);
	want(conn, FUSE_CAP_PARALLEL_DIROPS, true);
	want(conn, FUSE_CAP_ASYNC_READ, true);
	want(conn, FUSE_CAP_ASYNC_DIO, true);
	want(conn, FUSE_CAP_CACHE_SYMLINKS, cached);
	want(conn,
	     FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
		     FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_NO_OPEN_SUPPORT |
		     FUSE_CAP_NO_OPENDIR_SUPPORT,
	     false);
	conn->max_write = MRQ_FS_IO_MAX;
	conn->max_readahead = READAHEAD_MAX;
	conn->max_background = BACKGROUND_MAX;
	conn->congestion_threshold = BACKGROUND_BUSY;
	conn->time_gran = 1;
	atomic_store(&fs->writeback, (conn->want & FUSE_CAP_WRITEBACK_CACHE) != 0);
}

void
mrq_op_statfs(fuse_req_t req, fuse_ino_t id)
{
	struct mrq_fs *fs = fuse_req_userdata(req);
	struct statvfs st;
	if (fstatvfs(mrq_inode_of(fs, id)->fd, &st) < 0)
		(void)fuse_reply_err(req, errno);
	else
		(void)fuse_reply_statfs(req, &st);
}
