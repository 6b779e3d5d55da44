/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/guid.h"
#include "core/internal.h"

enum mrq_file_kind
mrq_file_kind_get(const struct mrq_file *file)
{
	return (enum mrq_file_kind)atomic_load_explicit(&file->kind,
							memory_order_acquire);
}

static void
kind_set(struct mrq_file *file, enum mrq_file_kind kind)
{
	atomic_store_explicit(&file->kind, (int)kind, memory_order_release);
}

static void
facts_from_container(const struct mrq_container_facts *c, struct mrq_facts *ret)
{
	*ret = (struct mrq_facts){
		.kind = MRQ_FILE_PROTECTED,
		.size = c->size,
		.file_id = c->file_id,
		.content_id = c->content_id,
		.label_id = c->label_id,
		.created = (int64_t)c->created,
		.format = "marque",
	};
	memcpy(ret->owner, c->owner, sizeof(ret->owner));
}

static bool
broken(enum mrq_status status)
{
	return status == MRQ_E_DAMAGED || status == MRQ_E_FORMAT ||
	       status == MRQ_E_LIMIT || status == MRQ_E_VERSION;
}

enum mrq_status
mrq_file_look_again(int fd, const char *path, struct mrq_error *why)
{
	uint8_t head[MRQ_DEFACED_HEAD];
	size_t len = 0;
	enum mrq_status st = mrq_pread_upto(fd, head, sizeof(head), 0, &len, path, why);
	if (st == MRQ_OK && !mrq_container_defaced(head, len))
		return MRQ_E_PLAIN;
	return st != MRQ_OK ? st
			    : mrq_fail(why, MRQ_E_DAMAGED,
				       "'%s' was a protected file, and its first bytes "
				       "are damaged; restore it from a backup",
				       path);
}

/** Facts of what a container's code refused with this status; *why tells of a damaged one. */
static enum mrq_status
facts_of_other(int fd, const char *path, enum mrq_status st, struct mrq_facts *ret,
	       struct mrq_error *why)
{
	struct stat sb;
	if (st == MRQ_E_PLAIN)
		st = mrq_file_look_again(fd, path, why);
	if (st != MRQ_E_PLAIN && !broken(st))
		return st;
	if (fstat(fd, &sb) < 0)
		return mrq_fail_sys(why, "cannot stat '%s'", path);
	*ret = (struct mrq_facts){ .kind = MRQ_FILE_PLAIN,
				   .size = (uint64_t)sb.st_size };
	if (broken(st))
		ret->kind = MRQ_FILE_DAMAGED;
	else if (sb.st_size == 0)
		ret->kind = MRQ_FILE_EMPTY;
	return MRQ_OK;
}

enum mrq_status
mrq_facts_load(struct mrq_session *session, int fd, const char *path,
	       struct mrq_facts *ret, struct mrq_error *err)
{
	(void)session; /* other formats keep their sizes there */
	struct mrq_container_facts facts;
	struct mrq_error why = { 0 };
	enum mrq_status st = mrq_container_facts_load(fd, path, &facts, &why);
	if (st == MRQ_OK) {
		facts_from_container(&facts, ret);
		return MRQ_OK;
	}
	st = facts_of_other(fd, path, st, ret, &why);
	if (st != MRQ_OK && err)
		*err = why;
	return st;
}

static enum mrq_status
file_new(struct mrq_session *session, int fd, const char *path, struct mrq_file **ret,
	 struct mrq_error *err)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return mrq_fail_sys(err, "cannot use the descriptor of '%s'", path);
	struct mrq_file *f = calloc(1, sizeof(*f));
	if (!f)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for '%s'", path);
	f->session = session;
	f->fd = -1; /* taken over when all is well */
	f->writable = (flags & O_ACCMODE) == O_RDWR;
	pthread_mutex_init(&f->lock, NULL);
	f->what = strdup(path);
	if (!f->what) {
		mrq_file_free(f);
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for '%s'", path);
	}
	*ret = f;
	return MRQ_OK;
}

void
mrq_file_free(struct mrq_file *f)
{
	if (!f)
		return;
	if (f->container && mrq_container_unlocked(f->container)) {
		struct mrq_container_facts facts;
		mrq_container_facts_get(f->container, &facts);
		mrq_sequences_note(f->session->sequences, &facts.file_id,
				   facts.sequence, facts.durable);
	}
	mrq_container_free(f->container);
	if (f->fd >= 0)
		(void)close(f->fd);
	pthread_mutex_destroy(&f->lock);
	free(f->what);
	free(f);
}
MRQ_DEFINE_CLEANUP(mrq_file_free, struct mrq_file *)

enum mrq_status
mrq_file_attach(struct mrq_session *session, int fd, const char *path,
		struct mrq_file **ret, struct mrq_error *err)
{
	struct mrq_file *f MRQ_CLEANUP(mrq_file_free) = NULL;
	MRQ_TRY(file_new(session, fd, path, &f, err));
	struct mrq_error why = { 0 };
	enum mrq_status st = mrq_container_attach(
		fd, f->writable ? MRQ_ATTACH_READ_WRITE : MRQ_ATTACH_READ_ONLY, path,
		&f->container, &why);
	if (st == MRQ_OK) {
		kind_set(f, MRQ_FILE_PROTECTED);
	} else {
		st = facts_of_other(fd, path, st, &f->facts, &why);
		f->damage = why;
		kind_set(f, f->facts.kind);
	}
	if (st != MRQ_OK) {
		if (err)
			*err = why;
		return st;
	}
	f->fd = fd;
	*ret = MRQ_STEAL(f);
	return MRQ_OK;
}

enum mrq_status
mrq_file_attach_new(struct mrq_session *session, int fd, const char *path,
		    struct mrq_file **ret, struct mrq_error *err)
{
	struct mrq_file *f MRQ_CLEANUP(mrq_file_free) = NULL;
	MRQ_TRY(file_new(session, fd, path, &f, err));
	f->facts.kind = MRQ_FILE_EMPTY;
	kind_set(f, MRQ_FILE_EMPTY);
	f->fd = fd;
	*ret = MRQ_STEAL(f);
	return MRQ_OK;
}

void
mrq_file_freeze(struct mrq_file *file)
{
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &file->lock;
	pthread_mutex_lock(held);
	file->frozen = true;
	if (mrq_file_kind_get(file) == MRQ_FILE_PROTECTED)
		mrq_container_freeze(file->container);
}

int
mrq_file_fd(const struct mrq_file *file)
{
	return file->fd;
}

void
mrq_file_facts(struct mrq_file *file, struct mrq_facts *ret)
{
	struct stat st;
	enum mrq_file_kind kind = mrq_file_kind_get(file);
	if (kind == MRQ_FILE_PROTECTED) {
		struct mrq_container_facts facts;
		mrq_container_facts_get(file->container, &facts);
		facts_from_container(&facts, ret);
		return;
	}
	*ret = file->facts;
	ret->kind = kind;
	if (fstat(file->fd, &st) == 0)
		ret->size = (uint64_t)st.st_size;
}

/* ---- new files ---- */

/** Make the empty file a container under label; the caller becomes owner and issuer. */
static enum mrq_status
make_container(struct mrq_file *f, const struct mrq_policy_set *set,
	       const struct mrq_label *label, const char *mail, struct mrq_error *err)
{
	struct mrq_session *s = f->session;
	struct mrq_grant grant;
	struct mrq_publish_request request = { .owner = mail, .issuer = mail };
	mrq_label_request(set, label, &grant, &request);
	struct mrq_published pub MRQ_CLEANUP(mrq_published_clear) = { .licence = NULL };
	MRQ_TRY(mrq_session_publish(s, &request, &pub, err));
	struct mrq_container_protection p = mrq_published_protection(&pub);
	pthread_rwlock_rdlock(&s->config_lock);
	uint32_t block_size = s->settings.block_size;
	pthread_rwlock_unlock(&s->config_lock);
	MRQ_TRY(mrq_container_create(f->fd, &p, block_size, mrq_session_now(s), f->what,
				     &f->container, err));
	kind_set(f, MRQ_FILE_PROTECTED);
	return MRQ_OK;
}

static void
audit_create(struct mrq_file *f, const struct mrq_caller *caller, const char *mail,
	     const char *path)
{
	struct mrq_program_info program;
	mrq_session_program(f->session, caller->pid, &program);
	struct mrq_container_facts facts;
	mrq_container_facts_get(f->container, &facts);
	struct mrq_audit_record r = {
		.event = MRQ_AUDIT_CREATE,
		.path = path,
		.file_id = facts.file_id,
		.content_id = facts.content_id,
		.label_after = facts.label_id,
		.owner = mail,
		.issuer = mail,
		.granted = true,
		.ground = mrq_ground_name(MRQ_GROUND_OWNER),
	};
	enum mrq_status ignored = mrq_session_record(f->session, caller, mail, &program,
						     r, MRQ_AUDIT_KERNEL, NULL);
	(void)ignored;
}

/** Label an empty file by the rules; it stays as it is when none applies. */
static enum mrq_status
label_empty(struct mrq_file *f, const struct mrq_caller *caller, const char *path,
	    struct mrq_error *err)
{
	struct mrq_session *s = f->session;
	if (!s->provider)
		return mrq_fail(err, MRQ_E_NO_KEY, "no authority to protect '%s'",
				path);
	char mail[MRQ_MAIL_MAX + 1];
	MRQ_TRY(mrq_session_principal(s, caller->uid, mail, err));
	struct mrq_policy_ref *policy MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(s);
	const struct mrq_label *label = NULL;
	MRQ_TRY(mrq_label_choose(s, policy->set, caller, mail, path, &label, err));
	if (!label) {
		kind_set(f, MRQ_FILE_PLAIN);
		return MRQ_OK;
	}
	MRQ_TRY(make_container(f, policy->set, label, mail, err));
	audit_create(f, caller, mail, path);
	return MRQ_OK;
}

static enum mrq_status
refused(struct mrq_session *s, const struct mrq_caller *caller, const char *path,
	const struct mrq_error *why, struct mrq_error *err)
{
	mrq_refusals_note(s->refusals, caller->uid, path, why);
	if (err)
		*err = *why;
	return why->status;
}

/** Once, and only while nothing is in it; everybody else finds what that made of it. */
static enum mrq_status
label_once(struct mrq_file *file, const struct mrq_caller *caller, const char *path,
	   struct mrq_error *err)
{
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &file->lock;
	pthread_mutex_lock(held);
	if (mrq_file_kind_get(file) != MRQ_FILE_EMPTY)
		return MRQ_OK;
	if (file->frozen)
		return mrq_fail(err, MRQ_E_BUSY, "'%s' was opened anew; try again",
				path);
	struct stat st;
	if (fstat(file->fd, &st) < 0)
		return mrq_fail_sys(err, "cannot stat '%s'", path);
	if (st.st_size > 0) {
		kind_set(file, MRQ_FILE_PLAIN); /* somebody wrote behind the mount */
		return MRQ_OK;
	}
	struct mrq_error why = { 0 };
	if (label_empty(file, caller, path, &why) != MRQ_OK)
		return refused(file->session, caller, path, &why, err);
	file->maker = *caller;
	atomic_store(&file->fresh, mrq_file_kind_get(file) == MRQ_FILE_PROTECTED);
	return MRQ_OK;
}

enum mrq_status
mrq_file_create(struct mrq_file *file, const struct mrq_caller *caller,
		const char *path, struct mrq_error *err)
{
	return label_once(file, caller, path, err);
}

enum mrq_status
mrq_file_create_allowed(struct mrq_session *s, const struct mrq_caller *caller,
			const char *path, struct mrq_error *err)
{
	struct mrq_error why = { 0 };
	char mail[MRQ_MAIL_MAX + 1];
	struct mrq_policy_ref *policy MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(s);
	const struct mrq_label *label = NULL;
	enum mrq_status st = policy ? mrq_session_principal(s, caller->uid, mail, &why)
				    : mrq_fail(&why, MRQ_E_NO_KEY,
					       "no authority to protect '%s'", path);
	if (st == MRQ_OK)
		st = mrq_label_choose(s, policy->set, caller, mail, path, &label, &why);
	return st == MRQ_OK ? MRQ_OK : refused(s, caller, path, &why, err);
}

/* ---- handles ---- */

static bool
writes(enum mrq_request request)
{
	return request == MRQ_REQUEST_WRITE || request == MRQ_REQUEST_REPLACE;
}

static void
writers_add(struct mrq_handle *h)
{
	struct mrq_session *s = h->file->session;
	pthread_mutex_lock(&s->files_lock);
	h->next = s->writers;
	if (h->next)
		h->next->prev = h;
	s->writers = h;
	pthread_mutex_unlock(&s->files_lock);
}

static void
writers_remove(struct mrq_handle *h)
{
	struct mrq_session *s = h->file->session;
	pthread_mutex_lock(&s->files_lock);
	if (h->prev)
		h->prev->next = h->next;
	else if (s->writers == h)
		s->writers = h->next;
	if (h->next)
		h->next->prev = h->prev;
	pthread_mutex_unlock(&s->files_lock);
}

void
mrq_handle_free(struct mrq_handle *h)
{
	if (!h)
		return;
	if (writes(h->request) && h->file)
		writers_remove(h);
	free(h->path);
	free(h);
}
MRQ_DEFINE_CLEANUP(mrq_handle_free, struct mrq_handle *)

static enum mrq_status
handle_new(struct mrq_file *file, const struct mrq_caller *caller,
	   enum mrq_request request, const char *path, const struct mrq_access *a,
	   struct mrq_handle **ret, struct mrq_error *err)
{
	struct mrq_handle *h = calloc(1, sizeof(*h));
	char *copy = strdup(path);
	if (!h || !copy) {
		free(h);
		free(copy);
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to open '%s'", path);
	}
	h->file = file;
	h->caller = *caller;
	h->request = request;
	h->path = copy;
	h->program = a->program;
	memcpy(h->mail, a->mail, sizeof(h->mail));
	if (writes(request)) {
		bool known = mrq_process_load(caller->pid, &h->process);
		(void)known; /* tgid stays 0: nothing to follow */
		writers_add(h);
	}
	*ret = h;
	return MRQ_OK;
}

static enum mrq_status
open_plain(struct mrq_file *file, const struct mrq_caller *caller,
	   enum mrq_request request, const char *path, struct mrq_handle **ret,
	   struct mrq_error *err)
{
	struct mrq_access none = { .program = { .login_uid = (uid_t)-1 } };
	struct mrq_error why = { 0 };
	if (!file->session->settings.plain_show) {
		enum mrq_status ignored = mrq_fail(
			&why, MRQ_E_DENIED,
			"'%s' is not protected and this share denies plain files; "
			"protect it with 'marque label set'",
			path);
		(void)ignored;
		return refused(file->session, caller, path, &why, err);
	}
	return handle_new(file, caller, request, path, &none, ret, err);
}

static enum mrq_status
open_damaged(struct mrq_file *file, const struct mrq_caller *caller, const char *path,
	     struct mrq_error *err)
{
	struct mrq_error why = file->damage;
	if (why.status == MRQ_OK) {
		enum mrq_status ignored = mrq_fail(
			&why, MRQ_E_DAMAGED, "the header of '%s' is damaged", path);
		(void)ignored;
	}
	mrq_file_report(file, caller, why.status, path, &why);
	return refused(file->session, caller, path, &why, err);
}

/** An empty file gets its label when it is opened for writing. */
static enum mrq_status
open_empty(struct mrq_file *file, const struct mrq_caller *caller,
	   enum mrq_request request, const char *path, struct mrq_error *err)
{
	if (!writes(request) || !file->writable)
		return MRQ_OK;
	return label_once(file, caller, path, err);
}

/** True once, for who made the file. */
static bool
take_fresh(struct mrq_file *file, const struct mrq_caller *caller)
{
	return atomic_load(&file->fresh) && file->maker.uid == caller->uid &&
	       file->maker.pid == caller->pid && atomic_exchange(&file->fresh, false);
}

static enum mrq_status
open_fresh(struct mrq_file *file, const struct mrq_caller *caller,
	   enum mrq_request request, const char *path, struct mrq_handle **ret,
	   struct mrq_error *err)
{
	struct mrq_access a = { .cached = true };
	mrq_session_program(file->session, caller->pid, &a.program);
	MRQ_TRY(mrq_session_principal(file->session, caller->uid, a.mail, err));
	struct mrq_handle *h MRQ_CLEANUP(mrq_handle_free) = NULL;
	MRQ_TRY(handle_new(file, caller, request, path, &a, &h, err));
	/* Somebody may have read between the choice of the label and now. */
	if (writes(request))
		MRQ_TRY(mrq_label_raise(h, err));
	*ret = MRQ_STEAL(h);
	return MRQ_OK;
}

enum mrq_status
mrq_file_open(struct mrq_file *file, const struct mrq_caller *caller,
	      enum mrq_request request, const char *path, struct mrq_handle **ret,
	      struct mrq_error *err)
{
	if (mrq_file_kind_get(file) == MRQ_FILE_EMPTY)
		MRQ_TRY(open_empty(file, caller, request, path, err));
	enum mrq_file_kind kind = mrq_file_kind_get(file);
	if (kind == MRQ_FILE_DAMAGED)
		return open_damaged(file, caller, path, err);
	if (kind != MRQ_FILE_PROTECTED)
		return open_plain(file, caller, request, path, ret, err);
	if (take_fresh(file, caller))
		return open_fresh(file, caller, request, path, ret, err);
	struct mrq_access a MRQ_CLEANUP(mrq_access_wipe) = { .cached = false };
	MRQ_TRY(mrq_access_check(file, caller, request, MRQ_AUDIT_OPEN, path, &a, err));
	MRQ_TRY(mrq_access_unlock(file, &a, caller, path, err));
	struct mrq_handle *h MRQ_CLEANUP(mrq_handle_free) = NULL;
	MRQ_TRY(handle_new(file, caller, request, path, &a, &h, err));
	if (writes(request))
		MRQ_TRY(mrq_label_raise(h, err));
	if (request != MRQ_REQUEST_REPLACE)
		mrq_label_follow(h);
	*ret = MRQ_STEAL(h);
	return MRQ_OK;
}

enum mrq_status
mrq_handle_recheck(struct mrq_handle *h, struct mrq_error *err)
{
	if (mrq_file_kind_get(h->file) != MRQ_FILE_PROTECTED)
		return MRQ_OK;
	struct mrq_access a MRQ_CLEANUP(mrq_access_wipe) = { .cached = false };
	struct mrq_error why = { 0 };
	enum mrq_status st = mrq_access_decide(h->file, &h->caller, &h->program,
					       h->request, h->path, &a, &why, &why);
	if (st == MRQ_OK && !a.decision.granted)
		st = a.decision.status;
	if (st != MRQ_OK && h->last == MRQ_OK) {
		struct mrq_container_facts facts;
		mrq_container_facts_get(h->file->container, &facts);
		struct mrq_audit_record r = {
			.event = MRQ_AUDIT_OPEN,
			.path = h->path,
			.file_id = facts.file_id,
			.content_id = facts.content_id,
			.label_before = facts.label_id,
			.request = mrq_request_name(h->request),
			.status = st,
			.reason = why.msg,
		};
		enum mrq_status ignored =
			mrq_session_record(h->file->session, &h->caller, h->mail,
					   &h->program, r, MRQ_AUDIT_KERNEL, NULL);
		(void)ignored;
		mrq_refusals_note(h->file->session->refusals, h->caller.uid, h->path,
				  &why);
	}
	h->last = st;
	if (st != MRQ_OK && err)
		*err = why;
	return st;
}

enum mrq_status
mrq_file_check(struct mrq_file *file, const struct mrq_caller *caller,
	       enum mrq_request request, const char *path, struct mrq_error *err)
{
	enum mrq_file_kind kind = mrq_file_kind_get(file);
	if (kind == MRQ_FILE_DAMAGED)
		return open_damaged(file, caller, path, err);
	if (kind != MRQ_FILE_PROTECTED)
		return MRQ_OK;
	struct mrq_access a MRQ_CLEANUP(mrq_access_wipe) = { .cached = false };
	MRQ_TRY(mrq_access_check(file, caller, request, MRQ_AUDIT_TRUNCATE, path, &a,
				 err));
	return mrq_access_unlock(file, &a, caller, path, err);
}
