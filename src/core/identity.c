/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/identity.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/hash.h"

#define SLOTS    256u /* a power of two */
#define NSS_ROOM 16384u
#define NSS_ROOM_MAX                                                                   \
	(16u << 20) /* bytes of one account or group with all its members */
#define ASK_NS 30000000000ll

struct mrq_identity_ref {
	atomic_uint refs;
	struct mrq_identity *who;
	uint8_t digest[MRQ_SHA256_BYTES];
};

struct slot {
	uid_t uid;
	int64_t until;
	struct mrq_identity_ref *ref;
};

struct mrq_identities {
	pthread_mutex_t lock;
	struct slot slots[SLOTS]; /* guarded by lock */
};

const struct mrq_identity *
mrq_identity_get(const struct mrq_identity_ref *ref)
{
	return ref->who;
}

const uint8_t *
mrq_identity_digest(const struct mrq_identity_ref *ref)
{
	return ref->digest;
}

void
mrq_identity_unref(struct mrq_identity_ref *ref)
{
	if (!ref || atomic_fetch_sub(&ref->refs, 1) != 1)
		return;
	mrq_identity_free(ref->who);
	free(ref);
}

enum mrq_status
mrq_identities_new(struct mrq_identities **ret, struct mrq_error *err)
{
	struct mrq_identities *ids = calloc(1, sizeof(*ids));
	if (!ids)
		return mrq_fail(err, MRQ_E_NOMEM,
				"no memory for the table of identities");
	pthread_mutex_init(&ids->lock, NULL);
	*ret = ids;
	return MRQ_OK;
}

void
mrq_identities_drop(struct mrq_identities *ids)
{
	pthread_mutex_lock(&ids->lock);
	for (size_t i = 0; i < SLOTS; i++) {
		mrq_identity_unref(ids->slots[i].ref);
		ids->slots[i] = (struct slot){ 0 };
	}
	pthread_mutex_unlock(&ids->lock);
}

void
mrq_identities_free(struct mrq_identities *ids)
{
	if (!ids)
		return;
	mrq_identities_drop(ids);
	pthread_mutex_destroy(&ids->lock);
	free(ids);
}

/** Put name and organisation into a pattern: "%u@%o", "%g@%o", "%%". */
static enum mrq_status
expand(const char *pattern, const char *name, const char *org,
       char ret[static MRQ_MAIL_MAX + 1], struct mrq_error *err)
{
	size_t n = 0;
	for (const char *p = pattern; *p; p++) {
		char one[2] = { *p, 0 };
		const char *piece = one;
		if (*p == '%') {
			p++;
			if (*p == 'u' || *p == 'g')
				piece = name;
			else if (*p == 'o')
				piece = org;
			else if (*p != '%')
				return mrq_fail(
					err, MRQ_E_CONFIG,
					"identity pattern '%.64s' has an unknown "
					"%% sign; use %%u, %%g, %%o",
					pattern);
		}
		size_t len = strlen(piece);
		if (n + len > MRQ_MAIL_MAX)
			return mrq_fail(err, MRQ_E_LIMIT,
					"the mail of '%.64s' is longer than %d bytes",
					name, MRQ_MAIL_MAX);
		memcpy(ret + n, piece, len);
		n += len;
	}
	ret[n] = 0;
	for (size_t i = 0; i < n; i++)
		if (ret[i] >= 'A' && ret[i] <= 'Z')
			ret[i] = (char)(ret[i] + ('a' - 'A'));
	if (!mrq_mail_valid(ret))
		return mrq_fail(err, MRQ_E_CONFIG, "'%.128s' is no mail address", ret);
	return MRQ_OK;
}

/** What a lookup writes names to. */
struct room {
	char *at;
	size_t len;
};

static void
room_clear(struct room *room)
{
	free(room->at);
}
MRQ_DEFINE_CLEANUP_VALUE(room_clear, struct room)

/** More room, the first time too; false and errno without. */
static bool
room_grow(struct room *room)
{
	size_t len = room->len ? 4 * room->len : NSS_ROOM;
	errno = ERANGE;
	char *more = len <= NSS_ROOM_MAX ? realloc(room->at, len) : NULL;
	if (!more)
		return false;
	room->at = more;
	room->len = len;
	return true;
}

/** Is a lookup to be repeated?  0 for not found; else errno tells why nobody knows. */
static bool
again(int *e, struct room *room)
{
	if (*e == ERANGE && room_grow(room))
		return true;
	if (*e == ERANGE)
		*e = errno;
	if (*e == ENOENT || *e == ESRCH)
		*e = 0;
	errno = *e;
	return *e == EINTR;
}

static enum mrq_status
find_account(uid_t uid, struct room *room, struct passwd *pw, struct mrq_error *err)
{
	struct passwd *found = NULL;
	int e;
	do
		e = room->len ? getpwuid_r(uid, pw, room->at, room->len, &found)
			      : ERANGE;
	while (again(&e, room));
	if (e)
		return mrq_fail_sys(
			err, "cannot look up the account of uid %u, try again later",
			uid);
	if (!found)
		return mrq_fail(
			err, MRQ_E_DENIED,
			"uid %u has no account, so no principal; give it one or a rule "
			"'uid.%u = MAIL' in [identity]",
			uid, uid);
	return MRQ_OK;
}

/** *ret_name is NULL for a group without an entry. */
static enum mrq_status
find_group(gid_t gid, struct room *room, const char **ret_name, struct mrq_error *err)
{
	struct group gr;
	struct group *found = NULL;
	int e;
	do
		e = room->len ? getgrgid_r(gid, &gr, room->at, room->len, &found)
			      : ERANGE;
	while (again(&e, room));
	if (e)
		return mrq_fail_sys(err, "cannot look up group %u, try again later",
				    gid);
	*ret_name = found ? gr.gr_name : NULL;
	return MRQ_OK;
}

enum mrq_status
mrq_identity_mail(const struct mrq_config *config, const char *org, uid_t uid,
		  char ret[static MRQ_MAIL_MAX + 1], struct mrq_error *err)
{
	if (uid == (uid_t)-1)
		return mrq_fail(err, MRQ_E_DENIED, "a caller without a uid is nobody");
	char name[300];
	(void)snprintf(name, sizeof(name), "uid.%u", uid);
	const char *rule = mrq_config_list_get(&config->users, name);
	if (rule)
		return expand(rule, "", org, ret, err);
	struct passwd pw;
	struct room room MRQ_CLEANUP(room_clear) = { .len = 0 };
	MRQ_TRY(find_account(uid, &room, &pw, err));
	(void)snprintf(name, sizeof(name), "user.%.255s", pw.pw_name);
	rule = mrq_config_list_get(&config->users, name);
	return expand(rule ? rule : config->user_pattern, pw.pw_name, org, ret, err);
}

/** Mails of the account's groups; freed by the caller through groups_clear. */
struct groups {
	char *mails[MRQ_IDENTITY_GROUPS_MAX];
	size_t n;
};

static void
groups_clear(struct groups *g)
{
	for (size_t i = 0; i < g->n; i++)
		free(g->mails[i]);
}
MRQ_DEFINE_CLEANUP_VALUE(groups_clear, struct groups)

static enum mrq_status
load_groups(const struct mrq_config *config, const char *org, uid_t uid,
	    struct groups *g, struct mrq_error *err)
{
	struct passwd pw;
	struct room account MRQ_CLEANUP(room_clear) = { .len = 0 };
	struct room room MRQ_CLEANUP(room_clear) = { .len = 0 };
	enum mrq_status st = find_account(uid, &account, &pw, err);
	if (st == MRQ_E_DENIED)
		return MRQ_OK; /* an account by uid rule only has no groups */
	MRQ_TRY(st);
	gid_t gids[MRQ_IDENTITY_GROUPS_MAX];
	int n = MRQ_IDENTITY_GROUPS_MAX;
	if (getgrouplist(pw.pw_name, pw.pw_gid, gids, &n) < 0)
		return mrq_fail(err, MRQ_E_LIMIT,
				"account '%.64s' is in more than %d groups", pw.pw_name,
				MRQ_IDENTITY_GROUPS_MAX);
	for (int i = 0; i < n; i++) {
		const char *name = NULL;
		char mail[MRQ_MAIL_MAX + 1];
		MRQ_TRY(find_group(gids[i], &room, &name, err));
		if (!name ||
		    expand(config->group_pattern, name, org, mail, NULL) != MRQ_OK)
			continue;
		g->mails[g->n] = strdup(mail);
		if (!g->mails[g->n])
			return mrq_fail(err, MRQ_E_NOMEM, "no memory for groups");
		g->n++;
	}
	return MRQ_OK;
}

static int
compare_mails(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/** Mails in the order of their bytes, each with its NUL; an empty one ends the list. */
static enum mrq_status
digest_mails(struct mrq_sha256_ctx *ctx, char (*mails)[MRQ_MAIL_MAX + 1], size_t n,
	     struct mrq_error *err)
{
	const char **sorted MRQ_CLEANUP(free) = calloc(n + 1, sizeof(const char *));
	if (!sorted)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for an identity");
	for (size_t i = 0; i < n; i++)
		sorted[i] = mails[i];
	qsort(sorted, n, sizeof(const char *), compare_mails);
	for (size_t i = 0; i < n; i++)
		mrq_sha256_update(ctx, sorted[i], strlen(sorted[i]) + 1);
	mrq_sha256_update(ctx, "", 1);
	return MRQ_OK;
}

static enum mrq_status
digest_identity(struct mrq_identity_ref *ref, struct mrq_error *err)
{
	const struct mrq_identity *who = ref->who;
	struct mrq_sha256_ctx *ctx MRQ_CLEANUP(mrq_sha256_free) = NULL;
	MRQ_TRY(mrq_sha256_new(&ctx, err));
	mrq_sha256_update(ctx, who->mail, strlen(who->mail) + 1);
	mrq_sha256_update(ctx, who->member ? "m" : "-", 1);
	MRQ_TRY(digest_mails(ctx, who->aliases, who->n_aliases, err));
	MRQ_TRY(digest_mails(ctx, who->groups, who->n_groups, err));
	mrq_sha256_final(ctx, ref->digest);
	return MRQ_OK;
}

/** Known at `now`, or since at most `stale` seconds no longer to be relied on. */
static struct mrq_identity_ref *
cached(struct mrq_identities *ids, uid_t uid, int64_t now, int64_t stale)
{
	struct mrq_identity_ref *ref = NULL;
	pthread_mutex_lock(&ids->lock);
	struct slot *s = &ids->slots[uid % SLOTS];
	if (s->ref && s->uid == uid && now < s->until + stale &&
	    now >= s->until - MRQ_IDENTITY_SECONDS) {
		ref = s->ref;
		atomic_fetch_add(&ref->refs, 1);
	}
	pthread_mutex_unlock(&ids->lock);
	return ref;
}

struct mrq_identity_ref *
mrq_identities_known(struct mrq_identities *ids, uid_t uid, int64_t now)
{
	return cached(ids, uid, now, MRQ_IDENTITY_STALE_SECONDS);
}

/** Ask, and keep the answer. */
static enum mrq_status
ask(struct mrq_identities *ids, const struct mrq_config *config, const char *org,
    struct mrq_provider *provider, uid_t uid, int64_t now,
    struct mrq_identity_ref **ret, struct mrq_error *err)
{
	char mail[MRQ_MAIL_MAX + 1];
	MRQ_TRY(mrq_identity_mail(config, org, uid, mail, err));
	struct groups groups MRQ_CLEANUP(groups_clear) = { .n = 0 };
	MRQ_TRY(load_groups(config, org, uid, &groups, err));
	struct mrq_identity *who MRQ_CLEANUP(mrq_identity_free) = NULL;
	MRQ_TRY(provider->ops->identity(provider, mail,
					(const char *const *)groups.mails, groups.n,
					mrq_clock_monotonic_ns() + ASK_NS, &who, err));
	struct mrq_identity_ref *ref MRQ_CLEANUP(mrq_identity_unref) =
		calloc(1, sizeof(*ref));
	if (!ref)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for an identity");
	ref->who = MRQ_STEAL(who);
	atomic_init(&ref->refs, 1);
	MRQ_TRY(digest_identity(ref, err));
	atomic_fetch_add(&ref->refs, 1); /* the slot's */
	pthread_mutex_lock(&ids->lock);
	struct slot *s = &ids->slots[uid % SLOTS];
	mrq_identity_unref(s->ref);
	*s = (struct slot){ uid, now + MRQ_IDENTITY_SECONDS, ref };
	pthread_mutex_unlock(&ids->lock);
	*ret = MRQ_STEAL(ref);
	return MRQ_OK;
}

enum mrq_status
mrq_identities_find(struct mrq_identities *ids, const struct mrq_config *config,
		    const char *org, struct mrq_provider *provider, uid_t uid,
		    int64_t now, struct mrq_identity_ref **ret, struct mrq_error *err)
{
	struct mrq_error why = { 0 };
	*ret = cached(ids, uid, now, 0);
	if (*ret)
		return MRQ_OK;
	enum mrq_status st = ask(ids, config, org, provider, uid, now, ret, &why);
	if (st == MRQ_E_SYS || st == MRQ_E_NOMEM)
		*ret = mrq_identities_known(ids, uid, now);
	if (st == MRQ_OK || *ret)
		return MRQ_OK;
	if (err)
		*err = why;
	return st;
}
