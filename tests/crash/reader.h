/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CRASH_READER_H
#define MRQ_TEST_CRASH_READER_H

/*
 * The project's own reader, as a host meets a file after a crash.  Keys come from the
 * authority of the test's state folder, by licence.
 */
#include "promise.h"

struct reader;
struct reader *reader_open(const char *state_dir, const char *config_file);
void reader_close(struct reader *r);

/**
 * Read a file as a host does that may not write: a journal is applied in memory.  What
 * ret points to is valid until the next call; *ret_journal tells whether there was one.
 * Also the clear facts must be there for who has no key.
 */
void reader_look(struct reader *r, int fd, struct seen *ret, bool *ret_journal);
/** Meet the file as a host without a key does, which changes nothing.  False with the reason. */
bool reader_attach_keyless(int fd, char why[static 512]);
/** Verify all of it, as fsck does. */
bool reader_check(struct reader *r, int fd, char why[static 512]);
/** Recover with a key, and go on with the file: overwrite, sync, settle, read back. */
bool reader_go_on(struct reader *r, int fd, char why[static 512]);
/** Recover with a key, as the first change does. */
void reader_recover_keyed(struct reader *r, int fd);

#endif
