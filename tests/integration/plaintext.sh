#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 200 markers go through a share; afterwards none is found outside of it: in the source, the state,
# the cache, the log, temporary folders, or the memory of the daemon.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

need python3 sqlite3 vim
share_begin
ldd "$(command -v marquefs)" | grep -q libasan &&
	skip "the memory of a program under a sanitizer is too much to dump"
share_mount
mkdir "$MNT/work"
chown "$ALICE" "$MNT/work"

# Markers that nothing else holds, of this run: 200 with one beginning, and a control with another.
python3 - "$W/prefix" "$W/control" <<'END'
import secrets, string, sys
for name in sys.argv[1:]:
    with open(name, "w") as f:
        f.write("Mk" + "".join(secrets.choice(string.ascii_letters) for _ in range(14)))
END
chmod 600 "$W/prefix" "$W/control"

# search FILE: finds of what is in it; the file itself is not looked at.  Of the machine's temporary
# folders what is new since the test began.
search()
{
	local places=("$SRC" "$STATE" "$W/etc" "$W/home" "$W/tmp" "$W/daemon.log" /run/marque)
	[ -e "$W/core" ] && places+=("$W/core")
	mapfile -d '' -t -O ${#places[@]} places < <(find /tmp /var/tmp /dev/shm -xdev -path "$W" -prune \
		-o -type f -user root -newer "$W/prefix" -size -4096k -print0 2>/dev/null)
	python3 "$here/../lib/search.py" "$1" "${places[@]}" 2>"$W/searched"
}

# dump: the daemon's memory, with the pages of keys, which core dumps leave out.
dump()
{
	[ "$(python3 "$here/../lib/dump.py" "$(share_pid)" "$W/core")" -gt 1000000 ] ||
		die "cannot dump the daemon's memory"
}

# keys: those of AES that the dump holds
keys()
{
	python3 "$here/../lib/dump.py" --keys "$W/core" || die "cannot look for keys"
}

# The control: in the clear in each place, and in the daemon's memory, it is found.
control=$(cat "$W/control")
outside=$(mktemp) || die "no temporary file"
for place in "$SRC" "$STATE" "$W/tmp" "$W/home"; do
	echo "a $control b" >"$place/control"
done
echo "a $control b" >"$outside"
python3 -c "import base64,sys; print(base64.b64encode(b'ab' + sys.argv[1].encode()).decode())" \
	"$control" >"$SRC/control64"
equal "the search finds a control planted in six places" 6 "$(search "$W/control" | wc -l)"
rm "$outside" "$SRC/control" "$SRC/control64" "$STATE/control" "$W/tmp/control" "$W/home/control"
works "a name that a database keeps in the clear" \
	mq authority group add "$control@$ORG"
[ "$(search "$W/control" | grep -c '/authority.mdb at')" -gt 0 ] || die "the databases are not searched"
ok "the search finds it in the database"
share_umount
share_mount
dump
keys >"$W/keys.before"

# The markers, by ordinary programs; the processes that know them have ended afterwards.
TMPDIR=$W/tmp as "$ALICE" python3 - "$MNT/work" 3<"$W/prefix" <<'END' || die "cannot plant"
import os, mmap, random, sqlite3, sys
prefix = os.read(3, 100).decode().strip()
markers = [f"{prefix}-{i:03d}" for i in range(200)]
folder = sys.argv[1]
db = sqlite3.connect(f"{folder}/a.db")
db.execute("pragma journal_mode=delete")
db.execute("create table t(a)")
for i, marker in enumerate(markers):
    text = f"before {marker} after\n"
    kind = i % 6
    if kind == 0:
        with open(f"{folder}/small-{i}", "w") as f:
            f.write(text)
    elif kind == 1:
        with open(f"{folder}/big-{i}", "w") as f:
            f.write("x" * random.randrange(300000) + text + "y" * 300000)
    elif kind == 2:
        with open(f"{folder}/inplace-{i}", "w+b") as f:
            f.write(bytes(200000))
            f.flush()
            os.fsync(f.fileno())
            os.pwrite(f.fileno(), text.encode(), 100000)
            os.fsync(f.fileno())
    elif kind == 3:
        with open(f"{folder}/map-{i}", "w+b") as f:
            f.truncate(65536)
            with mmap.mmap(f.fileno(), 65536) as m:
                m[4090:4090 + len(text)] = text.encode()
                m.flush()
    elif kind == 4:
        db.execute("insert into t values (?)", (text,))
        db.commit()
    else:
        with open(f"{folder}/gone-{i}", "w") as f:
            f.write(text)
        os.rename(f"{folder}/gone-{i}", f"{folder}/moved-{i}")
        with open(f"{folder}/moved-{i}", "r+") as f:
            f.truncate(10)
db.close()
END
as "$ALICE" env TMPDIR="$W/tmp" sh -c "cd '$MNT/work' && cat small-* | sort >sorted &&
	vim -es -u NONE -i NONE -c '%s/before/edited/' -c wq sorted </dev/null && tar -cf all.tar ./*[0-9] &&
	cp -r . '$MNT/copy' 2>/dev/null; true"
found=$(as "$ALICE" grep -c "$(cat "$W/prefix")" "$MNT/work/sorted")
equal "through the mount the markers are there" 34 "$found"
works "unprotected files are not made" test "$(getfattr -n user.marque.label --only-values "$MNT/work/sorted" \
	2>/dev/null)" = General

# With a handle open the daemon has to know: a control for the dump, and the file's keys in it.
opener_start A "$ALICE"
ask A "hold $MNT/work/small-0" >&2
dump
keys | comm -13 "$W/keys.before" - >"$W/keys.open"
note "while a file is open: $(search "$W/prefix" | wc -l) finds, $(wc -l <"$W/keys.open") keys"
[ -s "$W/keys.open" ] || die "there is no key in the daemon's memory while a file is open"
ok "the search finds keys of files in the daemon's memory"
opener_end A
share_call '{"verb":"flush"}' >&2 || die "flush"
sleep 6
# Names are no secret: one that was asked for is in the dump, or the dump is none.
stat "$MNT/$control" >/dev/null 2>&1
dump
[ "$(search "$W/control" | grep -c '/core at')" -gt 0 ] || die "the control is not in the daemon's memory"
ok "the search finds a control in the daemon's memory"
search "$W/prefix" >"$W/found"
cat "$W/found" "$W/searched" >&2
[ "$(sed -n 's/searched //p' "$W/searched")" -gt 10000000 ] || die "hardly anything was searched"
equal "none of 200 is behind the mount, in state, log or memory" 0 "$(wc -l <"$W/found")"

# Keys: those of files, and the machine's, are in no file; of the machine's nothing is in memory.
cat >"$W/keys.py" <<'END'
import os, sys
needles = {bytes.fromhex(line) for line in open(sys.argv[1]) if line.strip()}
assert needles
needles |= {n.hex().encode() for n in needles}
def files(path):
    if os.path.isfile(path):
        yield path
    for folder, _, names in os.walk(path):
        yield from (os.path.join(folder, n) for n in names)
for top in sys.argv[2:]:
    for path in files(top):
        with open(path, "rb") as file:
            data = file.read()
        for n in needles:
            if n in data:
                print(path)
END
od -An -v -tx1 "$W/etc/machine.key" | tr -d ' \n' >"$W/keys.machine"
equal "the machine's key is found where it is" "$W/etc/machine.key" \
	"$(python3 "$W/keys.py" "$W/keys.machine" "$W/etc")"
equal "the machine's key is nowhere else" '' \
	"$(python3 "$W/keys.py" "$W/keys.machine" "$W/core" "$STATE" "$SRC" "$W/tmp" "$W/home")"
equal "no key of a file is in a file" '' \
	"$(python3 "$W/keys.py" "$W/keys.open" "$STATE" "$SRC" "$W/etc" "$W/tmp" "$W/home" "$W/daemon.log")"

share_umount
rm "$W/core"
search "$W/prefix" >"$W/found"
equal "nor is a marker anywhere after the unmount" 0 "$(wc -l <"$W/found")"

# Soon after its close a file's keys are gone, while another one of the same licence stays open.  What
# two daemons have in common is the file's: OpenSSL's generators of random numbers have keys of their
# own, new ones with every use.
# open_one TO: the keys that come into memory with small-0; small-6 stays open
open_one()
{
	share_mount
	opener_start B "$ALICE"
	ask B "hold $MNT/work/small-6" >&2
	dump
	keys >"$W/keys.before"
	opener_start C "$ALICE"
	ask C "hold $MNT/work/small-0" >&2
	dump
	keys | comm -13 "$W/keys.before" - >"$1"
	opener_end C
}
# left KEYS: the dump, when any of these is in it
left()
{
	dump
	python3 "$W/keys.py" "$1" "$W/core"
}
# gone WHAT KEYS: soon, by itself
gone()
{
	local try
	for try in $(seq 40); do
		[ -n "$(left "$2")" ] || break
		sleep 1
	done
	equal "$1" '' "$(left "$2")"
	note "$1: after $try looks"
}
open_one "$W/keys.first"
opener_end B
share_umount
open_one "$W/keys.second"
comm -12 "$W/keys.first" "$W/keys.second" >"$W/keys.one"
[ -s "$W/keys.one" ] || die "there is no key of the file in memory while it is open"
gone "no key of a closed file is in memory" "$W/keys.one"
found=$(as "$ALICE" grep -c "$(cat "$W/prefix")" "$MNT/work/small-0")
equal "it is opened again" 1 "$found"
keys >"$W/keys.other"
opener_end B
share_umount
# The other one's: what both daemons had before.
open_one "$W/keys.third"
comm -12 "$W/keys.before" "$W/keys.other" >"$W/keys.two"
[ -s "$W/keys.two" ] || die "there is no key of the other file in memory while it is open"
opener_end B
gone "nor one of the last file" "$W/keys.two"
# Content keys, and those of the authority: where the kernel can hide memory, they are there.
if grep -q secretmem "/proc/$(share_pid)/maps"; then
	equal "what is hidden is in no dump" '' "$(python3 - "$(share_pid)" <<'END'
import sys
with open(f"/proc/{sys.argv[1]}/maps") as maps, open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as mem:
    for line in maps:
        if "secretmem" in line:
            mem.seek(int(line.split("-")[0], 16))
            try:
                print(len(mem.read(32)))
            except OSError:
                pass
END
)"
else
	ok "what is hidden is in no dump"
	note "this kernel has no memfd_secret"
fi
share_umount
