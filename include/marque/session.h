/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_SESSION_H
#define MARQUE_SESSION_H

/*
 * The session: configuration, authority, licence cache, audit log and the decisions that join
 * them.  A mount has one, a command has one.  Thread-safe unless a function says otherwise.
 */
#include <marque/audit.h>
#include <marque/error.h>
#include <marque/rights.h>
#include <marque/types.h>

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct mrq_session;

enum mrq_session_keys {
	MRQ_SESSION_CLEAR, /* clear facts, labels, audit reading; no organisation key */
	MRQ_SESSION_KEYS, /* opens the organisation's key: root, or the owner of the state */
};

/** NULL and 0 members take their defaults (marque(1), "FILES"). */
struct mrq_session_options {
	const char
		*state_dir; /* /var/lib/marque as root, else $XDG_STATE_HOME/marque: the
				    program resolves it, the library does not read the environment */
	const char
		*config_file; /* /etc/marque/marque.conf or the user's; may be absent */
	enum mrq_session_keys keys;
	const void *
		passphrase; /* bytes; NULL when the authority is sealed to the machine */
	size_t passphrase_len;
	const char *
		mount_point; /* for audit records and directory defaults; NULL outside a mount */
	const char *source;        /* of the mount */
	int64_t (*now)(void *arg); /* Unix seconds; NULL: the system's clock */
	void *now_arg;
};

/**
 * Open a session.  MRQ_E_NOT_FOUND when there is no authority (says how to make one); MRQ_E_CONFIG
 * names file and line; MRQ_E_PASSPHRASE; MRQ_E_DAMAGED names the file and what to do.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_session_open(const struct mrq_session_options *options, struct mrq_session **ret,
		 struct mrq_error *err);
/** Stops its threads, stores sequences, writes the audit checkpoint.  Accepts NULL. */
MRQ_API void mrq_session_free(struct mrq_session *session);

/** Settings that a front acts on; valid as long as the session. */
struct mrq_settings {
	bool plain_show;       /* plain files readable by POSIX rules, else EACCES */
	uint32_t block_size;   /* bytes, of new files */
	uint32_t poll_seconds; /* revocation and policy poll */
	const char *audit_path;
	const char *org;
	const char *state_dir;
	const char *audit_public_key; /* JWK of the audit key; NULL when unknown */
};
MRQ_API const struct mrq_settings *
mrq_session_settings(const struct mrq_session *session);

/** Who asks, as the kernel says it. */
struct mrq_caller {
	uid_t uid;
	gid_t gid;
	pid_t pid; /* of the thread; 0: unknown, then an ordinary program */
};
/** The calling process itself. */
MRQ_API struct mrq_caller mrq_caller_self(void);

/** The mail a uid maps to; MRQ_E_DENIED for uid -1 or one without a rule. */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_session_principal(struct mrq_session *session, uid_t uid,
		      char ret[static MRQ_MAIL_MAX + 1], struct mrq_error *err);

/** The last refusal of a uid (for a path below the mount, or any when NULL), as one sentence and
 * what to do.  MRQ_E_NOT_FOUND when there was none. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_session_why(struct mrq_session *session,
						       uid_t uid, const char *path,
						       char *ret, size_t len,
						       struct mrq_error *err);

/** Add a record; session fills in host, mount, principal and program from the caller. */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_session_audit(struct mrq_session *session, const struct mrq_caller *caller,
		  const struct mrq_audit_record *record, struct mrq_error *err);

/**
 * Called from the session's poll thread, without any lock, when rights may have been withdrawn or
 * given (revocation, expiry, policy edit): the front then asks mrq_handle_recheck for each handle.
 */
typedef void (*mrq_withdraw_hook)(void *arg);
/** Start the poll thread (also sweeps the cache and stores sequences).  Once per session, after
 * daemonising. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_session_start(struct mrq_session *session,
							 mrq_withdraw_hook hook,
							 void *arg,
							 struct mrq_error *err);
/**
 * End the poll thread and wait for it: the hook is not called any more.  For who frees what the
 * hook looks at; mrq_session_free does it too.  Without a thread it does nothing.
 */
MRQ_API void mrq_session_stop(struct mrq_session *session);
/** Poll now, and wait for it (revoke, reload). */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_session_poll(struct mrq_session *session,
							struct mrq_error *err);
/** Read the configuration again; on an error the old one stays. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_session_reload(struct mrq_session *session,
							  struct mrq_error *err);

/** Counters for tests and `marque doctor`: JSON object, malloc'ed (public-key operations, licences
 * published and used, cache hits, decisions, ...). */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_session_counters(struct mrq_session *session, char **ret, struct mrq_error *err);

/* ---- revocation, tracking, licences in the cache ---- */

/** what: a content id, "file:" and a file id, or the path of a protected file.  The caller must be
 * root, the owner or the issuer. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_revoke(struct mrq_session *session,
						  const struct mrq_caller *caller,
						  const char *what, bool only_file,
						  struct mrq_error *err);
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_unrevoke(struct mrq_session *session,
						    const struct mrq_caller *caller,
						    const char *what, bool only_file,
						    struct mrq_error *err);
/** Licences in the cache as a JSON array, malloc'ed; no keys. */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_cache_list_json(struct mrq_session *session, char **ret, struct mrq_error *err);
/** Forget cached licences of one mail, or all (NULL); *ret_n tells how many. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_cache_forget(struct mrq_session *session,
							const char *mail, size_t *ret_n,
							struct mrq_error *err);

#endif
