#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Many files of one label cost few licences, and a warm open no public-key operation: by counters.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

share_begin
share_mount
n=$(size 2000 10000)

counters()
{
	share_call '{"verb":"counters"}' | jq -c .session
}
# count NAME OF-COUNTERS
count()
{
	jq -e ".$1" <<<"$2" || die "there is no counter '$1' in $2"
}
at_most()
{
	[ "$3" -le "$2" ] || die "$1: $3, not at most $2"
	ok "$1"
}

mkdir "$MNT/many"
chown "$ALICE" "$MNT/many"
zero=$(counters)
as "$ALICE" python3 - "$MNT/many" "$n" <<'END' || die "cannot create"
import os, sys
for i in range(int(sys.argv[2])):
    with open(f"{sys.argv[1]}/{i}", "w") as f:
        f.write(f"file {i}\n")
END
made=$(counters)
note "after creation: $made"
at_most "creating needs at most three publishing licences" 3 \
	$(($(count publishing_licences "$made") - $(count publishing_licences "$zero")))

cat >"$W/read.py" <<'END'
import sys
for i in range(int(sys.argv[2])):
    with open(f"{sys.argv[1]}/{i}") as f:
        assert f.read() == f"file {i}\n", i
END
# Afresh, so that nothing is in memory.
share_umount
share_mount
zero=$(counters)
as "$ALICE" python3 "$W/read.py" "$MNT/many" "$n" || die "cannot read"
cold=$(counters)
signed=$(audit_count '.event == "checkpoint"')
note "after reading: $cold"
at_most "opening all needs at most three use licences" 3 \
	$(($(count use_licences "$cold") - $(count use_licences "$zero")))

as "$ALICE" python3 "$W/read.py" "$MNT/many" "$n" || die "cannot read again"
warm=$(counters)
note "after reading again: $warm"
for name in sign verify seal open; do
	count "public_key.$name" "$warm" >/dev/null
done
# The audit log signs a checkpoint now and then: that many signatures are its own.
without_checkpoints()
{
	jq -c ".public_key.sign -= $2 | .public_key" <<<"$1"
}
equal "a warm open does no public-key operation" "$(without_checkpoints "$cold" "$signed")" \
	"$(without_checkpoints "$warm" "$(audit_count '.event == "checkpoint"')")"
equal "and asks nobody for a licence" "$(count use_licences "$cold")" "$(count use_licences "$warm")"
equal "each open was decided" "$n" $(($(count decisions "$warm") - $(count decisions "$cold")))
equal "the log tells of as many licences made" "$(count publishing_licences "$made")" \
	"$(audit_count '.event == "publish"')"
equal "and fetched" "$(($(count use_licences "$made") + $(count use_licences "$warm")))" \
	"$(audit_count '.event == "licence"')"

# Where descriptors are few and cannot be made more: the kernel is asked to forget files.
[ -n "$LONG" ] || exit 0
share_umount
(ulimit -n 5000 && share_mount) || die "cannot mount with 5,000 descriptors"
as "$ALICE" python3 - "$MNT/many" "$n" <<'END' || die "cannot create with 5,000 descriptors"
import os, sys
for i in range(int(sys.argv[2])):
    with open(f"{sys.argv[1]}/few-{i}", "w") as f:
        f.write(f"file {i}\n")
END
as "$ALICE" python3 "$W/read.py" "$MNT/many" "$n" || die "cannot read with 5,000 descriptors"
[ "$(find "$MNT/many" -type f -size -2 | wc -l)" = "$((2 * n))" ] ||
	die "not all of $((2 * n)) files are found with 5,000 descriptors"
note "twice as many files as descriptors: made, read, found"
share_umount
