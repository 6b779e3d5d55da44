/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `marque doctor`: what a first look at a sick installation would check, one line each.  A check
 * ends well, with a warning (it works, but not as it should) or with a failure.
 */
#include "cli.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <string.h>

#include <marque/audit.h>
#include <marque/control.h>
#include <marque/label.h>
#include <marque/version.h>

#include "base/clock.h"
#include "output.h"
#include "programs.h"

/* A clock before this build's first release is wrong. */
#define CLOCK_MIN INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define CLOCK_MAX INT64_C(4102444800) /* 2100-01-01T00:00:00Z */

enum finding { GOOD, WARNING, BAD };

struct doctor {
	struct cli *cli;
	unsigned bad, warnings;
	enum mrq_status status; /* of the first failure */
};

static void
say(struct doctor *d, const char *check, enum finding finding, const char *text)
{
	static const char *const words[] = { "ok", "warning", "FAILED" };
	static const char *const plain[] = { "ok", "warning", "failed" };
	struct mrq_error ignored = { 0 };

	d->bad += finding == BAD;
	d->warnings += finding == WARNING;
	if (!d->cli->json) {
		(void)printf("%-8s %-8s ", words[finding], check);
		cli_put_text(stdout, text);
		(void)fputc('\n', stdout);
		return;
	}
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_text(&out, "check", check);
	mrq_json_out_text(&out, "result", plain[finding]);
	mrq_json_out_text(&out, "text", text);
	mrq_json_out_end(&out, '}');
	if (cli_put_json(stdout, &out, &ignored) != MRQ_OK)
		cli_print_error(&ignored);
}

static void
check_version(struct doctor *d)
{
	char text[128];
	bool same = strcmp(mrq_version(), MRQ_VERSION) == 0;

	(void)snprintf(text, sizeof(text), "marque %s, library %s", MRQ_VERSION,
		       mrq_version());
	say(d, "version", same ? GOOD : WARNING, text);
}

static void
check_fuse(struct doctor *d)
{
	struct stat st;
	char text[PATH_MAX + 128], path[PATH_MAX];

	if (stat("/dev/fuse", &st) != 0 || !S_ISCHR(st.st_mode)) {
		say(d, "fuse", BAD,
		    "/dev/fuse is missing: load the module 'fuse', or give the "
		    "container the "
		    "device");
		return;
	}
	if (access("/dev/fuse", R_OK | W_OK) != 0) {
		(void)snprintf(text, sizeof(text), "/dev/fuse cannot be opened: %s",
			       strerrordesc_np(errno));
		say(d, "fuse", BAD, text);
		return;
	}
	struct mrq_error err = { 0 };
	if (cli_find_program("marquefs", "/../fs/", MRQ_SBINDIR, path, &err) !=
	    MRQ_OK) {
		say(d, "fuse", BAD, err.msg);
		return;
	}
	(void)snprintf(text, sizeof(text), "/dev/fuse and %s", path);
	say(d, "fuse", GOOD, text);
}

static void
check_viewer(struct doctor *d)
{
	char path[PATH_MAX], text[PATH_MAX + 128];
	struct mrq_error err = { 0 };
	struct stat st;

	if (cli_find_program("marque-view", "/", MRQ_BINDIR, path, &err) != MRQ_OK) {
		say(d, "viewer", WARNING, err.msg);
		return;
	}
	const struct group *group = getgrnam("marque-trusted");
	bool trusted = group && stat(path, &st) == 0 && (st.st_mode & S_ISGID) &&
		       st.st_gid == group->gr_gid && st.st_uid == 0 &&
		       !(st.st_mode & (S_IWGRP | S_IWOTH));
	(void)snprintf(
		text, sizeof(text),
		trusted ? "%s is set up as a trusted program"
			: "%s is not owned by root and set-group-ID marque-trusted: it "
			  "counts as an ordinary program",
		path);
	say(d, "viewer", trusted ? GOOD : WARNING, text);
}

static void
check_clock(struct doctor *d)
{
	char text[MRQ_TIME_TEXT];
	int64_t now = mrq_clock_now();

	mrq_time_format(now, text);
	say(d, "clock", now < CLOCK_MIN || now > CLOCK_MAX ? BAD : GOOD, text);
}

static void
check_config(struct doctor *d)
{
	char text[PATH_MAX + 128];
	bool there = access(d->cli->config_file, R_OK) == 0;

	(void)snprintf(text, sizeof(text),
		       there ? "%s" : "%s is not there: defaults hold",
		       d->cli->config_file);
	say(d, "config", GOOD, text);
}

/* Opens the session, which reads configuration and state; keys when they can be had unasked. */
static struct mrq_session *
check_state(struct doctor *d)
{
	struct mrq_session_options options = {
		.state_dir = d->cli->state_dir,
		.config_file = d->cli->config_file,
		.keys = MRQ_SESSION_KEYS,
	};
	struct mrq_error err = { 0 };
	struct cli *cli = d->cli;
	char text[PATH_MAX + 640];
	enum mrq_status s;

	if (cli_has(&cli->given, CLI_PASSPHRASE_FD)) {
		struct mrq_session *session = NULL;
		s = cli_session(cli, MRQ_SESSION_KEYS, &session, &err);
	} else {
		s = mrq_session_open(&options, &cli->session, &err);
	}
	if (s == MRQ_OK) {
		cli->keys = true;
		(void)snprintf(text, sizeof(text), "authority of %s in %s, keys open",
			       mrq_session_settings(cli->session)->org, cli->state_dir);
		say(d, "state", GOOD, text);
		return cli->session;
	}
	if (s == MRQ_E_PASSPHRASE)
		say(d, "state", WARNING, err.msg);
	else
		say(d, "state", BAD, err.msg);
	options.keys = MRQ_SESSION_CLEAR;
	if (mrq_session_open(&options, &cli->session, &err) != MRQ_OK)
		return NULL;
	return cli->session;
}

static void
check_labels(struct doctor *d, struct mrq_session *session)
{
	struct mrq_label_info *labels MRQ_CLEANUP(free) = NULL;
	struct mrq_error err = { 0 };
	char text[64];
	size_t n = 0;

	if (mrq_labels(session, &labels, &n, &err) != MRQ_OK) {
		say(d, "labels", WARNING, err.msg);
		return;
	}
	(void)snprintf(text, sizeof(text), "%zu labels", n);
	say(d, "labels", GOOD, text);
}

static void
check_audit(struct doctor *d, struct mrq_session *session)
{
	const struct mrq_settings *settings = mrq_session_settings(session);
	struct mrq_audit_verdict v = { 0 };
	struct mrq_error err = { 0 };
	char text[PATH_MAX + 256];
	const char *path = settings->audit_path ? settings->audit_path : "";

	enum mrq_status s =
		mrq_audit_verify(path, settings->audit_public_key, &v, &err);
	if (s == MRQ_E_NOT_FOUND) {
		say(d, "audit", WARNING, "there is no audit log yet");
		return;
	}
	if (s != MRQ_OK) {
		say(d, "audit", BAD, err.msg);
		if (d->status == MRQ_OK)
			d->status = s;
		return;
	}
	(void)snprintf(text, sizeof(text), "%s: chain of %" PRIu64 " records whole%s",
		       path, v.records,
		       settings->audit_public_key ? "" : ", signatures unchecked");
	say(d, "audit", GOOD, text);
}

static bool
check_mount(const struct mrq_mount_info *mount, void *arg)
{
	struct doctor *d = arg;
	char *answer MRQ_CLEANUP(free) = NULL;
	char *text MRQ_CLEANUP(free) = NULL;
	struct mrq_error err = { 0 };
	bool well = mrq_control_call(mount->mount_point, "{\"verb\":\"status\"}",
				     &answer, &err) == MRQ_OK;

	if (asprintf(&text, "%s on %s%s%s", mount->source, mount->mount_point,
		     well ? "" : ": ", well ? "" : err.msg) < 0) {
		text = NULL;
		return false;
	}
	say(d, "mount", well ? GOOD : BAD, text);
	return true;
}

enum mrq_status
cli_doctor(struct cli *cli, struct mrq_error *err)
{
	struct doctor d = { .cli = cli };

	check_version(&d);
	check_clock(&d);
	check_fuse(&d);
	check_viewer(&d);
	check_config(&d);
	struct mrq_session *session = check_state(&d);
	if (session) {
		check_labels(&d, session);
		check_audit(&d, session);
	}
	MRQ_TRY(mrq_mounts_each(check_mount, &d, err));
	if (d.bad == 0)
		return MRQ_OK;
	return mrq_fail(err, d.status ? d.status : MRQ_E_UNSUPPORTED,
			"%u check%s failed; the lines above say what to do", d.bad,
			d.bad == 1 ? "" : "s");
}
