/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs/daemon.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mountinfo.h"
#include "base/runtime.h"
#include "fs/daemon-internal.h"
#include "fs/exit.h"
#include "fs/sandbox.h"

#define OOM_SCORE_ADJ "-500" /* killed late: its death takes open files along */

/* ---- where the log goes ---- */

static const char *
level_name(enum mrq_log_level level)
{
	switch (level) {
	case MRQ_LOG_ERROR:
		return "error: ";
	case MRQ_LOG_WARNING:
		return "warning: ";
	case MRQ_LOG_NOTICE:
	case MRQ_LOG_DEBUG:
		return "";
	}
	return "";
}

static void
log_to_stderr(enum mrq_log_level level, const char *msg, void *arg)
{
	(void)arg;
	(void)fprintf(stderr, "marquefs: %s%s\n", level_name(level), msg);
}

static void
log_to_syslog(enum mrq_log_level level, const char *msg, void *arg)
{
	static const int priorities[] = {
		[MRQ_LOG_ERROR] = LOG_ERR,
		[MRQ_LOG_WARNING] = LOG_WARNING,
		[MRQ_LOG_NOTICE] = LOG_NOTICE,
		[MRQ_LOG_DEBUG] = LOG_DEBUG,
	};

	(void)arg;
	syslog(priorities[level], "%s", msg);
}

static enum mrq_log_level
log_max(const struct mrq_daemon *d)
{
	return d->options->verbose ? MRQ_LOG_DEBUG : MRQ_LOG_NOTICE;
}

/* libfuse's last complaint before the mount stands: the reason it does not return. */
static char fuse_said[256];

MRQ_PRINTF(2, 0)
static void
hear_fuse(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char text[sizeof(fuse_said)];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	if (level <= FUSE_LOG_ERR && !fuse_said[0])
		(void)snprintf(fuse_said, sizeof(fuse_said), "%s", text);
	mrq_log(level <= FUSE_LOG_ERR       ? MRQ_LOG_ERROR
		: level <= FUSE_LOG_WARNING ? MRQ_LOG_WARNING
					    : MRQ_LOG_DEBUG,
		"%s", text);
}

/* ---- making it ---- */

static enum mrq_status
take_place(struct mrq_daemon *d, struct mrq_error *err)
{
	const struct mrq_options *o = d->options;
	const struct mrq_place_wish wish = {
		.source = o->source,
		.mount_point = o->mount_point,
		.root = d->root,
		.allow_other = o->allow_other,
		.shared = o->shared,
	};

	MRQ_TRY(mrq_place_take(&wish, &d->place, err));
	return mrq_unmounter_new(d->place.mount_point, d->root, &d->unmounter, err);
}

static enum mrq_status
open_session(struct mrq_daemon *d, struct mrq_error *err)
{
	struct mrq_passphrase pass MRQ_CLEANUP(mrq_passphrase_wipe) = { .len = 0 };
	const struct mrq_options *o = d->options;
	struct mrq_session_options options = {
		.state_dir = o->state_dir,
		.config_file = o->config_file,
		.keys = MRQ_SESSION_KEYS,
		.mount_point = d->place.mount_point,
		.source = d->place.source,
	};

	if (o->passphrase_fd >= 0) {
		MRQ_TRY(mrq_passphrase_read(o->passphrase_fd, &pass, err));
		options.passphrase = pass.bytes;
		options.passphrase_len = pass.len;
	}
	enum mrq_status s = mrq_session_open(&options, &d->session, err);
	if (s == MRQ_E_PASSPHRASE && o->passphrase_fd < 0)
		return mrq_fail(err, s,
				"the authority in '%s' is sealed by a passphrase: give "
				"it with --passphrase-fd",
				o->state_dir);
	return s;
}

static enum mrq_status
make_fs(struct mrq_daemon *d, struct mrq_error *err)
{
	const struct mrq_options *o = d->options;
	const struct mrq_fs_options options = {
		.allow_other = o->allow_other,
		.read_only = o->read_only,
		.shared = o->shared,
		.attr_timeout = o->attr_timeout,
		.entry_timeout = o->entry_timeout,
		.threads = o->threads,
	};

	MRQ_TRY(mrq_fs_new(d->session, d->place.source_fd, d->place.source,
			   d->place.mount_point, &options, &d->fs, err));
	d->place.source_fd = -1;
	return MRQ_OK;
}

static int
add_options(const struct mrq_options *o, char **text, const char *fsname)
{
	int failed = fuse_opt_add_opt_escaped(text, fsname);

	failed |= fuse_opt_add_opt(text, "subtype=marque");
	failed |= fuse_opt_add_opt(text, "default_permissions,nosuid,nodev");
	if (o->allow_other)
		failed |= fuse_opt_add_opt(text, "allow_other");
	if (o->read_only)
		failed |= fuse_opt_add_opt(text, "ro");
	if (*o->kernel)
		failed |= fuse_opt_add_opt(text, o->kernel);
	return failed;
}

static void
args_clear(struct fuse_args *args)
{
	fuse_opt_free_args(args);
}
MRQ_DEFINE_CLEANUP_VALUE(args_clear, struct fuse_args)

static enum mrq_status
make_fuse_session(struct mrq_daemon *d, struct mrq_error *err)
{
	struct fuse_args args MRQ_CLEANUP(args_clear) = FUSE_ARGS_INIT(0, NULL);
	char *text MRQ_CLEANUP(free) = NULL;
	char *fsname MRQ_CLEANUP(free) = NULL;

	if (asprintf(&fsname, "fsname=%s", d->place.source) < 0) {
		fsname = NULL;
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to mount");
	}
	if (add_options(d->options, &text, fsname) != 0 ||
	    fuse_opt_add_arg(&args, "marquefs") != 0 ||
	    fuse_opt_add_arg(&args, "-o") != 0 || fuse_opt_add_arg(&args, text) != 0)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to mount");
	d->se = fuse_session_new(&args, &mrq_fs_ops, sizeof(mrq_fs_ops), d->fs);
	if (!d->se)
		return mrq_fail(err, MRQ_E_SYS, "cannot set up libfuse: %s",
				fuse_said[0] ? fuse_said : "no memory");
	return MRQ_OK;
}

static enum mrq_status
mount_it(struct mrq_daemon *d, struct mrq_error *err)
{
	struct mrq_mounts mounts MRQ_CLEANUP(mrq_mounts_clear) = { 0 };

	if (fuse_session_mount(d->se, d->place.mount_point) != 0) {
		atomic_store(&d->gone, true);
		return mrq_fail(err, MRQ_E_SYS, "cannot mount '%s' on '%s': %s",
				d->place.source, d->place.mount_point,
				fuse_said[0] ? fuse_said : "see fusermount3 above");
	}
	atomic_store(&d->gone, false);
	MRQ_TRY(mrq_mounts_load(&mounts, err));
	const struct mrq_mount *m = mrq_mounts_at(&mounts, d->place.mount_point);
	if (!m || strcmp(m->type, MRQ_MOUNT_TYPE) != 0)
		return mrq_fail(err, MRQ_E_BUSY,
				"the mount on '%s' went away, or another covered it, "
				"at once",
				d->place.mount_point);
	d->major = m->major;
	d->minor = m->minor;
	return MRQ_OK;
}

static enum mrq_status
make_control(struct mrq_daemon *d, struct mrq_error *err)
{
	const struct mrq_control_mount mount = {
		.ops = &mrq_daemon_control_ops,
		.arg = d,
		.owner = geteuid(),
		.mount_point = d->place.mount_point,
	};
	int folder MRQ_CLEANUP(mrq_close) = -1;
	char name[MRQ_CONTROL_NAME_MAX];

	MRQ_TRY(mrq_runtime_make(geteuid(), &folder, err));
	mrq_control_name(d->major, d->minor, name);
	return mrq_control_new(folder, name, &mount, &d->control, err);
}

static void
be_killed_late(void)
{
	int fd MRQ_CLEANUP(mrq_close) =
		open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, OOM_SCORE_ADJ, sizeof(OOM_SCORE_ADJ) - 1) < 0)
		mrq_log(MRQ_LOG_DEBUG, "cannot set oom_score_adj: %s",
			strerrordesc_np(errno));
}

/* From here on the log goes where it will go: threads follow. */
static enum mrq_status
detach(struct mrq_daemon *d, struct mrq_error *err)
{
	if (chdir("/") < 0)
		return mrq_fail_sys(err, "cannot change to '/'");
	if (d->options->foreground)
		return MRQ_OK;
	if (setsid() < 0)
		return mrq_fail_sys(err, "cannot leave the session");
	openlog("marquefs", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	mrq_log_set_sink(log_to_syslog, log_max(d), NULL);
	return MRQ_OK;
}

static enum mrq_status
make(struct mrq_daemon *d, struct mrq_error *err)
{
	MRQ_TRY(take_place(d, err));
	MRQ_TRY(mrq_sandbox_begin(err));
	MRQ_TRY(open_session(d, err));
	MRQ_TRY(make_fs(d, err));
	MRQ_TRY(make_fuse_session(d, err));
	MRQ_TRY(mount_it(d, err));
	MRQ_TRY(make_control(d, err));
	if (d->root)
		be_killed_late();
	MRQ_TRY(detach(d, err));
	MRQ_TRY(mrq_sandbox_drop(err));
	return mrq_sandbox_filter(err);
}

/* ---- running it ---- */

/* An audit log that cannot be written stops what must be audited, not the mount. */
static void
audit(struct mrq_daemon *d, enum mrq_audit_event event)
{
	struct mrq_caller self = mrq_caller_self();
	struct mrq_audit_record record = {
		.event = event,
		.mount = d->place.mount_point,
		.granted = true,
	};
	struct mrq_error err = { 0 };

	if (mrq_session_audit(d->session, &self, &record, &err) != MRQ_OK)
		mrq_log(MRQ_LOG_ERROR, "%s", err.msg);
}

static enum mrq_status
run(struct mrq_daemon *d, struct mrq_error *err)
{
	mrq_daemon_block_signals();
	MRQ_TRY(mrq_fs_start(d->fs, d->se, err));
	audit(d, MRQ_AUDIT_START);
	MRQ_TRY(mrq_session_start(d->session, mrq_fs_recheck, d->fs, err));
	MRQ_TRY(mrq_control_start(d->control, err));
	MRQ_TRY(mrq_daemon_start_signals(d, err));
	MRQ_TRY(mrq_fs_run(d->fs, d->se, err));
	mrq_daemon_end_signals(d);
	mrq_control_free(MRQ_STEAL(d->control));
	/* Unmounted from outside as well: the loop ends no other way. */
	atomic_store(&d->gone, true);
	enum mrq_status s = mrq_fs_flush(d->fs, err);
	audit(d, MRQ_AUDIT_STOP);
	return s;
}

/* Never fuse_session_unmount: by then another mount may stand there, and it would take that. */
static void
end(struct mrq_daemon *d)
{
	struct mrq_error err = { 0 };

	mrq_control_free(d->control);
	if (!atomic_load(&d->gone) &&
	    mrq_unmounter_run(d->unmounter, MRQ_UNMOUNT_LAZY, &err) != MRQ_OK)
		mrq_log(MRQ_LOG_ERROR, "%s", err.msg);
	/* Closes the device, which frees a thread that waits for an answer from the mount. */
	if (d->se)
		fuse_session_destroy(d->se);
	mrq_daemon_end_signals(d);
	/* Its hook looks at the inodes. */
	if (d->session)
		mrq_session_stop(d->session);
	mrq_fs_free(d->fs);
	mrq_session_free(d->session);
	mrq_unmounter_free(d->unmounter);
	mrq_place_clear(&d->place);
}

static int
report(struct mrq_daemon *d, enum mrq_status status, const struct mrq_error *err)
{
	int code = mrq_exit_code(status);

	if (status == MRQ_OK)
		return code;
	if (d->ready.told)
		mrq_log(MRQ_LOG_ERROR, "%s", err->msg);
	mrq_ready_fail(&d->ready, code, err->msg);
	return code;
}

int
mrq_daemon_main(const struct mrq_options *options)
{
	struct mrq_daemon d = {
		.options = options,
		.notify_socket = getenv("NOTIFY_SOCKET"),
		.root = geteuid() == 0,
		.ready = { .fd = -1 },
		.place = { .source_fd = -1, .lock_fd = -1 },
		.gone = true,
	};
	struct mrq_error err = { 0 };
	enum mrq_status s = MRQ_OK;

	mrq_log_set_sink(log_to_stderr, log_max(&d), NULL);
	fuse_set_log_func(hear_fuse);
	if (!options->foreground)
		s = mrq_ready_fork(&d.ready, &err);
	if (s == MRQ_OK)
		s = make(&d, &err);
	if (s == MRQ_OK)
		s = run(&d, &err);
	end(&d);
	return report(&d, s, &err);
}
