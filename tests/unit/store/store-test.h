/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_STORE_H
#define MRQ_TEST_STORE_H

/* Folders that go away, an audit log with its key, and whole files. */
#include "check.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "store/audit-log.h"

#define CHECK_UNUSED __attribute__((unused))

/** Where a test works: a new folder, with the paths of an audit log in it. */
struct place {
	char dir[64];
	char log[96], log1[128], log2[128];
	struct mrq_private_key *signer;
	char jwk[MRQ_JWK_MAX];
};

CHECK_UNUSED static int
place_make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct mrq_public_key *public = NULL;
	struct mrq_error err = { 0 };

	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/marque-store-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->log, sizeof(p->log), "%s/audit.log", p->dir);
	(void)snprintf(p->log1, sizeof(p->log1), "%s.1", p->log);
	(void)snprintf(p->log2, sizeof(p->log2), "%s.2", p->log);
	check_ok(mrq_crypto_init(&err), &err);
	check_ok(mrq_private_key_generate(&p->signer, &err), &err);
	check_ok(mrq_private_key_public(p->signer, &public, &err), &err);
	mrq_public_key_format(public, p->jwk);
	mrq_public_key_free(public);
	*state = p;
	return 0;
}

CHECK_UNUSED static int
place_remove(void **state)
{
	struct place *p = *state;
	DIR *d = opendir(p->dir);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	(void)rmdir(p->dir);
	mrq_private_key_free(p->signer);
	free(p);
	return 0;
}

#define PLACE_TEST(f) cmocka_unit_test_setup_teardown(f, place_make, place_remove)

CHECK_UNUSED static struct mrq_audit_log *
log_open(const struct place *p, unsigned sinks)
{
	struct mrq_audit_options options = { .path = p->log,
					     .sinks = sinks,
					     .host = "host.example",
					     .signer = p->signer };
	struct mrq_audit_log *log = NULL;
	struct mrq_error err = { 0 };

	check_ok(mrq_audit_log_open(&options, &log, &err), &err);
	return log;
}

/** A record such as an open makes; i varies the path. */
CHECK_UNUSED static struct mrq_audit_record
sample_record(const char *path)
{
	return (struct mrq_audit_record){
		.event = MRQ_AUDIT_OPEN,
		.when_ns = INT64_C(1772359200123456789), /* 2026-03-01T10:00:00 */
		.uid = 1000,
		.login_uid = (uid_t)-1,
		.pid = 4711,
		.mount = "/mnt/share",
		.principal = "ann@example.com",
		.program = "/usr/bin/cat",
		.path = path,
		.request = "read",
		.used = MRQ_RIGHT_VIEW | MRQ_RIGHT_EXTRACT,
		.ground = "right",
		.granted = true,
		.correlation = "c-1",
	};
}

CHECK_UNUSED static void
append_n(struct mrq_audit_log *log, unsigned n)
{
	struct mrq_error err = { 0 };

	for (unsigned i = 0; i < n; i++) {
		char path[64];
		(void)snprintf(path, sizeof(path), "folder/file %u.txt", i);
		struct mrq_audit_record r = sample_record(path);
		check_ok(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, &err), &err);
	}
}

CHECK_UNUSED static char *
slurp(const char *path, size_t *ret_len)
{
	uint8_t *data = NULL;
	struct mrq_error err = { 0 };

	check_ok(mrq_file_load(AT_FDCWD, path, 64u << 20, &data, ret_len, &err), &err);
	return (char *)data;
}

CHECK_UNUSED static void
spit(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(close(fd), 0);
}

CHECK_UNUSED static uint64_t
count_lines(const char *path)
{
	size_t len;
	char *text = slurp(path, &len);
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	free(text);
	return n;
}

CHECK_UNUSED static bool
file_has(const char *path, const char *wanted)
{
	size_t len;
	char *text = slurp(path, &len);
	bool found = memmem(text, len, wanted, strlen(wanted)) != NULL;

	free(text);
	return found;
}

/** Verify with the log's key; the log must be whole. */
CHECK_UNUSED static struct mrq_audit_verdict
verify_whole(const struct place *p)
{
	struct mrq_audit_verdict v = { 0 };
	struct mrq_error err = { 0 };

	check_ok(mrq_audit_verify(p->log, p->jwk, &v, &err), &err);
	assert_int_equal(v.bad_line, 0);
	return v;
}

#endif
