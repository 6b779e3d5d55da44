/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops.h"

/*
 * Absent on purpose: access (default_permissions), flock and POSIX locks (the kernel's own, but for
 * -o shared), bmap, ioctl, poll.
 */
const struct fuse_lowlevel_ops mrq_fs_ops = {
	.init = mrq_op_init,
	.lookup = mrq_op_lookup,
	.forget = mrq_op_forget,
	.forget_multi = mrq_op_forget_multi,
	.getattr = mrq_op_getattr,
	.setattr = mrq_op_setattr,
	.readlink = mrq_op_readlink,
	.mknod = mrq_op_mknod,
	.mkdir = mrq_op_mkdir,
	.unlink = mrq_op_unlink,
	.rmdir = mrq_op_rmdir,
	.symlink = mrq_op_symlink,
	.rename = mrq_op_rename,
	.link = mrq_op_link,
	.open = mrq_op_open,
	.create = mrq_op_create,
	.read = mrq_op_read,
	.write = mrq_op_write,
	.flush = mrq_op_flush,
	.release = mrq_op_release,
	.fsync = mrq_op_fsync,
	.opendir = mrq_op_opendir,
	.readdir = mrq_op_readdir,
	.readdirplus = mrq_op_readdirplus,
	.releasedir = mrq_op_releasedir,
	.fsyncdir = mrq_op_fsyncdir,
	.statfs = mrq_op_statfs,
	.setxattr = mrq_op_setxattr,
	.getxattr = mrq_op_getxattr,
	.listxattr = mrq_op_listxattr,
	.removexattr = mrq_op_removexattr,
	.fallocate = mrq_op_fallocate,
	.lseek = mrq_op_lseek,
	.copy_file_range = mrq_op_copy_file_range,
};
