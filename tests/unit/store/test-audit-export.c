/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store-test.h"

static char *
export_text(const struct place *p, enum mrq_audit_format format,
	    const struct mrq_audit_filter *filter)
{
	char name[128];
	struct mrq_error err = { 0 };
	size_t len;

	(void)snprintf(name, sizeof(name), "%s/export", p->dir);
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	check_ok(mrq_audit_export(p->log, filter, format, fd, &err), &err);
	(void)close(fd);
	return slurp(name, &len);
}

static void
write_log(const struct place *p)
{
	struct mrq_audit_log *log = log_open(p, 0);
	struct mrq_audit_record r = sample_record("my \"file\", 1\n.txt");
	struct mrq_error err = { 0 };

	r.content_id = (struct mrq_guid){ { 0xcd } };
	r.template_id = (struct mrq_guid){ { 0xef } };
	r.owner = "owner@example.com";
	r.issuer = "issuer@example.com";
	r.acting_as = "boss@example.com";
	r.address = "192.0.2.7";
	r.published = 1772359200;
	r.super_user = true;
	check_ok(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, &err), &err);
	r = (struct mrq_audit_record){ .event = MRQ_AUDIT_LICENCE,
				       .when_ns = INT64_C(1772359260000000000),
				       .path = "-",
				       .status = MRQ_E_DENIED };
	check_ok(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, &err), &err);
	r.status = MRQ_E_NO_KEY;
	check_ok(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, &err), &err);
	mrq_audit_log_close(log);
}

static void
w3c_has_the_fields_of_the_usage_log(void **state)
{
	struct place *p = *state;

	write_log(p);
	char *text = export_text(p, MRQ_AUDIT_W3C, NULL);
	assert_string_equal(
		text,
		"#Version: 1.1\n#Software: marque\n"
		"#Fields: date\ttime\trow-id\trequest-type\tuser-id\tresult\t"
		"correlation-id\tcontent-id\towner-email\tissuer\ttemplate-id\tfile-"
		"name\t"
		"date-published\tc-info\tc-ip\tadmin-action\tacting-as-user\n"
		"2026-03-01\t10:00:00\t2\topen\tann@example.com\tSuccess\tc-1\t"
		"cd000000-0000-0000-0000-000000000000\towner@example.com\t"
		"issuer@example.com\tef000000-0000-0000-0000-000000000000\t"
		"\"my \"\"file\"\", "
		"1\\u000a.txt\"\t2026-03-01T10:00:00Z\t/usr/bin/cat\t"
		"192.0.2.7\ttrue\tboss@example.com\n"
		"2026-03-01\t10:01:00\t3\tAcquireLicense\t-\tAccessDenied\t-\t-\t-\t-"
		"\t-\t"
		"\"-\"\t-\t-\t-\t-\t-\n"
		"2026-03-01\t10:01:00\t4\tAcquireLicense\t-\tno-key\t-\t-\t-\t-\t-\t"
		"\"-\"\t-\t-\t-\t-\t-\n");
	free(text);
}

/* A strict reader of RFC 4180: fields of the n-th record. */
static unsigned
csv_record(const char **at, char fields[64][256])
{
	unsigned n = 0;

	for (;;) {
		char *to = fields[n++];
		bool quoted = **at == '"';
		*at += quoted;
		while (**at) {
			if (quoted && **at == '"') {
				if ((*at)[1] != '"')
					break;
				(*at)++;
			} else if (!quoted && strchr(",\r\"", **at)) {
				break;
			}
			*to++ = *(*at)++;
		}
		*to = '\0';
		*at += quoted;
		if (**at != ',')
			break;
		(*at)++;
	}
	assert_memory_equal(*at, "\r\n", 2);
	*at += 2;
	return n;
}

static void
csv_follows_rfc_4180(void **state)
{
	static char head[64][256], fields[64][256];
	struct place *p = *state;
	unsigned records = 0;

	write_log(p);
	char *text = export_text(p, MRQ_AUDIT_CSV, NULL);
	const char *at = text;
	unsigned n = csv_record(&at, head);
	assert_string_equal(head[0], "seq");
	for (; *at; records++) {
		assert_int_equal(csv_record(&at, fields), n);
		for (unsigned i = 0; records == 1 && i < n; i++) {
			if (strcmp(head[i], "path") == 0)
				assert_string_equal(fields[i], "my \"file\", 1\n.txt");
			if (strcmp(head[i], "uid") == 0)
				assert_string_equal(fields[i], "1000");
			if (strcmp(head[i], "super_user") == 0)
				assert_string_equal(fields[i], "true");
			if (strcmp(head[i], "new_path") == 0)
				assert_string_equal(fields[i], "");
		}
	}
	assert_int_equal(records, 5);
	free(text);
}

static void
json_is_the_lines_themselves(void **state)
{
	struct place *p = *state;
	size_t len;

	write_log(p);
	char *text = export_text(p, MRQ_AUDIT_JSON, NULL);
	char *lines = slurp(p->log, &len);
	assert_string_equal(text, lines);
	free(lines);
	free(text);
	text = export_text(p, MRQ_AUDIT_JSON,
			   &(struct mrq_audit_filter){ .result = 2 });
	assert_null(strstr(text, "\"granted\""));
	assert_non_null(strstr(text, "\"denied\""));
	free(text);
}

static void
a_failing_output_is_reported(void **state)
{
	struct place *p = *state;
	struct mrq_error err = { 0 };

	write_log(p);
	int fd = open("/dev/full", O_WRONLY);
	for (int f = MRQ_AUDIT_JSON; f <= MRQ_AUDIT_W3C; f++)
		check_status(mrq_audit_export(p->log, NULL, (enum mrq_audit_format)f,
					      fd, &err),
			     MRQ_E_SYS, &err);
	check_status(mrq_audit_export(p->log, NULL, (enum mrq_audit_format)9, 1, &err),
		     MRQ_E_INVAL, &err);
	check_status(mrq_audit_export(p->log, NULL, MRQ_AUDIT_JSON, -1, &err),
		     MRQ_E_SYS, &err);
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(w3c_has_the_fields_of_the_usage_log),
		PLACE_TEST(csv_follows_rfc_4180),
		PLACE_TEST(json_is_the_lines_themselves),
		PLACE_TEST(a_failing_output_is_reported),
	};
	return CHECK_MAIN(tests);
}
