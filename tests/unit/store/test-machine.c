/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store-test.h"

#include <pthread.h>

#include "store/machine.h"

#define ID "0123456789abcdef0123456789abcdef\n"

struct paths {
	char secret[128], id[128];
};

static struct paths
make_paths(const struct place *p)
{
	struct paths paths;

	(void)snprintf(paths.secret, sizeof(paths.secret), "%s/machine.key", p->dir);
	(void)snprintf(paths.id, sizeof(paths.id), "%s/machine-id", p->dir);
	spit(paths.id, ID, sizeof(ID) - 1);
	return paths;
}

static struct mrq_seal_key
derive(const struct paths *paths, const char *purpose)
{
	struct mrq_seal_key key = { 0 };
	struct mrq_error err = { 0 };

	check_ok(mrq_machine_key(paths->secret, paths->id, purpose, &key, &err), &err);
	return key;
}

static void
the_secret_is_made_once(void **state)
{
	struct place *p = *state;
	struct paths paths = make_paths(p);
	struct stat st;

	mode_t before = umask(0);
	struct mrq_seal_key a = derive(&paths, "licence-cache");
	(void)umask(before);
	assert_int_equal(stat(paths.secret, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 32);
	assert_int_equal(st.st_nlink, 1);
	struct mrq_seal_key b = derive(&paths, "licence-cache");
	assert_memory_equal(&a, &b, sizeof(a));
}

static void
purpose_machine_and_secret_each_change_the_key(void **state)
{
	struct place *p = *state;
	struct paths paths = make_paths(p);
	struct mrq_seal_key a = derive(&paths, "licence-cache");
	struct mrq_seal_key b = derive(&paths, "authority-keys");

	assert_memory_not_equal(&a, &b, sizeof(a));
	spit(paths.id, "1123456789abcdef0123456789abcdef", 32);
	b = derive(&paths, "licence-cache");
	assert_memory_not_equal(&a, &b, sizeof(a));
	spit(paths.id, ID, sizeof(ID) - 1);
	assert_int_equal(unlink(paths.secret), 0);
	b = derive(&paths, "licence-cache");
	assert_memory_not_equal(&a, &b, sizeof(a));
}

static void
refused(const struct paths *paths, const char *named)
{
	struct mrq_seal_key key = { 0 };
	struct mrq_error err = { 0 };

	check_status(mrq_machine_key(paths->secret, paths->id, "x", &key, &err),
		     MRQ_E_CONFIG, &err);
	assert_non_null(strstr(err.msg, named));
}

static void
unsafe_secrets_are_refused(void **state)
{
	struct place *p = *state;
	struct paths paths = make_paths(p);
	char other[128];

	(void)derive(&paths, "x");
	assert_int_equal(chmod(paths.secret, 0640), 0);
	refused(&paths, "chmod 0600");
	assert_int_equal(chmod(paths.secret, 0604), 0);
	refused(&paths, "chmod 0600");
	assert_int_equal(chmod(paths.secret, 0600), 0);
	spit(paths.secret, "short", 5);
	refused(&paths, "5 bytes instead of 32");
	spit(paths.secret, "", 0);
	refused(&paths, paths.secret);
	(void)snprintf(other, sizeof(other), "%s/other", p->dir);
	assert_int_equal(rename(paths.secret, other), 0);
	assert_int_equal(symlink(other, paths.secret), 0);
	refused(&paths, "symbolic link");
	assert_int_equal(unlink(paths.secret), 0);
	assert_int_equal(mkfifo(paths.secret, 0600), 0);
	refused(&paths, "not a regular file");
}

static void
a_wrong_machine_id_is_refused(void **state)
{
	static const char *const wrong[] = { "", "uninitialized\n",
					     "0123456789ABCDEF0123456789abcdef\n",
					     "0123456789abcdef0123456789abcde\n",
					     "0123456789abcdef0123456789abcdef0\n" };
	struct place *p = *state;
	struct paths paths = make_paths(p);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		spit(paths.id, wrong[i], strlen(wrong[i]));
		refused(&paths, "systemd-machine-id-setup");
	}
	assert_int_equal(unlink(paths.id), 0);
	refused(&paths, "systemd-machine-id-setup");
	assert_int_equal(access(paths.secret, F_OK), -1); /* nothing made in vain */
}

static void
no_folder_is_a_system_error(void **state)
{
	struct place *p = *state;
	struct paths paths = make_paths(p);
	struct mrq_seal_key key = { 0 };
	struct mrq_error err = { 0 };

	(void)snprintf(paths.secret, sizeof(paths.secret), "%s/none/machine.key",
		       p->dir);
	check_status(mrq_machine_key(paths.secret, paths.id, "x", &key, &err),
		     MRQ_E_SYS, &err);
}

static void *
derive_in_thread(void *arg)
{
	static struct mrq_seal_key keys[4];
	static unsigned n;
	struct mrq_seal_key *key = &keys[__atomic_fetch_add(&n, 1, __ATOMIC_RELAXED)];

	*key = derive(arg, "x");
	return key;
}

static void
those_who_make_it_at_once_agree(void **state)
{
	struct place *p = *state;
	struct paths paths = make_paths(p);
	pthread_t threads[4];
	void *keys[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, derive_in_thread, &paths), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], &keys[i]), 0);
	for (int i = 1; i < 4; i++)
		assert_memory_equal(keys[0], keys[i], sizeof(struct mrq_seal_key));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(the_secret_is_made_once),
		PLACE_TEST(purpose_machine_and_secret_each_change_the_key),
		PLACE_TEST(unsafe_secrets_are_refused),
		PLACE_TEST(a_wrong_machine_id_is_refused),
		PLACE_TEST(no_folder_is_a_system_error),
		PLACE_TEST(those_who_make_it_at_once_agree),
	};
	return CHECK_MAIN(tests);
}
