/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_RIGHTS_H
#define MARQUE_RIGHTS_H

/*
 * Usage rights, levels and the requests they are checked for.  Names are those of Azure
 * Rights Management.  Unknown names in a licence are kept and never widen anything.
 */
#include <marque/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A set of rights, one bit each. */
typedef uint32_t mrq_rights;

#define MRQ_RIGHT_VIEW           (1u << 0)
#define MRQ_RIGHT_DOCEDIT        (1u << 1)
#define MRQ_RIGHT_EDIT           (1u << 2)
#define MRQ_RIGHT_EXTRACT        (1u << 3)
#define MRQ_RIGHT_EXPORT         (1u << 4)
#define MRQ_RIGHT_PRINT          (1u << 5)
#define MRQ_RIGHT_OBJMODEL       (1u << 6)
#define MRQ_RIGHT_VIEWRIGHTSDATA (1u << 7)
#define MRQ_RIGHT_EDITRIGHTSDATA (1u << 8)
#define MRQ_RIGHT_OWNER          (1u << 9)
#define MRQ_RIGHT_COMMENT        (1u << 10)
#define MRQ_RIGHT_FORWARD        (1u << 11)
#define MRQ_RIGHT_REPLY          (1u << 12)
#define MRQ_RIGHT_REPLYALL       (1u << 13)
#define MRQ_RIGHT_AUDITEDEXTRACT (1u << 14)
#define MRQ_RIGHTS_ALL           0x7fffu
#define MRQ_RIGHTS_TEXT          256 /* bytes of the longest text form with its NUL */

/** Levels: fixed sets, feature map R40 to R43 (mail rights included). */
#define MRQ_LEVEL_VIEWER                                                               \
	(MRQ_RIGHT_VIEW | MRQ_RIGHT_VIEWRIGHTSDATA | MRQ_RIGHT_OBJMODEL |              \
	 MRQ_RIGHT_REPLY | MRQ_RIGHT_REPLYALL)
#define MRQ_LEVEL_REVIEWER                                                             \
	(MRQ_LEVEL_VIEWER | MRQ_RIGHT_EDIT | MRQ_RIGHT_DOCEDIT | MRQ_RIGHT_FORWARD)
#define MRQ_LEVEL_COAUTHOR (MRQ_LEVEL_REVIEWER | MRQ_RIGHT_EXTRACT | MRQ_RIGHT_PRINT)
#define MRQ_LEVEL_COOWNER                                                              \
	(MRQ_LEVEL_COAUTHOR | MRQ_RIGHT_EXPORT | MRQ_RIGHT_EDITRIGHTSDATA |            \
	 MRQ_RIGHT_OWNER)

/** What somebody wants to do with one file. */
enum mrq_request {
	MRQ_REQUEST_READ,        /* open for reading */
	MRQ_REQUEST_WRITE,       /* open for writing, truncate, append; also reads */
	MRQ_REQUEST_REPLACE,     /* write-only with O_TRUNC; rename onto */
	MRQ_REQUEST_RELABEL,     /* other protection, or none */
	MRQ_REQUEST_LIST_RIGHTS, /* see the rights of others */
};

/** What kind of program asks. */
enum mrq_program {
	MRQ_PROGRAM_ORDINARY, /* may copy what it reads */
	MRQ_PROGRAM_TRUSTED,  /* itself enforces VIEW: marquefs(8) "Trusted programs" */
};

/** The switch of a label: which programs suffice with VIEW. */
enum mrq_programs_switch {
	MRQ_PROGRAMS_TRUSTED, /* trusted only; AUDITEDEXTRACT counts for nothing */
	MRQ_PROGRAMS_AUDITED, /* the default: ordinary ones by AUDITEDEXTRACT, audited first */
	MRQ_PROGRAMS_ANY, /* ordinary ones with VIEW alone */
};

/** "VIEW,EDIT,..." or "none", in the order of the bits. */
MRQ_API void mrq_rights_format(mrq_rights rights, char ret[static MRQ_RIGHTS_TEXT]);
/**
 * Parse names, separated by commas, of rights (any case) or one level name
 * ("viewer", "reviewer", "coauthor", "coowner").  MRQ_E_INVAL on an unknown name.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_rights_parse(const char *text, mrq_rights *ret, struct mrq_error *err);
/** The bit of one name, 0 when unknown. */
MRQ_API mrq_rights mrq_right_from_name(const char *name, size_t len);
/** Name of a level that is exactly this set, NULL when none is. */
MRQ_API const char *mrq_rights_level(mrq_rights rights);
MRQ_API const char *mrq_request_name(enum mrq_request request);
MRQ_API const char *mrq_program_name(enum mrq_program program);
MRQ_API const char *mrq_programs_switch_name(enum mrq_programs_switch programs);
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_programs_switch_parse(const char *text, enum mrq_programs_switch *ret,
			  struct mrq_error *err);

#endif
