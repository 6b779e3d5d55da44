/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_ERROR_H
#define MARQUE_ERROR_H

/*
 * Errors: a status to branch on, a sentence for the user.  libmarque.3, "ERRORS".
 */

#define MRQ_API               __attribute__((visibility("default")))
#define MRQ_MUST_CHECK        __attribute__((warn_unused_result))
#define MRQ_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/** What went wrong.  Values are part of the ABI: append only. */
enum mrq_status {
	MRQ_OK = 0,
	MRQ_E_INVAL,       /* an argument makes no sense: a bug or bad usage */
	MRQ_E_NOMEM,       /* out of memory */
	MRQ_E_SYS,         /* a system call failed: see sys_errno */
	MRQ_E_CONFIG,      /* the configuration is wrong */
	MRQ_E_FORMAT,      /* bytes that do not follow their specification */
	MRQ_E_VERSION,     /* a version or algorithm this build does not know */
	MRQ_E_LIMIT,       /* a named limit was exceeded */
	MRQ_E_FORGED,      /* a signature does not verify */
	MRQ_E_DAMAGED,     /* authentication of data failed */
	MRQ_E_ROLLBACK,    /* an older valid version was put back */
	MRQ_E_NOT_FOUND,   /* the object does not exist */
	MRQ_E_EXISTS,      /* the object exists already */
	MRQ_E_BUSY,        /* in use by somebody else */
	MRQ_E_UNSUPPORTED, /* the operation is not offered for this object */
	MRQ_E_PLAIN,       /* the file is not protected */
	MRQ_E_DENIED,      /* a right is missing */
	MRQ_E_POLICY,      /* policy forbids: mandatory label, unjustified downgrade */
	MRQ_E_EXPIRED,     /* the content or its offline period is over */
	MRQ_E_REVOKED,     /* the content was revoked */
	MRQ_E_NO_KEY,      /* the authority is out of reach and nothing is cached */
	MRQ_E_CLOCK,       /* the clock went back: no offline use */
	MRQ_E_AUDIT,       /* the audit record could not be made durable */
	MRQ_E_PASSPHRASE,  /* the passphrase is wrong */
};

/** A failure.  Lives on the caller's stack, needs no free. */
struct mrq_error {
	enum mrq_status status;
	int sys_errno; /* errno of the failed call; 0 when none */
	char msg[512]; /* lower case, no full stop, no secret */
};

/** Name of a status in lower case with dashes ("no-key"); never NULL. */
MRQ_API const char *mrq_status_name(enum mrq_status status);

#endif
