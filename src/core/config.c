/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"

struct parse {
	struct mrq_config *config;
	const char *file;
	struct mrq_error *err;
	enum mrq_status status;
};

static enum mrq_status
set_string(char **slot, const char *value, struct mrq_error *err)
{
	char *copy = strdup(value);
	if (!copy)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the configuration");
	free(*slot);
	*slot = copy;
	return MRQ_OK;
}

static enum mrq_status
set_bool(bool *slot, const char *value, struct mrq_error *err)
{
	bool yes = !strcasecmp(value, "yes") || !strcasecmp(value, "true") ||
		   !strcmp(value, "1");
	bool no = !strcasecmp(value, "no") || !strcasecmp(value, "false") ||
		  !strcmp(value, "0");
	if (!yes && !no)
		return mrq_fail(err, MRQ_E_CONFIG, "'%.64s' is neither yes nor no",
				value);
	*slot = yes;
	return MRQ_OK;
}

static enum mrq_status
set_number(uint32_t *slot, const char *value, uint32_t min, uint32_t max,
	   struct mrq_error *err)
{
	char *end = NULL;
	errno = 0;
	unsigned long v = strtoul(value, &end, 10);
	if (errno || end == value || *end || value[0] == '-' || v < min || v > max)
		return mrq_fail(err, MRQ_E_CONFIG,
				"'%.64s' is not a number from %u to %u", value, min,
				max);
	*slot = (uint32_t)v;
	return MRQ_OK;
}

static enum mrq_status
list_add(struct mrq_config_list *list, const char *name, const char *value,
	 struct mrq_error *err)
{
	if (list->n >= MRQ_CONFIG_ITEMS_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "more than %u entries in one section",
				MRQ_CONFIG_ITEMS_MAX);
	struct mrq_config_item *items =
		reallocarray(list->items, list->n + 1, sizeof(*items));
	if (!items)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the configuration");
	list->items = items;
	items[list->n] = (struct mrq_config_item){ strdup(name), strdup(value) };
	list->n++;
	if (!items[list->n - 1].name || !items[list->n - 1].value)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the configuration");
	return MRQ_OK;
}

static void
list_clear(struct mrq_config_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].name);
		free(list->items[i].value);
	}
	free(list->items);
}

const char *
mrq_config_list_get(const struct mrq_config_list *list, const char *name)
{
	for (size_t i = list->n; i > 0; i--)
		if (!strcmp(list->items[i - 1].name, name))
			return list->items[i - 1].value;
	return NULL;
}

static enum mrq_status
section_identity(struct mrq_config *c, const char *name, const char *value,
		 struct mrq_error *err)
{
	if (!strcmp(name, "default"))
		return set_string(&c->user_pattern, value, err);
	if (!strcmp(name, "group"))
		return set_string(&c->group_pattern, value, err);
	if (!strncmp(name, "user.", 5) || !strncmp(name, "uid.", 4))
		return list_add(&c->users, name, value, err);
	return mrq_fail(err, MRQ_E_CONFIG, "unknown name '%.64s'", name);
}

static enum mrq_status
section_labels(struct mrq_config *c, const char *name, const char *value,
	       struct mrq_error *err)
{
	if (!strncmp(name, "directory.", 10) && name[10] == '/')
		return list_add(&c->directories, name + 10, value, err);
	if (!strncmp(name, "user.", 5))
		return list_add(&c->user_defaults, name + 5, value, err);
	return mrq_fail(err, MRQ_E_CONFIG,
			"unknown name '%.64s'; use 'directory./PATH' or 'user.MAIL'",
			name);
}

static enum mrq_status
section_exempt(struct mrq_config *c, const char *name, const char *value,
	       struct mrq_error *err)
{
	return list_add(&c->exempt, name, value, err);
}

static enum mrq_status
section_programs(struct mrq_config *c, const char *name, const char *value,
		 struct mrq_error *err)
{
	if (!strcmp(name, "trusted")) {
		if (value[0] != '/' && strncmp(value, "sha256:", 7) != 0)
			return mrq_fail(
				err, MRQ_E_CONFIG,
				"'%.64s' is neither an absolute path nor sha256:HEX",
				value);
		return list_add(&c->trusted, name, value, err);
	}
	if (!strcmp(name, "group"))
		return set_string(&c->trusted_group, value, err);
	return mrq_fail(err, MRQ_E_CONFIG, "unknown name '%.64s'", name);
}

static enum mrq_status
section_mount(struct mrq_config *c, const char *name, const char *value,
	      struct mrq_error *err)
{
	if (!strcmp(name, "plain")) {
		if (strcmp(value, "show") != 0 && strcmp(value, "deny") != 0)
			return mrq_fail(err, MRQ_E_CONFIG,
					"plain is 'show' or 'deny', not '%.64s'",
					value);
		c->plain_show = value[0] == 's';
		return MRQ_OK;
	}
	if (!strcmp(name, "block_size")) {
		MRQ_TRY(set_number(&c->block_size, value, 4096, 65536, err));
		if (c->block_size & (c->block_size - 1))
			return mrq_fail(err, MRQ_E_CONFIG,
					"block_size must be a power of two");
		return MRQ_OK;
	}
	if (!strcmp(name, "poll"))
		return set_number(&c->poll_seconds, value, 1, 86400, err);
	return mrq_fail(err, MRQ_E_CONFIG, "unknown name '%.64s'", name);
}

static enum mrq_status
section_audit(struct mrq_config *c, const char *name, const char *value,
	      struct mrq_error *err)
{
	if (!strcmp(name, "path")) {
		if (value[0] != '/')
			return mrq_fail(err, MRQ_E_CONFIG,
					"the audit path '%.128s' is not absolute",
					value);
		return set_string(&c->audit_path, value, err);
	}
	if (!strcmp(name, "journald"))
		return set_bool(&c->journald, value, err);
	if (!strcmp(name, "syslog"))
		return set_bool(&c->syslog, value, err);
	return mrq_fail(err, MRQ_E_CONFIG, "unknown name '%.64s'", name);
}

static enum mrq_status
section_cache(struct mrq_config *c, const char *name, const char *value,
	      struct mrq_error *err)
{
	if (!strcmp(name, "licences"))
		return set_number(&c->max_licences, value, 1, 100000000, err);
	return mrq_fail(err, MRQ_E_CONFIG, "unknown name '%.64s'", name);
}

static enum mrq_status
section_authority(struct mrq_config *c, const char *name, const char *value,
		  struct mrq_error *err)
{
	if (!strcmp(name, "machine_key"))
		return set_string(&c->machine_key, value, err);
	if (!strcmp(name, "machine_id"))
		return set_string(&c->machine_id, value, err);
	return mrq_fail(err, MRQ_E_CONFIG, "unknown name '%.64s'", name);
}

static const struct {
	const char *name;
	enum mrq_status (*set)(struct mrq_config *, const char *, const char *,
			       struct mrq_error *);
} sections[] = {
	{ "identity", section_identity }, { "labels", section_labels },
	{ "exempt", section_exempt },     { "programs", section_programs },
	{ "mount", section_mount },       { "audit", section_audit },
	{ "cache", section_cache },       { "authority", section_authority },
};

static enum mrq_status
set(struct mrq_config *c, const char *section, const char *name, const char *value,
    struct mrq_error *err)
{
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (!strcmp(section, sections[i].name))
			return mrq_while(err, sections[i].set(c, name, value, err),
					 "[%.32s] %.64s", section, name);
	}
	return mrq_fail(err, MRQ_E_CONFIG, "unknown section '[%.64s]'", section);
}

static int
handle(void *arg, const char *section, const char *name, const char *value)
{
	struct parse *p = arg;
	if (p->status != MRQ_OK)
		return 0;
	p->status = set(p->config, section, name, value, p->err);
	return p->status == MRQ_OK;
}

static enum mrq_status
defaults(struct mrq_config **ret, struct mrq_error *err)
{
	struct mrq_config *c MRQ_CLEANUP(mrq_config_free) = calloc(1, sizeof(*c));
	if (!c)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the configuration");
	c->plain_show = true;
	c->block_size = 4096;
	c->poll_seconds = 60;
	c->max_licences = 100000;
	MRQ_TRY(set_string(&c->user_pattern, "%u@%o", err));
	MRQ_TRY(set_string(&c->group_pattern, "%g@%o", err));
	MRQ_TRY(set_string(&c->trusted_group, "marque-trusted", err));
	MRQ_TRY(set_string(&c->machine_id, "/etc/machine-id", err));
	*ret = MRQ_STEAL(c);
	return MRQ_OK;
}

/** inih would take the rest of a longer line for the next one. */
static enum mrq_status
check_lines(const char *text, const char *name, struct mrq_error *err)
{
	for (unsigned line = 1; *text; line++) {
		size_t len = strcspn(text, "\n");
		size_t end = len > 0 && text[len - 1] == '\r' ? 1 : 0;
		if (len - end > MRQ_CONFIG_LINE_MAX)
			return mrq_fail(
				err, MRQ_E_CONFIG,
				"%s line %u is longer than %u bytes; repeat the name "
				"for the rest of a list",
				name, line, MRQ_CONFIG_LINE_MAX);
		text += len + (text[len] == '\n');
	}
	return MRQ_OK;
}

enum mrq_status
mrq_config_parse(const char *text, const char *name, struct mrq_config **ret,
		 struct mrq_error *err)
{
	struct mrq_config *c MRQ_CLEANUP(mrq_config_free) = NULL;
	MRQ_TRY(check_lines(text, name, err));
	MRQ_TRY(defaults(&c, err));
	struct parse p = { .config = c, .file = name, .err = err };
	int line = ini_parse_string(text, handle, &p);
	if (p.status != MRQ_OK)
		return mrq_while(err, p.status, line > 0 ? "%s line %d" : "%s", name,
				 line);
	if (line > 0)
		return mrq_fail(err, MRQ_E_CONFIG,
				"%s line %d is neither [section] nor name = value",
				name, line);
	if (line < 0)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to read %s", name);
	*ret = MRQ_STEAL(c);
	return MRQ_OK;
}

/** It says which programs are trusted and who is who. */
static enum mrq_status
check_mode(const char *path, struct mrq_error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return mrq_fail_sys(err, "cannot examine '%s'", path);
	if (!(st.st_mode & S_IWOTH))
		return MRQ_OK;
	return mrq_fail(
		err, MRQ_E_CONFIG,
		"everybody may write to the configuration '%s'; run 'chmod o-w' "
		"on it",
		path);
}

enum mrq_status
mrq_config_load(const char *path, struct mrq_config **ret, struct mrq_error *err)
{
	uint8_t *text MRQ_CLEANUP(free) = NULL;
	size_t len = 0;
	struct mrq_error load = { 0 };
	enum mrq_status s =
		path ? mrq_file_load(AT_FDCWD, path, MRQ_CONFIG_MAX, &text, &len, &load)
		     : MRQ_E_NOT_FOUND;
	if (s == MRQ_E_NOT_FOUND || (s == MRQ_E_SYS && load.sys_errno == ENOENT))
		return defaults(ret, err);
	if (s != MRQ_OK) {
		if (err)
			*err = load;
		return s;
	}
	MRQ_TRY(check_mode(path, err));
	if (memchr(text, 0, len))
		return mrq_fail(err, MRQ_E_CONFIG, "%s holds a NUL byte", path);
	return mrq_config_parse((const char *)text, path, ret, err);
}

void
mrq_config_free(struct mrq_config *c)
{
	if (!c)
		return;
	list_clear(&c->users);
	list_clear(&c->directories);
	list_clear(&c->user_defaults);
	list_clear(&c->exempt);
	list_clear(&c->trusted);
	free(c->user_pattern);
	free(c->group_pattern);
	free(c->trusted_group);
	free(c->audit_path);
	free(c->machine_key);
	free(c->machine_id);
	free(c);
}
