/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_FILE_H
#define MARQUE_FILE_H

/*
 * Protected files: facts in the clear, decisions, reading and writing.  One struct mrq_file stands
 * for one inode of the source tree, however many handles are open on it.  Thread-safe.
 */
#include <marque/session.h>

enum mrq_file_kind {
	MRQ_FILE_PLAIN, /* not protected */
	MRQ_FILE_EMPTY, /* 0 bytes in the source: becomes protected when written */
	MRQ_FILE_PROTECTED,
	MRQ_FILE_DAMAGED, /* a container whose header is broken: every open is EIO */
};

/** What can be said without a key. */
struct mrq_facts {
	enum mrq_file_kind kind;
	uint64_t size; /* bytes of plaintext; of the file itself when plain */
	struct mrq_guid file_id, content_id, label_id;
	char owner[MRQ_MAIL_MAX + 1];
	char format[16]; /* driver name, "" when plain */
	int64_t created;
};

/** Facts of an open descriptor (one read). MRQ_OK also for plain and damaged files. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_facts_load(struct mrq_session *session,
						      int fd, const char *path,
						      struct mrq_facts *ret,
						      struct mrq_error *err);

struct mrq_file;

/**
 * Attach to a file of the source tree.  fd is taken over on success; open it O_RDWR when the
 * source is writable (recovery and writes need it), else O_RDONLY.  Plain files attach too:
 * reads and writes then pass through.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_file_attach(struct mrq_session *session,
						       int fd, const char *path,
						       struct mrq_file **ret,
						       struct mrq_error *err);

/** As mrq_file_attach for a file just made (0 bytes, O_RDWR): MRQ_FILE_EMPTY, not looked at. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_file_attach_new(struct mrq_session *session,
							   int fd, const char *path,
							   struct mrq_file **ret,
							   struct mrq_error *err);

/**
 * Label an empty file as its maker, caller, at path below the mount: by directory default, user's
 * default, policy default, and at least what the process has read.  The caller becomes owner and
 * issuer.  Without any label and not mandatory: a plain file.  Nothing when somebody else wrote to
 * it first.  MRQ_E_POLICY when labelling is mandatory and there is no default; the caller then
 * removes the file.  Audited.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_file_create(struct mrq_file *file,
						       const struct mrq_caller *caller,
						       const char *path,
						       struct mrq_error *err);
/** Asks the label rule alone, before the file is made; as mrq_file_create. */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_file_create_allowed(struct mrq_session *session, const struct mrq_caller *caller,
			const char *path, struct mrq_error *err);

/**
 * Change nothing of the file from now on, for another object takes it over (settle first): later
 * changes give MRQ_E_BUSY.  Reading goes on.
 */
MRQ_API void mrq_file_freeze(struct mrq_file *file);
/** Detach; writes nothing (settle first).  Accepts NULL. */
MRQ_API void mrq_file_free(struct mrq_file *file);

MRQ_API void mrq_file_facts(struct mrq_file *file, struct mrq_facts *ret);
/** The backing descriptor, borrowed. */
MRQ_API int mrq_file_fd(const struct mrq_file *file);

/* ---- opening: where rights are decided ---- */

struct mrq_handle;

/**
 * Decide on an open and audit it.  On MRQ_OK the file is unlocked and *ret is a handle that keeps it so.
 * Records what the process has read, and raises the label of files it has open for writing.
 *
 * @path for audit and `why`; below the mount
 *
 * Returns MRQ_OK; MRQ_E_DENIED; MRQ_E_POLICY; MRQ_E_EXPIRED; MRQ_E_REVOKED; MRQ_E_NO_KEY; MRQ_E_CLOCK;
 * MRQ_E_AUDIT; MRQ_E_DAMAGED; MRQ_E_ROLLBACK; MRQ_E_SYS; MRQ_E_NOMEM.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_file_open(struct mrq_file *file, const struct mrq_caller *caller,
	      enum mrq_request request, const char *path, struct mrq_handle **ret,
	      struct mrq_error *err);
/** Does this handle's right still hold now?  As mrq_file_open, not audited when unchanged. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_handle_recheck(struct mrq_handle *handle,
							  struct mrq_error *err);
MRQ_API void mrq_handle_free(struct mrq_handle *handle);

/** A decision without a handle (truncate by path, rename onto), audited. */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_file_check(struct mrq_file *file, const struct mrq_caller *caller,
	       enum mrq_request request, const char *path, struct mrq_error *err);

/* ---- content: only between open and the last handle's free ---- */

MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_file_read(struct mrq_file *file, void *buf,
						     size_t len, uint64_t off,
						     size_t *ret_len,
						     struct mrq_error *err);
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_file_write(struct mrq_file *file,
						      const void *buf, size_t len,
						      uint64_t off,
						      struct mrq_error *err);
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_file_resize(struct mrq_file *file, uint64_t size, struct mrq_error *err);
/** mode: that of fallocate(2): 0, KEEP_SIZE, PUNCH_HOLE|KEEP_SIZE, ZERO_RANGE; else UNSUPPORTED. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_file_allocate(struct mrq_file *file,
							 int mode, uint64_t off,
							 uint64_t len,
							 struct mrq_error *err);
/** whence: SEEK_DATA or SEEK_HOLE; MRQ_E_NOT_FOUND beyond the end. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_file_seek(struct mrq_file *file,
						     uint64_t off, int whence,
						     uint64_t *ret,
						     struct mrq_error *err);
/** What was written is in the kernel (durable false) or on the disk (true). */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_file_commit(struct mrq_file *file, bool durable, struct mrq_error *err);
/** Bring the file to rest (journal applied and dropped). */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_file_settle(struct mrq_file *file, bool durable_already, struct mrq_error *err);
/** False when a settle has something to do. */
MRQ_API bool mrq_file_settled(struct mrq_file *file);

/* ---- labels and protection ---- */

/**
 * Virtual attributes.  Names: "label" "rights" "owner" "content-id" "status".  *ret malloc'ed,
 * NUL-terminated.  MRQ_E_NOT_FOUND when the file has no such fact.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_file_attribute(struct mrq_file *file, const struct mrq_caller *caller,
		   const char *name, const char *path, char **ret,
		   struct mrq_error *err);

/** How a change of label or protection is to be done. */
struct mrq_change_options {
	const char *justification; /* NULL: none given */
	bool what_if;              /* decide, change nothing */
	bool new_key;              /* re-encrypt under a new data key */
};

/**
 * Set a label by name or id; NULL removes it.  Header only when the file is protected; when the
 * file is plain or would become plain: MRQ_E_UNSUPPORTED, and the caller uses mrq_file_convert.
 * MRQ_E_POLICY for an unjustified downgrade, a label that cannot be applied.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_file_label_set(struct mrq_file *file, const struct mrq_caller *caller,
		   const char *label, const struct mrq_change_options *options,
		   const char *path, struct mrq_error *err);

/** Ad-hoc permissions: n grants of "WHO" and rights. */
struct mrq_permission {
	const char *who; /* principal or bare mail */
	mrq_rights rights;
};
struct mrq_permissions {
	const struct mrq_permission *items;
	size_t n;
	int64_t expires;   /* Unix seconds; 0: never */
	const char *owner; /* NULL: the caller */
};
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_file_protect(struct mrq_file *file, const struct mrq_caller *caller,
		 const struct mrq_permissions *permissions,
		 const struct mrq_change_options *options, const char *path,
		 struct mrq_error *err);

/**
 * Which change of nature a label or protection change needs: a plain file that gets protection, or a
 * protected one that loses it, must be rewritten into a new inode.
 */
enum mrq_convert { MRQ_CONVERT_PROTECT, MRQ_CONVERT_UNPROTECT };
/**
 * Write the content of file into the empty file new_fd (O_RDWR, in the same folder, name made by the
 * caller, not yet linked in place), durable on return; the caller then renames it over the old
 * name.  PROTECT: under label (name or id), or permissions when label is NULL.  Rights are decided and
 * audited here.  new_fd stays the caller's.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_file_convert(struct mrq_file *file, const struct mrq_caller *caller,
		 enum mrq_convert direction, const char *label,
		 const struct mrq_permissions *permissions,
		 const struct mrq_change_options *options, const char *path, int new_fd,
		 struct mrq_error *err);

/** Wrap under the organisation's present key and a fresh licence of the same policy, content id kept. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_file_rewrap(struct mrq_file *file,
						       const struct mrq_caller *caller,
						       const char *path,
						       struct mrq_error *err);

/**
 * Before `moved` is renamed onto `target`: decides REPLACE on target (EDIT), then gives moved
 * the label, owner and content id of target, unless moved's own label is higher.  Either may be
 * plain.  MRQ_E_UNSUPPORTED when moved is plain and target is protected: the caller converts it
 * first (mrq_file_convert with target's label).
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_file_succeed(struct mrq_file *moved,
							struct mrq_file *target,
							const struct mrq_caller *caller,
							const char *path,
							struct mrq_error *err);

/* ---- whole paths, for commands outside a mount ---- */

/** `marque status` of a path, inside a mount or in a source tree: JSON object, malloc'ed. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_path_status(struct mrq_session *session,
						       const char *path, char **ret,
						       struct mrq_error *err);

enum mrq_fsck { MRQ_FSCK_CHECK, MRQ_FSCK_REPAIR, MRQ_FSCK_ACCEPT };
struct mrq_fsck_result {
	enum mrq_file_kind kind;
	bool keyed, journal_replayed, rolled_back;
	uint64_t blocks, holes, damaged, lost;
};
typedef void (*mrq_fsck_report)(uint64_t off, uint64_t len, const char *reason,
				void *arg);
/** Verify one file of a source tree; with a key when the session has one. REPAIR replays
 * journals and settles, which needs the key: MRQ_E_NO_KEY where there is something to do and
 * the session has none; ACCEPT takes the present version as the newest. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_fsck(struct mrq_session *session,
						const char *path, enum mrq_fsck mode,
						mrq_fsck_report report, void *arg,
						struct mrq_fsck_result *ret,
						struct mrq_error *err);

#endif
