/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>

extern char **environ;

static bool
is_program(char ret[static PATH_MAX], const char *folder, const char *between,
	   const char *name)
{
	int n = snprintf(ret, PATH_MAX, "%s%s%s", folder, between, name);

	return n > 0 && n < PATH_MAX && access(ret, X_OK) == 0;
}

/* Folder of this program; false when the kernel does not tell. */
static bool
own_folder(char ret[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - 1);

	if (n <= 0)
		return false;
	ret[n] = '\0';
	char *slash = strrchr(ret, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

enum mrq_status
cli_find_program(const char *name, const char *build_folder,
		 const char *installed_folder, char ret[static PATH_MAX],
		 struct mrq_error *err)
{
	char own[PATH_MAX];

	if (own_folder(own) && (is_program(ret, own, "/", name) ||
				is_program(ret, own, build_folder, name)))
		return MRQ_OK;
	if (is_program(ret, installed_folder, "/", name))
		return MRQ_OK;
	return mrq_fail(err, MRQ_E_NOT_FOUND,
			"program '%s' is neither beside marque nor in %s; is marque "
			"installed as a whole?",
			name, installed_folder);
}

enum mrq_status
cli_run(const char *path, char *const *argv, int *ret, struct mrq_error *err)
{
	posix_spawnattr_t attr;
	sigset_t reset;
	pid_t pid = -1;
	int status = 0;

	(void)sigemptyset(&reset);
	(void)sigaddset(&reset, SIGIO);
	if (posix_spawnattr_init(&attr) != 0)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to run '%s'", path);
	(void)posix_spawnattr_setsigdefault(&attr, &reset);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	errno = posix_spawnp(&pid, path, NULL, &attr, argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	if (errno != 0)
		return mrq_fail_sys(err, "cannot run '%s'", path);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return mrq_fail_sys(err, "cannot wait for '%s'", path);
	}
	*ret = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return MRQ_OK;
}

enum mrq_status
cli_become(const char *path, char *const *argv, struct mrq_error *err)
{
	(void)fflush(NULL);
	(void)signal(SIGIO, SIG_DFL);
	(void)execv(path, argv);
	return mrq_fail_sys(err, "cannot run '%s'", path);
}
