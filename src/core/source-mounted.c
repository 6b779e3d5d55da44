/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/source-mounted.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <string.h>

/* "\040" and its like, in place; a shorter or other escape stands for itself. */
static void
unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; at++) {
		if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' &&
		    at[2] <= '7' && at[3] >= '0' && at[3] <= '7') {
			*to++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 |
				       (at[3] - '0'));
			at += 3;
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
}

/* The next word of a line, NULL at its end. */
static char *
word(char **at)
{
	char *w;

	do
		w = strsep(at, " \n");
	while (w && *w == '\0');
	return w;
}

bool
mrq_mountinfo_line(char *line, struct mrq_mount_info *ret)
{
	char *at = line, *w = NULL, *mount_point = NULL;

	/* id, parent, device, root, mount point, options, any tags, "-", type, source */
	for (int i = 0; i < 5; i++)
		w = mount_point = word(&at);
	while (w && strcmp(w, "-") != 0)
		w = word(&at);
	const char *type = word(&at);
	char *source = word(&at);
	if (!mount_point || !type || !source || strcmp(type, MRQ_MOUNT_TYPE) != 0)
		return false;
	unescape(mount_point);
	unescape(source);
	*ret = (struct mrq_mount_info){ .source = source, .mount_point = mount_point };
	return true;
}

bool
mrq_path_is_below(const char *folder, const char *path)
{
	size_t n = strlen(folder);

	while (n > 0 && folder[n - 1] == '/')
		n--;
	return strncmp(folder, path, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

enum mrq_status
mrq_mounts_each(mrq_mount_visit visit, void *arg, struct mrq_error *err)
{
	FILE *f MRQ_CLEANUP(fclose) = fopen("/proc/self/mountinfo", "re");
	char *line MRQ_CLEANUP(free) = NULL;
	size_t cap = 0;

	if (!f)
		return mrq_fail_sys(err, "cannot read /proc/self/mountinfo");
	while (getline(&line, &cap, f) >= 0) {
		struct mrq_mount_info mount;
		if (mrq_mountinfo_line(line, &mount) && !visit(&mount, arg))
			return MRQ_OK;
	}
	if (ferror(f))
		return mrq_fail_sys(err, "cannot read /proc/self/mountinfo");
	return MRQ_OK;
}

struct search {
	const char *path;
	char *ret;
	size_t len, source_len;
	bool found, too_long;
};

/* The innermost source wins; of two mounts of one source, the later. */
static bool
match(const struct mrq_mount_info *mount, void *arg)
{
	struct search *search = arg;
	size_t source_len = strlen(mount->source);

	if (!mrq_path_is_below(mount->source, search->path) ||
	    (search->found && source_len < search->source_len))
		return true;
	search->found = true;
	search->source_len = source_len;
	int n = snprintf(search->ret, search->len, "%s", mount->mount_point);
	search->too_long = n < 0 || (size_t)n >= search->len;
	return true;
}

enum mrq_status
mrq_source_mount(const char *path, char *ret, size_t len, struct mrq_error *err)
{
	struct search search = { .path = path, .ret = ret, .len = len };

	MRQ_TRY(mrq_mounts_each(match, &search, err));
	if (!search.found)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "'%s' is in no mounted source",
				path);
	if (search.too_long)
		return mrq_fail(err, MRQ_E_LIMIT, "the mount point of '%s' is too long",
				path);
	return MRQ_OK;
}
