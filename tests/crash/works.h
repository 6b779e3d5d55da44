/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CRASH_WORKS_H
#define MRQ_TEST_CRASH_WORKS_H

/* Workloads of works2.c. */
void work_synced(void);
void work_large(void);
void work_source(void);
void work_plain_save(void);
void work_unprotect(void);
void work_reopen(void);
void work_open(void);
void work_convert(void);
void work_any(void);

#endif
