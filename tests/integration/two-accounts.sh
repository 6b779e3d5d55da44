#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Two accounts and root on one mount, one granted and the others not, open the same file in turn with
# a warm cache; each attempt has one record, and a log that somebody touched is found out.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

share_begin
share_mount
n=$(size 500 10000)
secret=$MNT/secret.txt

as "$ALICE" sh -c "echo 'known to alice alone' >'$secret'; chmod 644 '$secret'"
works "permissions of its own" mq_as "$ALICE" protect --user "alice@$ORG=coowner" "$secret"
as "$ALICE" cat "$secret" >/dev/null || die "the owner cannot read"

# One process for each account, asked in turn.
opener_start A "$ALICE"
opener_start B "$BOB"
opener_start R root

before=$(audit_count 'true')
for ((i = 0; i < n; i++)); do
	ask A "read $secret"
	ask B "read $secret"
	ask R "read $secret"
done >"$W/answers"
equal "alice reads each time" "$n" "$(grep -cxF "b'known to alice alone\\n'" "$W/answers")"
equal "bob and root never do" "$((2 * n))" "$(grep -cx EACCES "$W/answers")"

opens='.event == "open" and .path == "/secret.txt"'
equal "one record of each of alice" "$n" \
	"$(($(audit_count "$opens and .principal == \"alice@$ORG\" and .result == \"granted\" and .seq > $before")))"
equal "one record of each of bob" "$n" \
	"$(audit_count "$opens and .principal == \"bob@$ORG\" and .status == \"denied\"")"
equal "one record of each of root" "$n" \
	"$(audit_count "$opens and .principal == \"root@$ORG\" and .status == \"denied\"")"
equal "nobody else was let in" 0 \
	"$(audit_count "$opens and .result == \"granted\" and .principal != \"alice@$ORG\"")"
equal "bob is told why" 1 "$(mq_as "$BOB" why "$secret" 2>&1 | grep -c 'secret.txt')"

share_umount
works "the chain and its signatures verify" mq audit verify

mq --json audit verify | jq -e '.signatures_checked and .checkpoints > 0' >/dev/null ||
	die "no signature was checked"

log=$STATE/audit.log lines=$(wc -l <"$STATE/audit.log")
victim=$((lines / 2))
# tamper WHAT LINE COMMAND: the command makes another log of $log on standard output
tamper()
{
	local what=$1 line=$2 got
	shift 2
	"$@" >"$W/tampered.log"
	cmp -s "$log" "$W/tampered.log" && die "$what: nothing was changed"
	got=$(mq --json audit verify --log "$W/tampered.log" 2>/dev/null)
	[ $? = 5 ] || die "$what: is not found out: $got"
	jq -e ".whole == false and (.bad_line - $line | fabs) <= 1" <<<"$got" >/dev/null ||
		die "$what: line $line, but told: $got"
	ok "$what"
}
tamper "a record that was removed is pointed at" "$victim" sed "${victim}d" "$log"
tamper "a record that was edited is pointed at" "$victim" sed "${victim}s/EACCES\|secret/public/" "$log"
tamper "two records in another order are pointed at" "$victim" sed -n "${victim}{h;n;G};p" "$log"
tamper "a record that was added is pointed at" "$victim" sed "${victim}p" "$log"
tamper "a digit in a number is enough" "$victim" sed "${victim}s/\"pid\":/\"pid\":9/" "$log"
