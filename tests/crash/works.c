/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The workloads. */
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
	{ "wrap", { { "a", 60 * 1024 } }, wrap },
};
const size_t act_n_works = sizeof(act_works) / sizeof(act_works[0]);
