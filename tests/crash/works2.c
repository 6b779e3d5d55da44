/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* More workloads: other ways to write, marque in the source tree, and any order of all. */
#include "act.h"
#include "works.h"

#define BLOCK ((uint64_t)4096)
#define KIB   ((size_t)1024)

void
work_synced(void)
{
	struct act_file f = act_found("a");

	act_write_synced(&f, "a", 5000, 3000);
	act_write(&f, 3 * BLOCK, 4096);
	act_sync(&f);
	act_write_synced(&f, "a", 7 * BLOCK, 9000);
	act_settle();
	act_write_mapped(&f, 100, 200);
	act_write_mapped(&f, 3 * BLOCK + 5, 6000);
	act_close(&f);
}

void
work_large(void)
{
	struct act_file f = act_make("large"), g = act_make("larger");

	act_write(&f, 0, 700 * KIB);
	act_close(&f);
	act_write(&g, 0, 130 * KIB);
	act_write(&g, 130 * KIB, 20 * KIB);
	act_sync(&g);
	act_write(&g, 0, 140 * KIB);
	act_append(&g, 300 * KIB);
	act_sync(&g);
	act_close(&g);
	act_sync_names();
}

/* In the source tree, without a mount. */
void
work_source(void)
{
	struct act_file a = act_found("a"), b = act_found("b"), p = act_found("plain");

	act_write(&a, 5000, 5000);
	act_close(&a);
	act_close(&b);
	act_close(&p);
	act_unmount();
	act_marque(&a, "label set 'Confidential/All Employees'", "a");
	act_marque(&b, "label set --new-key 'Confidential/All Employees'", "b");
	act_marque(&p, "label set General", "plain");
	act_marque(&a, "rewrap", "a");
	act_marque(&b, "fsck --repair", "b");
}

/* What a dead daemon left is recovered when the file is opened. */
void
work_reopen(void)
{
	struct act_file f = act_found("a");

	act_write(&f, 2 * BLOCK, 100);
	act_close(&f);
	act_remount();
	f = act_again("a", f.number);
	act_close(&f);
}

/* A plain file takes the name, and with it the protection, of another. */
void
work_plain_save(void)
{
	struct act_file doc = act_found("doc"), f = act_found("plain.new");

	act_write(&doc, 100, 100);
	act_close(&doc);
	act_close(&f);
	act_rename("plain.new", "doc");
	act_sync_names();
}

void
work_unprotect(void)
{
	struct act_file a = act_found("a"), b = act_found("b");

	act_write(&a, 100, 100);
	act_close(&a);
	act_close(&b);
	act_reveal();
	act_marque(&a, "unprotect -m test", "a");
	act_unmount();
	act_marque(&b, "unprotect -m test", "b");
}

/* By those who truncate what they open, and by those who name what is whole. */
void
work_open(void)
{
	struct act_file f = act_found("a"), g;

	act_close(&f);
	f = act_truncate("a", f.number);
	act_write(&f, 0, 30000);
	act_sync(&f);
	act_close(&f);
	f = act_truncate("a", f.number);
	act_write(&f, 0, 3000);
	act_close(&f);
	act_settle();
	g = act_make_nameless();
	act_write(&g, 0, 40000);
	act_sync(&g);
	act_name(&g, "whole");
	act_sync_names();
	act_write(&g, 5000, 5000);
	act_close(&g);
}

/* The new file that takes the old one's place. */
void
work_convert(void)
{
	struct act_file f = act_found("a");

	act_close(&f);
	act_unmount();
	act_marque(&f, "label set --new-key 'Confidential/All Employees'", "a");
}

static void
any_change(struct act_file *f)
{
	uint64_t off = act_random(150000);
	size_t len = 1 + act_random(act_random(4) ? 5000 : 60000);

	switch (act_random(9)) {
	case 0:
		act_resize(f, off);
		break;
	case 1:
		act_punch(f, off, len * 3);
		break;
	case 2:
		act_append(f, len);
		break;
	case 3:
		act_zero(f, off, len);
		break;
	case 4:
		act_settle();
		break;
	default:
		act_write(f, off, len);
		break;
	}
}

void
work_any(void)
{
	struct act_file f[2] = { act_found("a"), act_make("b") };

	for (unsigned i = 0; i < 40; i++) {
		struct act_file *one = &f[act_random(2)];
		any_change(one);
		if (act_random(4) == 0)
			act_sync(one);
		if (act_random(12) == 0)
			act_poll();
		if (act_random(12) == 0)
			act_sync_names();
	}
	act_close(&f[0]);
	act_close(&f[1]);
}
