/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "walk.h"

#include <inttypes.h>
#include <stdio.h>

#include <marque/file.h>

#include "output.h"

struct fsck_walk {
	enum mrq_fsck mode;
	bool keyless; /* no keys to be had */
	uint64_t files, plain, damaged;
};

/* What is damaged in one file; printed, or collected as JSON. */
struct findings {
	const char *path;
	struct mrq_json_out *json; /* NULL: print */
};

static void
report(uint64_t off, uint64_t len, const char *reason, void *arg)
{
	struct findings *f = arg;

	if (!f->json) {
		cli_put_text(stdout, f->path);
		(void)printf(": bytes %" PRIu64 " to %" PRIu64 " are lost: %s\n", off,
			     off + (len ? len - 1 : 0), reason);
		return;
	}
	mrq_json_out_begin(f->json, NULL, '{');
	mrq_json_out_integer(f->json, "offset", (int64_t)off);
	mrq_json_out_integer(f->json, "length", (int64_t)len);
	mrq_json_out_text(f->json, "reason", reason);
	mrq_json_out_end(f->json, '}');
}

static const char *
verdict(enum mrq_status s, const struct mrq_fsck_result *r)
{
	if (s != MRQ_OK)
		return r->rolled_back ? "rolled-back" : "damaged";
	if (r->kind != MRQ_FILE_PROTECTED)
		return "plain";
	return r->keyed ? "whole" : "structure-whole";
}

static void
put_text(const struct cli *cli, const char *path, enum mrq_status s,
	 const struct mrq_fsck_result *r)
{
	if (s != MRQ_OK || (r->kind != MRQ_FILE_PROTECTED && !cli->verbose))
		return;
	cli_put_text(stdout, path);
	if (r->kind != MRQ_FILE_PROTECTED) {
		(void)fputs(": not protected\n", stdout);
		return;
	}
	(void)printf(": %s, %" PRIu64 " blocks, %" PRIu64 " holes%s\n",
		     r->keyed ? "whole"
			      : "structure whole, content not checked without keys",
		     r->blocks, r->holes,
		     r->journal_replayed ? ", journal replayed" : "");
}

static void
json_numbers(struct mrq_json_out *out, enum mrq_status s,
	     const struct mrq_fsck_result *r)
{
	mrq_json_out_text(out, "result", verdict(s, r));
	mrq_json_out_bool(out, "keyed", r->keyed);
	mrq_json_out_bool(out, "journal_replayed", r->journal_replayed);
	mrq_json_out_bool(out, "rolled_back", r->rolled_back);
	mrq_json_out_integer(out, "blocks", (int64_t)r->blocks);
	mrq_json_out_integer(out, "holes", (int64_t)r->holes);
	mrq_json_out_integer(out, "damaged", (int64_t)r->damaged);
	mrq_json_out_integer(out, "lost", (int64_t)r->lost);
}

static enum mrq_status
check(struct cli *cli, struct mrq_session *session, const struct cli_target *target,
      struct fsck_walk *w, struct mrq_error *err)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	struct findings f = { target->path, cli->json ? &out : NULL };
	struct mrq_fsck_result r = { 0 };
	struct mrq_error why = { 0 };

	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_path(&out, "path", target->path);
	mrq_json_out_begin(&out, "ranges", '[');
	enum mrq_status s =
		mrq_fsck(session, target->real, w->mode, report, &f, &r, &why);
	mrq_json_out_end(&out, ']');
	/* What could not be repaired for want of keys has passed the check. */
	json_numbers(&out, w->keyless && s == MRQ_E_NO_KEY ? MRQ_OK : s, &r);
	if (s != MRQ_OK)
		mrq_json_out_text(&out, "error", why.msg);
	mrq_json_out_end(&out, '}');
	w->files++;
	w->plain += s == MRQ_OK && r.kind != MRQ_FILE_PROTECTED;
	w->damaged += cli_exit_code(s) == CLI_EXIT_DAMAGED;
	if (cli->json)
		MRQ_TRY(cli_put_json(stdout, &out, err));
	else
		put_text(cli, target->path, s, &r);
	if (s != MRQ_OK)
		*err = why;
	cli->told = cli->json && s != MRQ_OK;
	return s;
}

/* Who may not have the keys can still have the structure checked. */
static enum mrq_status
open_session(struct cli *cli, struct fsck_walk *w, struct mrq_session **ret,
	     struct mrq_error *err)
{
	if (!w->keyless) {
		enum mrq_status s = cli_session(cli, MRQ_SESSION_KEYS, ret, err);
		if (s == MRQ_OK || w->mode == MRQ_FSCK_ACCEPT || s == MRQ_E_CONFIG ||
		    s == MRQ_E_PASSPHRASE)
			return s;
		cli->session_err = (struct mrq_error){ 0 };
		w->keyless = true;
	}
	return cli_session(cli, MRQ_SESSION_CLEAR, ret, err);
}

static enum mrq_status
visit(struct cli *cli, const struct cli_target *target, void *arg,
      struct mrq_error *err)
{
	struct fsck_walk *w = arg;
	struct mrq_session *session = NULL;

	if (target->where == CLI_IN_MOUNT)
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"'%s' lies in a mount; check it in the source folder",
				target->path);
	if (target->where == CLI_IN_SOURCE && w->mode != MRQ_FSCK_CHECK)
		return cli_refuse_source(target, err);
	MRQ_TRY(open_session(cli, w, &session, err));
	return check(cli, session, target, w, err);
}

enum mrq_status
cli_fsck(struct cli *cli, struct mrq_error *err)
{
	bool repair = cli_has(&cli->given, CLI_REPAIR);
	bool accept = cli_has(&cli->given, CLI_ACCEPT);
	struct fsck_walk w = { .mode = accept   ? MRQ_FSCK_ACCEPT
				       : repair ? MRQ_FSCK_REPAIR
						: MRQ_FSCK_CHECK };

	if (repair && accept)
		return mrq_fail(
			err, MRQ_E_INVAL,
			"--repair and --accept exclude one another; accept first");
	MRQ_TRY(cli_walk(cli, 0, true, visit, &w, err));
	if (!cli->json && w.files > 1)
		(void)printf("%" PRIu64 " files checked, %" PRIu64
			     " not protected, %" PRIu64 " damaged\n",
			     w.files, w.plain, w.damaged);
	return MRQ_OK;
}
