/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mountinfo.h"

#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define READ_STEP 65536u

void
mrq_mounts_clear(struct mrq_mounts *mounts)
{
	free(mounts->text);
	free(mounts->items);
	*mounts = (struct mrq_mounts){ 0 };
}

static bool
is_octal(const char *at)
{
	return at[0] >= '0' && at[0] <= '3' && at[1] >= '0' && at[1] <= '7' &&
	       at[2] >= '0' && at[2] <= '7';
}

/* Blank, tab, newline and backslash are written as \ooo. */
static void
unescape(char *text)
{
	char *out = text;

	while (*text) {
		if (*text == '\\' && is_octal(text + 1)) {
			*out++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
					(text[3] - '0'));
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

static char *
next_field(char **at)
{
	char *field = strsep(at, " ");

	return field && *field ? field : NULL;
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE SUPER-OPTIONS */
static bool
parse_line(char *line, struct mrq_mount *ret)
{
	char *f[6], *field;

	for (size_t i = 0; i < 6; i++) {
		f[i] = next_field(&line);
		if (!f[i])
			return false;
	}
	do
		field = next_field(&line);
	while (field && strcmp(field, "-") != 0);
	if (!field || sscanf(f[2], "%9u:%9u", &ret->major, &ret->minor) != 2)
		return false;
	char *type = next_field(&line);
	char *source = strsep(&line, " ");
	char *options = strsep(&line, " ");
	if (!type || !source)
		return false;
	unescape(f[4]);
	unescape(type);
	unescape(source);
	ret->point = f[4];
	ret->type = type;
	ret->source = source;
	ret->options = options ? options : "";
	return true;
}

enum mrq_status
mrq_mounts_parse(const char *text, size_t len, struct mrq_mounts *ret,
		 struct mrq_error *err)
{
	struct mrq_mounts m MRQ_CLEANUP(mrq_mounts_clear) = { 0 };
	size_t lines = 1;

	if (len > MRQ_MOUNTINFO_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"the list of mounts is longer than %u bytes",
				MRQ_MOUNTINFO_MAX);
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	m.text = malloc(len + 1);
	m.items = calloc(lines, sizeof(*m.items));
	if (!m.text || !m.items)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the list of mounts");
	memcpy(m.text, text, len);
	m.text[len] = '\0';
	char *at = m.text, *line;
	while ((line = strsep(&at, "\n"))) {
		if (parse_line(line, &m.items[m.n]))
			m.n++;
	}
	*ret = m;
	m = (struct mrq_mounts){ 0 };
	return MRQ_OK;
}

static enum mrq_status
read_all(int fd, char **text, size_t *len, struct mrq_error *err)
{
	for (;;) {
		if (*len + READ_STEP > MRQ_MOUNTINFO_MAX)
			return mrq_fail(err, MRQ_E_LIMIT,
					"the list of mounts is longer than %u bytes",
					MRQ_MOUNTINFO_MAX);
		char *grown = realloc(*text, *len + READ_STEP);
		if (!grown)
			return mrq_fail(err, MRQ_E_NOMEM,
					"no memory for the list of mounts");
		*text = grown;
		ssize_t n = read(fd, *text + *len, READ_STEP);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mrq_fail_sys(err, "cannot read '/proc/self/mountinfo'");
		if (n == 0)
			return MRQ_OK;
		*len += (size_t)n;
	}
}

enum mrq_status
mrq_mounts_load(struct mrq_mounts *ret, struct mrq_error *err)
{
	char *text MRQ_CLEANUP(free) = NULL;
	size_t len = 0;
	int fd MRQ_CLEANUP(mrq_close) =
		open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return mrq_fail_sys(
			err, "cannot open '/proc/self/mountinfo': is /proc mounted");
	MRQ_TRY(read_all(fd, &text, &len, err));
	return mrq_mounts_parse(text, len, ret, err);
}

const struct mrq_mount *
mrq_mounts_at(const struct mrq_mounts *mounts, const char *point)
{
	for (size_t i = mounts->n; i > 0; i--) {
		if (strcmp(mounts->items[i - 1].point, point) == 0)
			return &mounts->items[i - 1];
	}
	return NULL;
}

const struct mrq_mount *
mrq_mounts_of(const struct mrq_mounts *mounts, dev_t dev, const char *type)
{
	for (size_t i = 0; i < mounts->n; i++) {
		const struct mrq_mount *m = &mounts->items[i];
		if (m->major == major(dev) && m->minor == minor(dev) &&
		    strcmp(m->type, type) == 0)
			return m;
	}
	return NULL;
}

uid_t
mrq_mount_user(const struct mrq_mount *mount)
{
	const char *at = mount->options;
	unsigned uid;

	while (at && strncmp(at, "user_id=", 8) != 0) {
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return at && sscanf(at, "user_id=%10u", &uid) == 1 ? (uid_t)uid : (uid_t)-1;
}
