/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs/passphrase.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

void
mrq_passphrase_wipe(struct mrq_passphrase *pass)
{
	explicit_bzero(pass, sizeof(*pass));
}

/* Byte by byte: nothing behind the line is taken from whoever reads next. */
static enum mrq_status
read_line(int fd, struct mrq_passphrase *ret, struct mrq_error *err)
{
	ret->len = 0;
	for (;;) {
		char c = 0;
		ssize_t n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mrq_fail_sys(err, "cannot read the passphrase from %d",
					    fd);
		if (n == 0 || c == '\n')
			break;
		if (ret->len == sizeof(ret->bytes))
			return mrq_fail(err, MRQ_E_LIMIT,
					"the passphrase is longer than %d bytes",
					MRQ_PASSPHRASE_MAX);
		ret->bytes[ret->len++] = c;
	}
	if (ret->len == 0)
		return mrq_fail(err, MRQ_E_PASSPHRASE, "the passphrase is empty");
	return MRQ_OK;
}

enum mrq_status
mrq_passphrase_read(int fd, struct mrq_passphrase *ret, struct mrq_error *err)
{
	static const char prompt[] = "Passphrase of the authority: ";
	struct termios was, quiet;

	if (!isatty(fd))
		return read_line(fd, ret, err);
	if (tcgetattr(fd, &was) < 0)
		return mrq_fail_sys(err, "cannot turn the terminal's echo off");
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	/* An interrupted prompt must not leave the echo off. */
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	enum mrq_status s = MRQ_E_SYS;
	if (tcsetattr(fd, TCSAFLUSH, &quiet) < 0) {
		s = mrq_fail_sys(err, "cannot turn the terminal's echo off");
	} else {
		(void)!write(STDERR_FILENO, prompt, sizeof(prompt) - 1);
		s = read_line(fd, ret, err);
		(void)!write(STDERR_FILENO, "\n", 1);
		(void)tcsetattr(fd, TCSAFLUSH, &was);
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return s;
}
