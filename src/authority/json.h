/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_AUTHORITY_JSON_H
#define MRQ_AUTHORITY_JSON_H

/*
 * Members of a JSON object, checked one by one.  A getter leaves *ret as it was when the member
 * is absent, so that a caller sets defaults first and an edit changes what it names.  A wrong
 * member is MRQ_E_INVAL with its name in the sentence.  Numbers, booleans and times are also
 * taken as text, since a command line has nothing else.
 */
#include "base/cleanup.h"
#include "base/error.h"

#include <jansson.h>
#include <marque/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

MRQ_DEFINE_CLEANUP(json_decref, json_t *)

/** At most MRQ_JSON_TEXT_MAX bytes.  MRQ_E_INVAL for what is no JSON object; `what` begins the
 * sentence. */
MRQ_MUST_CHECK enum mrq_status mrq_object_parse(const char *text, size_t len,
						const char *what, json_t **ret,
						struct mrq_error *err);
/**
 * Write without white space; *ret malloc'ed.  Read back and compared, since jansson may leave out
 * a part when memory fails it, and what is written is stored or signed.
 */
MRQ_MUST_CHECK enum mrq_status mrq_object_dump(const json_t *o, char **ret,
					       struct mrq_error *err);
/** "'member' must be ..." */
enum mrq_status mrq_member_bad(struct mrq_error *err, const char *member,
			       const char *must);
enum mrq_status mrq_json_no_memory(struct mrq_error *err);

bool mrq_member_has(const json_t *o, const char *member);
/** Borrowed text of at most max bytes without control characters. */
MRQ_MUST_CHECK enum mrq_status mrq_member_text(const json_t *o, const char *member,
					       size_t max, const char **ret,
					       struct mrq_error *err);
/** The same copied into ret of max + 1 bytes. */
MRQ_MUST_CHECK enum mrq_status mrq_member_text_copy(const json_t *o, const char *member,
						    size_t max, char *ret,
						    struct mrq_error *err);
/** A mail address, in lower case. */
MRQ_MUST_CHECK enum mrq_status mrq_member_mail(const json_t *o, const char *member,
					       char ret[static MRQ_MAIL_MAX + 1],
					       struct mrq_error *err);
/** null is the nil GUID. */
MRQ_MUST_CHECK enum mrq_status mrq_member_guid(const json_t *o, const char *member,
					       struct mrq_guid *ret,
					       struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_member_int(const json_t *o, const char *member,
					      int64_t min, int64_t max, int64_t *ret,
					      struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_member_bool(const json_t *o, const char *member,
					       bool *ret, struct mrq_error *err);
/** Forms of mrq_time_parse, Unix seconds, or null and "never" for MRQ_NEVER. */
MRQ_MUST_CHECK enum mrq_status mrq_member_time(const json_t *o, const char *member,
					       int64_t now, int64_t *ret,
					       struct mrq_error *err);
/**
 * A list: an array, or one value alone.  The caller frees *ret (an array, empty when the
 * member is absent).  More than max items is MRQ_E_LIMIT.
 */
MRQ_MUST_CHECK enum mrq_status mrq_member_list(const json_t *o, const char *member,
					       size_t max, json_t **ret,
					       struct mrq_error *err);

/** Writers; the value is taken over, also on failure. */
MRQ_MUST_CHECK enum mrq_status mrq_member_put(json_t *o, const char *member,
					      json_t *value, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_array_append(json_t *array, json_t *value,
						struct mrq_error *err);
/** nil is null. */
MRQ_MUST_CHECK enum mrq_status mrq_member_put_guid(json_t *o, const char *member,
						   const struct mrq_guid *id,
						   struct mrq_error *err);
/** MRQ_NEVER is "never". */
MRQ_MUST_CHECK enum mrq_status mrq_member_put_time(json_t *o, const char *member,
						   int64_t when, struct mrq_error *err);

#endif
