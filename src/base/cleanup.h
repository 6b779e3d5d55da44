/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_BASE_CLEANUP_H
#define MRQ_BASE_CLEANUP_H

/*
 * Cleanup by scope.  MRQ_CLEANUP(f) calls the static inline mrq_cleanup_<f>(T *) that
 * MRQ_DEFINE_CLEANUP made from the destructor f.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MRQ_CLEANUP(f) __attribute__((cleanup(mrq_cleanup_##f)))

/** Let MRQ_CLEANUP(f) work on variables of pointer type T, for a destructor f(T). */
#define MRQ_DEFINE_CLEANUP(f, T)                                                       \
	static inline void mrq_cleanup_##f(T *p)                                       \
	{                                                                              \
		if (*p)                                                                \
			f(*p);                                                         \
	}

/** The same for a value that is cleared in place, f(T *). */
#define MRQ_DEFINE_CLEANUP_VALUE(f, T)                                                 \
	static inline void mrq_cleanup_##f(T *p)                                       \
	{                                                                              \
		f(p);                                                                  \
	}

/** Hand an owned pointer or descriptor over: yields it and leaves NULL or -1 behind. */
#define MRQ_STEAL(p)                                                                   \
	__extension__({                                                                \
		__typeof__(p) mrq_stolen_ = (p);                                       \
		(p) = 0;                                                               \
		mrq_stolen_;                                                           \
	})
#define MRQ_STEAL_FD(fd)                                                               \
	__extension__({                                                                \
		int mrq_stolen_fd_ = (fd);                                             \
		(fd) = -1;                                                             \
		mrq_stolen_fd_;                                                        \
	})

static inline void
mrq_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void
mrq_cleanup_mrq_close(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void
mrq_cleanup_fclose(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static inline void
mrq_cleanup_closedir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static inline void
mrq_cleanup_pthread_mutex_unlock(pthread_mutex_t **m)
{
	if (*m)
		(void)pthread_mutex_unlock(*m);
}

static inline void
mrq_cleanup_pthread_rwlock_unlock(pthread_rwlock_t **l)
{
	if (*l)
		(void)pthread_rwlock_unlock(*l);
}

#endif
