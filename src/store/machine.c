/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/machine.h"

#include "base/file.h"
#include "crypto/secret.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define MACHINE_ID_CHARS 32
#define CREATE_TRIES     4

static enum mrq_status
load_machine_id(const char *path, char ret[static MACHINE_ID_CHARS + 1],
		struct mrq_error *err)
{
	uint8_t *text MRQ_CLEANUP(free) = NULL;
	size_t len;

	enum mrq_status s = mrq_file_load(AT_FDCWD, path, 4096, &text, &len, err);
	if (s != MRQ_OK)
		return mrq_while(err, s == MRQ_E_NOT_FOUND ? MRQ_E_CONFIG : s,
				 "the machine id is needed, run "
				 "'systemd-machine-id-setup'");
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len != MACHINE_ID_CHARS ||
	    strspn((const char *)text, "0123456789abcdef") != MACHINE_ID_CHARS)
		return mrq_fail(err, MRQ_E_CONFIG,
				"'%s' holds no machine id; run "
				"'systemd-machine-id-setup'",
				path);
	memcpy(ret, text, MACHINE_ID_CHARS);
	ret[MACHINE_ID_CHARS] = '\0';
	return MRQ_OK;
}

static enum mrq_status
check_secret(const char *path, const struct stat *st, struct mrq_error *err)
{
	if (!S_ISREG(st->st_mode))
		return mrq_fail(err, MRQ_E_CONFIG,
				"machine secret '%s' is not a regular file", path);
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return mrq_fail(
			err, MRQ_E_CONFIG,
			"machine secret '%s' belongs to uid %u; it must belong to "
			"uid %u",
			path, (unsigned)st->st_uid, (unsigned)geteuid());
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return mrq_fail(err, MRQ_E_CONFIG,
				"machine secret '%s' is open to group or others; run "
				"'chmod 0600' on it",
				path);
	if (st->st_size != MRQ_KEY_BYTES)
		return mrq_fail(
			err, MRQ_E_CONFIG,
			"machine secret '%s' has %lld bytes instead of %d; put a "
			"backup back, or move it away and start with an empty "
			"cache",
			path, (long long)st->st_size, MRQ_KEY_BYTES);
	return MRQ_OK;
}

/* MRQ_E_NOT_FOUND when there is none. */
static enum mrq_status
load_secret(const char *path, struct mrq_seal_key *ret, struct mrq_error *err)
{
	int fd MRQ_CLEANUP(mrq_close) =
		open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "there is no machine secret '%s'",
				path);
	if (fd < 0 && errno == ELOOP)
		return mrq_fail(err, MRQ_E_CONFIG,
				"machine secret '%s' is a symbolic link; set the path "
				"that it leads to",
				path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return mrq_fail_sys(err, "cannot open machine secret '%s'", path);
	MRQ_TRY(check_secret(path, &st, err));
	return mrq_pread_full(fd, ret, sizeof(*ret), 0, "the machine secret", err);
}

/* The temporary goes away with its scope. */
struct new_secret {
	char *path;
	int fd;
};

static void
new_secret_clear(struct new_secret *s)
{
	if (s->fd >= 0) {
		(void)close(s->fd);
		(void)unlink(s->path);
	}
	free(s->path);
}
MRQ_DEFINE_CLEANUP_VALUE(new_secret_clear, struct new_secret)

static enum mrq_status
write_secret(struct new_secret *s, struct mrq_error *err)
{
	struct mrq_seal_key key MRQ_CLEANUP(mrq_seal_key_wipe) = { 0 };

	mrq_seal_key_random(&key);
	if (fchmod(s->fd, 0600) < 0)
		return mrq_fail_sys(err, "cannot set the mode of '%s'", s->path);
	MRQ_TRY(mrq_pwrite_full(s->fd, &key, sizeof(key), 0, "the machine secret",
				err));
	if (mrq_fsync(s->fd) < 0)
		return mrq_fail_sys(err, "cannot sync '%s'", s->path);
	return MRQ_OK;
}

static enum mrq_status
sync_folder_of(const char *path, struct mrq_error *err)
{
	const char *slash = strrchr(path, '/');
	char *folder MRQ_CLEANUP(free) =
		slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	if (!folder)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the path '%s'", path);
	int fd MRQ_CLEANUP(mrq_close) =
		open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || mrq_fsync(fd) < 0)
		return mrq_fail_sys(err, "cannot sync folder '%s'", folder);
	return MRQ_OK;
}

/* Written whole under another name and then linked: nobody meets half a secret, and of two
 * that make one the second finds the first's. */
static enum mrq_status
make_secret(const char *path, struct mrq_error *err)
{
	struct new_secret s MRQ_CLEANUP(new_secret_clear) = { .fd = -1 };
	uint64_t random;

	mrq_random(&random, sizeof(random));
	if (asprintf(&s.path, "%s.%016llx", path, (unsigned long long)random) < 0) {
		s.path = NULL;
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the path '%s'", path);
	}
	s.fd = open(s.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s.fd < 0)
		return mrq_fail_sys(err, "cannot create machine secret '%s'", path);
	MRQ_TRY(write_secret(&s, err));
	if (link(s.path, path) < 0 && errno != EEXIST)
		return mrq_fail_sys(err, "cannot create machine secret '%s'", path);
	return sync_folder_of(path, err);
}

static enum mrq_status
load_or_make(const char *path, struct mrq_seal_key *ret, struct mrq_error *err)
{
	for (int i = 0; i < CREATE_TRIES; i++) {
		enum mrq_status s = load_secret(path, ret, err);
		if (s != MRQ_E_NOT_FOUND)
			return s;
		MRQ_TRY(make_secret(path, err));
	}
	return mrq_fail(err, MRQ_E_BUSY,
			"machine secret '%s' vanishes while it is made; try again",
			path);
}

enum mrq_status
mrq_machine_key(const char *secret_path, const char *machine_id_path,
		const char *purpose, struct mrq_seal_key *ret, struct mrq_error *err)
{
	struct mrq_seal_key secret MRQ_CLEANUP(mrq_seal_key_wipe) = { 0 };
	char machine_id[MACHINE_ID_CHARS + 1];

	MRQ_TRY(load_machine_id(machine_id_path, machine_id, err));
	MRQ_TRY(load_or_make(secret_path, &secret, err));
	mrq_seal_key_from_machine(&secret, machine_id, purpose, ret);
	return MRQ_OK;
}
