/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/statvfs.h>

#include "loop.h"
#include "ops.h"
#include "reply.h"

#define READ_AHEAD_MAX	(1024u * 1024u)
#define BACKGROUND_MAX	64u
#define CONGESTION_FROM 48u

static bool
want(struct fuse_conn_info *conn, unsigned capability)
{
	if (!(conn->capable & capability))
		return false;
	conn->want |= capability;
	return true;
}

void
mrq_op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct mrq_fs *fs = userdata;
	conn->want = 0;
	(void)want(conn, FUSE_CAP_ASYNC_READ);
	(void)want(conn, FUSE_CAP_PARALLEL_DIROPS);
	(void)want(conn, FUSE_CAP_ATOMIC_O_TRUNC);
	(void)want(conn, FUSE_CAP_ASYNC_DIO);
	if (want(conn, FUSE_CAP_READDIRPLUS))
		(void)want(conn, FUSE_CAP_READDIRPLUS_AUTO);
	if (!fs->options.shared)
		fs->writeback = want(conn, FUSE_CAP_WRITEBACK_CACHE);
	if (fs->root)
		(void)want(conn, FUSE_CAP_POSIX_ACL);
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
	fs->killpriv_v2 = want(conn, FUSE_CAP_HANDLE_KILLPRIV_V2);
#endif
	if (!fs->killpriv_v2)
		(void)want(conn, FUSE_CAP_HANDLE_KILLPRIV);
	conn->max_write = MRQ_FS_IO_MAX;
	conn->max_readahead = READ_AHEAD_MAX;
	conn->max_background = BACKGROUND_MAX;
	conn->congestion_threshold = CONGESTION_FROM;
	conn->time_gran = 1;
}

void
mrq_op_statfs(fuse_req_t req, fuse_ino_t id)
{
	struct mrq_fs *fs = fuse_req_userdata(req);
	struct statvfs st;
	if (fstatvfs(mrq_inode_of(fs, id)->fd, &st) == 0)
		(void)fuse_reply_statfs(req, &st);
	else
		(void)fuse_reply_err(req, errno);
}
