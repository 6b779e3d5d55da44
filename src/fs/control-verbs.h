/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_CONTROL_VERBS_H
#define MRQ_FS_CONTROL_VERBS_H

/*
 * The verbs of the control socket: parsing a request, who may ask it, and its answer.  No sockets here.
 * marquefs(8), "CONTROL SOCKET".
 */
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json-doc.h"

#include <marque/control.h>

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MRQ_CONTROL_PATH_MAX      8192u /* bytes of a path in a request */
#define MRQ_CONTROL_DRAIN_DEFAULT 30u   /* seconds */
#define MRQ_CONTROL_DRAIN_MAX     100u  /* seconds; the caller gives up after 120 */

enum mrq_control_verb {
	MRQ_CONTROL_WHY,
	MRQ_CONTROL_STATUS,
	MRQ_CONTROL_COUNTERS,
	MRQ_CONTROL_FLUSH,
	MRQ_CONTROL_RELOAD,
	MRQ_CONTROL_REVOKED,
	MRQ_CONTROL_DRAIN,
};

/** Zero it to begin. */
struct mrq_control_request {
	enum mrq_control_verb verb;
	char *path;       /* why; NULL: any */
	unsigned seconds; /* drain */
};
void mrq_control_request_clear(struct mrq_control_request *request);
MRQ_DEFINE_CLEANUP_VALUE(mrq_control_request_clear, struct mrq_control_request)

/** What stands behind the verbs: the mount, or a test. */
struct mrq_control_ops {
	/** The sentence of the last refusal of uid; path below the mount or NULL. */
	enum mrq_status (*why)(void *arg, uid_t uid, const char *path, char *ret,
			       size_t len, struct mrq_error *err);
	/** These two write members of an object that is begun. */
	enum mrq_status (*status)(void *arg, struct mrq_json_out *out,
				  struct mrq_error *err);
	enum mrq_status (*counters)(void *arg, struct mrq_json_out *out,
				    struct mrq_error *err);
	enum mrq_status (*flush)(void *arg, struct mrq_error *err);
	enum mrq_status (*reload)(void *arg, struct mrq_error *err);
	enum mrq_status (*revoked)(void *arg, struct mrq_error *err);
	enum mrq_status (*drain)(void *arg, unsigned seconds, struct mrq_error *err);
};

struct mrq_control_mount {
	const struct mrq_control_ops *ops;
	void *arg;
	uid_t owner; /* who mounted */
	const char *mount_point;
};

/**
 * Parse a request; strict: unknown verbs and members are refused.
 *
 * Returns MRQ_OK; MRQ_E_FORMAT; MRQ_E_INVAL names the member; MRQ_E_LIMIT; MRQ_E_NOMEM.
 */
MRQ_MUST_CHECK enum mrq_status mrq_control_parse(const char *text, size_t len,
						 struct mrq_control_request *ret,
						 struct mrq_error *err);
/** May it take long, so that it must not be served by the thread that serves all? */
bool mrq_control_is_slow(enum mrq_control_verb verb);
/** MRQ_E_DENIED when uid may not ask this verb of this mount. */
MRQ_MUST_CHECK enum mrq_status mrq_control_allow(const struct mrq_control_mount *mount,
						 uid_t uid, enum mrq_control_verb verb,
						 struct mrq_error *err);
/** Serve a request that is allowed.  The answer, malloc'ed; NULL without memory. */
char *mrq_control_serve(const struct mrq_control_mount *mount, uid_t uid,
			const struct mrq_control_request *request);
/** The answer that says no, malloc'ed; NULL without memory. */
char *mrq_control_refusal(const struct mrq_error *why);

#endif
