/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which label a file gets: defaults for new files, and the high-water rule that labels follow
 * the data (marquefs(8)).  A label is never lowered here.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/guid.h"
#include "base/log.h"
#include "core/internal.h"

void
mrq_label_request(const struct mrq_policy_set *set, const struct mrq_label *label,
		  struct mrq_grant *grant, struct mrq_publish_request *ret)
{
	ret->org = set->org;
	ret->label_id = label->id;
	ret->expires = MRQ_NEVER;
	ret->offline_days = MRQ_OFFLINE_ALWAYS;
	ret->shared = true;
	if (label->protection == MRQ_LABEL_TEMPLATE) {
		ret->template_id = label->template_id;
		return;
	}
	if (label->protection == MRQ_LABEL_USER_DEFINED)
		return; /* until somebody is named, the owner alone */
	*grant = (struct mrq_grant){ .who = { .kind = MRQ_PRINCIPAL_AUTHENTICATED },
				     .rights = MRQ_RIGHTS_ALL & ~MRQ_RIGHT_OWNER };
	ret->grants = grant;
	ret->n_grants = 1;
}

enum mrq_status
mrq_session_publish(struct mrq_session *s, const struct mrq_publish_request *request,
		    struct mrq_published *ret, struct mrq_error *err)
{
	char subject[300], host[256] = "localhost";
	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(subject, sizeof(subject), "host:%s", host);
	MRQ_TRY(mrq_publisher_get(s->publisher, s->provider, subject, request,
				  mrq_session_now(s), ret, err));
	if (!ret->minted)
		return MRQ_OK;
	atomic_fetch_add(&s->counters.published, 1);
	struct mrq_audit_record r = {
		.event = MRQ_AUDIT_PUBLISH,
		.content_id = ret->content_id,
		.label_after = ret->label_id,
		.template_id = request->template_id,
		.owner = request->owner,
		.issuer = request->issuer,
		.published = mrq_session_now(s),
	};
	mrq_session_record_licence(s, request->issuer, r);
	return MRQ_OK;
}

/** Length of the directory rule that holds path, 0 when it does not. */
static size_t
rule_covers(const char *rule, const char *path)
{
	size_t n = strlen(rule);
	while (n > 1 && rule[n - 1] == '/')
		n--;
	if (n == 1)
		return 1; /* "/" holds everything */
	return !strncmp(path, rule, n) && path[n] == '/' ? n : 0;
}

static const char *
directory_default(const struct mrq_config *c, const char *path)
{
	const char *best = NULL;
	size_t longest = 0;
	for (size_t i = 0; i < c->directories.n; i++) {
		size_t n = rule_covers(c->directories.items[i].name, path);
		if (n > longest) {
			longest = n;
			best = c->directories.items[i].value;
		}
	}
	return best;
}

/** NULL in *ret for none.  One that is named and cannot be had is no reason to go without. */
static enum mrq_status
configured_label(struct mrq_session *s, const struct mrq_policy_set *set,
		 const char *mail, const char *path, const struct mrq_label **ret,
		 struct mrq_error *err)
{
	pthread_rwlock_t *held MRQ_CLEANUP(pthread_rwlock_unlock) = &s->config_lock;
	pthread_rwlock_rdlock(held);
	const char *name = directory_default(s->config, path);
	if (!name)
		name = mrq_config_list_get(&s->config->user_defaults, mail);
	*ret = name ? mrq_label_find_text(set->labels, set->n_labels, name)
		    : mrq_label_find(set->labels, set->n_labels, &set->default_label);
	if (!name || (*ret && !(*ret)->has_children))
		return MRQ_OK;
	return mrq_fail(err, MRQ_E_POLICY,
			"'%.200s' is to get label '%.128s' by [labels] of marque.conf, "
			"which %s; ask the administrator to correct it",
			path, name, *ret ? "has sublabels" : "does not exist any more");
}

static int
rank_of(const struct mrq_policy_set *set, const struct mrq_label *label)
{
	return label ? mrq_label_rank(set->labels, set->n_labels, label) : -1;
}

/** The label that the marks of a process demand, NULL for none above rank. */
static const struct mrq_label *
marked_label(struct mrq_session *s, const struct mrq_policy_set *set,
	     const struct mrq_process *process, int rank)
{
	struct mrq_mark mark;
	if (!mrq_lineage_mark(s->lineage, process, &mark) || mark.rank <= rank)
		return NULL;
	return mrq_label_find(set->labels, set->n_labels, &mark.label);
}

enum mrq_status
mrq_label_choose(struct mrq_session *s, const struct mrq_policy_set *set,
		 const struct mrq_caller *caller, const char *mail, const char *path,
		 const struct mrq_label **ret, struct mrq_error *err)
{
	const struct mrq_label *label = NULL;
	MRQ_TRY(configured_label(s, set, mail, path, &label, err));
	bool plain = label && label->protection == MRQ_LABEL_REMOVES;
	if (plain)
		label = NULL;
	struct mrq_process process;
	if (!mrq_lineage_empty(s->lineage) && mrq_process_load(caller->pid, &process)) {
		const struct mrq_label *higher =
			marked_label(s, set, &process, rank_of(set, label));
		if (higher)
			label = higher;
	}
	if (!label && !plain && set->mandatory)
		return mrq_fail(
			err, MRQ_E_POLICY,
			"'%s' needs a label and no default applies; ask for a default "
			"label or create it with 'marque label set'",
			path);
	*ret = label;
	return MRQ_OK;
}

/** Is the program one of a list with commas? */
static bool
names_program(const char *list, const char *program)
{
	for (;;) {
		list += strspn(list, ", \t");
		size_t n = strcspn(list, ", \t");
		if (!n)
			return false;
		if (n == strlen(program) && !strncmp(list, program, n))
			return true;
		list += n;
	}
}

/** May this program read the label without carrying it on? ([exempt]) */
static bool
exempted(struct mrq_session *s, const struct mrq_label *label, const char *program)
{
	pthread_rwlock_t *held MRQ_CLEANUP(pthread_rwlock_unlock) = &s->config_lock;
	pthread_rwlock_rdlock(held);
	const struct mrq_config_list *exempt = &s->config->exempt;
	for (size_t i = 0; *program && i < exempt->n; i++)
		if (!strcmp(exempt->items[i].name, label->name) &&
		    names_program(exempt->items[i].value, program))
			return true;
	return false;
}

/** Publish, and write the new header; durable. */
static enum mrq_status
put_header(struct mrq_file *file, const struct mrq_publish_request *request,
	   struct mrq_error *err)
{
	struct mrq_session *s = file->session;
	struct mrq_published pub MRQ_CLEANUP(mrq_published_clear) = { .licence = NULL };
	MRQ_TRY(mrq_session_publish(s, request, &pub, err));
	struct mrq_container_protection protection = mrq_published_protection(&pub);
	atomic_store(&file->fresh, false);
	MRQ_TRY(mrq_container_protect(file->container, &protection, err));
	struct mrq_container_facts facts;
	mrq_container_facts_get(file->container, &facts);
	mrq_sequences_note(s->sequences, &facts.file_id, facts.sequence, facts.durable);
	enum mrq_status ignored = mrq_sequences_store(s->sequences, NULL);
	(void)ignored;
	return MRQ_OK;
}

enum mrq_status
mrq_file_relabel(struct mrq_file *file, const struct mrq_caller *caller,
		 const struct mrq_access *access, enum mrq_audit_event event,
		 const struct mrq_publish_request *request, const char *reason,
		 const char *path, struct mrq_error *err)
{
	struct mrq_container_facts before, after;
	struct mrq_error why = { 0 };
	mrq_container_facts_get(file->container, &before);
	enum mrq_status st = put_header(file, request, &why);
	mrq_container_facts_get(file->container, &after);
	struct mrq_audit_record r = { .event = event };
	if (access->decision.granted)
		mrq_access_describe(access, &r);
	r.path = path;
	r.file_id = after.file_id;
	r.content_id = after.content_id;
	r.label_before = before.label_id;
	r.label_after = after.label_id;
	r.template_id = request->template_id;
	r.owner = after.owner;
	r.issuer = request->issuer;
	r.granted = st == MRQ_OK;
	r.status = st;
	r.reason = st == MRQ_OK ? reason : why.msg;
	enum mrq_status ignored =
		mrq_session_record(file->session, caller, access->mail,
				   &access->program, r, MRQ_AUDIT_KERNEL, NULL);
	(void)ignored;
	if (st != MRQ_OK && err)
		*err = why;
	return st;
}

/** Raise one open file to a label, if its own is lower. */
static enum mrq_status
raise_file(struct mrq_handle *writer, const struct mrq_policy_set *set,
	   const struct mrq_label *label, struct mrq_error *err)
{
	struct mrq_file *file = writer->file;
	if (mrq_file_kind_get(file) != MRQ_FILE_PROTECTED)
		return MRQ_OK;
	struct mrq_container_facts facts;
	mrq_container_facts_get(file->container, &facts);
	const struct mrq_label *now =
		mrq_label_find(set->labels, set->n_labels, &facts.label_id);
	if (rank_of(set, now) >= rank_of(set, label))
		return MRQ_OK;
	struct mrq_grant grant;
	struct mrq_publish_request request = { .owner = facts.owner,
					       .issuer = writer->mail };
	mrq_label_request(set, label, &grant, &request);
	struct mrq_access by = { .program = writer->program };
	memcpy(by.mail, writer->mail, sizeof(by.mail));
	return mrq_file_relabel(file, &writer->caller, &by, MRQ_AUDIT_LABEL, &request,
				"raised: the process has read content of this label",
				writer->path, err);
}

void
mrq_label_follow(struct mrq_handle *reader)
{
	struct mrq_session *s = reader->file->session;
	struct mrq_policy_ref *policy MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(s);
	const struct mrq_policy_set *set = policy->set;
	struct mrq_container_facts facts;
	mrq_container_facts_get(reader->file->container, &facts);
	const struct mrq_label *label =
		mrq_label_find(set->labels, set->n_labels, &facts.label_id);
	int rank = rank_of(set, label);
	struct mrq_process process;
	if (!label || rank <= atomic_load(&s->floor_rank) ||
	    exempted(s, label, reader->program.path) ||
	    !mrq_process_load(reader->caller.pid, &process))
		return;
	struct mrq_mark mark = { label->id, rank };
	mrq_lineage_note(s->lineage, &process, &mark);
	struct mrq_ancestry ancestry;
	mrq_ancestry_load(&process, &ancestry);
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &s->files_lock;
	pthread_mutex_lock(held);
	for (struct mrq_handle *w = s->writers; w; w = w->next) {
		struct mrq_error err = { 0 };
		if (w->file != reader->file &&
		    mrq_lineage_reaches(&ancestry, &w->process) &&
		    raise_file(w, set, label, &err) != MRQ_OK)
			mrq_log(MRQ_LOG_ERROR, "cannot raise the label of '%s': %s",
				w->path, err.msg);
	}
}

enum mrq_status
mrq_label_raise(struct mrq_handle *writer, struct mrq_error *err)
{
	struct mrq_session *s = writer->file->session;
	if (mrq_lineage_empty(s->lineage) || !writer->process.tgid)
		return MRQ_OK;
	struct mrq_policy_ref *policy MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(s);
	const struct mrq_label *label = marked_label(s, policy->set, &writer->process,
						     atomic_load(&s->floor_rank));
	return label ? raise_file(writer, policy->set, label, err) : MRQ_OK;
}
