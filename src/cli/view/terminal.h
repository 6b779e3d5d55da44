/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_VIEW_TERMINAL_H
#define MRQ_CLI_VIEW_TERMINAL_H

/*
 * The terminal while a protected text is on it: the alternate screen, which leaves nothing in the
 * scrollback, raw keys, and a way back on every end.
 */
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum view_key {
	VIEW_KEY_NONE, /* time to look at the size again */
	VIEW_KEY_QUIT, /* also the end of input, or a signal that ends us */
	VIEW_KEY_DOWN,
	VIEW_KEY_UP,
	VIEW_KEY_PAGE_DOWN,
	VIEW_KEY_PAGE_UP,
	VIEW_KEY_HOME,
	VIEW_KEY_END,
	VIEW_KEY_SEARCH,
	VIEW_KEY_NEXT,
	VIEW_KEY_REDRAW,
};

struct view_size {
	unsigned rows, columns;
};

/** Take the terminal over.  MRQ_E_UNSUPPORTED when input or output is none. */
MRQ_MUST_CHECK enum mrq_status view_terminal_begin(struct mrq_error *err);
/** Clear and give it back; harmless twice. */
void view_terminal_end(void);
struct view_size view_terminal_size(void);
/** Wait for a key, a resize, or half a second. */
enum view_key view_terminal_key(void);
/** Read a line at the foot of the screen; false when given up. */
bool view_terminal_line(const char *prompt, char *ret, size_t len);
void view_terminal_write(const char *data, size_t len);

#endif
