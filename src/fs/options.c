/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fs/fs.h"

const char mrq_options_usage[] =
	"usage: marquefs SOURCE MOUNTPOINT [-f] [-v] [-o OPTIONS] [--state DIR]\n"
	"                [--config FILE] [--passphrase-fd N]\n"
	"       marquefs --help | --version\n"
	"options of -o: ro shared allow_other noallow_other attr_timeout=SECONDS\n"
	"               entry_timeout=SECONDS threads=N state=DIR config=FILE noexec "
	"noatime\n"
	"               nodiratime sync dirsync context=... ; see marquefs(8)\n";

void
mrq_options_clear(struct mrq_options *options)
{
	free(options->source);
	free(options->mount_point);
	free(options->state_dir);
	free(options->config_file);
	free(options->kernel);
	*options = (struct mrq_options){ 0 };
}

static enum mrq_status
set_text(char **to, const char *value, struct mrq_error *err)
{
	char *copy = strdup(value);

	if (!copy)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the options");
	free(*to);
	*to = copy;
	return MRQ_OK;
}

static enum mrq_status
set_path(char **to, const char *what, const char *value, struct mrq_error *err)
{
	if (!*value)
		return mrq_fail(err, MRQ_E_INVAL, "%s is empty", what);
	if (strnlen(value, PATH_MAX) == PATH_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "%s is longer than %d bytes", what,
				PATH_MAX - 1);
	return set_text(to, value, err);
}

static enum mrq_status
parse_number(const char *name, const char *text, unsigned long min, unsigned long max,
	     unsigned *ret, struct mrq_error *err)
{
	char *end;

	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || v < min || v > max)
		return mrq_fail(err, MRQ_E_INVAL,
				"'%s=%s': give a number from %lu to %lu", name, text,
				min, max);
	*ret = (unsigned)v;
	return MRQ_OK;
}

/* Digits and one point: strtod would take "inf", "nan" and hexadecimal. */
static enum mrq_status
parse_seconds(const char *name, const char *text, double *ret, struct mrq_error *err)
{
	size_t len = strspn(text, "0123456789.");
	char *end;

	if (len > 0 && !text[len]) {
		double v = strtod(text, &end);
		if (!*end && end != text && v <= MRQ_OPTIONS_TIMEOUT_MAX) {
			*ret = v;
			return MRQ_OK;
		}
	}
	return mrq_fail(err, MRQ_E_INVAL, "'%s=%s': give seconds from 0 to %.0f", name,
			text, MRQ_OPTIONS_TIMEOUT_MAX);
}

/* Adds NAME or NAME=VALUE to what libfuse gets; a comma in the value stays escaped. */
static enum mrq_status
pass_on(struct mrq_options *o, const char *name, const char *value,
	struct mrq_error *err)
{
	char text[MRQ_OPTIONS_KERNEL_MAX];
	size_t at;

	int n = snprintf(text, sizeof(text), "%s%s%s%s", o->kernel,
			 *o->kernel ? "," : "", name, value ? "=" : "");
	if (n < 0 || (at = (size_t)n) >= sizeof(text))
		return mrq_fail(err, MRQ_E_LIMIT, "too many mount options");
	for (; value && *value; value++) {
		if (at + 3 > sizeof(text))
			return mrq_fail(err, MRQ_E_LIMIT, "too many mount options");
		if (*value == ',' || *value == '\\')
			text[at++] = '\\';
		text[at++] = *value;
	}
	text[at] = '\0';
	return set_text(&o->kernel, text, err);
}

enum value_kind { VALUE_NONE, VALUE_NEEDED, VALUE_ANY };

struct known {
	const char *name;
	enum value_kind value;
	enum mrq_status (*take)(struct mrq_options *o, const char *name,
				const char *value, struct mrq_error *err);
};

static enum mrq_status
take_flag(struct mrq_options *o, const char *name, const char *value,
	  struct mrq_error *err)
{
	(void)value;
	(void)err;
	if (strcmp(name, "ro") == 0)
		o->read_only = true;
	else if (strcmp(name, "rw") == 0)
		o->read_only = false;
	else if (strcmp(name, "shared") == 0)
		o->shared = true;
	else
		o->allow_other = strcmp(name, "allow_other") == 0;
	return MRQ_OK;
}

static enum mrq_status
take_seconds(struct mrq_options *o, const char *name, const char *value,
	     struct mrq_error *err)
{
	bool attr = strcmp(name, "attr_timeout") == 0;

	return parse_seconds(name, value, attr ? &o->attr_timeout : &o->entry_timeout,
			     err);
}

static enum mrq_status
take_threads(struct mrq_options *o, const char *name, const char *value,
	     struct mrq_error *err)
{
	return parse_number(name, value, 1, MRQ_FS_THREADS_MAX, &o->threads, err);
}

static enum mrq_status
take_path(struct mrq_options *o, const char *name, const char *value,
	  struct mrq_error *err)
{
	bool state = strcmp(name, "state") == 0;

	return set_path(state ? &o->state_dir : &o->config_file,
			state ? "the state folder" : "the configuration file", value,
			err);
}

static enum mrq_status
take_kernel(struct mrq_options *o, const char *name, const char *value,
	    struct mrq_error *err)
{
	return pass_on(o, name, value, err);
}

/* Always so, or meant for mount(8) and fstab(5): without effect here. */
static enum mrq_status
take_nothing(struct mrq_options *o, const char *name, const char *value,
	     struct mrq_error *err)
{
	(void)o;
	(void)name;
	(void)value;
	(void)err;
	return MRQ_OK;
}

static const struct known known[] = {
	{ "ro", VALUE_NONE, take_flag },
	{ "rw", VALUE_NONE, take_flag },
	{ "shared", VALUE_NONE, take_flag },
	{ "allow_other", VALUE_NONE, take_flag },
	{ "noallow_other", VALUE_NONE, take_flag },
	{ "attr_timeout", VALUE_NEEDED, take_seconds },
	{ "entry_timeout", VALUE_NEEDED, take_seconds },
	{ "threads", VALUE_NEEDED, take_threads },
	{ "state", VALUE_NEEDED, take_path },
	{ "config", VALUE_NEEDED, take_path },
	{ "exec", VALUE_NONE, take_kernel },
	{ "noexec", VALUE_NONE, take_kernel },
	{ "noatime", VALUE_NONE, take_kernel },
	{ "nodiratime", VALUE_NONE, take_kernel },
	{ "async", VALUE_NONE, take_kernel },
	{ "sync", VALUE_NONE, take_kernel },
	{ "dirsync", VALUE_NONE, take_kernel },
	{ "context", VALUE_NEEDED, take_kernel },
	{ "fscontext", VALUE_NEEDED, take_kernel },
	{ "defcontext", VALUE_NEEDED, take_kernel },
	{ "rootcontext", VALUE_NEEDED, take_kernel },
	{ "default_permissions", VALUE_NONE, take_nothing },
	{ "nosuid", VALUE_NONE, take_nothing },
	{ "suid", VALUE_NONE, take_nothing }, /* mount.fuse3 adds these two */
	{ "nodev", VALUE_NONE, take_nothing },
	{ "dev", VALUE_NONE, take_nothing },
	{ "defaults", VALUE_NONE, take_nothing },
	{ "atime", VALUE_NONE, take_nothing },
	{ "relatime", VALUE_NONE, take_nothing },
	{ "diratime", VALUE_NONE, take_nothing },
	{ "auto", VALUE_NONE, take_nothing },
	{ "noauto", VALUE_NONE, take_nothing },
	{ "user", VALUE_ANY, take_nothing },
	{ "nouser", VALUE_NONE, take_nothing },
	{ "users", VALUE_NONE, take_nothing },
	{ "owner", VALUE_NONE, take_nothing },
	{ "group", VALUE_NONE, take_nothing },
	{ "nofail", VALUE_NONE, take_nothing },
	{ "_netdev", VALUE_NONE, take_nothing },
	{ "comment", VALUE_ANY, take_nothing },
};

static enum mrq_status
take_option(struct mrq_options *o, char *text, struct mrq_error *err)
{
	if (strncasecmp(text, "x-", 2) == 0)
		return MRQ_OK;
	char *value = strchr(text, '=');
	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const struct known *k = &known[i];
		if (strcmp(k->name, text) != 0)
			continue;
		if (k->value == VALUE_NEEDED && !value)
			return mrq_fail(err, MRQ_E_INVAL, "option '%s' needs a value",
					text);
		if (k->value == VALUE_NONE && value)
			return mrq_fail(err, MRQ_E_INVAL, "option '%s' takes no value",
					text);
		return k->take(o, text, value, err);
	}
	return mrq_fail(err, MRQ_E_INVAL,
			"unknown option '%s'; marquefs(8) lists the options", text);
}

/* Cut at commas; a backslash protects the character behind it, as for mount(8). */
static enum mrq_status
take_list(struct mrq_options *o, const char *list, struct mrq_error *err)
{
	size_t len = strnlen(list, MRQ_OPTIONS_TEXT_MAX);

	if (len == MRQ_OPTIONS_TEXT_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "more than %u bytes of options",
				MRQ_OPTIONS_TEXT_MAX);
	char *item MRQ_CLEANUP(free) = malloc(len + 1);
	if (!item)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the options");
	for (const char *at = list; *at;) {
		size_t n = 0;
		while (*at && *at != ',') {
			if (*at == '\\' && at[1])
				at++;
			item[n++] = *at++;
		}
		item[n] = '\0';
		if (*at == ',')
			at++;
		if (n > 0)
			MRQ_TRY(take_option(o, item, err));
	}
	return MRQ_OK;
}

enum {
	LONG_STATE = 256,
	LONG_CONFIG,
	LONG_PASSPHRASE,
};

static const struct option long_options[] = {
	{ "state", required_argument, NULL, LONG_STATE },
	{ "config", required_argument, NULL, LONG_CONFIG },
	{ "passphrase-fd", required_argument, NULL, LONG_PASSPHRASE },
	{ "options", required_argument, NULL, 'o' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static enum mrq_status
take_switch(struct mrq_options *o, int c, const char *value, struct mrq_error *err)
{
	unsigned fd = 0;

	switch (c) {
	case 'o':
		return take_list(o, value, err);
	case 'f':
		o->foreground = true;
		return MRQ_OK;
	case 'v':
		o->verbose = true;
		return MRQ_OK;
	case 'h':
		o->action = MRQ_ACTION_HELP;
		return MRQ_OK;
	case 'V':
		o->action = MRQ_ACTION_VERSION;
		return MRQ_OK;
	case LONG_STATE:
		return set_path(&o->state_dir, "the state folder", value, err);
	case LONG_CONFIG:
		return set_path(&o->config_file, "the configuration file", value, err);
	case LONG_PASSPHRASE:
		MRQ_TRY(parse_number("--passphrase-fd", value, 0, INT_MAX, &fd, err));
		o->passphrase_fd = (int)fd;
		return MRQ_OK;
	default:
		return MRQ_E_INVAL;
	}
}

/* What mount(8) passes to a helper: util-linux, libmount, "exec_helper". */
static enum mrq_status
take_helper_switch(struct mrq_options *o, int c, const char *value,
		   struct mrq_error *err)
{
	switch (c) {
	case 'f':
		o->action = MRQ_ACTION_CHECK;
		return MRQ_OK;
	case 's':
	case 'n':
		return MRQ_OK;
	case 't':
		if (strcmp(value, "fuse.marque") == 0 || strcmp(value, "marque") == 0)
			return MRQ_OK;
		return mrq_fail(err, MRQ_E_INVAL,
				"type '%s' is not mounted here: use 'fuse.marque'",
				value);
	case 'N':
		return mrq_fail(err, MRQ_E_INVAL,
				"mounting in another namespace is not offered: run "
				"marquefs there with nsenter(1)");
	default:
		return take_switch(o, c, value, err);
	}
}

static bool
called_by_mount(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const char *name = slash ? slash + 1 : argv0;

	return name && strncmp(name, "mount.", 6) == 0;
}

static enum mrq_status
bad_switch(int c, char **argv, struct mrq_error *err)
{
	const char *what = argv[optind > 0 ? optind - 1 : 0];

	if (c == ':')
		return mrq_fail(err, MRQ_E_INVAL, "'%s' needs a value", what);
	if (optopt > 0 && optopt < 256)
		return mrq_fail(err, MRQ_E_INVAL, "unknown switch '-%c'; try --help",
				optopt);
	return mrq_fail(err, MRQ_E_INVAL, "unknown switch '%s'; try --help", what);
}

static enum mrq_status
take_paths(struct mrq_options *o, int n, char **paths, struct mrq_error *err)
{
	if (n < 2)
		return mrq_fail(
			err, MRQ_E_INVAL,
			"give the source folder and the mount point; try --help");
	if (n > 2)
		return mrq_fail(err, MRQ_E_INVAL, "'%s' is one argument too many",
				paths[2]);
	MRQ_TRY(set_path(&o->source, "the source folder", paths[0], err));
	return set_path(&o->mount_point, "the mount point", paths[1], err);
}

enum mrq_status
mrq_options_parse(int argc, char **argv, bool root, struct mrq_options *ret,
		  struct mrq_error *err)
{
	bool helper = argc > 0 && called_by_mount(argv[0]);
	const char *switches = helper ? ":o:fsnvt:N:hV" : ":o:fvhV";
	int c;

	*ret = (struct mrq_options){
		.passphrase_fd = -1,
		.allow_other = root,
		.attr_timeout = -1,
		.entry_timeout = -1,
	};
	MRQ_TRY(set_text(&ret->kernel, "", err));
	opterr = 0;
	optind = 0; /* GNU: begin anew */
	while ((c = getopt_long(argc, argv, switches, long_options, NULL)) != -1) {
		if (c == '?' || c == ':')
			return bad_switch(c, argv, err);
		if (helper)
			MRQ_TRY(take_helper_switch(ret, c, optarg, err));
		else
			MRQ_TRY(take_switch(ret, c, optarg, err));
	}
	if (ret->action == MRQ_ACTION_HELP || ret->action == MRQ_ACTION_VERSION)
		return MRQ_OK;
	return take_paths(ret, argc - optind, argv + optind, err);
}

static enum mrq_status
make_absolute(char **path, struct mrq_error *err)
{
	char *folder MRQ_CLEANUP(free) = NULL;
	char *whole;

	if (**path == '/')
		return MRQ_OK;
	folder = getcwd(NULL, 0);
	if (!folder)
		return mrq_fail_sys(err, "cannot tell the current folder");
	if (asprintf(&whole, "%s/%s", folder, *path) < 0)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a path");
	free(*path);
	*path = whole;
	return MRQ_OK;
}

/* $VAR/TAIL, or $HOME/BELOW/TAIL when VAR is unset or relative (as the XDG rules say). */
static enum mrq_status
home_path(mrq_options_env env, const char *var, const char *below, const char *tail,
	  char **ret, struct mrq_error *err)
{
	const char *base = env(var);
	const char *home = env("HOME");
	int n;

	if (base && *base == '/')
		n = asprintf(ret, "%s/%s", base, tail);
	else if (home && *home == '/')
		n = asprintf(ret, "%s/%s/%s", home, below, tail);
	else
		return mrq_fail(err, MRQ_E_INVAL,
				"HOME is not set: give --state and --config");
	if (n < 0) {
		*ret = NULL;
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a path");
	}
	return MRQ_OK;
}

enum mrq_status
mrq_options_defaults(struct mrq_options *options, bool root, mrq_options_env env,
		     struct mrq_error *err)
{
	if (options->state_dir)
		MRQ_TRY(make_absolute(&options->state_dir, err));
	else if (root)
		MRQ_TRY(set_text(&options->state_dir, "/var/lib/marque", err));
	else
		MRQ_TRY(home_path(env, "XDG_STATE_HOME", ".local/state", "marque",
				  &options->state_dir, err));
	if (options->config_file)
		return make_absolute(&options->config_file, err);
	if (root)
		return set_text(&options->config_file, "/etc/marque/marque.conf", err);
	return home_path(env, "XDG_CONFIG_HOME", ".config", "marque/marque.conf",
			 &options->config_file, err);
}
