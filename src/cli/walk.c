/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <marque/control.h>

#include "base/clock.h"
#include "base/file.h"
#include "output.h"

struct walk {
	struct cli *cli;
	cli_visit visit;
	void *arg;
	bool recurse;
	unsigned depth;
	bool mount_known; /* that mount_dev is a mount's */
	dev_t mount_dev;
	size_t seen;
	int64_t shown_ns; /* progress, CLOCK_MONOTONIC */
};

/* Names of one folder, sorted. */
struct names {
	char **items;
	size_t n;
};

static void
names_clear(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->items[i]);
	free(names->items);
}
MRQ_DEFINE_CLEANUP_VALUE(names_clear, struct names)

static enum mrq_status
names_add(struct names *names, const char *name, struct mrq_error *err)
{
	char **items = reallocarray(names->items, names->n + 1, sizeof(*items));

	if (!items)
		return mrq_fail(err, MRQ_E_NOMEM,
				"no memory for the names of a folder");
	names->items = items;
	items[names->n] = strdup(name);
	if (!items[names->n])
		return mrq_fail(err, MRQ_E_NOMEM,
				"no memory for the names of a folder");
	names->n++;
	return MRQ_OK;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The locks of a shared source live in ".marque": no file of anybody's. */
static bool
passed_over(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       strcmp(name, ".marque") == 0;
}

static enum mrq_status
names_load(int fd, const char *path, struct names *ret, struct mrq_error *err)
{
	int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir MRQ_CLEANUP(closedir) = again < 0 ? NULL : fdopendir(again);

	if (!dir) {
		enum mrq_status s = mrq_fail_sys(err, "cannot read folder '%s'", path);
		if (again >= 0)
			(void)close(again);
		return s;
	}
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry && errno != 0)
			return mrq_fail_sys(err, "cannot read folder '%s'", path);
		if (!entry)
			break;
		if (passed_over(entry->d_name))
			continue;
		if (ret->n == CLI_FOLDER_MAX)
			return mrq_fail(err, MRQ_E_LIMIT,
					"'%s' holds more than %u names", path,
					CLI_FOLDER_MAX);
		MRQ_TRY(names_add(ret, entry->d_name, err));
	}
	if (ret->n > 0)
		qsort(ret->items, ret->n, sizeof(*ret->items), compare_names);
	return MRQ_OK;
}

/* ---- where a file lies ---- */

static enum mrq_status
locate(struct walk *w, struct cli_target *t, struct mrq_error *err)
{
	char socket[PATH_MAX];

	if (w->mount_known && t->st.st_dev == w->mount_dev) {
		t->where = CLI_IN_MOUNT;
		return MRQ_OK;
	}
	enum mrq_status s = mrq_control_path(t->real, socket, sizeof(socket), err);
	if (s == MRQ_OK) {
		w->mount_known = true;
		w->mount_dev = t->st.st_dev;
		t->where = CLI_IN_MOUNT;
		return MRQ_OK;
	}
	if (s != MRQ_E_NOT_FOUND)
		return s;
	s = mrq_source_mount(t->real, t->mount_point, sizeof(t->mount_point), err);
	t->where = s == MRQ_OK ? CLI_IN_SOURCE : CLI_OUTSIDE;
	return s == MRQ_E_NOT_FOUND ? MRQ_OK : s;
}

enum mrq_status
cli_refuse_source(const struct cli_target *target, struct mrq_error *err)
{
	return mrq_fail(err, MRQ_E_BUSY,
			"'%s' lies in a source that is mounted; use it below '%s'",
			target->path, target->mount_point);
}

/* ---- progress ---- */

static void
progress(struct walk *w)
{
	int64_t now = mrq_clock_monotonic_ns();

	w->seen++;
	if (w->shown_ns == 0)
		w->shown_ns = now;
	if (now - w->shown_ns < 500000000 || w->cli->json || isatty(STDOUT_FILENO) ||
	    !isatty(STDERR_FILENO))
		return;
	w->shown_ns = now;
	(void)fprintf(stderr, "\r%zu files, %zu failed ", w->seen,
		      w->cli->outcome.failed);
}

static void
end_progress(const struct walk *w)
{
	if (w->cli->json || isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO))
		return;
	(void)fputs("\r\033[K", stderr);
}

/* ---- the walk ---- */

/* Programs read standard output alone: there too each path has its line. */
static void
put_failure(const char *path, const struct mrq_error *why)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };

	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_path(&out, "path", path);
	mrq_json_out_path(&out, "FileName", path);
	mrq_json_out_text(&out, "status", "failed");
	mrq_json_out_text(&out, "comment", why->msg);
	mrq_json_out_end(&out, '}');
	struct mrq_error ignored = { 0 };
	if (cli_put_json(stdout, &out, &ignored) != MRQ_OK)
		cli_print_error(&ignored);
}

static void
failed(struct walk *w, const char *path, const struct mrq_error *why)
{
	struct mrq_error err = *why;

	/* Sentences mostly name their object already; a person must never miss which. */
	const char *slash = strrchr(path, '/');
	const char *name = slash && slash[1] ? slash + 1 : path;
	if (!strstr(err.msg, name))
		(void)mrq_while(&err, err.status, "'%s'", path);
	end_progress(w);
	if (w->cli->json && !w->cli->told)
		put_failure(path, &err);
	w->cli->told = false;
	cli_path_failed(w->cli, &err);
}

static enum mrq_status visit_entry(struct walk *w, int dirfd, const char *name,
				   const char *path, const char *real, bool operand,
				   struct mrq_error *err);

static enum mrq_status
join(const char *folder, const char *name, char ret[static PATH_MAX],
     struct mrq_error *err)
{
	size_t n = strlen(folder);
	const char *slash = n > 0 && folder[n - 1] == '/' ? "" : "/";
	int len = snprintf(ret, PATH_MAX, "%s%s%s", folder, slash, name);

	if (len < 0 || len >= PATH_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"the path of '%s' in '%.128s' is too long", name,
				folder);
	return MRQ_OK;
}

static enum mrq_status
visit_below(struct walk *w, int fd, const char *name, const char *folder,
	    const char *real_folder, struct mrq_error *err)
{
	char *path MRQ_CLEANUP(free) = malloc(PATH_MAX);
	char *real MRQ_CLEANUP(free) = malloc(PATH_MAX);

	if (!path || !real)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a path");
	MRQ_TRY(join(folder, name, path, err));
	MRQ_TRY(join(real_folder, name, real, err));
	struct mrq_error why = { 0 };
	if (visit_entry(w, fd, name, path, real, false, &why) != MRQ_OK)
		failed(w, path, &why);
	return MRQ_OK;
}

static enum mrq_status
visit_folder(struct walk *w, int dirfd, const char *name, const char *path,
	     const char *real, struct mrq_error *err)
{
	if (w->depth == CLI_DEPTH_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "'%s' lies more than %d folders deep",
				path, CLI_DEPTH_MAX);
	int fd MRQ_CLEANUP(mrq_close) =
		openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return mrq_fail_sys(err, "cannot open folder '%s'", path);
	struct names names MRQ_CLEANUP(names_clear) = { 0 };
	MRQ_TRY(names_load(fd, path, &names, err));
	w->depth++;
	enum mrq_status s = MRQ_OK;
	for (size_t i = 0; s == MRQ_OK && i < names.n; i++)
		s = visit_below(w, fd, names.items[i], path, real, err);
	w->depth--;
	return s;
}

static enum mrq_status
visit_file(struct walk *w, const struct cli_target *t, struct mrq_error *err)
{
	MRQ_TRY(w->visit(w->cli, t, w->arg, err));
	w->cli->outcome.done++;
	progress(w);
	return MRQ_OK;
}

/* Operands must be files; what a folder holds besides is passed over. */
static enum mrq_status
visit_entry(struct walk *w, int dirfd, const char *name, const char *path,
	    const char *real, bool operand, struct mrq_error *err)
{
	struct cli_target t = {
		.dirfd = dirfd, .name = name, .path = path, .real = real
	};

	if (fstatat(dirfd, name, &t.st, AT_SYMLINK_NOFOLLOW) != 0)
		return mrq_fail_sys(err, "cannot find '%s'", path);
	if (S_ISDIR(t.st.st_mode) && w->recurse)
		return visit_folder(w, dirfd, name, path, real, err);
	if (S_ISDIR(t.st.st_mode))
		return mrq_fail(err, MRQ_E_INVAL, "'%s' is a folder; use --recursive",
				path);
	if (!S_ISREG(t.st.st_mode) && !operand)
		return MRQ_OK;
	if (!S_ISREG(t.st.st_mode))
		return mrq_fail(err, MRQ_E_UNSUPPORTED, "'%s' is no regular file",
				path);
	MRQ_TRY(locate(w, &t, err));
	return visit_file(w, &t, err);
}

/* Split an absolute path into its folder, opened, and the name in it ("." for "/"). */
static enum mrq_status
open_parent(char *real, int *ret_fd, const char **ret_name, struct mrq_error *err)
{
	char *slash = strrchr(real, '/');
	const char *name = slash && slash[1] ? slash + 1 : ".";

	if (!slash)
		return mrq_fail(err, MRQ_E_INVAL, "'%s' is not absolute", real);
	char *folder MRQ_CLEANUP(free) =
		strndup(real, slash == real ? 1 : (size_t)(slash - real));
	if (!folder)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a path");
	*ret_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return mrq_fail_sys(err, "cannot open folder '%s'", folder);
	*ret_name = name;
	return MRQ_OK;
}

static enum mrq_status
visit_operand(struct walk *w, const char *path, struct mrq_error *err)
{
	char *real MRQ_CLEANUP(free) = realpath(path, NULL);
	int fd MRQ_CLEANUP(mrq_close) = -1;
	const char *name = NULL;

	if (!real)
		return mrq_fail_sys(err, "cannot find '%s'", path);
	MRQ_TRY(open_parent(real, &fd, &name, err));
	return visit_entry(w, fd, name, path, real, true, err);
}

enum mrq_status
cli_visit_one(struct cli *cli, const char *path, bool folder, cli_visit visit,
	      void *arg, struct mrq_error *err)
{
	struct walk w = { .cli = cli, .visit = visit, .arg = arg };
	char *real MRQ_CLEANUP(free) = realpath(path, NULL);
	int fd MRQ_CLEANUP(mrq_close) = -1;
	struct cli_target t = { .path = path, .real = real };

	if (!real)
		return mrq_fail_sys(err, "cannot find '%s'", path);
	MRQ_TRY(open_parent(real, &fd, &t.name, err));
	t.dirfd = fd;
	if (fstatat(fd, t.name, &t.st, AT_SYMLINK_NOFOLLOW) != 0)
		return mrq_fail_sys(err, "cannot find '%s'", path);
	if (!S_ISREG(t.st.st_mode) && !(folder && S_ISDIR(t.st.st_mode)))
		return mrq_fail(err, MRQ_E_UNSUPPORTED, "'%s' is no regular file",
				path);
	MRQ_TRY(locate(&w, &t, err));
	return visit(cli, &t, arg, err);
}

/* ---- NUL-separated lists ---- */

static enum mrq_status
load_list(const char *name, char **ret, size_t *ret_len, struct mrq_error *err)
{
	FILE *opened MRQ_CLEANUP(fclose) = strcmp(name, "-") ? fopen(name, "re") : NULL;
	FILE *f = strcmp(name, "-") ? opened : stdin;
	char *text MRQ_CLEANUP(free) = NULL;
	size_t len = 0, cap = 0;

	if (!f)
		return mrq_fail_sys(err, "cannot open list '%s'", name);
	for (;;) {
		if (len + 1 >= cap) {
			cap = 2 * cap + 65536;
			char *grown = realloc(text, cap);
			if (!grown)
				return mrq_fail(err, MRQ_E_NOMEM,
						"no memory for list '%s'", name);
			text = grown;
		}
		size_t n = fread(text + len, 1, cap - len - 1, f);
		if (n == 0)
			break;
		len += n;
		if (len > CLI_FILES0_MAX)
			return mrq_fail(err, MRQ_E_LIMIT,
					"list '%s' is longer than %u bytes", name,
					CLI_FILES0_MAX);
	}
	if (ferror(f))
		return mrq_fail_sys(err, "cannot read list '%s'", name);
	text[len] = '\0';
	*ret = MRQ_STEAL(text);
	*ret_len = len;
	return MRQ_OK;
}

static void
visit_path(struct walk *w, const char *path)
{
	struct mrq_error why = { 0 };

	if (visit_operand(w, path, &why) != MRQ_OK)
		failed(w, path, &why);
}

static enum mrq_status
walk_list(struct walk *w, const char *name, size_t *ret_n, struct mrq_error *err)
{
	char *text MRQ_CLEANUP(free) = NULL;
	size_t len = 0;

	MRQ_TRY(load_list(name, &text, &len, err));
	for (size_t at = 0; at < len; at += strlen(text + at) + 1) {
		if (text[at] == '\0')
			continue;
		visit_path(w, text + at);
		++*ret_n;
	}
	return MRQ_OK;
}

enum mrq_status
cli_walk(struct cli *cli, int first, bool recurse, cli_visit visit, void *arg,
	 struct mrq_error *err)
{
	struct walk w = { .cli = cli, .visit = visit, .arg = arg };
	const char *list = cli_value(&cli->given, CLI_FILES0_FROM);
	size_t n = 0;

	w.recurse = recurse || cli_has(&cli->given, CLI_RECURSIVE);
	for (int i = first; i < cli->n; i++, n++)
		visit_path(&w, cli->args[i]);
	if (list)
		MRQ_TRY(walk_list(&w, list, &n, err));
	end_progress(&w);
	if (n == 0 && !list)
		return mrq_fail(err, MRQ_E_INVAL, "no path given; see 'marque help %s'",
				cli->verb->name);
	return MRQ_OK;
}
