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
as "$ALICE" marque --state "$STATE" --config "$CONF" fsck a.bin 2>&1 | plainly

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

# An older version put back.
cp "$W/kept" a.bin
mq label set 'Confidential/All Employees' a.bin >&2 || die "label"
cp "$W/kept" a.bin
said fsck a.bin
said fsck --accept a.bin
said fsck a.bin
