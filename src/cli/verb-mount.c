/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <sys/mount.h>
#include <sys/syscall.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include <marque/control.h>

#include "base/clock.h"
#include "base/json-doc.h"
#include "output.h"
#include "programs.h"

#define MOUNT_WORDS_MAX 64
#define DAEMON_END_MS   60000 /* for the daemon to bring its files to rest */
#define DRAIN_GONE_NS   (INT64_C(60) * 1000000000)

/* Words of a command line; exec's prototype wants them writable. */
struct words {
	char *at[MOUNT_WORDS_MAX + 1];
	size_t n;
};

static void
words_clear(struct words *words)
{
	for (size_t i = 0; i < words->n; i++)
		free(words->at[i]);
}
MRQ_DEFINE_CLEANUP_VALUE(words_clear, struct words)

static enum mrq_status
add(struct words *words, const char *word, struct mrq_error *err)
{
	if (words->n == MOUNT_WORDS_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "more than %d words for marquefs",
				MOUNT_WORDS_MAX);
	words->at[words->n] = strdup(word);
	if (!words->at[words->n])
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to run marquefs");
	words->n++;
	return MRQ_OK;
}

static enum mrq_status
add_pair(struct words *words, const char *option, const char *value,
	 struct mrq_error *err)
{
	MRQ_TRY(add(words, option, err));
	return add(words, value, err);
}

static enum mrq_status
add_options(const struct cli *cli, struct words *words, struct mrq_error *err)
{
	const struct cli_given *given = &cli->given;
	const char *options;

	for (size_t i = 0; (options = cli_each(given, CLI_MOUNT_OPTIONS, i)); i++)
		MRQ_TRY(add_pair(words, "-o", options, err));
	if (cli_has(given, CLI_FOREGROUND))
		MRQ_TRY(add(words, "-f", err));
	return cli->verbose ? add(words, "-v", err) : MRQ_OK;
}

static enum mrq_status
mount_words(const struct cli *cli, struct words *words, struct mrq_error *err)
{
	const char *fd = cli_value(&cli->given, CLI_PASSPHRASE_FD);

	MRQ_TRY(add(words, "marquefs", err));
	MRQ_TRY(add_pair(words, "--state", cli->state_dir, err));
	MRQ_TRY(add_pair(words, "--config", cli->config_file, err));
	if (fd)
		MRQ_TRY(add_pair(words, "--passphrase-fd", fd, err));
	MRQ_TRY(add_options(cli, words, err));
	MRQ_TRY(add_pair(words, "--", cli->args[0], err));
	return add(words, cli->args[1], err);
}

/* marquefs has said why on standard error already. */
static void
pass_exit_code(struct cli *cli, int code)
{
	if (code == 0)
		return;
	cli->outcome.failed++;
	cli->outcome.code = code;
}

enum mrq_status
cli_mount(struct cli *cli, struct mrq_error *err)
{
	struct words words MRQ_CLEANUP(words_clear) = { 0 };
	char path[PATH_MAX];
	int code = 0;

	MRQ_TRY(cli_find_program("marquefs", "/../fs/", MRQ_SBINDIR, path, err));
	MRQ_TRY(mount_words(cli, &words, err));
	if (cli_has(&cli->given, CLI_FOREGROUND))
		return cli_become(path, words.at, err);
	MRQ_TRY(cli_run(path, words.at, &code, err));
	pass_exit_code(cli, code);
	if (code != 0 || !cli->json)
		return MRQ_OK;
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_path(&out, "source", cli->args[0]);
	mrq_json_out_path(&out, "mount_point", cli->args[1]);
	mrq_json_out_end(&out, '}');
	return cli_put_json(stdout, &out, err);
}

/* ---- umount ---- */

struct find {
	const char *mount_point;
	bool found;
};

static bool
find_mount(const struct mrq_mount_info *mount, void *arg)
{
	struct find *find = arg;

	find->found = strcmp(mount->mount_point, find->mount_point) == 0;
	return !find->found;
}

static enum mrq_status
is_mounted(const char *mount_point, bool *ret, struct mrq_error *err)
{
	struct find find = { .mount_point = mount_point };

	MRQ_TRY(mrq_mounts_each(find_mount, &find, err));
	*ret = find.found;
	return MRQ_OK;
}

/*
 * Absolute form of a mount point whose daemon may be dead: only the folder it lies in is looked
 * at.
 */
static enum mrq_status
absolute(const char *path, char ret[static PATH_MAX], struct mrq_error *err)
{
	char *copy MRQ_CLEANUP(free) = strdup(path);
	if (!copy)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a path");
	size_t len = strlen(copy);
	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	char *slash = strrchr(copy, '/');
	const char *name = slash ? slash + 1 : copy;
	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		if (!realpath(path, ret))
			return mrq_fail_sys(err, "cannot find '%s'", path);
		return MRQ_OK;
	}
	if (slash)
		*slash = '\0';
	char *folder MRQ_CLEANUP(free) = realpath(!slash  ? "."
						  : *copy ? copy
							  : "/",
						  NULL);
	if (!folder)
		return mrq_fail_sys(err, "cannot find '%s'", path);
	int n = snprintf(ret, PATH_MAX, "%s/%s", strcmp(folder, "/") ? folder : "",
			 name);
	if (n < 0 || n >= PATH_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "the path of '%s' is too long", path);
	return MRQ_OK;
}

/* A symbolic link to the mount point is as good as itself. */
static enum mrq_status
find_mount_point(const char *path, char ret[static PATH_MAX], struct mrq_error *err)
{
	bool mounted = false;

	MRQ_TRY(absolute(path, ret, err));
	MRQ_TRY(is_mounted(ret, &mounted, err));
	if (!mounted && realpath(path, ret))
		MRQ_TRY(is_mounted(ret, &mounted, err));
	if (!mounted)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "'%s' is no mount of marque",
				path);
	return MRQ_OK;
}

/* The daemon, to be waited for; -1 when it does not answer. */
static int
open_daemon(const char *mount_point)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
	char *answer MRQ_CLEANUP(free) = NULL;
	int64_t pid = 0;

	if (mrq_control_call(mount_point, "{\"verb\":\"status\"}", &answer, NULL) !=
		    MRQ_OK ||
	    mrq_json_doc_parse(answer, strlen(answer), &doc, NULL) != MRQ_OK ||
	    !mrq_json_node_integer(mrq_json_node_member(mrq_json_doc_root(doc), "pid"),
				   &pid) ||
	    pid <= 1 || pid > INT32_MAX)
		return -1;
	return (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
}

static enum mrq_status
wait_daemon(int pidfd, const char *mount_point, struct mrq_error *err)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

	if (pidfd < 0)
		return MRQ_OK;
	int n = poll(&poll_fd, 1, DAEMON_END_MS);
	if (n == 0)
		return mrq_fail(
			err, MRQ_E_BUSY,
			"'%s' is unmounted, but its daemon still brings files to rest",
			mount_point);
	return MRQ_OK;
}

static enum mrq_status
unmount_as_user(struct cli *cli, const char *mount_point, struct mrq_error *err)
{
	char program[] = "fusermount3", unmount[] = "-u", lazy[] = "-z", end[] = "--";
	char *path MRQ_CLEANUP(free) = strdup(mount_point);
	char *argv[6] = { program, unmount };
	int code = 0;
	size_t n = 2;

	if (!path)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a path");
	if (cli_has(&cli->given, CLI_LAZY))
		argv[n++] = lazy;
	argv[n++] = end;
	argv[n] = path;
	MRQ_TRY(cli_run(program, argv, &code, err));
	if (code != 0)
		return mrq_fail(err, MRQ_E_SYS, "cannot unmount '%s' with fusermount3",
				mount_point);
	return MRQ_OK;
}

static enum mrq_status
unmount(struct cli *cli, const char *mount_point, struct mrq_error *err)
{
	int flags = UMOUNT_NOFOLLOW | (cli_has(&cli->given, CLI_LAZY) ? MNT_DETACH : 0);

	if (umount2(mount_point, flags) == 0)
		return MRQ_OK;
	if (errno == EPERM)
		return unmount_as_user(cli, mount_point, err);
	if (errno == EBUSY)
		return mrq_fail(err, MRQ_E_BUSY,
				"'%s' is in use; end the programs that use it, or give "
				"--drain or --lazy",
				mount_point);
	return mrq_fail_sys(err, "cannot unmount '%s'", mount_point);
}

/* The mount goes away by itself once it has answered. */
static enum mrq_status
drain(const char *mount_point, struct mrq_error *err)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	char *answer MRQ_CLEANUP(free) = NULL;
	bool mounted = true;

	MRQ_TRY(mrq_control_call(mount_point, "{\"verb\":\"drain\"}", &answer, err));
	int64_t start = mrq_clock_monotonic_ns();
	while (mounted && mrq_clock_monotonic_ns() - start < DRAIN_GONE_NS) {
		MRQ_TRY(is_mounted(mount_point, &mounted, err));
		if (mounted)
			(void)nanosleep(&pause, NULL);
	}
	if (mounted)
		return mrq_fail(
			err, MRQ_E_BUSY,
			"'%s' is drained, but not unmounted; run 'marque umount' "
			"without --drain",
			mount_point);
	return MRQ_OK;
}

enum mrq_status
cli_umount(struct cli *cli, struct mrq_error *err)
{
	char mount_point[PATH_MAX];

	MRQ_TRY(find_mount_point(cli->args[0], mount_point, err));
	int pidfd MRQ_CLEANUP(mrq_close) = open_daemon(mount_point);
	bool drained = cli_has(&cli->given, CLI_DRAIN);
	MRQ_TRY(drained ? drain(mount_point, err) : unmount(cli, mount_point, err));
	if (!cli_has(&cli->given, CLI_LAZY))
		MRQ_TRY(wait_daemon(pidfd, mount_point, err));
	if (!cli->json)
		return MRQ_OK;
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_path(&out, "unmounted", mount_point);
	mrq_json_out_end(&out, '}');
	return cli_put_json(stdout, &out, err);
}
