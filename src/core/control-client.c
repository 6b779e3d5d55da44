/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json-doc.h"
#include "base/mountinfo.h"
#include "base/runtime.h"

#include <marque/control.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define WAIT_MS 120000 /* as the header says */

/* The device tells the mount, its options who mounted it. */
static enum mrq_status
find_mount(const char *path, dev_t *ret_dev, uid_t *ret_uid, struct mrq_error *err)
{
	struct mrq_mounts mounts MRQ_CLEANUP(mrq_mounts_clear) = { 0 };
	struct statx st;

	/* What the kernel knows by itself: a mount in trouble must not hold us. */
	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE,
		  &st) < 0)
		return mrq_fail_sys(err, "cannot examine '%s'", path);
	*ret_dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	MRQ_TRY(mrq_mounts_load(&mounts, err));
	const struct mrq_mount *m = mrq_mounts_of(&mounts, *ret_dev, MRQ_MOUNT_TYPE);
	if (!m)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "'%s' is in no marque mount",
				path);
	*ret_uid = mrq_mount_user(m);
	return MRQ_OK;
}

static enum mrq_status
socket_path(dev_t dev, uid_t uid, char *ret, size_t len, struct mrq_error *err)
{
	char folder[MRQ_RUNTIME_PATH_MAX];

	mrq_runtime_folder(uid, folder);
	int n = snprintf(ret, len, "%s/%u-%u.sock", folder, major(dev), minor(dev));
	if (n < 0 || (size_t)n >= len)
		return mrq_fail(err, MRQ_E_LIMIT,
				"the path of a control socket needs %d bytes", n + 1);
	return MRQ_OK;
}

enum mrq_status
mrq_control_path(const char *path, char *ret, size_t len, struct mrq_error *err)
{
	dev_t dev = 0;
	uid_t uid = (uid_t)-1;

	MRQ_TRY(find_mount(path, &dev, &uid, err));
	return socket_path(dev, uid, ret, len, err);
}

/* Who listens must be who mounted: the folder may be one that anybody can make first. */
static enum mrq_status
check_peer(int fd, uid_t uid, const char *name, struct mrq_error *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return mrq_fail_sys(err, "cannot tell who serves '%s'", name);
	if (peer.uid != uid && peer.uid != 0)
		return mrq_fail(err, MRQ_E_DENIED,
				"'%s' is served by uid %u, not by uid %u who mounted",
				name, (unsigned)peer.uid, (unsigned)uid);
	return MRQ_OK;
}

static enum mrq_status
connect_mount(const char *path, int *ret, struct mrq_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	dev_t dev = 0;
	uid_t uid = (uid_t)-1;

	MRQ_TRY(find_mount(path, &dev, &uid, err));
	MRQ_TRY(socket_path(dev, uid, address.sun_path, sizeof(address.sun_path), err));
	int fd MRQ_CLEANUP(mrq_close) =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return mrq_fail_sys(err, "cannot make a socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return mrq_fail_sys(err, "cannot reach the mount of '%s' at '%s'", path,
				    address.sun_path);
	MRQ_TRY(check_peer(fd, uid, address.sun_path, err));
	*ret = MRQ_STEAL_FD(fd);
	return MRQ_OK;
}

static enum mrq_status
await(int fd, short events, int64_t deadline_ns, const char *path,
      struct mrq_error *err)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = (deadline_ns - mrq_clock_monotonic_ns()) / 1000000;
		int n = poll(&p, 1, left > 0 ? (int)left : 0);
		if (n > 0)
			return MRQ_OK;
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ETIMEDOUT;
		return mrq_fail_sys(err, "the mount of '%s' does not answer", path);
	}
}

static enum mrq_status
exchange(int fd, const char *path, const char *request, char *buffer, size_t *ret_len,
	 struct mrq_error *err)
{
	int64_t deadline_ns = mrq_clock_monotonic_ns() + WAIT_MS * INT64_C(1000000);
	size_t len = strlen(request);
	ssize_t n;

	do
		MRQ_TRY(await(fd, POLLOUT, deadline_ns, path, err));
	while ((n = send(fd, request, len, MSG_NOSIGNAL)) < 0 &&
	       (errno == EAGAIN || errno == EINTR));
	/* Turned away before we spoke: the answer is there all the same. */
	if (n < 0 && errno != EPIPE)
		return mrq_fail_sys(err, "cannot ask the mount of '%s'", path);
	do
		MRQ_TRY(await(fd, POLLIN, deadline_ns, path, err));
	while ((n = recv(fd, buffer, MRQ_CONTROL_MESSAGE_MAX, MSG_TRUNC)) < 0 &&
	       (errno == EAGAIN || errno == EINTR));
	if (n < 0)
		return mrq_fail_sys(err, "no answer from the mount of '%s'", path);
	if (n == 0)
		return mrq_fail(err, MRQ_E_SYS,
				"the mount of '%s' ended before it answered", path);
	if ((size_t)n > MRQ_CONTROL_MESSAGE_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"the mount of '%s' answers more than %u bytes", path,
				MRQ_CONTROL_MESSAGE_MAX);
	*ret_len = (size_t)n;
	return MRQ_OK;
}

/* Statuses travel by name: numbers are this library's own. */
static enum mrq_status
status_of(const char *name)
{
	for (int s = MRQ_OK; s <= MRQ_E_PASSPHRASE; s++) {
		if (strcmp(mrq_status_name((enum mrq_status)s), name) == 0)
			return (enum mrq_status)s;
	}
	return MRQ_E_UNSUPPORTED;
}

static enum mrq_status
check_answer(const char *text, size_t len, struct mrq_error *err)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;

	enum mrq_status s = mrq_json_doc_parse(text, len, &doc, err);
	if (s != MRQ_OK)
		return mrq_while(err, s, "the mount's answer");
	const struct mrq_json_node *root = mrq_json_doc_root(doc);
	const char *name = mrq_json_node_text(root, "status");
	const char *message = mrq_json_node_text(root, "message");
	if (!name)
		return mrq_fail(err, MRQ_E_FORMAT,
				"the mount's answer has no member 'status'");
	s = status_of(name);
	if (s == MRQ_OK)
		return MRQ_OK;
	return mrq_fail(err, s, "%s", message ? message : name);
}

enum mrq_status
mrq_control_call(const char *path, const char *request, char **ret,
		 struct mrq_error *err)
{
	char *buffer MRQ_CLEANUP(free) = NULL;
	int fd MRQ_CLEANUP(mrq_close) = -1;
	size_t len = 0;

	if (strnlen(request, MRQ_CONTROL_MESSAGE_MAX) == MRQ_CONTROL_MESSAGE_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"a request to a mount has at most %u bytes",
				MRQ_CONTROL_MESSAGE_MAX - 1);
	MRQ_TRY(connect_mount(path, &fd, err));
	buffer = malloc(MRQ_CONTROL_MESSAGE_MAX + 1);
	if (!buffer)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for an answer");
	MRQ_TRY(exchange(fd, path, request, buffer, &len, err));
	MRQ_TRY(check_answer(buffer, len, err));
	buffer[len] = '\0';
	*ret = MRQ_STEAL(buffer);
	return MRQ_OK;
}
