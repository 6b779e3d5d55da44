/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reply.h"

#include <errno.h>

/* No default: a new status does not compile until it has its errno here. */
int
mrq_reply_errno(enum mrq_status status, const struct mrq_error *err)
{
	switch (status) {
	case MRQ_OK:
		return 0;
	case MRQ_E_SYS:
		return err && err->sys_errno ? err->sys_errno : EIO;
	case MRQ_E_INVAL:
		return EINVAL;
	case MRQ_E_NOMEM:
		return ENOMEM;
	case MRQ_E_CONFIG:
		return EINVAL;
	case MRQ_E_FORMAT:
	case MRQ_E_VERSION:
	case MRQ_E_FORGED:
	case MRQ_E_DAMAGED:
	case MRQ_E_ROLLBACK:
		return EIO;
	case MRQ_E_LIMIT:
		return EFBIG;
	case MRQ_E_NOT_FOUND:
		return ENODATA;
	case MRQ_E_EXISTS:
		return EEXIST;
	case MRQ_E_BUSY:
		return EBUSY;
	case MRQ_E_UNSUPPORTED:
		return EOPNOTSUPP;
	case MRQ_E_PLAIN:
		return ENODATA;
	case MRQ_E_DENIED:
	case MRQ_E_AUDIT:
		return EACCES;
	case MRQ_E_POLICY:
		return EPERM;
	case MRQ_E_EXPIRED:
		return EKEYEXPIRED;
	case MRQ_E_REVOKED:
		return EKEYREVOKED;
	case MRQ_E_NO_KEY:
	case MRQ_E_CLOCK:
	case MRQ_E_PASSPHRASE:
		return ENOKEY;
	}
	return EIO;
}

void
mrq_reply_status(fuse_req_t req, enum mrq_status status, const struct mrq_error *err)
{
	(void)fuse_reply_err(req, mrq_reply_errno(status, err));
}

enum mrq_status
mrq_fail_errno(struct mrq_error *err, int sys_errno)
{
	if (err) {
		err->status = MRQ_E_SYS;
		err->sys_errno = sys_errno;
		err->msg[0] = '\0';
	}
	return MRQ_E_SYS;
}
