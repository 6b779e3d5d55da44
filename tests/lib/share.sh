# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# For tests that mount: a throwaway authority, configuration, source and mount in one folder that
# goes away again.  A test says `ok WHAT` for each thing shown, on standard output, and nothing else
# there: its lines are compared with NAME.out.  The first thing that fails ends it.
#
#	share_begin             root and /dev/fuse, else skip; the folder $W; init
#	share_config TEXT       add to the configuration (before share_mount)
#	share_mount [OPTIONS]   mounts $SRC at $MNT; share_umount ends it; share_kill kills it
#	mq VERB...              marque, with this test's state and configuration
#	as ACCOUNT COMMAND...   as an account of this machine: $ALICE, $BOB, $CAROL
#	alone COMMAND...        in a session of its own: no label follows from here
#
# The accounts are ones that every Debian has; alice@, bob@ and carol@ by configuration.

set -uo pipefail
export LC_ALL=C.UTF-8
umask 022

ALICE=games BOB=news CAROL=backup ORG=test.example
LONG=${MARQUE_LONG-}
share_name=$(basename "$0" .sh)
# Who mounted may end earlier than the daemon; a test never waits for longer than this.
SHARE_WAIT=60

note()
{
	printf '# %s\n' "$*" >&2
}

ok()
{
	printf 'ok - %s\n' "$*"
}

die()
{
	printf 'not ok - %s\n' "$*"
	share_evidence
	exit 1
}

skip()
{
	printf 'skip: %s\n' "$*"
	exit 77
}

# size SHORT LONG: the one that this run asks for
size()
{
	if [ -n "$LONG" ]; then echo "$2"; else echo "$1"; fi
}

need()
{
	local p
	for p in "$@"; do
		command -v "$p" >/dev/null || skip "$p is not installed"
	done
}

# same WHAT A B: two files or folders are equal, byte by byte
same()
{
	diff -r --no-dereference "$2" "$3" >&2 || die "$1"
	ok "$1"
}

# equal WHAT WANTED GOT
equal()
{
	[ "$2" = "$3" ] || die "$1: wanted '$2', got '$3'"
	ok "$1"
}

# works WHAT COMMAND...; its output goes to the log
works()
{
	local what=$1
	shift
	"$@" >&2 || die "$what: exit $? of: $*"
	ok "$what"
}

# refused WHAT SENTENCE COMMAND...: fails, and its output holds the sentence (a basic expression)
refused()
{
	local what=$1 sentence=$2 out rc=0
	shift 2
	out=$("$@" 2>&1 </dev/null) || rc=$?
	[ $rc != 0 ] || die "$what: was not refused: $*"
	grep -qi -- "$sentence" <<<"$out" || die "$what: wanted '$sentence', got '$out'"
	ok "$what"
}

# within SECONDS COMMAND...: waits until it succeeds
within()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}

share_evidence()
{
	[ -n "${W-}" ] || return 0
	{
		echo "--- tail of the audit log"
		tail -n 5 "$STATE/audit.log"
		echo "--- the daemon said"
		tail -n 20 "$W/daemon.log"
	} >&2 2>/dev/null
}

as()
{
	local who=$1
	shift
	setpriv --reuid="$who" --regid="$who" --init-groups \
		env HOME="$W/home" USER="$who" LOGNAME="$who" "$@"
}

alone()
{
	setsid -w env --chdir="$PWD" "$@"
}

# spawn OUTPUT ACCOUNT COMMAND...: in the background, as $!
spawn()
{
	local out=$1 who=$2
	shift 2
	setsid setpriv --reuid="$who" --regid="$who" --init-groups "$@" >"$out" </dev/null &
}

mq()
{
	marque --state "$STATE" --config "$CONF" "$@"
}

# The same as an account.
mq_as()
{
	local who=$1
	shift
	as "$who" marque --state "$STATE" --config "$CONF" "$@"
}

share_begin()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -c /dev/fuse ] || skip "there is no /dev/fuse"
	command -v marque >/dev/null || skip "marque is not built"
	command -v marquefs >/dev/null || skip "marquefs is not built"
	need setpriv mountpoint getfattr setfattr jq
	W=$(mktemp -d "${TMPDIR:-/tmp}/marque-$share_name.XXXXXX") || exit 1
	chmod 755 "$W"
	STATE=$W/state CONF=$W/etc/marque.conf SRC=$W/source MNT=$W/mnt
	mkdir -p "$W/etc" "$SRC" "$MNT" "$W/home" "$W/tmp"
	chmod 1777 "$SRC" "$W/home" "$W/tmp"
	trap share_end EXIT
	trap 'exit 143' TERM INT HUP
	marque --state "$STATE" --config "$CONF" init --org "$ORG" >&2 ||
		die "init failed"
	share_config "[identity]
user.$ALICE = alice@$ORG
user.$BOB = bob@$ORG
user.$CAROL = carol@$ORG
[mount]
poll = 2"
}

share_config()
{
	printf '%s\n' "$1" >>"$CONF"
}

# A kernel without FUSE, or a container without the right to mount, is a skip; the rest is not.
share_mount()
{
	local out rc=0
	out=$(mq mount "$SRC" "$MNT" ${1:+-o "$1"} 2>&1 </dev/null) || rc=$?
	printf '%s\n' "$out" >>"$W/daemon.log"
	[ $rc = 0 ] || {
		case $out in
		*'Operation not permitted'* | *'No such device'*)
			[ -n "${share_mounted-}" ] || skip "cannot mount here: $out"
			;;
		esac
		die "mount failed: $out"
	}
	share_mounted=1
	mountpoint -q "$MNT" || die "nothing is mounted after 'marque mount'"
}

share_umount()
{
	# What a program that has just ended had open is closed a little later.
	local try=0
	until mq umount "$MNT" >&2; do
		[ $((try += 1)) -lt 50 ] || die "umount failed"
		sleep 0.2
	done
	! mountpoint -q "$MNT" || die "still mounted after 'marque umount'"
}

# The number of the daemon, as its control socket tells it
share_pid()
{
	share_call '{"verb":"status"}' | jq -r .pid
}

# share_call REQUEST: one question to the control socket
share_call()
{
	"$(dirname "${BASH_SOURCE[0]}")/control" "$MNT" "$1"
}

share_kill()
{
	local pid
	pid=$(share_pid)
	[ -n "$pid" ] || die "who serves $MNT?"
	kill -9 "$pid"
	within 10 sh -c '! kill -0 '"$pid" || die "the daemon does not die"
	umount -l "$MNT" || die "cannot unmount what is left"
}

share_end()
{
	local rc=$?
	trap - EXIT
	[ -n "${W-}" ] || exit $rc
	cd /
	# Only what this test started.
	local job
	for job in $(jobs -p); do
		kill -9 "$job"
	done 2>/dev/null
	wait 2>/dev/null
	local at
	for at in $(awk -v w="$W/" 'index($5, w) == 1 { print $5 }' /proc/self/mountinfo | tac); do
		timeout "$SHARE_WAIT" umount "$at" 2>/dev/null || umount -l "$at"
	done
	if [ -n "${MARQUE_KEEP-}" ]; then
		note "kept: $W"
	else
		rm -rf --one-file-system "$W"
	fi
	exit $rc
}

# audit_count FILTER: records for which a jq expression holds
audit_count()
{
	sync_audit
	jq -c "select($1)" "$STATE/audit.log" | wc -l
}

# Records of a mount are on their way before the open returns; nothing to wait for.
sync_audit()
{
	[ -s "$STATE/audit.log" ] || die "there is no audit log"
}

label_of()
{
	getfattr --only-values -n user.marque.label "$1" 2>/dev/null
}

# opener_start NAME ACCOUNT: a process of that account that opens files by command
declare -A opener_in opener_out
opener_start()
{
	local by
	by=$(dirname "${BASH_SOURCE[0]}")/opener
	mkfifo "$W/$1.in" "$W/$1.out" || die "no pipes"
	local who=$2
	setsid setpriv --reuid="$who" --regid="$who" --init-groups "$by" \
		<"$W/$1.in" >"$W/$1.out" &
	local i o
	exec {i}>"$W/$1.in" {o}<"$W/$1.out"
	rm "$W/$1.in" "$W/$1.out"
	opener_in[$1]=$i opener_out[$1]=$o
}

# opener_end NAME
opener_end()
{
	local i=${opener_in[$1]} o=${opener_out[$1]}
	exec {i}>&- {o}<&-
}

# ask NAME COMMAND: prints the answer
ask()
{
	local answer=
	echo "$2" >&"${opener_in[$1]}"
	read -r -t 60 -u "${opener_out[$1]}" answer || answer="no answer"
	printf '%s\n' "$answer"
}
