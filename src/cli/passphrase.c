/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>

void
cli_passphrase_wipe(struct cli_passphrase *pass)
{
	explicit_bzero(pass, sizeof(*pass));
}

static volatile sig_atomic_t caught;

static void catch (int signo)
{
	caught = signo;
}

/* Byte by byte, so that nothing behind the line is taken from whoever reads next. */
static enum mrq_status
read_line(int fd, struct cli_passphrase *ret, struct mrq_error *err)
{
	ret->len = 0;
	for (;;) {
		char c = 0;
		ssize_t n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR && caught == 0)
			continue;
		if (n < 0)
			return mrq_fail_sys(err, "cannot read the passphrase");
		if (n == 0 || c == '\n')
			break;
		if (ret->len == sizeof(ret->bytes))
			return mrq_fail(err, MRQ_E_LIMIT,
					"the passphrase is longer than %d bytes",
					CLI_PASSPHRASE_MAX);
		ret->bytes[ret->len++] = c;
	}
	if (ret->len == 0)
		return mrq_fail(err, MRQ_E_PASSPHRASE, "the passphrase is empty");
	return MRQ_OK;
}

static void
say(int tty, const char *text)
{
	ssize_t n = write(tty, text, strlen(text));
	(void)n;
}

static enum mrq_status
read_quietly(int tty, const char *text, struct cli_passphrase *ret,
	     struct mrq_error *err)
{
	struct termios was, quiet;

	if (tcgetattr(tty, &was) != 0)
		return mrq_fail_sys(err, "cannot turn the terminal's echo off");
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	if (tcsetattr(tty, TCSAFLUSH, &quiet) != 0)
		return mrq_fail_sys(err, "cannot turn the terminal's echo off");
	say(tty, text);
	enum mrq_status s = read_line(tty, ret, err);
	say(tty, "\n");
	(void)tcsetattr(tty, TCSAFLUSH, &was);
	return s;
}

/* A signal must not leave the echo off: it is caught, and raised again once the echo is back. */
static enum mrq_status
prompt(int tty, const char *text, struct cli_passphrase *ret, struct mrq_error *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };
	struct sigaction ours = { .sa_handler = catch }, before[SIGNALS];

	caught = 0;
	for (size_t i = 0; i < SIGNALS; i++)
		(void)sigaction(signals[i], &ours, &before[i]);
	enum mrq_status s = read_quietly(tty, text, ret, err);
	for (size_t i = 0; i < SIGNALS; i++)
		(void)sigaction(signals[i], &before[i], NULL);
	if (caught != 0)
		(void)raise(caught);
	return s;
}

static enum mrq_status
ask(enum cli_passphrase_times times, struct cli_passphrase *ret, struct mrq_error *err)
{
	struct cli_passphrase again MRQ_CLEANUP(cli_passphrase_wipe) = { 0 };
	int tty MRQ_CLEANUP(mrq_close) =
		open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty < 0)
		return mrq_fail(
			err, MRQ_E_PASSPHRASE,
			"the authority needs its passphrase and there is no terminal "
			"to ask on; use --passphrase-fd");
	MRQ_TRY(prompt(tty, "Passphrase of the authority: ", ret, err));
	if (times == CLI_PASSPHRASE_ONCE)
		return MRQ_OK;
	MRQ_TRY(prompt(tty, "The same again: ", &again, err));
	if (again.len != ret->len || memcmp(again.bytes, ret->bytes, ret->len) != 0)
		return mrq_fail(err, MRQ_E_PASSPHRASE, "the two passphrases differ");
	return MRQ_OK;
}

enum mrq_status
cli_passphrase_get(const struct cli_given *given, enum cli_passphrase_times times,
		   struct cli_passphrase *ret, struct mrq_error *err)
{
	uint32_t fd = 0;

	if (!cli_has(given, CLI_PASSPHRASE_FD))
		return ask(times, ret, err);
	MRQ_TRY(cli_number(given, CLI_PASSPHRASE_FD, 0, INT32_MAX, &fd, err));
	return read_line((int)fd, ret, err);
}
