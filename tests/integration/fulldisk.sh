#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A full disk: the error reaches the program, old or new content stands, nothing is unreadable; and a
# full audit disk refuses what may not happen without a record.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

share_begin
mkdir "$W/small" "$W/audit"
mount -t tmpfs -o size=12m,mode=1777 tmpfs "$W/small" || skip "cannot mount a tmpfs"
mount -t tmpfs -o size=1m,mode=700 tmpfs "$W/audit" || skip "cannot mount a tmpfs"
SRC=$W/small
share_mount

cat >"$W/fill.py" <<'END'
import errno, os, pickle, random, sys
folder, seed, memory = sys.argv[1], int(sys.argv[2]), sys.argv[3]
rng = random.Random(seed)
def data(tag, size):
    return (f"{tag} ".encode() * (size // len(f"{tag} ") + 1))[:size]
def full(err):
    if err.errno != errno.ENOSPC:
        raise err
# state: name -> the contents that it may have now
state = {}
told = 0
def write(name, content, how):
    """True when the program was told that it is written."""
    global told
    before = state.get(name, [])
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if how == "new" else 0)
    try:
        fd = os.open(f"{folder}/{name}", flags, 0o644)
    except OSError as err:
        full(err)
        told += 1
        return False
    done = True
    try:
        at = 0
        while at < len(content):
            at += os.pwrite(fd, content[at:at + 65536], at)
        os.fsync(fd)
    except OSError as err:
        full(err)
        done = False
    try:
        os.close(fd)
    except OSError as err:
        full(err)
        done = False
    told += not done
    state[name] = [content] if done else [*before, content, b"partial"]
    return done
if os.path.exists(memory):
    with open(memory, "rb") as file:
        state = pickle.load(file)
else:
    for turn in range(200):
        size = rng.choice([100, 4096, 60000, 300000, 900000])
        write(f"f{rng.randrange(30)}", data(turn, size), "new")
    with open(memory, "wb") as file:
        pickle.dump(state, file)
bad = 0
for name, may in state.items():
    try:
        got = open(f"{folder}/{name}", "rb").read()
    except OSError as err:
        print("unreadable", name, err, file=sys.stderr)
        bad += 1
        continue
    if len(may) == 1 and got != may[0]:
        print("not what was acknowledged", name, len(got), len(may[0]), file=sys.stderr)
        bad += 1
    elif b"partial" in may:
        # Some beginning of a version, or holes where blocks did not come.
        versions = [v for v in may if v != b"partial"]
        for at in range(0, len(got), 4096):
            part = got[at:at + 4096]
            if part != bytes(len(part)) and not any(
                    part == v[at:at + len(part)] or part.rstrip(b"\0") == v[at:at + 4096].rstrip(b"\0")
                    or v[at:at + 4096].startswith(part) for v in versions):
                print("mixed", name, at, part[:40], file=sys.stderr)
                bad += 1
                break
print(len(state), told, bad)
END
for seed in $(seq "$(size 2 20)"); do
	read -r n told bad <<<"$(as "$ALICE" python3 "$W/fill.py" "$MNT" "$seed" "$W/tmp/$seed")"
	note "seed $seed: $n files, $told times full, ${bad:-no answer} bad"
	[ "${bad:-1}" = 0 ] || die "seed $seed: something was lost on a full disk"
	[ "$told" -gt 5 ] || die "seed $seed: the disk was not full: $told"
	share_umount
	mq fsck "$SRC" >&2 || die "seed $seed: fsck after the unmount"
	share_mount
	read -r n told bad <<<"$(as "$ALICE" python3 "$W/fill.py" "$MNT" "$seed" "$W/tmp/$seed")"
	note "seed $seed: $n files, ${bad:-no answer} bad after another mount"
	[ "${bad:-1}" = 0 ] || die "seed $seed: something was lost after another mount"
	rm -f "$MNT"/*
done
ok "the program is told, and what it was told is written is there"
ok "all is readable, also after another mount"

# Overwriting in place when nothing is left.
as "$ALICE" sh -c "head -c 2000000 /dev/zero | tr '\0' o >'$MNT/old'"
share_umount
share_mount
head -c 30000000 /dev/zero >"$SRC/.ballast" 2>/dev/null
cat >"$W/place.py" <<'END'
import errno, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
told = 0
for block in range(0, 480, 3):
    try:
        os.pwrite(fd, b"n" * 4096, block * 4096)
        os.fsync(fd)
    except OSError as err:
        if err.errno != errno.ENOSPC:
            raise
        told += 1
try:
    os.close(fd)
except OSError:
    told += 1
got = open(sys.argv[1], "rb").read()
ok = len(got) == 2000000 and all(
    got[i:i + 4096] in (b"o" * len(got[i:i + 4096]), b"n" * 4096) for i in range(0, len(got), 4096))
print(told > 0, ok)
END
equal "in place: each block is its old or its new self" "True True" \
	"$(as "$ALICE" python3 "$W/place.py" "$MNT/old")"
rm -f "$SRC/.ballast"
works "with room again, it is written" as "$ALICE" sh -c "echo more >>'$MNT/old'"
share_umount
works "and whole" mq fsck "$SRC"

# The disk of the audit log.
share_config "[audit]
path = $W/audit/audit.log"
share_mount
as "$ALICE" sh -c "umask 0; echo 'for all employees' >'$MNT/hc'; echo other >'$MNT/mine'"
works "a label by which others read on record only" \
	mq_as "$ALICE" label set 'Highly Confidential/All Employees' "$MNT/hc"
works "bob reads, and it is recorded" as "$BOB" cat "$MNT/hc"
jq -e 'select(.ground == "audited-extract" and .path == "/hc")' "$W/audit/audit.log" >/dev/null ||
	die "there is no record of an audited extraction"
head -c 2000000 /dev/zero >"$W/audit/ballast" 2>/dev/null
# What is left of the last block of the file has to be used up as well.
for ((i = 0; i < 40; i++)); do
	as "$BOB" cat "$MNT/hc" >/dev/null 2>"$W/why" || break
done
refused "bob is refused when there is no room for the record" . as "$BOB" cat "$MNT/hc"
mq_as "$BOB" why "$MNT/hc" 2>&1 | grep -q audit || die "bob is not told of the audit log: $(mq_as "$BOB" why "$MNT/hc" 2>&1)"
ok "bob is told why"
works "alice goes on with what is hers" as "$ALICE" cat "$MNT/mine"
rm "$W/audit/ballast"
works "with room again, bob reads" as "$BOB" cat "$MNT/hc"
[ "$(jq -s '[.[] | select(.event == "gap") | .lost] | add' "$W/audit/audit.log")" -gt 0 ] ||
	die "what was lost is not told"
ok "what was lost is told by number"
share_umount
works "the chain verifies over the gap" mq audit verify
