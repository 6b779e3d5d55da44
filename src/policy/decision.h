/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_POLICY_DECISION_H
#define MRQ_POLICY_DECISION_H

/*
 * The decision: may this principal, with this program, do this to this file now?  Pure; all
 * facts come in as values.  Deny by default.  DESIGN "The one rule", marquefs(8).
 */
#include <marque/rights.h>

/** State of the use licence at the time of the request. */
enum mrq_licence_state {
	MRQ_STATE_VALID,        /* fetched, or cached and within its validity */
	MRQ_STATE_EXPIRED,      /* the content's expiry has passed */
	MRQ_STATE_OFFLINE_OVER, /* offline period over, no authority in reach */
	MRQ_STATE_REVOKED,      /* content id or file id is on the revocation list */
	MRQ_STATE_UNREACHABLE,  /* nothing cached, authority out of reach */
	MRQ_STATE_CLOCK_BACK,   /* the clock went back, no authority in reach */
	MRQ_STATE_NO_GRANT,     /* the authority knows no right of this principal */
};

struct mrq_decision_input {
	enum mrq_request request;
	enum mrq_program program;
	enum mrq_programs_switch programs; /* of the label */
	enum mrq_licence_state state;
	mrq_rights rights;
	bool owner;      /* the principal is the file's owner ... */
	bool issuer;     /* ... or protected it: full rights in every state, audited */
	bool super_user; /* switched on now: full rights in every state, flagged */
};

/** Which rule granted. */
enum mrq_ground {
	MRQ_GROUND_NONE,
	MRQ_GROUND_RIGHT,           /* a right of the licence, in `used` */
	MRQ_GROUND_AUDITED_EXTRACT, /* VIEW + AUDITEDEXTRACT: audit record durable first */
	MRQ_GROUND_PROGRAMS_ANY,    /* VIEW and the label lets any program in */
	MRQ_GROUND_OWNER,
	MRQ_GROUND_ISSUER,
	MRQ_GROUND_SUPER_USER,
};

struct mrq_decision {
	bool granted;
	bool audit_first; /* give data only when the record is on disk */
	enum mrq_ground ground;
	mrq_rights used;        /* the rights that granted */
	mrq_rights missing;     /* when denied for want of rights: what would do */
	enum mrq_status status; /* OK, or DENIED, EXPIRED, REVOKED, NO_KEY, CLOCK */
};

#define MRQ_DENY ((struct mrq_decision){ .granted = false, .status = MRQ_E_DENIED })

/**
 * Decide.  Order: owner, issuer, super user (in every state); then state; then rights.
 * A WRITE needs EDIT and the reading rule; a REPLACE needs EDIT only; RELABEL needs EXPORT,
 * EDITRIGHTSDATA or OWNER; LIST_RIGHTS needs VIEWRIGHTSDATA or OWNER.
 */
struct mrq_decision mrq_policy_decide(const struct mrq_decision_input *in);

const char *mrq_ground_name(enum mrq_ground ground);
const char *mrq_licence_state_name(enum mrq_licence_state state);
/**
 * One sentence for a refusal, for `marque why`: what is missing and what to do.
 *
 * @object  the file as it is to be named, with its owner, whom the sentence tells to ask:
 *          "'q3.docx' of ann@example.com"; control characters become '?'
 * @ret     cut to len bytes, NUL included
 */
void mrq_decision_explain(const struct mrq_decision_input *in,
			  const struct mrq_decision *d, const char *object, char *ret,
			  size_t len);

#endif
