/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "terminal.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define WAIT_MS   500
#define ESCAPE_MS 50

static struct termios before;
static bool begun;
static volatile sig_atomic_t ended;

static void
on_end(int signo)
{
	(void)signo;
	ended = 1;
}

void
view_terminal_write(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			ended = 1;
			return;
		}
		data += n;
		len -= (size_t)n;
	}
}

static void
put(const char *text)
{
	view_terminal_write(text, strlen(text));
}

static void
on_resize(int signo)
{
	(void)signo; /* only to interrupt poll */
}

/* Suspended, the screen would stay readable to whoever sits down: there is no ^Z. */
static void
catch_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction end = { .sa_handler = on_end },
			 resize = { .sa_handler = on_resize },
			 ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigaction(ends[i], &end, NULL);
	(void)sigaction(SIGWINCH, &resize, NULL);
	(void)sigaction(SIGTSTP, &ignore, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
}

enum mrq_status
view_terminal_begin(struct mrq_error *err)
{
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return mrq_fail(
			err, MRQ_E_UNSUPPORTED,
			"a protected text is shown on a terminal only, not in a file "
			"or a pipe");
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return mrq_fail_sys(err, "cannot take the terminal over");
	struct termios raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	catch_signals();
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0)
		return mrq_fail_sys(err, "cannot take the terminal over");
	begun = true;
	put("\033[?1049h\033[?25l\033[H\033[2J");
	return MRQ_OK;
}

void
view_terminal_end(void)
{
	if (!begun)
		return;
	begun = false;
	put("\033[0m\033[H\033[2J\033[?25h\033[?1049l");
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

struct view_size
view_terminal_size(void)
{
	struct winsize ws = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) != 0 || ws.ws_row < 2 ||
	    ws.ws_col < 8)
		return (struct view_size){ 24, 80 };
	return (struct view_size){ ws.ws_row, ws.ws_col };
}

/* One byte within ms; -1 when none comes. */
static int
take_byte(int ms)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned char c = 0;

	int n = poll(&in, 1, ms);
	if (ended)
		return -1;
	if (n > 0 && read(STDIN_FILENO, &c, 1) == 1)
		return c;
	if (n > 0)
		ended = 1;
	return -1;
}

/* Behind ESC: "[A", "[5~", "OH"; a lone ESC is nothing. */
static enum view_key
take_sequence(void)
{
	int c = take_byte(ESCAPE_MS);

	if (c != '[' && c != 'O')
		return VIEW_KEY_NONE;
	int first = take_byte(ESCAPE_MS), last = first;
	while (last >= '0' && last <= '?')
		last = take_byte(ESCAPE_MS);
	switch (last) {
	case 'A':
		return VIEW_KEY_UP;
	case 'B':
		return VIEW_KEY_DOWN;
	case 'H':
		return VIEW_KEY_HOME;
	case 'F':
		return VIEW_KEY_END;
	case '~':
		return first == '5'                   ? VIEW_KEY_PAGE_UP
		       : first == '6'                 ? VIEW_KEY_PAGE_DOWN
		       : first == '1' || first == '7' ? VIEW_KEY_HOME
		       : first == '4' || first == '8' ? VIEW_KEY_END
						      : VIEW_KEY_NONE;
	default:
		return VIEW_KEY_NONE;
	}
}

enum view_key
view_terminal_key(void)
{
	int c = take_byte(WAIT_MS);

	if (ended)
		return VIEW_KEY_QUIT;
	switch (c) {
	case 'q':
	case 'Q':
	case 3: /* ^C */
		return VIEW_KEY_QUIT;
	case 'j':
	case '\r':
	case '\n':
		return VIEW_KEY_DOWN;
	case 'k':
		return VIEW_KEY_UP;
	case ' ':
	case 'f':
	case 6: /* ^F */
		return VIEW_KEY_PAGE_DOWN;
	case 'b':
	case 2: /* ^B */
		return VIEW_KEY_PAGE_UP;
	case 'g':
		return VIEW_KEY_HOME;
	case 'G':
		return VIEW_KEY_END;
	case '/':
		return VIEW_KEY_SEARCH;
	case 'n':
		return VIEW_KEY_NEXT;
	case 12: /* ^L */
		return VIEW_KEY_REDRAW;
	case 27:
		return take_sequence();
	default:
		return VIEW_KEY_NONE;
	}
}

bool
view_terminal_line(const char *prompt, char *ret, size_t len)
{
	size_t n = 0;
	char goto_foot[32];

	for (;;) {
		(void)snprintf(goto_foot, sizeof(goto_foot), "\033[%u;1H\033[0m\033[K",
			       view_terminal_size().rows);
		put(goto_foot);
		put(prompt);
		view_terminal_write(ret, n);
		int c = take_byte(WAIT_MS);
		if (ended || c == 3 || c == 27)
			return false;
		if (c == '\r' || c == '\n')
			break;
		if ((c == 8 || c == 127) && n > 0)
			n--;
		else if (c >= 0x20 && c != 127 && n + 1 < len)
			ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return n > 0;
}
