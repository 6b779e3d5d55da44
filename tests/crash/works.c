/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The workloads. */
#include "works.h"
#include "act.h"

#define BLOCK ((uint64_t)4096)
#define KIB   ((size_t)1024)

static void
overwrite(void)
{
	struct act_file f = act_found("a");

	act_write(&f, 5 * BLOCK, 4096);
	act_sync(&f);
	act_write(&f, 5 * BLOCK + 100, 50);
	act_write(&f, 36 * BLOCK, 8192);
	act_sync(&f);
	act_write(&f, 10, 10);
	act_settle();
	act_write(&f, 30 * BLOCK, 5 * 4096);
	act_sync(&f);
	act_settle();
	act_write(&f, 0, 39 * 4096);
	act_close(&f);
}

static void
append(void)
{
	struct act_file f = act_found("log");

	for (unsigned i = 0; i < 8; i++) {
		act_append(&f, 300 + i * 1700);
		if (i % 3 != 1)
			act_sync(&f);
		if (i == 4)
			act_settle();
	}
	act_append(&f, 90 * KIB);
	act_sync(&f);
	act_append(&f, 100);
	act_close(&f);
}

static void
resize(void)
{
	struct act_file f = act_found("a");

	act_resize(&f, 10000);
	act_sync(&f);
	act_resize(&f, 40000);
	act_write(&f, 30000, 5000);
	act_sync(&f);
	act_resize(&f, 0);
	act_write(&f, 0, 9000);
	act_sync(&f);
	act_settle();
	act_write(&f, 0, 200 * KIB);
	act_sync(&f);
	act_resize(&f, 150 * KIB);
	act_resize(&f, 160 * KIB);
	act_sync(&f);
	act_close(&f);
}

static void
punch(void)
{
	struct act_file f = act_found("a");

	act_punch(&f, 2 * BLOCK, 3 * BLOCK);
	act_sync(&f);
	act_write(&f, 3 * BLOCK, 4096);
	act_punch(&f, 34 * BLOCK + 100, 2 * BLOCK);
	act_sync(&f);
	act_settle();
	act_punch(&f, 0, 40 * BLOCK);
	act_write(&f, 8 * BLOCK, 4096);
	act_sync(&f);
	act_close(&f);
}

/* As editors do: all but the last way make the new content durable first. */
static void
save(void)
{
	struct act_file old = act_found("doc"), f;

	act_close(&old);
	f = act_make("doc.new");
	act_write(&f, 0, 21000);
	act_sync(&f);
	act_close(&f);
	act_rename("doc.new", "doc");
	act_sync_names();
	act_link("doc", "doc~");
	f = act_make("doc.new");
	act_write(&f, 0, 9000);
	act_sync(&f);
	act_rename("doc.new", "doc");
	act_sync_names();
	act_close(&f);
	act_unlink("doc~");
	f = act_make("doc.new");
	act_write(&f, 0, 5000);
	act_close(&f);
	act_rename("doc.new", "doc");
	act_settle();
	act_sync_names();
}

static void
relabel(void)
{
	struct act_file f = act_found("a");

	act_write(&f, 3 * BLOCK, 4096);
	act_sync(&f);
	act_write(&f, 7 * BLOCK, 4096);
	act_label(&f, "Confidential/All Employees");
	act_write(&f, 9 * BLOCK, 2 * 4096);
	act_sync(&f);
	act_close(&f);
}

static void
small(void)
{
	static const char *const names[] = { "s0", "s1", "s2", "s3", "s4", "s5" };

	for (unsigned i = 0; i < 6; i++) {
		struct act_file f = act_make(names[i]);
		act_write(&f, 0, 50 + (size_t)i * i * 900);
		if (i % 2)
			act_sync(&f);
		act_close(&f);
		if (i == 3)
			act_sync_names();
	}
	act_unlink("s1");
	act_rename("s2", "s0");
	act_settle();
	act_sync_names();
}

/* Two blocks whose entries are in two tag pages. */
static void
tags(void)
{
	struct act_file f = act_found("wide");

	act_write(&f, 40 * BLOCK, 4096);
	act_write(&f, 170 * BLOCK, 4096);
	act_sync(&f);
	act_write(&f, 41 * BLOCK, 4096);
	act_write(&f, 171 * BLOCK + 7, 4096);
	act_sync(&f);
	act_settle();
	act_write(&f, 159 * BLOCK, 2 * 4096);
	act_sync(&f);
	act_close(&f);
}

/* The file grows to where its journal is. */
static void
wrap(void)
{
	struct act_file f = act_found("a");

	act_write(&f, 2 * BLOCK, 4096);
	act_sync(&f);
	act_append(&f, 600 * KIB);
	act_write(&f, 3 * BLOCK, 4096);
	act_sync(&f);
	act_append(&f, 600 * KIB);
	act_write(&f, 4 * BLOCK, 4096);
	act_sync(&f);
	act_close(&f);
}

/* What the daemon remembers of a file must not be newer than the file. */
static void
remember(void)
{
	struct act_file old = act_found("a"), f = act_make("new");

	act_write(&f, 0, 6000);
	act_sync(&f);
	act_poll();
	act_write(&old, 0, 4096);
	act_sync(&old);
	act_poll();
	act_write(&old, 4096, 4096);
	act_write(&f, 4096, 100);
	act_close(&f);
	act_poll();
	act_settle();
	act_poll();
	act_sync_names();
	act_write(&old, 0, 50);
	act_close(&old);
	act_poll();
}

/* In place, as programs do that know no better. */
static void
rewrite(void)
{
	struct act_file f = act_found("a");

	for (unsigned i = 0; i < 4; i++) {
		act_resize(&f, 0);
		act_write(&f, 0, 3000 + (size_t)i * 40000);
		if (i % 2 == 0)
			act_sync(&f);
		if (i == 1)
			act_settle();
	}
	act_close(&f);
}

static void
exchange(void)
{
	struct act_file a = act_found("a"), b = act_found("b");

	act_write(&a, 0, 5000);
	act_exchange("a", "b");
	act_write(&b, 0, 3000);
	act_sync(&b);
	act_sync_names();
	act_sync(&a);
	act_exchange("b", "a");
	act_close(&a);
	act_close(&b);
}

/* The old version gets another name, then the new one is made. */
static void
backup(void)
{
	struct act_file old = act_found("doc"), f;

	act_rename("doc", "doc~");
	f = act_make("doc");
	act_write(&f, 0, 30000);
	act_sync(&f);
	act_sync_names();
	act_close(&f);
	act_unlink("doc~");
	act_link("doc", "doc~");
	act_write(&old, 0, 100);
	act_close(&old);
	act_sync_names();
}

static void
links(void)
{
	struct act_file f = act_found("a");

	act_link("a", "b");
	act_write(&f, 4096, 4096);
	act_sync(&f);
	act_sync_names();
	act_unlink("a");
	act_write(&f, 0, 9000);
	act_sync_names();
	act_rename("b", "c");
	act_sync(&f);
	act_close(&f);
}

static void
new_key(void)
{
	struct act_file f = act_found("a");

	act_write(&f, 5000, 5000);
	act_sync(&f);
	act_close(&f);
	act_marque(&f, "label set --new-key 'Confidential/All Employees'", "a");
}

static void
protect(void)
{
	struct act_file f = act_found("plain");

	act_label(&f, "General");
	act_write(&f, 9000, 100);
	act_sync(&f);
	act_close(&f);
}

static void
rewrap(void)
{
	struct act_file f = act_found("a");

	act_write(&f, 5000, 5000);
	act_sync(&f);
	act_write(&f, 15000, 5000);
	act_close(&f);
	act_marque(&f, "rewrap", "a");
}

static void
allocate(void)
{
	struct act_file f = act_found("a"), g = act_make("g");

	act_reserve(&f, 0, 300 * KIB);
	act_write(&f, 250 * KIB, 20000);
	act_sync(&f);
	act_zero(&f, 252 * KIB, 9000);
	act_sync(&f);
	act_reserve(&g, 0, 50 * KIB);
	act_write(&g, 100, 10000);
	act_sync(&g);
	act_settle();
	act_write(&g, 40 * KIB, 30000);
	act_close(&g);
	act_close(&f);
	act_sync_names();
}

static void
sparse(void)
{
	struct act_file f = act_make("hole");

	act_write(&f, 3 << 20, 4096);
	act_sync(&f);
	act_write(&f, 1 << 20, 10000);
	act_write(&f, 0, 100);
	act_sync(&f);
	act_settle();
	act_write(&f, 2 << 20, 4096);
	act_resize(&f, 5 << 19);
	act_sync(&f);
	act_close(&f);
	act_sync_names();
}

/* Two files by turns, and one sync for both. */
static void
two(void)
{
	struct act_file a = act_found("a"), b = act_found("b");

	for (unsigned i = 0; i < 5; i++) {
		act_write(&a, i * 3 * BLOCK, 5000);
		act_write(&b, (9 - i) * BLOCK, 5000);
		if (i % 2)
			act_sync(i == 1 ? &a : &b);
		else
			act_settle();
	}
	act_close(&a);
	act_close(&b);
}

/* The daemon dies and what it left is recovered by the next one. */
static void
remount(void)
{
	struct act_file f = act_found("a"), g = act_make("new");

	act_write(&f, 2 * BLOCK, 9000);
	act_sync(&f);
	act_write(&f, 20 * BLOCK, 9000);
	act_close(&f);
	act_write(&g, 0, 30000);
	act_close(&g);
	act_remount();
	f = act_again("a", f.number);
	g = act_again("new", g.number);
	act_write(&f, 3 * BLOCK, 4096);
	act_write(&g, 5 * BLOCK, 9000);
	act_sync(&g);
	act_close(&f);
	act_close(&g);
	act_remount();
	act_sync_names();
}

const struct act_work act_works[] = {
	{ "overwrite", { { "a", 40 * 4096 } }, overwrite },
	{ "append", { { "log", 5000 } }, append },
	{ "resize", { { "a", 100 * 1024 } }, resize },
	{ "punch", { { "a", 40 * 4096 } }, punch },
	{ "save", { { "doc", 20000 } }, save },
	{ "relabel", { { "a", 60 * 1024 } }, relabel },
	{ "small", { { 0 } }, small },
	{ "tags", { { "wide", 200 * 4096 } }, tags },
	{ "remember", { { "a", 9000 } }, remember },
	{ "rewrite", { { "a", 30000 } }, rewrite },
	{ "exchange", { { "a", 9000 }, { "b", 20000 } }, exchange },
	{ "backup", { { "doc", 9000 } }, backup },
	{ "links", { { "a", 9000 } }, links },
	{ "new-key", { { "a", 150000 } }, new_key },
	{ "protect", { { "plain", 20000 } }, protect },
	{ "rewrap", { { "a", 50000 } }, rewrap },
	{ "allocate", { { "a", 9000 } }, allocate },
	{ "sparse", { { 0 } }, sparse },
	{ "two", { { "a", 60000 }, { "b", 60000 } }, two },
	{ "remount", { { "a", 40 * 4096 } }, remount },
	{ "synced", { { "a", 60000 } }, work_synced },
	{ "large", { { 0 } }, work_large },
	{ "source",
	  { { "a", 60000 }, { "b", 20000 }, { "plain", 9000 } },
	  work_source },
	{ "open", { { "a", 60000 } }, work_open },
	{ "plain-save", { { "doc", 9000 }, { "plain.new", 20000 } }, work_plain_save },
	{ "unprotect", { { "a", 20000 }, { "b", 30000 } }, work_unprotect },
	{ "reopen", { { "a", 20000 } }, work_reopen },
	{ "convert", { { "a", 20000 } }, work_convert },
	{ "any", { { "a", 60000 } }, work_any },
	{ "wrap", { { "a", 60 * 1024 } }, wrap },
};
const size_t act_n_works = sizeof(act_works) / sizeof(act_works[0]);
