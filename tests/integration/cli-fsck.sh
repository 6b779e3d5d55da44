#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# fsck: whole, damaged, without keys, rolled back; what is lost by byte range.
# shellcheck source=tests/lib/share.sh
. "$(dirname "$0")/../lib/share.sh"
# shellcheck source=tests/lib/transcript.sh
. "$(dirname "$0")/../lib/transcript.sh"

# flip FILE OFFSET: one bit
flip()
{
	python3 - "$1" "$2" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    byte = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([byte ^ 1]))
PY
}

# keyless ARGUMENT...: fsck, by who has no keys
keyless()
{
	as "$ALICE" marque --state "$STATE" --config "$CONF" fsck "$@" 2>&1 | plainly
}

need python3
share_begin
cd "$SRC" || exit 1
head -c 40000 /dev/urandom >a.bin
printf 'plain\n' >plain.txt
mq label set General a.bin >&2 || die "label"
cp -a a.bin "$W/kept"
said fsck a.bin plain.txt
said fsck --verbose plain.txt
said fsck --json a.bin
said fsck missing
said fsck --repair --accept a.bin
chmod 644 a.bin
keyless a.bin

# A block of content: the tail of the file is data.
flip a.bin $(($(stat -c %s a.bin) - 5000))
said fsck .
said fsck --json a.bin
said fsck --repair a.bin
cp "$W/kept" a.bin
said fsck a.bin
flip a.bin 20
said fsck a.bin
cp "$W/kept" a.bin
truncate -s -4096 a.bin
refused "a cut tail is found" 'a.bin' mq fsck a.bin

# Pages past the end, as a stopped writer leaves them.
cp "$W/kept" a.bin
truncate -s +4096 a.bin
chmod 666 a.bin
said fsck a.bin
keyless --repair a.bin
keyless --json --repair a.bin
works "without keys nothing is cut" cmp -n "$(stat -c %s "$W/kept")" a.bin "$W/kept"
equal "nor is the file's length another" $(($(stat -c %s "$W/kept") + 4096)) "$(stat -c %s a.bin)"
said fsck --repair a.bin
works "with keys it is" cmp a.bin "$W/kept"
keyless --repair a.bin

# An older version put back.
cp "$W/kept" a.bin
mq label set 'Confidential/All Employees' a.bin >&2 || die "label"
cp "$W/kept" a.bin
said fsck a.bin
said fsck --accept a.bin
said fsck a.bin
