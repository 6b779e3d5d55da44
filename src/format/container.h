/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FORMAT_CONTAINER_H
#define MRQ_FORMAT_CONTAINER_H

/*
 * The container, version 1: marque-format(5).  A container is one file opened by the
 * caller; all I/O goes to that descriptor, which stays the caller's.  Two stages:
 * attached (clear facts only, no key) and unlocked (data key known: everything
 * authenticated).
 *
 * Threads: all functions may be called at once on one container; an internal lock
 * orders them (readers run in parallel).  The container never asks policy and never
 * touches the network.
 */
#include <sys/types.h>

#include "base/error.h"
#include "crypto/block.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"

#include <marque/types.h>

#include <stdbool.h>

#define MRQ_PAGE               4096u
#define MRQ_PL_MAX             (72u * 1024u) /* bytes of a publishing licence */
#define MRQ_HEADER_PAGES_MAX   20u           /* header of at most 80 KiB */
#define MRQ_BLOCK_SHIFT_MIN    12u           /* 4 KiB */
#define MRQ_BLOCK_SHIFT_MAX    16u           /* 64 KiB */
#define MRQ_CONTAINER_SIZE_MAX (1ll << 56)   /* bytes of plaintext */
#define MRQ_JOURNAL_MAX        (64u * 1024u * 1024u)
#define MRQ_FORMAT_VERSION     1u

enum mrq_licence_type { MRQ_LICENCE_JWS = 1, MRQ_LICENCE_XRML = 2 };

/** What stands in the clear; authenticated once unlocked. */
struct mrq_container_facts {
	uint16_t version;
	uint32_t block_size; /* bytes */
	uint64_t size;       /* bytes of plaintext */
	uint64_t sequence;   /* header sequence, grows with every header written */
	uint64_t durable;    /* a sequence that no power cut takes back; 0: unknown */
	uint32_t generation; /* key generation of new blocks, from 1 */
	uint64_t created;    /* Unix seconds */
	struct mrq_guid file_id, content_id, label_id; /* label nil: none */
	char owner[MRQ_MAIL_MAX + 1];
	enum mrq_licence_type licence_type;
	uint32_t licence_len; /* bytes */
	uint8_t licence_digest[MRQ_SHA256_BYTES];
	bool settled; /* known to be durable as a whole */
	bool journal; /* a redo journal waits in the file */
};

/** Protection of a container that is created or relabelled. */
struct mrq_container_protection {
	struct mrq_guid content_id, label_id;
	const char *owner; /* mail, at most MRQ_MAIL_MAX bytes */
	enum mrq_licence_type licence_type;
	const void *licence;
	uint32_t licence_len; /* bytes, at most MRQ_PL_MAX */
	const struct mrq_content_key *content_key;
};

struct mrq_container;

/** True when the first bytes are a container's (any version).  Pure. */
bool mrq_container_probe(const void *head, size_t len);
/**
 * True when the first bytes of a file are no container's, but can only be what is left of one: part of
 * the magic and nothing else, or another magic in front of a header's constant fields.  Pure.
 *
 * @len up to MRQ_DEFACED_HEAD; less when the file is that short
 */
bool mrq_container_defaced(const void *head, size_t len);
#define MRQ_DEFACED_HEAD 24u

/**
 * Make a container of an empty file: random file id and data key, size 0.  Nothing is
 * written before the first mrq_container_commit; that writes header and first blocks.
 *
 * @fd   open for reading and writing, size 0; borrowed until mrq_container_free
 * @what name for messages; copied
 */
MRQ_MUST_CHECK enum mrq_status
mrq_container_create(int fd, const struct mrq_container_protection *protection,
		     uint32_t block_size, int64_t now, const char *what,
		     struct mrq_container **ret, struct mrq_error *err);

enum mrq_attach { MRQ_ATTACH_READ_ONLY, MRQ_ATTACH_READ_WRITE };

/**
 * Attach to an existing container.  Reads the header; a journal is replayed in memory.  The
 * file is not changed, for nobody has vouched for it yet: what a stopped writer left is
 * brought to rest before the first change, when unlocked (READ_WRITE), or by
 * mrq_container_settle and a durable commit.
 *
 * Returns MRQ_OK; MRQ_E_PLAIN when it is no container; MRQ_E_VERSION; MRQ_E_FORMAT when
 * the header does not follow the specification; MRQ_E_DAMAGED when its checksum is
 * wrong and no journal heals it; MRQ_E_LIMIT; MRQ_E_SYS; MRQ_E_NOMEM.
 */
MRQ_MUST_CHECK enum mrq_status mrq_container_attach(int fd, enum mrq_attach mode,
						    const char *what,
						    struct mrq_container **ret,
						    struct mrq_error *err);

/**
 * Read only the clear facts of a file.  One pread when no journal waits; else the whole
 * journal and what it vouches for is checked, as attach does.
 */
MRQ_MUST_CHECK enum mrq_status mrq_container_facts_load(int fd, const char *what,
							struct mrq_container_facts *ret,
							struct mrq_error *err);

void mrq_container_facts_get(struct mrq_container *c, struct mrq_container_facts *ret);
/**
 * The licence bytes, valid until the next protection change or free; SHA-256 checked.
 * Only for who knows that no other thread changes the protection.
 */
const void *mrq_container_licence(struct mrq_container *c, size_t *ret_len);
/**
 * A copy of the licence bytes, for free(), with the facts of the same moment (ret_facts may
 * be NULL).  MRQ_E_DAMAGED when the header holds no whole licence; MRQ_E_NOMEM.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_container_licence_copy(struct mrq_container *c, void **ret, size_t *ret_len,
			   struct mrq_container_facts *ret_facts,
			   struct mrq_error *err);

/**
 * Unlock with the content key: unwraps the data key, checks commitment, header MAC,
 * licence digest, the journal's MAC.  A second unlock is a no-op.  MRQ_E_DAMAGED when
 * any fails.
 */
MRQ_MUST_CHECK enum mrq_status mrq_container_unlock(struct mrq_container *c,
						    const struct mrq_content_key *ck,
						    struct mrq_error *err);
bool mrq_container_unlocked(struct mrq_container *c);
/**
 * Forget all keys; what is not committed is committed first.  Reads fail until unlocked
 * again.
 */
MRQ_MUST_CHECK enum mrq_status mrq_container_lock(struct mrq_container *c,
						  struct mrq_error *err);

/**
 * Read up to len bytes at off; *ret_len is short only at the end.  MRQ_E_DAMAGED:
 * nothing of the damaged block is in buf.
 */
MRQ_MUST_CHECK enum mrq_status mrq_container_read(struct mrq_container *c, void *buf,
						  size_t len, uint64_t off,
						  size_t *ret_len,
						  struct mrq_error *err);

/**
 * Write len bytes at off, growing the file.  In the kernel after the next commit.  When it
 * fails, what comes before some block of the range may be written, and nothing after it.
 * MRQ_E_LIMIT: all key generations are used up, the file must be written anew.
 */
MRQ_MUST_CHECK enum mrq_status mrq_container_write(struct mrq_container *c,
						   const void *buf, size_t len,
						   uint64_t off, struct mrq_error *err);

/** Set the plaintext size; bytes that come back later read as zero. */
MRQ_MUST_CHECK enum mrq_status
mrq_container_resize(struct mrq_container *c, uint64_t size, struct mrq_error *err);
/**
 * Make [off, off + len) a hole (partial blocks are zeroed).  The size does not change.
 */
MRQ_MUST_CHECK enum mrq_status mrq_container_punch(struct mrq_container *c,
						   uint64_t off, uint64_t len,
						   struct mrq_error *err);
/** Reserve backing space for [off, off + len), without changing content or size. */
MRQ_MUST_CHECK enum mrq_status mrq_container_reserve(struct mrq_container *c,
						     uint64_t off, uint64_t len,
						     struct mrq_error *err);
/**
 * Next data (or hole) at or after off, by block; MRQ_E_NOT_FOUND beyond the end
 * (ENXIO).
 */
enum mrq_seek { MRQ_SEEK_DATA, MRQ_SEEK_HOLE };
MRQ_MUST_CHECK enum mrq_status mrq_container_seek(struct mrq_container *c, uint64_t off,
						  enum mrq_seek whence, uint64_t *ret,
						  struct mrq_error *err);

enum mrq_commit {
	MRQ_COMMIT_KERNEL,  /* survives the death of this process */
	MRQ_COMMIT_DURABLE, /* and a power cut: one fdatasync */
};
/** Make all that was written one state: old or new after any crash, never a mixture. */
MRQ_MUST_CHECK enum mrq_status mrq_container_commit(struct mrq_container *c,
						    enum mrq_commit level,
						    struct mrq_error *err);
bool mrq_container_dirty(struct mrq_container *c);

/**
 * Bring the container to rest: commit, make durable, apply the journal in place and
 * drop it.  For unmount, fsck and a background settler.  `durable_already` says that
 * the caller has made all earlier writes of the file durable since the last commit
 * (syncfs for many files at once).  Of a container that was never unlocked nothing is changed.
 */
enum mrq_settle { MRQ_SETTLE_SYNC, MRQ_SETTLE_DURABLE_ALREADY };
MRQ_MUST_CHECK enum mrq_status mrq_container_settle(struct mrq_container *c,
						    enum mrq_settle how,
						    struct mrq_error *err);
/** Nothing that was done through this object awaits mrq_container_settle. */
bool mrq_container_settled(struct mrq_container *c);

/**
 * Put the container under another licence (relabel, rewrap): rewraps the data key,
 * header only, atomic and durable on return; data blocks are untouched.  Needs it
 * unlocked.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_container_protect(struct mrq_container *c,
		      const struct mrq_container_protection *protection,
		      struct mrq_error *err);

/** Start a new key generation for blocks written from now on. */
MRQ_MUST_CHECK enum mrq_status mrq_container_next_generation(struct mrq_container *c,
							     struct mrq_error *err);

/**
 * Change nothing of the file from now on, for another object takes it over: what is not committed
 * is lost, settling does nothing, other changes give MRQ_E_BUSY.  Reading goes on.
 */
void mrq_container_freeze(struct mrq_container *c);

void mrq_container_free(struct mrq_container *c); /* commits nothing; wipes keys */
MRQ_DEFINE_CLEANUP(mrq_container_free, struct mrq_container *)

/** What mrq_container_check found in one container. */
struct mrq_check {
	bool keyed;             /* blocks were authenticated */
	uint64_t blocks, holes; /* blocks that exist; blocks that are holes */
	uint64_t damaged;       /* blocks or tag pages that do not authenticate */
	uint64_t lost; /* blocks that never reached storage before a power cut */
	bool journal_replayed;
	bool unfinished; /* mrq_container_settle would change the file */
};
/** Called for each damaged range of plaintext. */
typedef void (*mrq_check_report)(uint64_t off, uint64_t len, const char *reason,
				 void *arg);
/**
 * Verify structure (without key) or everything (unlocked); what is open is committed
 * first.  Statuses as read; MRQ_E_DAMAGED when anything is.
 */
MRQ_MUST_CHECK enum mrq_status mrq_container_check(struct mrq_container *c,
						   mrq_check_report report, void *arg,
						   struct mrq_check *ret,
						   struct mrq_error *err);

#endif
