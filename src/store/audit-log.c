/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The writer.  A record is formatted before any lock.  Then, under log.lock (threads) and the
 * flock of the file (processes): one digest, one write.
 *
 * Invariants, with both locks held:
 *  (1) chain is that of the last whole line of the file, and file.size is the file's end, once
 *      catch_up returned;
 *  (2) a file begins with a marked checkpoint;
 *  (3) a line whose sequence number is a multiple of MRQ_CHECKPOINT_EVERY is a checkpoint;
 *  (4) what could not be written is in `lost` until a gap record tells of it.
 */
#include "store/audit-log.h"

#include "base/clock.h"
#include "base/file.h"
#include "store/audit-chain.h"
#include "store/audit-file.h"
#include "store/audit-record.h"
#include "store/audit-sinks.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_EVERY_NS INT64_C(1000000000) /* at the name, for rotation */
#define REOPEN_TRIES  8
#define HOST_MAX      255

struct mrq_audit_log {
	char *path;
	char *before_path; /* where rotation moves the file: PATH.1 */
	char host[HOST_MAX + 1];
	const struct mrq_private_key *signer;
	struct mrq_audit_sinks_open sinks;

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t synced_now;
	struct mrq_audit_file file;
	struct mrq_chain chain;
	bool rotated; /* the file says that it was moved away */
	bool owes_checkpoint;
	uint64_t lost;
	char gap_reason[128];
	int64_t look_at_ns; /* monotonic */
	/* Group commit: numbers of appends. */
	uint64_t written, synced;
	uint64_t failed_after,
		failed_through; /* those between may be lost; 0, 0: none */
	int sync_errno;
	bool syncing;
};

static int64_t
realtime_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Lines: by (1) each follows the chain. */

static enum mrq_status
write_line(struct mrq_audit_log *log, const char *line, size_t len,
	   struct mrq_error *err)
{
	MRQ_TRY(mrq_audit_file_write(&log->file, log->path, line, len, err));
	mrq_chain_follow(&log->chain, line, len);
	return MRQ_OK;
}

static enum mrq_status
write_checkpoint(struct mrq_audit_log *log, enum mrq_mark mark, struct mrq_error *err)
{
	char when[MRQ_AUDIT_TIME_TEXT];
	char payload[512];
	char line[MRQ_CHECKPOINT_LINE_MAX];
	char *jws MRQ_CLEANUP(free) = NULL;
	struct mrq_checkpoint cp = { .before = log->chain, .time = when, .mark = mark };

	mrq_audit_time_format(realtime_ns(), when);
	if (log->signer) {
		size_t n = mrq_checkpoint_payload(&cp, payload, sizeof(payload));
		enum mrq_status s = mrq_jws_sign(log->signer, MRQ_CHECKPOINT_TYP,
						 payload, n, &jws, err);
		if (s != MRQ_OK)
			return mrq_while(err, s, "signing audit log '%s'", log->path);
	}
	cp.jws = jws;
	size_t len = mrq_checkpoint_line(&cp, line, sizeof(line));
	if (len == 0)
		return mrq_fail(err, MRQ_E_LIMIT, "a checkpoint of '%s' is too long",
				log->path);
	MRQ_TRY(write_line(log, line, len, err));
	log->owes_checkpoint = false;
	log->rotated = mark == MRQ_MARK_ROTATED;
	return MRQ_OK;
}

static enum mrq_status
write_record(struct mrq_audit_log *log, struct mrq_audit_text *text,
	     struct mrq_error *err)
{
	if ((log->chain.seq + 1) % MRQ_CHECKPOINT_EVERY == 0) /* (3) */
		MRQ_TRY(write_checkpoint(log, MRQ_MARK_NONE, err));
	mrq_audit_text_begin(text, &log->chain);
	MRQ_TRY(write_line(log, text->at + text->start, text->end - text->start, err));
	log->owes_checkpoint = true;
	return MRQ_OK;
}

/* Apart from the appending function, so that its stack carries one line only. */
__attribute__((noinline)) static enum mrq_status
write_gap(struct mrq_audit_log *log, struct mrq_error *err)
{
	struct mrq_audit_record gap = {
		.event = MRQ_AUDIT_GAP,
		.when_ns = realtime_ns(),
		.uid = geteuid(),
		.login_uid = (uid_t)-1,
		.pid = getpid(),
		.lost = log->lost,
		.reason = log->gap_reason[0] ? log->gap_reason
					     : "records could not be written",
		.granted = true,
	};
	struct mrq_audit_text text;

	mrq_audit_text_format(&text, &gap, log->host);
	MRQ_TRY(write_record(log, &text, err));
	log->lost = 0;
	log->gap_reason[0] = '\0';
	return MRQ_OK;
}

/* Where the file and the chain stand. */

static enum mrq_status
cut_torn(struct mrq_audit_log *log, off_t size, off_t end, struct mrq_error *err)
{
	if (size == end)
		return MRQ_OK;
	if (mrq_ftruncate(log->file.fd, end) < 0)
		return mrq_audit_file_fail("cut", log->path, errno, err);
	log->lost++;
	(void)snprintf(log->gap_reason, sizeof(log->gap_reason),
		       "the last line was torn; its %lld bytes were cut off",
		       (long long)(size - end));
	return MRQ_OK;
}

/* Another process wrote, or we see the file for the first time. */
static enum mrq_status
load_end(struct mrq_audit_log *log, off_t size, struct mrq_error *err)
{
	struct mrq_audit_tail tail;

	MRQ_TRY(mrq_audit_file_tail(&log->file, size, log->path, &tail, err));
	MRQ_TRY(cut_torn(log, size, tail.end, err));
	log->file.size = tail.end;
	log->rotated = tail.rotated;
	if (tail.end > 0)
		log->chain = tail.chain;
	if (tail.unreadable > 0)
		(void)snprintf(log->gap_reason, sizeof(log->gap_reason),
			       "%" PRIu64 " lines at the end are no records",
			       tail.unreadable);
	return MRQ_OK;
}

/* The chain goes on from what we wrote, so that verification finds what is missing. */
static enum mrq_status
note_shrunk(struct mrq_audit_log *log, off_t size, struct mrq_error *err)
{
	struct mrq_audit_tail tail = { 0 };
	off_t before = log->file.size;

	if (size > 0) {
		MRQ_TRY(mrq_audit_file_tail(&log->file, size, log->path, &tail, err));
		MRQ_TRY(cut_torn(log, size, tail.end, err));
	}
	log->file.size = tail.end;
	log->rotated = false;
	if (tail.end > 0)
		(void)snprintf(
			log->gap_reason, sizeof(log->gap_reason),
			"%lld bytes at the end were taken away by another program",
			(long long)(before - tail.end));
	return MRQ_OK;
}

/* Establishes (1). */
static enum mrq_status
catch_up(struct mrq_audit_log *log, struct mrq_error *err)
{
	struct stat st;

	if (!log->file.regular)
		return MRQ_OK;
	if (fstat(log->file.fd, &st) < 0)
		return mrq_audit_file_fail("examine", log->path, errno, err);
	if (st.st_size == log->file.size)
		return MRQ_OK;
	if (log->file.size != MRQ_AUDIT_SIZE_UNKNOWN && st.st_size < log->file.size)
		return note_shrunk(log, st.st_size, err);
	return load_end(log, st.st_size, err);
}

static void
unlock_file(struct mrq_audit_log **log)
{
	if (*log)
		mrq_audit_file_unlock(&(*log)->file);
}
#define UNLOCK_FILE __attribute__((cleanup(unlock_file)))

/* Rotation: the old file ends with a mark, by which other processes know that they must follow. */

static enum mrq_status
end_file(struct mrq_audit_log *log, struct mrq_error *err)
{
	MRQ_TRY(mrq_audit_file_lock(&log->file, log->path, err));
	struct mrq_audit_log *locked UNLOCK_FILE = log;
	(void)locked;
	MRQ_TRY(catch_up(log, err));
	if (log->file.regular && log->file.size > 0 && !log->rotated)
		MRQ_TRY(write_checkpoint(log, MRQ_MARK_ROTATED, err));
	return MRQ_OK;
}

/* No sync may run on the descriptor that goes away; what it wrote is made durable here. */
static enum mrq_status
leave_file(struct mrq_audit_log *log, struct mrq_error *err)
{
	MRQ_TRY(end_file(log, err));
	if (log->file.regular && log->synced < log->written) {
		if (mrq_fdatasync(log->file.fd) < 0)
			return mrq_audit_file_fail("sync", log->path, errno, err);
		log->synced = log->written;
	}
	return MRQ_OK;
}

/* By the name; with log.lock held, and without a sync under way. */
static enum mrq_status
follow_name(struct mrq_audit_log *log, struct mrq_error *err)
{
	struct mrq_audit_file file;

	while (log->syncing)
		(void)pthread_cond_wait(&log->synced_now, &log->lock);
	if (mrq_audit_file_is_at(&log->file, log->path))
		return MRQ_OK;
	MRQ_TRY(leave_file(log, err));
	MRQ_TRY(mrq_audit_file_open(log->path, O_CREAT, &file, err));
	mrq_audit_file_close(&log->file);
	log->file = file;
	log->rotated = false;
	return MRQ_OK;
}

/* The chain's end in the file that was moved away while nobody had the log open. */
static enum mrq_status
load_predecessor(struct mrq_audit_log *log, struct mrq_error *err)
{
	struct mrq_audit_file current = log->file;
	struct mrq_audit_file before MRQ_CLEANUP(mrq_audit_file_close) = { .fd = -1 };
	char *path = log->path;

	enum mrq_status s = mrq_audit_file_open(log->before_path, 0, &before, err);
	if (s == MRQ_E_NOT_FOUND || (s == MRQ_OK && !before.regular))
		return MRQ_OK;
	MRQ_TRY(s);
	/* The functions of a file work on log->file. */
	log->file = before;
	log->path = log->before_path;
	s = end_file(log, err);
	log->file = current;
	log->path = path;
	log->rotated = false;
	return s;
}

/* Establishes (2). */
static enum mrq_status
begin_file(struct mrq_audit_log *log, struct mrq_error *err)
{
	if (log->file.regular ? log->file.size > 0 : log->chain.seq > 0)
		return MRQ_OK;
	if (log->chain.seq == 0 && log->file.regular)
		MRQ_TRY(load_predecessor(log, err));
	return write_checkpoint(
		log, log->chain.seq == 0 ? MRQ_MARK_GENESIS : MRQ_MARK_CONTINUES, err);
}

/* One try; *ret_again when the file turned out to be the rotated one. */
static enum mrq_status
put_here(struct mrq_audit_log *log, struct mrq_audit_text *text, bool *ret_again,
	 struct mrq_error *err)
{
	*ret_again = false;
	MRQ_TRY(mrq_audit_file_lock(&log->file, log->path, err));
	struct mrq_audit_log *locked UNLOCK_FILE = log;
	(void)locked;
	MRQ_TRY(catch_up(log, err));
	if (log->rotated && !mrq_audit_file_is_at(&log->file, log->path)) {
		*ret_again = true;
		return MRQ_OK;
	}
	MRQ_TRY(begin_file(log, err));
	if (log->lost > 0 || log->gap_reason[0])
		MRQ_TRY(write_gap(log, err));
	return text ? write_record(log, text, err) : MRQ_OK;
}

/* With log.lock held. */
static enum mrq_status
put(struct mrq_audit_log *log, struct mrq_audit_text *text, struct mrq_error *err)
{
	int64_t now = mrq_clock_monotonic_ns();
	bool again = now >= log->look_at_ns;

	for (int i = 0; i < REOPEN_TRIES; i++) {
		if (again) {
			MRQ_TRY(follow_name(log, err));
			log->look_at_ns = now + LOOK_EVERY_NS;
		}
		MRQ_TRY(put_here(log, text, &again, err));
		if (!again)
			return MRQ_OK;
	}
	return mrq_fail(err, MRQ_E_AUDIT,
			"audit log '%s' is rotated all the time; check it", log->path);
}

/* Durability: one caller syncs for all who wrote before it began. */

/* With log.lock held; gives it up during the sync. */
static void
lead_sync(struct mrq_audit_log *log)
{
	uint64_t through = log->written;
	int fd = log->file.fd;
	int error = 0;

	log->syncing = true;
	(void)pthread_mutex_unlock(&log->lock);
	/* A device or pipe has nothing to sync. */
	if (mrq_fdatasync(fd) < 0 && errno != EINVAL && errno != ENOTSUP)
		error = errno;
	(void)pthread_mutex_lock(&log->lock);
	log->syncing = false;
	if (error == 0) {
		log->synced = through;
	} else {
		/* The kernel may have dropped those pages: no later success covers them. */
		if (log->failed_through == 0)
			log->failed_after = log->synced;
		log->failed_through = through;
		log->sync_errno = error;
	}
	(void)pthread_cond_broadcast(&log->synced_now);
}

static enum mrq_status
wait_durable(struct mrq_audit_log *log, uint64_t number, struct mrq_error *err)
{
	(void)pthread_mutex_lock(&log->lock);
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &log->lock;
	(void)held;
	for (;;) {
		if (number > log->failed_after && number <= log->failed_through)
			return mrq_audit_file_fail("sync", log->path, log->sync_errno,
						   err);
		if (log->synced >= number)
			return MRQ_OK;
		if (log->syncing)
			(void)pthread_cond_wait(&log->synced_now, &log->lock);
		else
			lead_sync(log);
	}
}

/* Whatever went wrong: the record is not in the log. */
static enum mrq_status
as_audit_failure(struct mrq_audit_log *log, enum mrq_status s, struct mrq_error *err)
{
	return s == MRQ_OK || s == MRQ_E_AUDIT
		       ? s
		       : mrq_while(err, MRQ_E_AUDIT, "audit log '%s' cannot be written",
				   log->path);
}

enum mrq_status
mrq_audit_append(struct mrq_audit_log *log, const struct mrq_audit_record *record,
		 enum mrq_audit_durability how, struct mrq_error *err)
{
	struct mrq_audit_record timed = *record;
	struct mrq_audit_text text;
	uint64_t number = 0;

	if (record->event == MRQ_AUDIT_CHECKPOINT)
		return mrq_fail(err, MRQ_E_INVAL, "checkpoints are the log's own");
	if (timed.when_ns == 0)
		timed.when_ns = realtime_ns();
	mrq_audit_text_format(&text, &timed, log->host);

	(void)pthread_mutex_lock(&log->lock);
	enum mrq_status s = as_audit_failure(log, put(log, &text, err), err);
	if (s == MRQ_OK)
		number = ++log->written;
	else
		log->lost++;
	(void)pthread_mutex_unlock(&log->lock);

	mrq_audit_sinks_send(&log->sinks, &timed, log->host, &text);
	MRQ_TRY(s);
	return how == MRQ_AUDIT_DURABLE ? wait_durable(log, number, err) : MRQ_OK;
}

enum mrq_status
mrq_audit_log_reopen(struct mrq_audit_log *log, struct mrq_error *err)
{
	(void)pthread_mutex_lock(&log->lock);
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &log->lock;
	(void)held;
	return follow_name(log, err);
}

/* Opening and closing. */

static void
log_free(struct mrq_audit_log *log)
{
	mrq_audit_sinks_clear(&log->sinks);
	mrq_audit_file_close(&log->file);
	(void)pthread_cond_destroy(&log->synced_now);
	(void)pthread_mutex_destroy(&log->lock);
	free(log->path);
	free(log->before_path);
	free(log);
}
MRQ_DEFINE_CLEANUP(log_free, struct mrq_audit_log *)

static struct mrq_audit_log *
log_new(const struct mrq_audit_options *options)
{
	struct mrq_audit_log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->file.fd = log->sinks.journald.fd = log->sinks.syslog.fd = -1;
	log->signer = options->signer;
	(void)snprintf(log->host, sizeof(log->host), "%s",
		       options->host ? options->host : "");
	(void)pthread_mutex_init(&log->lock, NULL);
	(void)pthread_cond_init(&log->synced_now, NULL);
	log->path = strdup(options->path);
	if (!log->path || asprintf(&log->before_path, "%s.1", options->path) < 0) {
		log->before_path = NULL;
		log_free(log);
		return NULL;
	}
	return log;
}

enum mrq_status
mrq_audit_log_open(const struct mrq_audit_options *options, struct mrq_audit_log **ret,
		   struct mrq_error *err)
{
	if (!options->path || !*options->path)
		return mrq_fail(err, MRQ_E_INVAL, "the audit log needs a path");
	struct mrq_audit_log *log MRQ_CLEANUP(log_free) = log_new(options);
	if (!log)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for audit log '%s'",
				options->path);
	MRQ_TRY(mrq_audit_sinks_init(options, &log->sinks, err));
	MRQ_TRY(mrq_audit_file_open(log->path, O_CREAT, &log->file, err));
	*ret = MRQ_STEAL(log);
	return MRQ_OK;
}

static void
close_checkpoint(struct mrq_audit_log *log)
{
	bool again;

	if (!log->owes_checkpoint && log->lost == 0)
		return;
	/* Nobody is left to be told: a missing checkpoint shows in the verification. */
	if (put(log, NULL, NULL) != MRQ_OK ||
	    mrq_audit_file_lock(&log->file, log->path, NULL) != MRQ_OK)
		return;
	struct mrq_audit_log *locked UNLOCK_FILE = log;
	(void)locked;
	again = catch_up(log, NULL) != MRQ_OK;
	if (!again && !log->rotated && log->owes_checkpoint)
		(void)!write_checkpoint(log, MRQ_MARK_NONE, NULL);
}

void
mrq_audit_log_close(struct mrq_audit_log *log)
{
	if (!log)
		return;
	(void)pthread_mutex_lock(&log->lock);
	close_checkpoint(log);
	if (log->file.regular && log->synced < log->written)
		(void)!mrq_fdatasync(log->file.fd);
	(void)pthread_mutex_unlock(&log->lock);
	log_free(log);
}
