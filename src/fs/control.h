/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_CONTROL_H
#define MRQ_FS_CONTROL_H

/*
 * The control socket: SOCK_SEQPACKET, mode 0666, one request and one answer per connection, the peer's uid
 * from the kernel.  One thread serves all clients and never waits for one of them; verbs that may
 * take long run one after the other on a second thread.
 */
#include "fs/control-verbs.h"

#define MRQ_CONTROL_CLIENTS_MAX  128  /* at a time; more are told "busy" */
#define MRQ_CONTROL_CLIENTS_ROOT 16   /* of these, kept for root */
#define MRQ_CONTROL_CLIENTS_USER 8    /* of one user */
#define MRQ_CONTROL_PATIENCE_MS  5000 /* for a client to send, or to take the answer */
#define MRQ_CONTROL_NAME_MAX     32   /* bytes of a socket's name with its NUL */

struct mrq_control;

/** Name of the socket of a mount in the owner's runtime folder: "0-53.sock". */
void mrq_control_name(unsigned major, unsigned minor,
		      char ret[static MRQ_CONTROL_NAME_MAX]);

/**
 * Make the socket; a leftover of that name is replaced.  Nobody is served yet.
 *
 * @dirfd  folder of the socket; a copy is kept
 * @name   of the socket in it
 * @mount  copied; ops, arg and mount_point must outlive the control
 *
 * Returns MRQ_OK; MRQ_E_SYS; MRQ_E_NOMEM.
 */
MRQ_MUST_CHECK enum mrq_status mrq_control_new(int dirfd, const char *name,
					       const struct mrq_control_mount *mount,
					       struct mrq_control **ret,
					       struct mrq_error *err);
/** Start both threads; once. */
MRQ_MUST_CHECK enum mrq_status mrq_control_start(struct mrq_control *control,
						 struct mrq_error *err);
/** Ends the job in hand, sends what is answered, removes the socket.  Accepts NULL. */
void mrq_control_free(struct mrq_control *control);
MRQ_DEFINE_CLEANUP(mrq_control_free, struct mrq_control *)

#endif
