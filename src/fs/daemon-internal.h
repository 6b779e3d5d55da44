/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_DAEMON_INTERNAL_H
#define MRQ_FS_DAEMON_INTERNAL_H

/* What the rooms of the daemon share: daemon.c makes and ends it, serve.c runs beside the workers. */
#include "fs/control.h"
#include "fs/fs.h"
#include "fs/options.h"
#include "fs/passphrase.h"
#include "fs/place.h"
#include "fs/ready.h"
#include "fs/unmounter.h"

#include <pthread.h>

MRQ_DEFINE_CLEANUP(mrq_session_free, struct mrq_session *)

struct mrq_daemon {
	const struct mrq_options *options;
	const char *notify_socket; /* $NOTIFY_SOCKET or NULL */
	bool root;
	struct mrq_ready ready;
	struct mrq_place place;
	struct mrq_unmounter *unmounter;
	struct mrq_session *session;
	struct mrq_fs *fs;
	struct fuse_session *se;
	unsigned major, minor; /* st_dev of the mount */
	struct mrq_control *control;
	pthread_t signals;
	bool signals_run;
	atomic_bool
		ending;   /* the workers have ended: the thread of signals is to end */
	atomic_bool gone; /* the mount is unmounted */
};

/** Verbs of the control socket; arg is the struct mrq_daemon. */
extern const struct mrq_control_ops mrq_daemon_control_ops;

/** Block the signals that the thread of signals takes; before any thread starts. */
void mrq_daemon_block_signals(void);
/**
 * Start the thread that waits until the mount answers, reports it ready, and then takes signals.
 */
MRQ_MUST_CHECK enum mrq_status mrq_daemon_start_signals(struct mrq_daemon *d,
							struct mrq_error *err);
/** After mrq_fs_run. */
void mrq_daemon_end_signals(struct mrq_daemon *d);
/** Write what is dirty, unmount (lazily when in use), stop the workers. */
void mrq_daemon_stop(struct mrq_daemon *d);

#endif
