#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Whoever changes a protected file behind the mount gets nothing but EIO, with an audit record, or the
# right plaintext; whoever puts an older version back gets EIO until somebody accepts it.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

share_begin
share_config 'plain = deny'
# What a name means is asked each time: copies are put behind the mount.
options=attr_timeout=0,entry_timeout=0
share_mount $options
seed=${MARQUE_SEED:-$RANDOM}
note "seed $seed"
kind=$(size make make-all)

tamper()
{
	python3 "$here/../lib/tamper.py" "$@"
}

# damages WHAT: what a mutilated copy gives is EIO with a record, or right
for bytes in 0 1 4095 4096 4097 140000 1048576; do
	head -c $bytes /dev/urandom >"$W/plain"
	as "$ALICE" sh -c "cat >'$MNT/a$bytes'; cp '$MNT/a$bytes' '$MNT/b$bytes'" <"$W/plain"
	head -c $bytes /dev/urandom | as "$ALICE" sh -c "cat >'$MNT/b$bytes'"
	share_umount
	share_mount $options
	cmp "$W/plain" "$MNT/a$bytes" >&2 || die "$bytes bytes: not the same before anything was done"
	if [ $bytes = 0 ] && [ ! -s "$SRC/a0" ]; then
		ok "0 bytes: an empty file is empty behind the mount"
		continue
	fi
	mkdir "$SRC/spoilt"
	tamper "$kind" "$SRC/a$bytes" "$SRC/b$bytes" "$SRC/spoilt" $((bytes < 1000000 ? 120 : 20)) "$seed" || die "no copies"
	n=$(find "$SRC/spoilt" -type f | wc -l)
	events='.event == "damage" or .event == "rollback" or (.event == "open" and
		(.status == "damaged" or .status == "format" or .status == "forged" or .status == "version"))'
	before=$(audit_count "$events")
	read -r right refused foreign wrong <<<"$(as "$ALICE" python3 "$here/../lib/tamper.py" judge \
		"$W/plain" "$MNT/spoilt")"
	note "$bytes bytes: of $n copies $right right, $refused refused, $foreign plain, $wrong wrong"
	equal "$bytes bytes: no copy gives anything else" 0 "$wrong"
	# One bit of the magic makes a file a plain one, as does a first page that went elsewhere.
	[ "$foreign" -lt $((80 + n / 4)) ] || die "$bytes bytes: $foreign are plain files"
	[ "$refused" -gt $((n / 4)) ] || die "$bytes bytes: hardly anything was refused"
	after=$(audit_count "$events")
	[ $((after - before)) -ge "$refused" ] ||
		die "$bytes bytes: $refused refusals, $((after - before)) records"
	ok "$bytes bytes: each refusal has its record"
	# The same without a mount, by the library.
	rc=0
	mq --json fsck "$SRC/spoilt" >"$W/fsck" 2>/dev/null || rc=$?
	equal "$bytes bytes: fsck tells of damage" 5 $rc
	bad=$(jq -s '[.[] | select(.result != "whole")] | length' "$W/fsck")
	[ "$bad" -ge "$refused" ] || die "$bytes bytes: fsck found $bad, the mount $refused"
	ok "$bytes bytes: fsck finds as many"
	rm -r "$SRC/spoilt"
done

# An older version of the whole file.
for change in content label; do
	f=$change.txt
	as "$ALICE" sh -c "seq 3000 >'$MNT/$f'"
	sync -f "$MNT"
	share_umount
	cp "$SRC/$f" "$W/old"
	share_mount $options
	as "$ALICE" cat "$MNT/$f" >/dev/null || die "cannot read $f"
	if [ $change = content ]; then
		as "$ALICE" sh -c "echo changed >>'$MNT/$f'"
	else
		mq_as "$ALICE" label set 'Confidential/All Employees' "$MNT/$f" >&2 || die "no label"
	fi
	share_umount
	cp "$SRC/$f" "$W/new"
	cat "$W/old" >"$SRC/$f"
	share_mount $options
	refused "$change: an older version is refused" 'input/output error' as "$ALICE" cat "$MNT/$f"
	equal "$change: with a record of a rollback" 1 \
		"$(audit_count ".event == \"rollback\" and .path == \"/$f\"")"
	cat "$W/new" >"$SRC/$f"
	within 10 as "$ALICE" cat "$MNT/$f" || die "the newest version is refused"
	ok "$change: the newest version is not"
	cat "$W/old" >"$SRC/$f"
	sleep 1.1
	refused "$change: also while it is mounted" 'input/output error' as "$ALICE" cat "$MNT/$f"
	share_umount
	works "$change: until somebody accepts it" mq fsck --accept "$SRC/$f"
	share_mount $options
	works "$change: then it is read" as "$ALICE" cat "$MNT/$f"
done

# An older block, tag page or header among new ones.
as "$ALICE" sh -c "head -c 300000 /dev/zero | tr '\0' a >'$MNT/parts'"
share_umount
cp "$SRC/parts" "$W/old"
share_mount $options
as "$ALICE" sh -c "head -c 300000 /dev/zero | tr '\0' b | dd of='$MNT/parts' conv=notrunc status=none"
share_umount
cp "$SRC/parts" "$W/new"
head -c 300000 /dev/zero | tr '\0' b >"$W/plain"
mkdir "$SRC/parts.d"
python3 - "$W/old" "$W/new" "$SRC/parts.d" <<'END' || die "no copies"
import sys
old, new = (open(p, "rb").read() for p in sys.argv[1:3])
for at in range(0, min(len(old), len(new)), 4096):
    if old[at:at + 4096] != new[at:at + 4096]:
        with open(f"{sys.argv[3]}/{at // 4096}", "wb") as f:
            f.write(new[:at] + old[at:at + 4096] + new[at + 4096:])
END
chmod 666 "$SRC/parts.d"/*
share_mount $options
read -r right refused foreign wrong <<<"$(as "$ALICE" python3 "$here/../lib/tamper.py" judge \
	"$W/plain" "$MNT/parts.d")"
note "older pages: $right right, $refused refused, $foreign plain, $wrong wrong"
equal "no older page gives older plaintext" 0 "$wrong"
[ "$refused" -gt 70 ] || die "hardly any older page was refused"
ok "older pages are refused"
