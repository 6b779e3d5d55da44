/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "outside.h"

#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct outside {
	char folder[CRASH_NAME_MAX];
	int dir;
	FILE *to, *from;
	pid_t pid;
};

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(99);
}

static void
start(struct outside *o, const char *program)
{
	int to[2], from[2];

	must(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0, "pipe");
	o->pid = fork();
	must(o->pid >= 0, "fork");
	if (o->pid == 0) {
		(void)unsetenv("LD_PRELOAD");
		(void)dup2(to[0], 0);
		(void)dup2(from[1], 1);
		(void)execl(program, program, "check", o->folder, (char *)NULL);
		_exit(99);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	o->to = need(fdopen(to[1], "w"));
	o->from = need(fdopen(from[0], "r"));
}

struct outside *
outside_start(const char *program, const char *scratch)
{
	struct outside *o = need(calloc(1, sizeof(*o)));

	(void)snprintf(o->folder, sizeof(o->folder), "%s/marque-outside.XXXXXX",
		       scratch);
	must(mkdtemp(o->folder) != NULL, o->folder);
	o->dir = open(o->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(o->dir >= 0, o->folder);
	start(o, program);
	return o;
}

/* All files; the folder that the program made is its own. */
static void
empty(const struct outside *o)
{
	DIR *dir = opendir(o->folder);
	const struct dirent *e;

	while (dir && (e = readdir(dir)))
		(void)unlinkat(o->dir, e->d_name, 0);
	if (dir)
		(void)closedir(dir);
}

void
outside_end(struct outside *o)
{
	(void)fclose(o->to);
	(void)fclose(o->from);
	(void)waitpid(o->pid, NULL, 0);
	empty(o);
	(void)close(o->dir);
	(void)rmdir(o->folder);
	free(o);
}

static void
put(const struct outside *o, const struct seen *s)
{
	int fd =
		openat(o->dir, s->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0, s->path);
	must(s->size == 0 || write(fd, s->data, (size_t)s->size) == (ssize_t)s->size,
	     s->path);
	(void)close(fd);
}

bool
outside_agrees(struct outside *o, const struct seen *seen, size_t n, uint64_t floor,
	       uint64_t ceiling, char why[static 512])
{
	empty(o);
	for (size_t i = 0; i < n; i++)
		if (seen[i].readable && !strchr(seen[i].path, '/'))
			put(o, &seen[i]);
	(void)fprintf(o->to, "%llu %llu\n", (unsigned long long)floor,
		      (unsigned long long)ceiling);
	must(fflush(o->to) == 0, "to the judge");
	must(fgets(why, 512, o->from) != NULL, "from the judge");
	why[strcspn(why, "\n")] = '\0';
	return strcmp(why, "ok") == 0;
}
