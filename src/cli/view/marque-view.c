/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * marque-view: the reference trusted program.  It shows a text to whoever holds VIEW, and offers no
 * way to take it along: no pipe, no file, no editor, no shell, no clipboard.  Set-group-ID
 * marque-trusted, so that the kernel keeps debuggers and LD_PRELOAD out (marquefs(8), "Trusted
 * programs"); what a camera, or the terminal itself, records it cannot know.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exit.h"
#include "terminal.h"
#include "view-text.h"

#define VIEW_TEXT_MAX (64u << 20) /* bytes of a text */
#define FUSE_MAGIC    0x65735546
#define SEARCH_MAX    128
#define DRAW_MAX      (1u << 20)

struct text {
	char *bytes; /* mmap'ed, locked */
	size_t len, mapped;
};

static void
text_clear(struct text *t)
{
	if (!t->bytes)
		return;
	explicit_bzero(t->bytes, t->mapped);
	(void)munmap(t->bytes, t->mapped);
}
MRQ_DEFINE_CLEANUP_VALUE(text_clear, struct text)

/* A screenful under construction; wiped once shown. */
struct draw {
	char *bytes;
	size_t len, cap;
};

static void
draw_put(struct draw *d, const char *data, size_t len)
{
	if (len > d->cap - d->len)
		return;
	memcpy(d->bytes + d->len, data, len);
	d->len += len;
}

static void
draw_text(struct draw *d, const char *text)
{
	draw_put(d, text, strlen(text));
}

struct pager {
	struct view_rows rows;
	struct view_size size;
	size_t top;
	struct draw draw;
	char search[SEARCH_MAX];
	const char *note;
};

static void
pager_clear(struct pager *p)
{
	view_rows_clear(&p->rows);
	if (p->draw.bytes) {
		explicit_bzero(p->draw.bytes, p->draw.cap);
		(void)munmap(p->draw.bytes, p->draw.cap);
	}
	explicit_bzero(p->search, sizeof(p->search));
}
MRQ_DEFINE_CLEANUP_VALUE(pager_clear, struct pager)

static void
draw_row(struct pager *p, size_t row)
{
	const struct view_rows *r = &p->rows;
	size_t at = r->starts[row];
	size_t end = view_row_end(r->text, r->len, at, r->width);
	unsigned column = 0;

	while (at < end) {
		struct view_cell cell = view_cell_at(r->text, r->len, at, column);
		if (cell.escaped)
			draw_text(&p->draw, "\033[7m");
		if (cell.shown[0])
			draw_text(&p->draw, cell.shown);
		else if (!cell.newline)
			draw_put(&p->draw, r->text + at, cell.bytes);
		if (cell.escaped)
			draw_text(&p->draw, "\033[27m");
		column += cell.width;
		at += cell.bytes;
	}
}

static void
draw_foot(struct pager *p)
{
	char foot[256];
	size_t last = p->top + p->size.rows - 1;
	bool end = p->rows.complete && last >= p->rows.n;

	(void)snprintf(foot, sizeof(foot), "\033[%u;1H\033[0;7m%.*s\033[0m",
		       p->size.rows, (int)p->size.columns - 1,
		       p->note ? p->note
		       : end   ? "(end)  q quits, b back, / searches"
			       : "space goes on, b back, / searches, q quits");
	draw_text(&p->draw, foot);
	p->note = NULL;
}

static void
show(struct pager *p)
{
	p->draw.len = 0;
	draw_text(&p->draw, "\033[H\033[0m\033[2J");
	for (unsigned i = 0; i + 1 < p->size.rows && p->top + i < p->rows.n; i++) {
		char go[32];
		(void)snprintf(go, sizeof(go), "\033[%u;1H", i + 1);
		draw_text(&p->draw, go);
		draw_row(p, p->top + i);
	}
	draw_foot(p);
	view_terminal_write(p->draw.bytes, p->draw.len);
	explicit_bzero(p->draw.bytes, p->draw.len);
}

/* Keep the last screenful full, and the rows of this one laid out. */
static bool
settle(struct pager *p, size_t wanted)
{
	size_t page = p->size.rows - 1;

	if (wanted > SIZE_MAX - page - 1)
		wanted = SIZE_MAX - page - 1;
	if (!view_rows_reach(&p->rows, wanted + page))
		return false;
	size_t most = p->rows.n > page ? p->rows.n - page : 0;
	p->top = wanted > most ? most : wanted;
	return true;
}

static bool
resize(struct pager *p)
{
	struct view_size size = view_terminal_size();
	size_t at = p->rows.n > p->top ? p->rows.starts[p->top] : 0;

	if (size.rows == p->size.rows && size.columns == p->size.columns)
		return false;
	p->size = size;
	view_rows_reset(&p->rows, size.columns);
	/* Stay at the same text: the row that holds its first byte. */
	size_t row = 0;
	while (view_rows_reach(&p->rows, row + 1) && row + 1 < p->rows.n &&
	       p->rows.starts[row + 1] <= at)
		row++;
	p->top = row;
	return true;
}

static void
search(struct pager *p, size_t from)
{
	size_t row = 0;

	if (view_rows_find(&p->rows, p->search, from, &row))
		(void)settle(p, row);
	else
		p->note = "not found";
}

static void
obey(struct pager *p, enum view_key key)
{
	size_t page = p->size.rows - 1;

	switch (key) {
	case VIEW_KEY_DOWN:
		(void)settle(p, p->top + 1);
		break;
	case VIEW_KEY_UP:
		(void)settle(p, p->top ? p->top - 1 : 0);
		break;
	case VIEW_KEY_PAGE_DOWN:
		(void)settle(p, p->top + page);
		break;
	case VIEW_KEY_PAGE_UP:
		(void)settle(p, p->top > page ? p->top - page : 0);
		break;
	case VIEW_KEY_HOME:
		(void)settle(p, 0);
		break;
	case VIEW_KEY_END:
		(void)settle(p, SIZE_MAX);
		break;
	case VIEW_KEY_SEARCH:
		if (view_terminal_line("/", p->search, sizeof(p->search)))
			search(p, p->top);
		break;
	case VIEW_KEY_NEXT:
		search(p, p->top + 1);
		break;
	case VIEW_KEY_NONE:
	case VIEW_KEY_REDRAW:
	case VIEW_KEY_QUIT:
		break;
	}
}

static enum mrq_status
page(const struct text *text, struct mrq_error *err)
{
	struct pager p MRQ_CLEANUP(
		pager_clear) = { .rows = { .text = text->bytes, .len = text->len } };
	void *map = mmap(NULL, DRAW_MAX, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	enum view_key key = VIEW_KEY_REDRAW;

	if (map == MAP_FAILED)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a screen");
	p.draw = (struct draw){ .bytes = map, .cap = DRAW_MAX };
	MRQ_TRY(view_terminal_begin(err));
	while (key != VIEW_KEY_QUIT) {
		bool resized = resize(&p);
		obey(&p, key);
		if (!settle(&p, p.top)) {
			view_terminal_end();
			return mrq_fail(err, MRQ_E_NOMEM,
					"no memory to lay the text out");
		}
		if (resized || key != VIEW_KEY_NONE)
			show(&p);
		key = view_terminal_key();
	}
	view_terminal_end();
	return MRQ_OK;
}

/* ---- the text ---- */

static enum mrq_status
explain_open(const char *path, struct mrq_error *err)
{
	int saved = errno;

	switch (saved) {
	case EACCES:
	case EPERM:
		return mrq_fail(err, MRQ_E_DENIED,
				"you may not view '%s'; 'marque why' tells more", path);
	case EKEYEXPIRED:
		return mrq_fail(err, MRQ_E_EXPIRED, "the licence of '%s' has expired",
				path);
	case EKEYREVOKED:
		return mrq_fail(err, MRQ_E_REVOKED, "the licence of '%s' was revoked",
				path);
	case ENOKEY:
		return mrq_fail(err, MRQ_E_NO_KEY,
				"the authority of '%s' is out of reach", path);
	default:
		errno = saved;
		return mrq_fail_sys(err, "cannot open '%s'", path);
	}
}

static enum mrq_status
text_alloc(struct text *t, size_t len, struct mrq_error *err)
{
	t->mapped = len + 1;
	void *map = mmap(NULL, t->mapped, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the text");
	t->bytes = map;
	(void)madvise(map, t->mapped, MADV_DONTDUMP);
	(void)madvise(map, t->mapped, MADV_WIPEONFORK);
	(void)mlock(map, t->mapped); /* beyond RLIMIT_MEMLOCK it may be swapped */
	return MRQ_OK;
}

static enum mrq_status
text_read(int fd, size_t size, const char *path, struct text *t, struct mrq_error *err)
{
	MRQ_TRY(text_alloc(t, size, err));
	while (t->len < size) {
		ssize_t n = read(fd, t->bytes + t->len, size - t->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EIO)
			return mrq_fail(err, MRQ_E_DAMAGED, "'%s' is damaged", path);
		if (n < 0)
			return mrq_fail_sys(err, "cannot read '%s'", path);
		if (n == 0)
			break;
		t->len += (size_t)n;
	}
	return MRQ_OK;
}

static enum mrq_status
text_load(const char *path, struct text *t, struct mrq_error *err)
{
	int fd MRQ_CLEANUP(mrq_close) =
		open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct statfs fs;
	struct stat st;

	if (fd < 0)
		return explain_open(path, err);
	if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
		return mrq_fail_sys(err, "cannot stat '%s'", path);
	/* Our group must not open what is no share of marque's to anybody. */
	if (fs.f_type != FUSE_MAGIC)
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"'%s' is in no mount of marque; any pager shows it",
				path);
	if (!S_ISREG(st.st_mode))
		return mrq_fail(err, MRQ_E_UNSUPPORTED, "'%s' is no regular file",
				path);
	if (st.st_size > (off_t)VIEW_TEXT_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "'%s' is longer than %u bytes", path,
				VIEW_TEXT_MAX);
	return text_read(fd, (size_t)st.st_size, path, t, err);
}

/* ---- main ---- */

static void
guard(void)
{
	static const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)clearenv();
	/* Widths of characters; built in, so that no file chooses them. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
}

static enum mrq_status
run(int argc, char **argv, struct mrq_error *err)
{
	struct text text MRQ_CLEANUP(text_clear) = { 0 };
	int at = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;

	if (argc != at + 1 || (at == 1 && argv[1][0] == '-'))
		return mrq_fail(err, MRQ_E_INVAL, "usage: marque-view FILE");
	/* Before the file is opened: a refusal here is no use of the right. */
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return mrq_fail(
			err, MRQ_E_UNSUPPORTED,
			"a protected text is shown on a terminal only, not in a file "
			"or a pipe");
	MRQ_TRY(text_load(argv[at], &text, err));
	return page(&text, err);
}

int
main(int argc, char **argv)
{
	struct mrq_error err = { 0 };

	guard();
	enum mrq_status s = run(argc, argv, &err);
	if (s != MRQ_OK)
		cli_print_error(&err);
	return cli_exit_code(s);
}
