/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "fs/sandbox.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/capability.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

/* What a child finds out about itself; its number is the exit status, 0 when all is well. */
#define EXPECT(claim)                                                                  \
	do {                                                                           \
		if (!(claim))                                                          \
			_exit(__LINE__ % 200 + 1);                                     \
	} while (0)
#define EXPECT_EPERM(call) EXPECT((call) == -1 && errno == EPERM)

static void
in_a_child(void (*body)(void))
{
	int status = 0;

	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		print_error("wait status %#x: see line (mod 200) %d\n",
			    (unsigned)status, WEXITSTATUS(status) - 1);
	assert_int_equal(status, 0);
}

static void
filtered(void)
{
	struct mrq_error err;

	EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	EXPECT(mrq_sandbox_filter(&err) == MRQ_OK);
}

static void
body_no_programs(void)
{
	char *const argv[] = { (char[]){ "true" }, NULL };

	filtered();
	EXPECT_EPERM(execve("/bin/true", argv, NULL));
	EXPECT_EPERM(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0));
	EXPECT_EPERM(fork());
	EXPECT_EPERM(vfork());
	EXPECT(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
}

static void
body_no_network(void)
{
	filtered();
	EXPECT_EPERM(socket(AF_INET, SOCK_STREAM, 0));
	EXPECT_EPERM(socket(AF_INET6, SOCK_DGRAM, 0));
	EXPECT_EPERM(socket(AF_NETLINK, SOCK_RAW, 0));
	EXPECT_EPERM(socket(AF_PACKET, SOCK_RAW, 0));
	EXPECT(socket(AF_UNIX, SOCK_DGRAM, 0) >= 0);
}

static void
body_no_power_over_others(void)
{
	filtered();
	EXPECT_EPERM(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	EXPECT_EPERM(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
	EXPECT_EPERM(kill(getppid(), 0));
	EXPECT_EPERM(syscall(SYS_pidfd_open, getppid(), 0));
	EXPECT(kill(getpid(), 0) == 0);
}

static void
body_no_administration(void)
{
	filtered();
	EXPECT_EPERM(syscall(SYS_mount, "a", "/", "tmpfs", 0, NULL));
	EXPECT_EPERM(unshare(CLONE_NEWNS));
	EXPECT_EPERM(setuid(0));
	EXPECT_EPERM(syscall(SYS_setresuid, 0, 0, 0));
	EXPECT_EPERM(syscall(SYS_bpf, 0, NULL, 0));
	EXPECT_EPERM(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	EXPECT_EPERM(syscall(SYS_init_module, NULL, 0, ""));
	EXPECT_EPERM(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	EXPECT(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
	EXPECT_EPERM(chroot("/"));
}

static void *
nothing(void *arg)
{
	return arg;
}

static void
body_serving_works(void)
{
	pthread_t thread;
	char text[16];

	filtered();
	EXPECT(pthread_create(&thread, NULL, nothing, NULL) == 0);
	EXPECT(pthread_join(thread, NULL) == 0);
	EXPECT(unshare(CLONE_FS) == 0);
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	EXPECT(fd >= 0 && read(fd, text, sizeof(text)) > 0);
	EXPECT(close(fd) == 0);
	EXPECT(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	       MAP_FAILED);
	EXPECT(syscall(SYS_setfsuid, getuid()) >= 0);
}

static void
no_new_programs(void **state)
{
	(void)state;
	in_a_child(body_no_programs);
}

static void
no_network_sockets(void **state)
{
	(void)state;
	in_a_child(body_no_network);
}

static void
no_power_over_other_processes(void **state)
{
	(void)state;
	in_a_child(body_no_power_over_others);
}

static void
no_administration(void **state)
{
	(void)state;
	in_a_child(body_no_administration);
}

static void
what_serving_needs_works(void **state)
{
	(void)state;
	in_a_child(body_serving_works);
}

static void
body_begin(void)
{
	struct mrq_error err;
	struct rlimit core;

	EXPECT(mrq_sandbox_begin(&err) == MRQ_OK);
	EXPECT(getrlimit(RLIMIT_CORE, &core) == 0);
	EXPECT(core.rlim_cur == 0 && core.rlim_max == 0);
	EXPECT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	EXPECT(umask(0) == 077);
}

static void
nothing_leaks_by_a_dump(void **state)
{
	(void)state;
	in_a_child(body_begin);
}

static bool
has_cap(int cap)
{
	struct __user_cap_header_struct head = { .version =
							 _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	EXPECT(syscall(SYS_capget, &head, data) == 0);
	EXPECT(data[0].permitted == data[0].effective && data[0].inheritable == 0);
	return data[cap / 32].effective & (1u << (cap % 32));
}

static void
body_drop(void)
{
	struct mrq_error err;
	bool root = geteuid() == 0;

	EXPECT(mrq_sandbox_drop(&err) == MRQ_OK);
	EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	EXPECT(!has_cap(CAP_NET_ADMIN) && !has_cap(CAP_SYS_MODULE));
	EXPECT(!has_cap(CAP_SYS_RAWIO) && !has_cap(CAP_KILL) && !has_cap(CAP_SETPCAP));
	EXPECT(!has_cap(CAP_SYS_BOOT) && !has_cap(CAP_BPF));
	if (!root)
		return;
	EXPECT(has_cap(CAP_SETUID) && has_cap(CAP_DAC_OVERRIDE));
	EXPECT(prctl(PR_CAPBSET_READ, CAP_SETUID, 0, 0, 0) == 0);
	/* Acting as a user takes the power over files away, and coming back returns it. */
	EXPECT(syscall(SYS_setfsuid, 1) == 0);
	EXPECT(syscall(SYS_setfsuid, 0) == 1);
	EXPECT(has_cap(CAP_DAC_OVERRIDE));
	filtered();
}

static void
capabilities_are_dropped(void **state)
{
	(void)state;
	in_a_child(body_drop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_new_programs),
		cmocka_unit_test(no_network_sockets),
		cmocka_unit_test(no_power_over_other_processes),
		cmocka_unit_test(no_administration),
		cmocka_unit_test(what_serving_needs_works),
		cmocka_unit_test(nothing_leaks_by_a_dump),
		cmocka_unit_test(capabilities_are_dropped),
	};

	return CHECK_MAIN(tests);
}
