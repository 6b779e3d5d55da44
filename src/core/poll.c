/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The poll thread: every poll period it asks for policy and revocations, lets the front recheck
 * its handles, sweeps the cache, stores durable sequences and notes the clock.  Expiry needs
 * no news, so the front is asked at every turn.
 */
#include <errno.h>
#include <time.h>

#include "base/log.h"
#include "core/internal.h"

static void
turn(struct mrq_session *s)
{
	struct mrq_error err = { 0 };
	bool changed = false;
	int64_t now = mrq_session_now(s);
	if (mrq_session_refresh(s, &changed, &err) != MRQ_OK)
		mrq_log(MRQ_LOG_WARNING, "cannot refresh the policy: %s", err.msg);
	int64_t highest = 0;
	if (s->cache && mrq_cache_clock_note(s->cache, now, &highest, &err) == MRQ_OK)
		__atomic_store_n(&s->highest_clock, highest, __ATOMIC_RELAXED);
	size_t swept = 0;
	if (s->cache && mrq_cache_sweep(s->cache, now, &swept, &err) != MRQ_OK)
		mrq_log(MRQ_LOG_WARNING, "cannot sweep the licence cache: %s", err.msg);
	if (mrq_sequences_store(s->sequences, &err) != MRQ_OK)
		mrq_log(MRQ_LOG_WARNING, "cannot store file sequences: %s", err.msg);
	if (s->hook)
		s->hook(s->hook_arg);
}

static void
wait_turn(struct mrq_session *s)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += s->settings.poll_seconds;
	while (!s->poll_stop && !s->poll_now)
		if (pthread_cond_timedwait(&s->poll_cond, &s->poll_lock, &until) ==
		    ETIMEDOUT)
			break;
}

static void *
poll_main(void *arg)
{
	struct mrq_session *s = arg;
	pthread_mutex_lock(&s->poll_lock);
	while (!s->poll_stop) {
		wait_turn(s);
		if (s->poll_stop)
			break;
		s->poll_now = false;
		s->poll_begun++;
		pthread_mutex_unlock(&s->poll_lock);
		turn(s);
		pthread_mutex_lock(&s->poll_lock);
		s->poll_done = s->poll_begun;
		pthread_cond_broadcast(&s->poll_cond);
	}
	pthread_mutex_unlock(&s->poll_lock);
	return NULL;
}

enum mrq_status
mrq_session_start(struct mrq_session *s, mrq_withdraw_hook hook, void *arg,
		  struct mrq_error *err)
{
	if (s->polling)
		return mrq_fail(err, MRQ_E_INVAL, "the session polls already");
	s->hook = hook;
	s->hook_arg = arg;
	int e = pthread_create(&s->poller, NULL, poll_main, s);
	if (e) {
		errno = e;
		return mrq_fail_sys(err, "cannot start the poll thread");
	}
	s->polling = true;
	return MRQ_OK;
}

enum mrq_status
mrq_session_poll(struct mrq_session *s, struct mrq_error *err)
{
	if (!s->polling) {
		bool changed = false;
		return mrq_session_refresh(s, &changed, err);
	}
	pthread_mutex_lock(&s->poll_lock);
	uint64_t want = s->poll_begun + 1;
	s->poll_now = true;
	pthread_cond_broadcast(&s->poll_cond);
	while (s->poll_done < want && !s->poll_stop)
		pthread_cond_wait(&s->poll_cond, &s->poll_lock);
	pthread_mutex_unlock(&s->poll_lock);
	return MRQ_OK;
}

void
mrq_session_stop(struct mrq_session *s)
{
	if (!s->polling)
		return;
	pthread_mutex_lock(&s->poll_lock);
	s->poll_stop = true;
	pthread_cond_broadcast(&s->poll_cond);
	pthread_mutex_unlock(&s->poll_lock);
	pthread_join(s->poller, NULL);
	s->polling = false;
}
