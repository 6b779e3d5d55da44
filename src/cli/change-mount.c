/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "change.h"

#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <marque/control.h>

#include "base/clock.h"
#include "base/json-doc.h"

/* Attributes by which a mount is told: marquefs(8), "EXTENDED ATTRIBUTES". */
#define LABEL   "user.marque.label"
#define PROTECT "user.marque.protect"
#define REWRAP  "user.marque.rewrap"
#define CONTENT "user.marque.content-id"

/* "NAME;what-if;new-key;justification=TEXT": the text comes last, as it may hold anything. */
static enum mrq_status
encode_flags(const char *name, const struct mrq_change_options *options, char **ret,
	     struct mrq_error *err)
{
	const char *text = options->justification;
	int n = asprintf(ret, "%s%s%s%s%s", name, options->what_if ? ";what-if" : "",
			 options->new_key ? ";new-key" : "",
			 text ? ";justification=" : "", text ? text : "");

	return n < 0 ? mrq_fail(err, MRQ_E_NOMEM, "no memory for an attribute")
		     : MRQ_OK;
}

static enum mrq_status
encode_permissions(const struct cli_change *change, char **ret, struct mrq_error *err)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	const struct mrq_permissions *p = change->permissions;

	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_begin(&out, "grants", '[');
	for (size_t i = 0; i < p->n; i++) {
		char rights[MRQ_RIGHTS_TEXT];
		mrq_rights_format(p->items[i].rights, rights);
		mrq_json_out_begin(&out, NULL, '{');
		mrq_json_out_text(&out, "who", p->items[i].who);
		mrq_json_out_text(&out, "rights", rights);
		mrq_json_out_end(&out, '}');
	}
	mrq_json_out_end(&out, ']');
	if (p->expires) {
		char when[MRQ_TIME_TEXT];
		mrq_time_format(p->expires, when);
		mrq_json_out_text(&out, "expires", when);
	}
	if (p->owner)
		mrq_json_out_text(&out, "owner", p->owner);
	if (change->options.justification)
		mrq_json_out_text(&out, "justification", change->options.justification);
	if (change->options.what_if)
		mrq_json_out_bool(&out, "what_if", true);
	if (change->options.new_key)
		mrq_json_out_bool(&out, "new_key", true);
	mrq_json_out_end(&out, '}');
	return mrq_json_out_finish(&out, ret, err);
}

enum mrq_status
cli_change_encode(const struct cli_change *change, char **ret, struct mrq_error *err)
{
	switch (change->kind) {
	case CLI_CHANGE_LABEL:
		return encode_flags(change->label, &change->options, ret, err);
	case CLI_CHANGE_UNLABEL:
		return encode_flags("", &change->options, ret, err);
	case CLI_CHANGE_PROTECT:
		return encode_permissions(change, ret, err);
	case CLI_CHANGE_UNPROTECT:
		return encode_flags("none", &change->options, ret, err);
	case CLI_CHANGE_REWRAP:
		return encode_flags("1", &change->options, ret, err);
	}
	return mrq_fail(err, MRQ_E_INVAL, "no such change");
}

static const char *
attribute_of(enum cli_change_kind kind)
{
	switch (kind) {
	case CLI_CHANGE_LABEL:
	case CLI_CHANGE_UNLABEL:
		return LABEL;
	case CLI_CHANGE_PROTECT:
	case CLI_CHANGE_UNPROTECT:
		return PROTECT;
	case CLI_CHANGE_REWRAP:
		return REWRAP;
	}
	return NULL;
}

/* Errors behind which the mount keeps a sentence; the others say all themselves. */
static bool
has_sentence(int sys_errno)
{
	return cli_status_of_errno(sys_errno) != MRQ_E_SYS &&
	       cli_status_of_errno(sys_errno) != MRQ_E_NOMEM;
}

static bool
is_utf8(const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		uint32_t c = 0;
		size_t n = mrq_json_utf8_decode(text, left, &c);
		if (n == 0)
			return false;
		text += n;
		left -= n;
	}
	return true;
}

enum mrq_status
cli_why_request(const char *real, char **ret, struct mrq_error *err)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };

	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_text(&out, "verb", "why");
	if (is_utf8(real))
		mrq_json_out_text(&out, "path", real);
	mrq_json_out_end(&out, '}');
	return mrq_json_out_finish(&out, ret, err);
}

/* The caller's last refusal: of this path, else of any, as the one just met is the latest. */
static bool
ask(const char *real, const char *request, struct mrq_json_doc **ret)
{
	char *answer MRQ_CLEANUP(free) = NULL;

	return mrq_control_call(real, request, &answer, NULL) == MRQ_OK &&
	       mrq_json_doc_parse(answer, strlen(answer), ret, NULL) == MRQ_OK;
}

enum mrq_status
cli_ask_why(const char *path, const char *real, int sys_errno, struct mrq_error *err)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
	char *request MRQ_CLEANUP(free) = NULL;
	const char *sentence = NULL;

	if (has_sentence(sys_errno) &&
	    cli_why_request(real, &request, NULL) == MRQ_OK &&
	    (ask(real, request, &doc) || ask(real, CLI_WHY_ANY, &doc)))
		sentence = mrq_json_node_text(mrq_json_doc_root(doc), "why");
	if (sentence)
		return mrq_fail(err, cli_status_of_errno(sys_errno), "%s", sentence);
	const char *reason = strerrordesc_np(sys_errno);
	return mrq_fail(err, cli_status_of_errno(sys_errno), "cannot change '%s': %s",
			path, reason ? reason : "unknown error");
}

/* The mount changes the header in place, or puts a new inode there: both move the times. */
static void
restore_times(const struct cli_target *target)
{
	const struct timespec when[2] = { target->st.st_atim, target->st.st_mtim };

	if (utimensat(target->dirfd, target->name, when, AT_SYMLINK_NOFOLLOW) != 0)
		return; /* not ours to set: the change itself is done */
}

/* Only what is protected can lose its protection or be wrapped anew. */
static bool
needs_protection(enum cli_change_kind kind)
{
	return kind == CLI_CHANGE_UNLABEL || kind == CLI_CHANGE_UNPROTECT ||
	       kind == CLI_CHANGE_REWRAP;
}

enum mrq_status
cli_change_in_mount(const struct cli_target *target, const struct cli_change *change,
		    struct mrq_error *err)
{
	char *value MRQ_CLEANUP(free) = NULL;
	char link[64];
	int fd MRQ_CLEANUP(mrq_close) =
		openat(target->dirfd, target->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return mrq_fail_sys(err, "cannot find '%s'", target->path);
	MRQ_TRY(cli_change_encode(change, &value, err));
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (needs_protection(change->kind) && getxattr(link, CONTENT, NULL, 0) < 0 &&
	    errno == ENODATA)
		return mrq_fail(err, MRQ_E_PLAIN, "'%s' is not protected",
				target->path);
	if (change->kind == CLI_CHANGE_REWRAP && change->options.what_if)
		return MRQ_OK;
	const char *name = attribute_of(change->kind);
	bool plain_removal = change->kind == CLI_CHANGE_UNLABEL && value[0] == '\0';
	int failed = plain_removal ? removexattr(link, name)
				   : setxattr(link, name, value, strlen(value), 0);
	if (failed != 0)
		return cli_ask_why(target->path, target->real, errno, err);
	if (change->preserve && !change->options.what_if)
		restore_times(target);
	return MRQ_OK;
}
