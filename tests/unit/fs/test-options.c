/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "fs/options.h"

/* Parse a command line of at most 15 words; getopt may reorder the array. */
#define PARSE(root, o, err, ...)                                                       \
	parse((root), (o), (err), (const char *const[]){ __VA_ARGS__, NULL })

static enum mrq_status
parse(bool root, struct mrq_options *o, struct mrq_error *err, const char *const *words)
{
	char *argv[16];
	int argc = 0;

	for (; words[argc] && argc < 15; argc++)
		argv[argc] = strdup(words[argc]);
	argv[argc] = NULL;
	char *all[16];
	memcpy(all, argv, sizeof(all));
	enum mrq_status s = mrq_options_parse(argc, argv, root, o, err);
	for (int i = 0; i < argc; i++)
		free(all[i]);
	return s;
}

static void
refused(enum mrq_status want, const char *text, const char *const *words)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	check_status(parse(true, &o, &err, words), want, &err);
	if (!strstr(err.msg, text))
		print_error("'%s' does not name '%s'\n", err.msg, text);
	assert_non_null(strstr(err.msg, text));
}
#define REFUSED(want, text, ...)                                                       \
	refused((want), (text), (const char *const[]){ __VA_ARGS__, NULL })

static void
defaults_of_a_plain_call(void **state)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE(true, &o, &err, "marquefs", "/srv/a", "/mnt/a"), &err);
	assert_int_equal(o.action, MRQ_ACTION_MOUNT);
	assert_string_equal(o.source, "/srv/a");
	assert_string_equal(o.mount_point, "/mnt/a");
	assert_true(o.allow_other);
	assert_false(o.read_only || o.shared || o.foreground || o.verbose);
	assert_true(o.attr_timeout < 0 && o.entry_timeout < 0);
	assert_int_equal(o.threads, 0);
	assert_int_equal(o.passphrase_fd, -1);
	assert_null(o.state_dir);
	assert_null(o.config_file);
	assert_string_equal(o.kernel, "");
}

static void
a_user_does_not_allow_others_by_default(void **state)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_options p MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_options q MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE(false, &o, &err, "marquefs", "a", "b"), &err);
	assert_false(o.allow_other);
	check_ok(PARSE(false, &p, &err, "marquefs", "a", "b", "-oallow_other"), &err);
	assert_true(p.allow_other);
	check_ok(PARSE(true, &q, &err, "marquefs", "a", "b", "-onoallow_other"), &err);
	assert_false(q.allow_other);
}

static void
switches_may_stand_anywhere(void **state)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE(true, &o, &err, "marquefs", "-f", "a", "--state", "/s", "b",
		       "--config=/c", "-v", "--passphrase-fd", "7"),
		 &err);
	assert_true(o.foreground && o.verbose);
	assert_string_equal(o.source, "a");
	assert_string_equal(o.mount_point, "b");
	assert_string_equal(o.state_dir, "/s");
	assert_string_equal(o.config_file, "/c");
	assert_int_equal(o.passphrase_fd, 7);
}

static void
a_name_with_a_dash_stands_behind_two(void **state)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE(true, &o, &err, "marquefs", "-f", "--", "-a", "-f"), &err);
	assert_string_equal(o.source, "-a");
	assert_string_equal(o.mount_point, "-f");
}

static void
our_own_options(void **state)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE(true, &o, &err, "marquefs", "a", "b", "-o",
		       "ro,shared,attr_timeout=0.5,entry_timeout=0,threads=8", "-o",
		       "state=/x\\,y,config=/z"),
		 &err);
	assert_true(o.read_only && o.shared);
	assert_true(o.attr_timeout == 0.5 && o.entry_timeout == 0.0);
	assert_int_equal(o.threads, 8);
	assert_string_equal(o.state_dir, "/x,y");
	assert_string_equal(o.config_file, "/z");
	assert_string_equal(o.kernel, "");
}

static void
the_last_of_two_opposites_holds(void **state)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE(true, &o, &err, "marquefs", "a", "b", "-oro,rw"), &err);
	assert_false(o.read_only);
}

static void
mount_options_are_passed_on_in_order(void **state)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE(true, &o, &err, "marquefs", "a", "b", "-o",
		       "noexec,noatime,sync,context=a\\,b\\\\c"),
		 &err);
	assert_string_equal(o.kernel, "noexec,noatime,sync,context=a\\,b\\\\c");
}

static void
what_fstab_says_to_mount_is_ignored(void **state)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE(true, &o, &err, "marquefs", "a", "b", "-o",
		       "defaults,,noauto,_netdev,nofail,user=joe,x-systemd.automount,"
		       "X-mount.mkdir=0755,comment=hi,suid,dev,nosuid,nodev,relatime,"
		       "default_permissions"),
		 &err);
	assert_string_equal(o.kernel, "");
	assert_false(o.read_only);
}

static void
as_a_helper_of_mount(void **state)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_options p MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE(true, &o, &err, "/sbin/mount.fuse.marque", "/a", "/b", "-s",
		       "-n", "-v", "-o", "rw,noatime", "-t", "fuse.marque"),
		 &err);
	assert_int_equal(o.action, MRQ_ACTION_MOUNT);
	assert_true(o.verbose);
	assert_false(o.foreground);
	check_ok(PARSE(true, &p, &err, "mount.fuse.marque", "/a", "/b", "-f"), &err);
	assert_int_equal(p.action, MRQ_ACTION_CHECK);
	assert_false(p.foreground);
	REFUSED(MRQ_E_INVAL, "fuse.sshfs", "mount.fuse.marque", "a", "b", "-t",
		"fuse.sshfs");
	REFUSED(MRQ_E_INVAL, "nsenter", "mount.fuse.marque", "a", "b", "-N", "4");
	/* Those flags are mount's, not ours. */
	REFUSED(MRQ_E_INVAL, "'-n'", "marquefs", "a", "b", "-n");
}

static void
help_and_version_need_no_paths(void **state)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_options p MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE(false, &o, &err, "marquefs", "--help"), &err);
	assert_int_equal(o.action, MRQ_ACTION_HELP);
	check_ok(PARSE(false, &p, &err, "marquefs", "-V"), &err);
	assert_int_equal(p.action, MRQ_ACTION_VERSION);
	assert_non_null(strstr(mrq_options_usage, "SOURCE MOUNTPOINT"));
}

static void
wrong_words_are_named(void **state)
{
	(void)state;
	REFUSED(MRQ_E_INVAL, "source folder", "marquefs");
	REFUSED(MRQ_E_INVAL, "mount point", "marquefs", "a");
	REFUSED(MRQ_E_INVAL, "'c'", "marquefs", "a", "b", "c");
	REFUSED(MRQ_E_INVAL, "source folder", "marquefs", "", "b");
	REFUSED(MRQ_E_INVAL, "'-x'", "marquefs", "a", "b", "-x");
	REFUSED(MRQ_E_INVAL, "'--frob'", "marquefs", "a", "b", "--frob");
	REFUSED(MRQ_E_INVAL, "'--frob=1'", "marquefs", "a", "b", "--frob=1");
	REFUSED(MRQ_E_INVAL, "needs a value", "marquefs", "a", "b", "--state");
	REFUSED(MRQ_E_INVAL, "needs a value", "marquefs", "a", "b", "-o");
	REFUSED(MRQ_E_INVAL, "--passphrase-fd", "marquefs", "a", "b", "--passphrase-fd",
		"x");
	REFUSED(MRQ_E_INVAL, "--passphrase-fd", "marquefs", "a", "b",
		"--passphrase-fd=-1");
}

static void
wrong_options_are_named(void **state)
{
	(void)state;
	REFUSED(MRQ_E_INVAL, "'frob'", "marquefs", "a", "b", "-o", "ro,frob");
	REFUSED(MRQ_E_INVAL, "'frob'", "marquefs", "a", "b", "-o", "frob=1");
	REFUSED(MRQ_E_INVAL, "'ro' takes no value", "marquefs", "a", "b", "-o", "ro=1");
	REFUSED(MRQ_E_INVAL, "'threads' needs", "marquefs", "a", "b", "-o", "threads");
	for (const char *const *v =
		     (const char *const[]){ "threads=0", "threads=65", "threads=-1",
					    "threads=", "threads=1x", "threads= 1",
					    NULL };
	     *v; v++)
		REFUSED(MRQ_E_INVAL, "from 1 to 64", "marquefs", "a", "b", "-o", *v);
	for (const char *const *v =
		     (const char *const[]){ "attr_timeout=", "attr_timeout=-1",
					    "attr_timeout=nan", "attr_timeout=inf",
					    "attr_timeout=0x1", "attr_timeout=1.2.3",
					    "attr_timeout=.", "entry_timeout=86401",
					    NULL };
	     *v; v++)
		REFUSED(MRQ_E_INVAL, "give seconds", "marquefs", "a", "b", "-o", *v);
	/* Ours to say, not the caller's. */
	REFUSED(MRQ_E_INVAL, "'fsname'", "marquefs", "a", "b", "-o", "fsname=x");
	REFUSED(MRQ_E_INVAL, "'auto_unmount'", "marquefs", "a", "b", "-o",
		"auto_unmount");
	/* A control character must not reach the terminal. */
	REFUSED(MRQ_E_INVAL, "'a?b'", "marquefs", "a", "b", "-o", "a\033b");
}

static void
lengths_are_bounded(void **state)
{
	char *text MRQ_CLEANUP(free) = malloc(MRQ_OPTIONS_TEXT_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', MRQ_OPTIONS_TEXT_MAX);
	text[MRQ_OPTIONS_TEXT_MAX] = '\0';
	REFUSED(MRQ_E_LIMIT, "bytes of options", "marquefs", "a", "b", "-o", text);
	REFUSED(MRQ_E_LIMIT, "longer", "marquefs", text, "b");
	memcpy(text, "context=", 8);
	text[MRQ_OPTIONS_KERNEL_MAX] = '\0';
	REFUSED(MRQ_E_LIMIT, "too many", "marquefs", "a", "b", "-o", text);
	memset(text + 8, ',', MRQ_OPTIONS_KERNEL_MAX - 8);
	for (size_t i = 8; i < MRQ_OPTIONS_KERNEL_MAX; i += 2)
		text[i] = '\\';
	REFUSED(MRQ_E_LIMIT, "too many", "marquefs", "a", "b", "-o", text, "-o", text);
}

/* Whatever it is, it gets a status, and nothing is read out of bounds. */
static void
any_text_of_options_is_survived(void **state)
{
	static const char letters[] = "rosync,=\\x-1.atime ";
	uint64_t seed = UINT64_C(0x5eed0f0b);

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
		struct mrq_error err = { 0 };
		char text[40];
		size_t len = check_next(&seed) % (sizeof(text) - 1);
		for (size_t k = 0; k < len; k++)
			text[k] = letters[check_next(&seed) % (sizeof(letters) - 1)];
		text[len] = '\0';
		enum mrq_status s =
			PARSE(true, &o, &err, "marquefs", "a", "b", "-o", text);
		assert_true(s == MRQ_OK || s == MRQ_E_INVAL);
		assert_true(s == MRQ_OK || err.msg[0]);
	}
}

static const char *env_home, *env_state, *env_config;

static char *
fake_env(const char *name)
{
	const char *v = strcmp(name, "HOME") == 0             ? env_home
			: strcmp(name, "XDG_STATE_HOME") == 0 ? env_state
							      : env_config;
	static char copy[64];

	if (!v)
		return NULL;
	(void)snprintf(copy, sizeof(copy), "%s", v);
	return copy;
}

static void
defaults_are(bool root, const char *state_dir, const char *config_file)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	check_ok(mrq_options_defaults(&o, root, fake_env, &err), &err);
	assert_string_equal(o.state_dir, state_dir);
	assert_string_equal(o.config_file, config_file);
}

static void
default_folders(void **state)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	env_home = "/home/joe";
	env_state = env_config = NULL;
	defaults_are(true, "/var/lib/marque", "/etc/marque/marque.conf");
	defaults_are(false, "/home/joe/.local/state/marque",
		     "/home/joe/.config/marque/marque.conf");
	/* One buffer for all: only one of them set at a time. */
	env_home = NULL;
	env_state = "/st";
	env_config = "/co";
	defaults_are(false, "/st/marque", "/co/marque/marque.conf");
	env_state = "relative";
	check_status(mrq_options_defaults(&o, false, fake_env, &err), MRQ_E_INVAL,
		     &err);
	assert_non_null(strstr(err.msg, "HOME"));
}

static void
relative_folders_become_absolute(void **state)
{
	struct mrq_options o MRQ_CLEANUP(mrq_options_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE(true, &o, &err, "marquefs", "a", "b", "--state", "s", "--config",
		       "/c"),
		 &err);
	check_ok(mrq_options_defaults(&o, true, fake_env, &err), &err);
	assert_int_equal(o.state_dir[0], '/');
	assert_string_equal(o.state_dir + strlen(o.state_dir) - 2, "/s");
	assert_string_equal(o.config_file, "/c");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_of_a_plain_call),
		cmocka_unit_test(a_user_does_not_allow_others_by_default),
		cmocka_unit_test(switches_may_stand_anywhere),
		cmocka_unit_test(a_name_with_a_dash_stands_behind_two),
		cmocka_unit_test(our_own_options),
		cmocka_unit_test(the_last_of_two_opposites_holds),
		cmocka_unit_test(mount_options_are_passed_on_in_order),
		cmocka_unit_test(what_fstab_says_to_mount_is_ignored),
		cmocka_unit_test(as_a_helper_of_mount),
		cmocka_unit_test(help_and_version_need_no_paths),
		cmocka_unit_test(wrong_words_are_named),
		cmocka_unit_test(wrong_options_are_named),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(any_text_of_options_is_survived),
		cmocka_unit_test(default_folders),
		cmocka_unit_test(relative_folders_become_absolute),
	};

	return CHECK_MAIN(tests);
}
