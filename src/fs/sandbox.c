/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs/sandbox.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define CAP_WORDS _LINUX_CAPABILITY_U32S_3

/* Why each is kept stands in marquefs(8), "Capabilities". */
static const int kept_caps[] = {
	CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,
	CAP_FSETID, CAP_SETGID,       CAP_SETUID,          CAP_SETFCAP,
	CAP_MKNOD,  CAP_SYS_ADMIN,    CAP_IPC_LOCK,        CAP_SYS_PTRACE,
};
#define N_KEPT (sizeof(kept_caps) / sizeof(kept_caps[0]))

struct caps {
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[CAP_WORDS];
};

static enum mrq_status
caps_get(struct caps *caps, struct mrq_error *err)
{
	*caps = (struct caps){ .head = { .version = _LINUX_CAPABILITY_VERSION_3 } };
	if (syscall(SYS_capget, &caps->head, caps->data) < 0)
		return mrq_fail_sys(err, "cannot read the capabilities");
	return MRQ_OK;
}

static bool
caps_has(const struct caps *caps, int cap)
{
	return caps->data[cap / 32].effective & (1u << (cap % 32));
}

static bool
locks_without_limit(void)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit now;

	if (setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0)
		return true;
	return getrlimit(RLIMIT_MEMLOCK, &now) == 0 && now.rlim_cur == RLIM_INFINITY;
}

/*
 * With a limit, MCL_FUTURE would make a later mmap fail: then nothing is locked but what asks for
 * it itself.
 */
static void
lock_memory(const struct caps *caps)
{
	if (!locks_without_limit() && !caps_has(caps, CAP_IPC_LOCK)) {
		mrq_log(MRQ_LOG_WARNING,
			"plaintext in memory may reach swap: RLIMIT_MEMLOCK is "
			"limited (keys are locked all the same); encrypt the swap, or "
			"raise the limit");
		return;
	}
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		mrq_log(MRQ_LOG_WARNING,
			"plaintext in memory may reach swap: cannot lock it: %s",
			strerrordesc_np(errno));
}

enum mrq_status
mrq_sandbox_begin(struct mrq_error *err)
{
	struct rlimit none = { 0, 0 };
	struct caps caps;

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return mrq_fail_sys(err, "cannot turn core dumps off");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return mrq_fail_sys(err, "cannot make the process undumpable");
	(void)umask(077);
	MRQ_TRY(caps_get(&caps, err));
	lock_memory(&caps);
	return MRQ_OK;
}

/* The bounding set matters to execve only, which is over: it goes whole. */
static enum mrq_status
empty_bounding_set(const struct caps *caps, struct mrq_error *err)
{
	if (!caps_has(caps, CAP_SETPCAP))
		return MRQ_OK;
	for (int cap = 0; cap < CAP_WORDS * 32; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			return MRQ_OK; /* behind the last that the kernel knows */
		return mrq_fail_sys(err, "cannot drop capability %d", cap);
	}
	return MRQ_OK;
}

enum mrq_status
mrq_sandbox_drop(struct mrq_error *err)
{
	struct caps caps;
	uint32_t keep[CAP_WORDS] = { 0 };

	MRQ_TRY(caps_get(&caps, err));
	MRQ_TRY(empty_bounding_set(&caps, err));
	for (size_t i = 0; i < N_KEPT; i++)
		keep[kept_caps[i] / 32] |= 1u << (kept_caps[i] % 32);
	for (size_t i = 0; i < CAP_WORDS; i++) {
		caps.data[i].permitted &= keep[i];
		caps.data[i].effective = caps.data[i].permitted;
		caps.data[i].inheritable = 0;
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return mrq_fail_sys(err, "cannot clear the ambient capabilities");
	if (syscall(SYS_capset, &caps.head, caps.data) < 0)
		return mrq_fail_sys(err, "cannot drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return mrq_fail_sys(err, "cannot set no_new_privs");
	return MRQ_OK;
}
