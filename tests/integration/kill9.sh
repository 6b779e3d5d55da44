#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The daemon is killed while programs write: what was closed or fsynced before is there afterwards,
# whole, and nothing is unreadable.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

share_begin
share_mount

# The work: new files that are closed, one that grows and is fsynced, one that is overwritten in place
# and fsynced, one that is replaced by rename.  A line tells what is promised from then on.
cat >"$W/work.py" <<'END'
import os, random, sys
folder, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)
def data(tag, size):
    return (f"{tag} ".encode() * (size // len(f"{tag} ") + 1))[:size]
def promise(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())
grow = os.open(f"{folder}/grow-{seed}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
place = os.open(f"{folder}/place-{seed}", os.O_RDWR | os.O_CREAT, 0o644)
os.write(place, bytes(400000))
os.fsync(place)
n = 0
try:
    while True:
        size = rng.choice([0, 1, 100, 4095, 4096, 5000, 70000, 200000, 600000])
        with open(f"{folder}/file-{seed}-{n}", "wb") as f:
            f.write(data(n, size))
        promise("closed", f"file-{seed}-{n}", n, size)
        os.write(grow, b"%08d\n" % n)
        if n % 5 == 0:
            os.fsync(grow)
            promise("grown", f"grow-{seed}", n)
        block = rng.randrange(97)
        os.pwrite(place, b"%04d" % (n % 10000) * 1024, block * 4096)
        if n % 7 == 0:
            os.fsync(place)
            promise("placed", f"place-{seed}", block, n % 10000)
        with open(f"{folder}/new-{seed}", "wb") as f:
            f.write(data(n, 50000))
            f.flush()
            os.fsync(f.fileno())
        os.rename(f"{folder}/new-{seed}", f"{folder}/renamed-{seed}")
        promise("renamed", f"renamed-{seed}", n)
        n += 1
except OSError as err:
    print("end", err, file=sys.stderr)
END
cat >"$W/check.py" <<'END'
import os, sys
folder, promises = sys.argv[1:3]
def data(tag, size):
    return (f"{tag} ".encode() * (size // len(f"{tag} ") + 1))[:size]
wrong = kept = 0
def claim(ok, what):
    global wrong, kept
    kept += bool(ok)
    wrong += not ok
    if not ok:
        print("lost:", what, file=sys.stderr)
def read(name):
    try:
        with open(f"{folder}/{name}", "rb") as f:
            return f.read()
    except OSError as err:
        print("unreadable:", name, err, file=sys.stderr)
        return None
last = {}
for line in open(promises):
    kind, name, *rest = line.split()
    if kind == "closed":
        claim(read(name) == data(rest[0], int(rest[1])), line)
    elif kind == "placed":
        last.setdefault(("placed", name), []).append(rest)
    else:
        last[(kind, name)] = rest
for (kind, name), rest in last.items():
    got = read(name)
    if got is None:
        claim(False, name)
    elif kind == "grown":
        lines = got.split(b"\n")
        n = int(rest[0])
        claim(lines[:n + 1] == [b"%08d" % i for i in range(n + 1)], (name, n))
    elif kind == "renamed":
        # One later version may have been put in place without our having been told.
        claim(any(got == data(n, 50000) for n in (int(rest[0]), int(rest[0]) + 1)), (name, rest))
    else:
        # Each block is one that was written there as a whole; the promised ones are not older.
        for block in range(97):
            part = got[block * 4096:][:4096]
            claim(part == bytes(4096) or (part[:4].isdigit() and part == part[:4] * 1024),
                  (name, block))
        newest = {}
        for block, n in rest:
            newest[int(block)] = int(n)
        for block, n in newest.items():
            part = got[block * 4096:][:4]
            claim(part.isdigit() and int(part) >= n, (name, block, n, part))
for name in os.listdir(folder):
    claim(read(name) is not None, name)
print(kept, wrong)
END

# promised N
promised()
{
	[ "$(wc -l <"$W/promises")" -ge "$1" ]
}

mkdir "$MNT/work"
chmod 777 "$MNT/work"
RANDOM=${MARQUE_SEED:-$RANDOM}
kept=0
for ((round = 1; round <= $(size 6 60); round++)); do
	seed=$RANDOM
	spawn "$W/promises" "$ALICE" python3 "$W/work.py" "$MNT/work" "$seed"
	worker=$!
	# A busy machine is slow: so many promises, and then any moment.
	within 100 promised $((100 + RANDOM % 100)) || die "the workload does nothing"
	sleep "0.$((RANDOM % 90 + 10))"
	share_kill
	wait "$worker" 2>/dev/null
	share_mount
	read -r n wrong <<<"$(as "$ALICE" python3 "$W/check.py" "$MNT/work" "$W/promises" 2>"$W/lost")"
	cat "$W/lost" >&2
	note "seed $seed: $(wc -l <"$W/promises") promises, $n claims hold, ${wrong:-no answer}"
	[ "${wrong:-1}" = 0 ] || die "round $round: something was lost"
	kept=$((kept + n))
	find "$MNT/work" -type f -delete
done
[ $kept -gt 1000 ] || die "hardly anything was promised: $kept"
ok "what was closed or fsynced is there after each kill"

# The work is at rest after an unmount, whatever happened before.
spawn "$W/promises" "$ALICE" python3 "$W/work.py" "$MNT/work" 1
worker=$!
within 100 promised 100 || die "the workload does nothing"
share_kill
wait "$worker" 2>/dev/null
works "fsck replays what the daemon left" mq fsck --repair "$SRC"
works "then all is whole" mq fsck "$SRC"
share_mount
read -r n wrong <<<"$(as "$ALICE" python3 "$W/check.py" "$MNT/work" "$W/promises")"
equal "and nothing is lost" 0 "$wrong"
works "the audit log verifies after all that" mq audit verify

# A mount that died is told as such, and mounted again in its place.
pid=$(share_pid)
kill -9 "$pid"
within 10 sh -c "! kill -0 $pid"
refused "the dead mount says so" 'not connected\|transport' ls "$MNT"
works "it can be unmounted" mq umount "$MNT"
share_mount
works "and mounted again" ls "$MNT/work"
