#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Starting and ending a mount: each thing that can be wrong gets a sentence that names it, an exit status of
# marquefs(8), and leaves nothing behind; a crash is survived.

# shellcheck source=tests/lib/share.sh
. "$(dirname "$0")/../lib/share.sh"

share_begin
need unshare mount umount findmnt fusermount3 cp awk
unshare -m mount -t tmpfs none "$W/tmp" 2>/dev/null || skip "nothing can be mounted here"

# told WHAT COMMAND...: one line with exit status and sentence; paths of this run become TOP
told()
{
	local what=$1 out rc=0
	shift
	out=$("$@" 2>&1 </dev/null) || rc=$?
	printf '%s\n  exit %d: %s\n' "$what" "$rc" "${out//"$W"/TOP}"
}

fs()
{
	marquefs --state "$STATE" --config "$CONF" "$@"
}

nothing_mounted()
{
	! grep -q " $W/" /proc/self/mountinfo || die "something is mounted still"
	[ -z "$(ls -A "$MNT")" ] || die "the mount point is not as it was"
}

echo "# the command line"
told "no arguments" fs
told "one argument" fs "$SRC"
told "three arguments" fs "$SRC" "$MNT" "$W/x"
told "unknown switch" fs "$SRC" "$MNT" --frob
told "unknown option" fs "$SRC" "$MNT" -o ro,frob
told "value out of bounds" fs "$SRC" "$MNT" -o threads=0
told "through the command" mq mount "$SRC" "$MNT" -o frob

echo "# source and mount point"
touch "$W/file"
mkdir -p "$SRC/inside" "$MNT"
ln -s loop "$W/loop"
ln -s source/inside "$W/link"
told "no source" fs "$W/none" "$MNT"
told "source is a file" fs "$W/file" "$MNT"
told "no mount point" fs "$SRC" "$W/none"
told "mount point is a file" fs "$SRC" "$W/file"
told "source is a loop" fs "$W/loop" "$MNT"
told "source without a name" fs "" "$MNT"
told "over itself" fs "$SRC" "$SRC"
told "mount point inside the source" fs "$SRC" "$SRC/inside"
told "the same through a link" fs "$SRC" "$W/link"
told "source inside the mount point" fs "$SRC/inside" "$SRC"
nothing_mounted

echo "# authority and configuration"
told "no authority" marquefs --state "$W/none" --config "$CONF" "$SRC" "$MNT"
cp "$CONF" "$W/etc/good.conf"

# config WHAT LINES: with these added
config()
{
	printf '%s\n' "$2" >>"$CONF"
	told "$1" fs "$SRC" "$MNT"
	cp "$W/etc/good.conf" "$CONF"
	nothing_mounted
}

config "wrong configuration" $'[mount]\nfrob = 1'
config "unknown section" $'[frob]\na = 1'
config "no configuration at all" 'frob'
config "value out of bounds" $'[mount]\nblock_size = 5000'
config "unknown label of a folder" $'[labels]\ndirectory./ = Frob'
config "unknown label of a user" $'[labels]\nuser.ann@example.org = Frob'
config "unknown label of a program" $'[exempt]\nFrob = /usr/bin/git'
config "audit log in no folder" $'[audit]\npath = '"$W/none/audit.log"
chmod 646 "$CONF"
told "configuration that others may write" fs "$SRC" "$MNT"
chmod 644 "$CONF"

# state WHAT COMMAND...: with a copy of the state that the command has changed, in folder $1
state()
{
	rm -rf "$W/broken"
	cp -a "$STATE" "$W/broken"
	(cd "$W/broken" && "${@:2}") || die "$1: cannot be made"
	told "$1" marquefs --state "$W/broken" --config "$CONF" "$SRC" "$MNT"
	told "$1, to the command" marque --state "$W/broken" --config "$CONF" label list
	nothing_mounted
}

spoil()
{
	printf 'no database' >"$1"
}

state "unreadable state" spoil authority.mdb
state "empty state" truncate -s 0 authority.mdb
state "state of another user" chown -R "$BOB" .
state "state that others may read" chmod 644 authority.mdb
state "state folder that others may write to" chmod 777 .
told "state is a file" marquefs --state "$W/file" --config "$CONF" "$SRC" "$MNT"
rm -rf "$W/broken"
cp -a "$STATE" "$W/broken"
spoil "$W/broken/cache.mdb"
told "foreign cache" marquefs --state "$W/broken" --config "$CONF" "$SRC" "$MNT"
rm "$W/broken/cache.mdb"
spoil "$W/broken/audit.log"
told "foreign audit log" marquefs --state "$W/broken" --config "$CONF" "$SRC" "$MNT"
equal "it is left as it is" 'no database' "$(cat "$W/broken/audit.log")"
# shellcheck disable=SC2016
told "read-only state" unshare -m sh -c \
	'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" &&
	exec marquefs --state "$0" --config "$1" "$2" "$3"' "$STATE" "$CONF" "$SRC" "$MNT"
key=$W/etc/machine.key
mv "$key" "$W/key"
told "no machine key" fs "$SRC" "$MNT"
[ ! -e "$key" ] || die "another key was made in its place"
head -c 32 /dev/urandom >"$key"
chmod 600 "$key"
told "another machine's key" fs "$SRC" "$MNT"
: >"$key"
told "empty machine key" fs "$SRC" "$MNT"
mv "$W/key" "$key"
chmod 644 "$key"
told "machine key that others may read" fs "$SRC" "$MNT"
chmod 600 "$key"
nothing_mounted

echo "# the device"
# shellcheck disable=SC2016
told "no /dev/fuse" unshare -m sh -c \
	'mount -t tmpfs none /dev && exec marquefs --state "$0" --config "$1" "$2" "$3"' \
	"$STATE" "$CONF" "$SRC" "$MNT"
nothing_mounted

echo "# a mount, and others beside it"
echo below >"$MNT/below"
told "mount point with something in it" fs "$SRC" "$MNT"
[ ! -e "$MNT/below" ] || die "what is below shows"
share_umount
equal "it is there afterwards" below "$(cat "$MNT/below")"
rm "$MNT/below"
share_mount
echo one >"$MNT/one" || die "cannot write"
mkdir "$MNT/folder" "$W/other" "$W/more"
told "the same mount again" fs "$SRC" "$MNT"
told "its source elsewhere" fs "$SRC" "$W/other"
told "a folder of its source" fs "$SRC/folder" "$W/other"
elsewhere=$(mktemp -d) || die "no temporary folder"
told "what is around its source" fs "$W" "$elsewhere"
rmdir "$elsewhere" || die "it was mounted after all"
told "a folder in it as source" fs "$MNT/folder" "$W/other"
told "a folder in it as mount point" fs "$W/more" "$MNT/folder"
told "its source shared, when it is not" fs "$SRC" "$W/other" -o shared
told "a folder of it shared, when it is not" fs "$SRC/folder" "$W/other" -o shared
told "mount options are those of marque" findmnt -rno FSTYPE,SOURCE,OPTIONS "$MNT"

echo "# what the daemon gave up"
pid=$(share_pid)
for field in CapEff CapBnd NoNewPrivs Seccomp; do
	printf '%s in all threads: %s\n' "$field" \
		"$(cat "/proc/$pid"/task/*/status | awk -v f="$field:" '$1 == f { print $2 }' | sort -u)"
done
equal "it dumps no core" 0 "$(awk '/Max core file size/ { print $5 }' "/proc/$pid/limits")"
equal "its memory belongs to root alone" 0 "$(stat -c %u "/proc/$pid/mem")"
# Of a sanitizer mlockall does nothing.
grep -qa __asan_init "$(command -v marquefs)" ||
	[ "$(awk '/^VmLck:/ { print $2 }' "/proc/$pid/status")" -gt 0 ] || die "no memory is locked"
ok "its memory is locked"

echo "# the control socket"
share_call '{"verb":"status"}' | jq -c 'del(.pid)' | sed "s|$W|TOP|g"
share_call '{"verb":"flush"}'
share_call '{"verb":"revoked"}'
share_call '{"verb":"reload"}'
share_call '{"verb":"frob"}'
share_call 'frob' | jq -r .status
share_call '{"verb":"counters"}' | jq -c '[(.session | type), (.mount | type)]'
lib=$(dirname "$0")/../lib
for verb in status why flush reload revoked drain; do
	printf '%s as another user: ' "$verb"
	as "$BOB" "$lib/control" "$MNT" "{\"verb\":\"$verb\"}" | jq -r .status
done

echo "# signals"
printf '[mount]\nfrob = 1\n' >>"$CONF"
share_call '{"verb":"reload"}' | jq -r .status
kill -HUP "$pid"
cp "$W/etc/good.conf" "$CONF"
printf '[labels]\ndirectory./ = Frob\n' >>"$CONF"
share_call '{"verb":"reload"}' | jq -r .status
cp "$W/etc/good.conf" "$CONF"
equal "a wrong configuration changes nothing" one "$(cat "$MNT/one")"
kill -HUP "$pid"
exec 8>"$MNT/held"
echo kept >&8
kill -TERM "$pid"
within 30 sh -c "! kill -0 $pid" || die "SIGTERM does not end the daemon"
exec 8>&-
ok "SIGTERM ends it with a file open"
nothing_mounted
marquefs --state "$STATE" --config "$CONF" -f "$SRC" "$MNT" >>"$W/daemon.log" 2>&1 &
front=$!
within 30 mountpoint -q "$MNT" || die "-f does not mount"
equal "what was written before is there" kept "$(cat "$MNT/held")"
kill -INT $front
rc=0
wait $front || rc=$?
equal "-f ends with status 0" 0 $rc
nothing_mounted

echo "# drain"
share_mount
pid=$(share_pid)
exec 8<"$MNT/one"
share_call '{"verb":"drain","seconds":0}' | jq -r .status
equal "it goes on when a file is open" one "$(cat "$MNT/one")"
exec 8<&-
share_call '{"verb":"drain"}'
within 30 sh -c "! grep -q ' $MNT ' /proc/self/mountinfo" || die "a drained mount stays"
within 30 sh -c "! kill -0 $pid" || die "a drained daemon stays"
nothing_mounted

echo "# a crash"
share_mount
pid=$(share_pid)
echo two >"$MNT/two"
kill -9 "$pid"
within 10 sh -c "! kill -0 $pid"
refused "nothing falls through to the folder below" 'endpoint is not connected' ls "$MNT"
told "mounting again" fs "$SRC" "$MNT"
equal "one mount is left" 1 "$(grep -c " $MNT " /proc/self/mountinfo)"
equal "what was closed is there" two "$(cat "$MNT/two")"
told "its old source elsewhere" fs "$SRC" "$W/other"
share_umount
nothing_mounted

echo "# shared, twice on one host"
share_mount shared
told "the second" fs "$SRC" "$W/other" -o shared
told "a third that is not" fs "$SRC" "$W/more"
echo seen >"$MNT/three"
equal "one sees what the other wrote" seen "$(cat "$W/other/three")"
mq umount "$W/other" >&2 || die "umount failed"
share_umount

echo "# from mount(8) and fstab"
# The helper is looked for in /sbin alone: a copy of that, in a namespace of its own.
mkdir "$W/sbin"
cp -a /usr/sbin/. "$W/sbin/"
ln -sf "$(command -v marquefs)" "$W/sbin/mount.fuse.marque"
echo "$SRC $MNT fuse.marque noauto,_netdev,x-test,noatime,state=$STATE,config=$CONF 0 0" >"$W/fstab"
# shellcheck disable=SC2016
told "mount, fstab, umount" unshare -m bash -c '
	mount --bind "$0/sbin" /usr/sbin || exit 99
	mount -T "$0/fstab" "$0/mnt" || exit
	cat "$0/mnt/one"
	findmnt -rno FSTYPE,OPTIONS "$0/mnt" | sed s/,user_id.*//
	umount "$0/mnt"
	mount -f -t fuse.marque -o "state=$0/state" "$0/source" "$0/mnt" || exit
	mount -t fuse.marque -o frob "$0/source" "$0/mnt"' "$W"
nothing_mounted

echo "# as a user"
mkdir "$W/user" "$W/user/source" "$W/user/mnt"
chown -R "$ALICE:" "$W/user"
mknod -m 666 "$W/fuse" c 10 229
# The build may lie where a user cannot go.
mkdir "$W/bin"
cp "$(command -v marque)" "$(command -v marquefs)" "$W/bin/"
cp "$(ldd "$(command -v marquefs)" | awk '$1 ~ /^libmarque/ { print $3 }')" "$W/bin/"
: >"$W/fuse.conf"
user()
{
	# shellcheck disable=SC2016
	timeout 60 unshare -m bash -c '
		mount --bind "$0/fuse" /dev/fuse && mount --bind "$0/fuse.conf" /etc/fuse.conf || exit 99
		cd "$0/user" && ulimit -l 64 || exit 99
		exec setpriv --reuid="$1" --regid="$1" --init-groups env \
			HOME="$0/user" PATH="$0/bin:$PATH" LD_LIBRARY_PATH="$0/bin" bash -c "$2"' \
		"$W" "$ALICE" "$1"
}
told "others, without leave" user 'marquefs source mnt -o allow_other'
told "no authority of one's own" user 'marquefs source mnt'
told "a mount point of root" user 'marquefs source /var/lib'
# shellcheck disable=SC2016
told "mount, use, umount" user '
	marque init --org user.example >/dev/null || exit
	marquefs source mnt 2>/dev/null || exit
	echo mine >mnt/file && cat mnt/file
	findmnt -rno FSTYPE,OPTIONS mnt | sed s/,user_id.*//
	marque umount mnt || exit
	[ -z "$(ls -A mnt)" ] && [ -s source/file ] && ! grep -q mine source/file'
told "a crash" user '
	marquefs -f source mnt 2>/dev/null &
	until mountpoint -q mnt; do sleep 0.1; done
	echo more >mnt/more
	disown
	kill -9 $!
	while kill -0 $! 2>/dev/null; do sleep 0.1; done
	ls mnt 2>/dev/null && exit 98
	marquefs source mnt 2>&1 | grep -v swap
	cat mnt/more
	marque umount mnt'
