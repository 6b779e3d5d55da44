#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A withdrawal reaches who has the file open, mapped and cached; the owner goes on, and what a writer
# was told is written stays.  A copy of the state opens nothing on another machine.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

share_begin
share_mount
file=$MNT/plan.txt
# The poll, and time for a loaded machine.
patience=20

as "$ALICE" sh -c "yes 'the plan' | head -c 99999 >'$file'; chmod 666 '$file'"
works "bob and carol may read and write" mq_as "$ALICE" protect --user "bob@$ORG=coauthor" \
	--user "carol@$ORG=coauthor" "$file"

opener_start B "$BOB"
equal "bob opens and maps it" "held b'the '" "$(ask B "hold $file")"
equal "bob reads by his handle" "b'the plan\\nthe pla'" "$(ask B peek)"
equal "bob reads by his mapping" "mapped b'the plan\\nthe pla'" "$(ask B touch)"

# Carol appends lines; each is noted once write(2) has taken it.  Alice reads in a loop.
cat >"$W/writer.py" <<'END'
import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
n = 0
try:
    while True:
        os.write(fd, b"line %06d\n" % n)
        print(n, flush=True)
        n += 1
        time.sleep(0.005)
except OSError as err:
    print("end", err.errno, flush=True)
END
cat >"$W/reader.py" <<'END'
import sys, time
while True:
    try:
        ok = open(sys.argv[1], "rb").read(8) == b"the plan"
        print("good" if ok else "wrong", flush=True)
    except OSError as err:
        print("refused", err.errno, flush=True)
    time.sleep(0.02)
END
spawn "$W/written" "$CAROL" python3 "$W/writer.py" "$file"
spawn "$W/read" "$ALICE" python3 "$W/reader.py" "$file"
reader=$!
within 10 test -s "$W/written" || die "carol writes nothing"
sleep 1

works "root revokes" mq revoke "$file"
start=$SECONDS
refuses()
{
	[ "$(ask B "$1")" = "$2" ]
}
within $patience refuses peek EKEYREVOKED || die "bob still reads by his handle"
ok "bob's handle is refused"
within $patience refuses touch 'signal 7' || die "bob still reads by his mapping"
ok "bob's mapping is refused"
equal "bob's new open is refused" EKEYREVOKED "$(ask B "read $file")"
note "after $((SECONDS - start)) seconds"
equal "bob is told why" 1 "$(mq_as "$BOB" why "$file" 2>&1 | grep -c revoked)"

within $patience grep -q end "$W/written" || die "carol still writes"
ok "carol's handle is refused"
last=$(grep -v end "$W/written" | tail -n 1)
sleep 1
equal "the owner goes on reading all the time" good "$(sort -u "$W/read")"
kill "$reader"
wait "$reader" 2>/dev/null
as "$ALICE" cat "$file" >"$W/now" || die "the owner cannot read it whole"
equal "what carol was told is written is there" "$((last + 1))" \
	"$(grep -c '^line [0-9]\{6\}$' "$W/now")"
equal "and in order" "line $(printf %06d "$last")" "$(tail -n 1 "$W/now")"

works "root takes it back" mq unrevoke "$file"
reads()
{
	[ "$(ask B "read $file")" != EKEYREVOKED ]
}
within $patience reads || die "bob is still refused"
equal "bob reads again" "b'the plan\\nthe plan\\nthe plan\\nthe plan\\nthe plan\\nthe plan\\nthe plan\\nt'" \
	"$(ask B "read $file")"

# One file alone, of many under one licence.
as "$ALICE" sh -c "umask 0; echo one >'$MNT/one'; echo two >'$MNT/two'"
equal "both are under one licence" 1 \
	"$(for f in one two; do getfattr --only-values -n user.marque.content-id "$MNT/$f"; echo; done |
		sort -u | wc -l)"
as "$BOB" cat "$MNT/one" "$MNT/two" >/dev/null || die "bob cannot read General"
works "root revokes one file" mq revoke --file-only "$MNT/one"
gone()
{
	! as "$BOB" cat "$MNT/one"
}
within $patience gone || die "bob still reads one"
ok "bob does not read the one"
works "bob reads the other" as "$BOB" cat "$MNT/two"

# Expiry: after a moment, bob is out and alice is not.
as "$ALICE" sh -c "umask 0; echo soon >'$MNT/soon'"
works "it expires in three seconds" mq_as "$ALICE" protect --user "bob@$ORG=coauthor" --expires +3s "$MNT/soon"
works "bob reads before that" as "$BOB" cat "$MNT/soon"
opener_start B2 "$BOB"
ask B2 "hold $MNT/soon" >&2
expired()
{
	[ "$(ask B2 "read $MNT/soon")" = EKEYEXPIRED ]
}
within $patience expired || die "bob still opens it"
ok "bob's open is refused after that"
closed()
{
	[ "$(ask B2 peek)" = EKEYEXPIRED ]
}
within $patience closed || die "bob still reads by his handle"
ok "bob's handle too"
works "the owner reads" as "$ALICE" cat "$MNT/soon"

# Another machine: everything is copied, but for what identifies this one.
opener_end B
opener_end B2
wait
share_umount
cp -a "$STATE" "$W/state2"
mkdir "$W/etc2"
sed '/^\[authority\]/,$d' "$CONF" >"$W/etc2/marque.conf"
printf '[authority]\nmachine_id = %s/machine-id\n' "$W" >>"$W/etc2/marque.conf"
echo 0123456789abcdef0123456789abcdef >"$W/machine-id"
refused "the state alone opens nothing" . \
	marque --state "$W/state2" --config "$W/etc2/marque.conf" mount "$SRC" "$MNT"
cp -a "$W/etc/machine.key" "$W/etc2/"
refused "nor with the key file, on another machine id" machine \
	marque --state "$W/state2" --config "$W/etc2/marque.conf" mount "$SRC" "$MNT"
refused "nor by the library" . \
	marque --state "$W/state2" --config "$W/etc2/marque.conf" cache list
# A control: the same copy, with what identifies this machine, does open.
sed -i '/machine_id/d' "$W/etc2/marque.conf"
works "with both it would" \
	marque --state "$W/state2" --config "$W/etc2/marque.conf" cache list
