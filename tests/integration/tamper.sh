#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Whoever changes a protected file behind the mount gets nothing but EIO, with an audit record, or the
# right plaintext, from the mount and from the library; whoever puts an older version back gets EIO
# until somebody accepts it.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

need python3
share_begin
command -v library-reader >/dev/null || die "library-reader is not built"
# What a name means is asked each time: files are changed behind the mount.
options=attr_timeout=0,entry_timeout=0
share_mount $options
seed=${MARQUE_SEED:-$RANDOM}
note "seed $seed"
# Out of reach of the mount: plaintext, and containers as they should be.
mkdir "$W/plain" "$W/kept"

# tamper WHAT ARGUMENT...
tamper()
{
	local what=$1
	shift
	python3 "$here/../lib/tamper.py" --state "$STATE" --config "$CONF" --source "$SRC" \
		--mount "$MNT" --account "$ALICE" --seed "$seed" ${LONG:+--long} "$@" >&2 || die "$what"
	ok "$what"
}

# plain_make NAME BYTES: plaintext; large ones are sparse, by the same holes.  It begins with the
# first letter of the name: one byte must not be that of another file, nor zero, which is a hole.
plain_make()
{
	if [ "$2" -le 2000000 ]; then
		{
			printf %s "$1"
			head -c "$2" /dev/urandom
		} | head -c "$2" >"$W/plain/$1"
		return
	fi
	python3 - "$W/plain/$1" "$2" "$(size 262144 12000000)" <<'END' || die "no plaintext"
import os, sys
size, piece = int(sys.argv[2]), int(sys.argv[3])
with open(sys.argv[1], "wb") as f:
    for at in (0, size // 3, size // 2 + 1000, size - piece):
        f.seek(at)
        f.write(os.urandom(piece))
END
}

# keep NAME: the container as it is now
keep()
{
	cp --sparse=always "$SRC/$1" "$W/kept/${2-$1}" || die "cannot keep $1"
}

sizes=(0 1 4095 4096 4097 700000 1048576 314572800)
for bytes in "${sizes[@]}"; do
	for one in a b; do
		plain_make $one"$bytes" "$bytes"
		as "$ALICE" cp --sparse=always "$W/plain/$one$bytes" "$MNT/" || die "cannot write $one$bytes"
	done
done
# An empty file becomes a container when it is written.
for one in a0 b0; do
	as "$ALICE" sh -c "echo >'$MNT/$one'; truncate -s 0 '$MNT/$one'"
done
share_umount
for bytes in "${sizes[@]}"; do
	keep a"$bytes"
	keep b"$bytes"
done
share_mount $options
for bytes in "${sizes[@]}"; do
	tamper "$bytes bytes: EIO with a record, or the right plaintext" \
		file a"$bytes" "$W/plain/a$bytes" "$W/kept/a$bytes" "$W/kept/b$bytes"
done

# The same without a mount.
mkdir "$SRC/spoilt"
tamper "copies, each with one flip" copies a1048576 "$W/plain/a1048576" "$W/kept/a1048576" "$SRC/spoilt"
rc=0
mq --json fsck "$SRC/spoilt" >"$W/fsck" 2>/dev/null || rc=$?
equal "fsck tells of damage" 5 $rc
equal "in each of them" 40 "$(jq -s '[.[] | select(.result == "damaged")] | length' "$W/fsck")"
rm -r "$SRC/spoilt"

# States of one file, each with a header of its own, and the plaintext of the last.
state=0
# become WHAT COMMAND...: to the next state
become()
{
	note "state $state, $1"
	shift
	"$@" || die "cannot make state $state"
	[ "$(share_call '{"verb":"flush"}' | jq -r .status)" = ok ] || die "cannot flush state $state"
	keep states state$((state++))
}

# both BYTES SEEK: the same new bytes in the file and in its plaintext
both()
{
	head -c "$1" /dev/urandom >"$W/piece"
	local to
	for to in "$MNT/states" "$W/plain/states"; do
		as "$ALICE" dd if="$W/piece" of="$to" bs=64K oflag=seek_bytes seek="$2" conv=notrunc status=none || return 1
	done
}

shorter()
{
	as "$ALICE" truncate -s 695000 "$MNT/states" "$W/plain/states"
}

touch "$W/plain/states"
chown "$ALICE" "$W/plain/states"
become made both 700000 0
become "written in its first blocks" both 9000 1000
become relabelled mq_as "$ALICE" label set 'Confidential/All Employees' "$MNT/states" >&2
become "written further on" both 12000 300000
become "relabelled again" mq_as "$ALICE" label set --justification test General "$MNT/states" >&2
become longer both 20000 690000
become shorter shorter
become "wrapped anew" mq_as "$ALICE" rewrap "$MNT/states" >&2
states=()
for ((i = 0; i < state; i++)); do
	states+=("$W/kept/state$i")
done
tamper "parts of older states are refused" --seen older states "$W/plain/states" "${states[@]}"
share_umount
share_mount $options
tamper "also after the next mount" older states "$W/plain/states" "${states[@]}"

# A file whose writer was killed: what was synced is in a journal.
plain_make journal 700000
as "$ALICE" cp "$W/plain/journal" "$MNT/" || die "cannot write journal"
share_umount
share_mount $options
# Nothing is brought to rest while somebody has it open for writing.
# shellcheck disable=SC2016
coproc writer { as "$ALICE" sh -c 'exec 9<>"$1"; echo open; read -r end' sh "$MNT/journal"; }
read -r -t 60 -u "${writer[0]}" answer
equal "a writer" open "$answer"
# shellcheck disable=SC2154
to=${writer[1]} pid=$writer_PID
for seek in 1000 300000; do
	head -c 9000 /dev/urandom >"$W/piece"
	chmod 644 "$W/piece"
	place=(bs=64K oflag=seek_bytes "seek=$seek" status=none)
	as "$ALICE" dd if="$W/piece" of="$MNT/journal" "${place[@]}" conv=notrunc,fsync || die "cannot write"
	dd if="$W/piece" of="$W/plain/journal" "${place[@]}" conv=notrunc
done
keep journal
echo end >&"$to"
wait "$pid"
share_umount
rest=$(stat -c %s "$SRC/journal")
cp --sparse=always "$W/kept/journal" "$SRC/journal"
share_mount $options
tamper "a journal is read as a whole or not at all" journal journal "$W/plain/journal" "$W/kept/journal"
share_umount
works "and by nobody changed" cmp "$W/kept/journal" "$SRC/journal"
share_mount $options
as "$ALICE" truncate -s 699999 "$MNT/journal"
truncate -s 699999 "$W/plain/journal"
share_umount
equal "until the next who writes" "$rest" "$(stat -c %s "$SRC/journal")"
share_mount $options
works "finds what was synced" as "$ALICE" cmp "$W/plain/journal" "$MNT/journal"

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
share_umount

# What does not begin like a container is a plain file.
share_config 'plain = deny'
share_mount $options
tamper "without a beginning it is a plain file, and that may be denied" \
	deny a1048576 "$W/plain/a1048576" "$W/kept/a1048576"
share_umount
works "the chain of all these records verifies" mq audit verify
