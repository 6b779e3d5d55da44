# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# For run and faults.  Programs of the build tree, a throwaway authority and
# source, and what the programs need to know of them.

build=${build:?} here=${here:?}
PATH=$build/src/cli:$build/src/fs:$build/tests/crash:$PATH
LD_LIBRARY_PATH=$build/src/core${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PATH LD_LIBRARY_PATH PYTHONDONTWRITEBYTECODE=1
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

share_begin
recorder=$build/tests/crash/crash-recorder.so
log=$W/log
# Only nameless files, and folders that go away again, are made there.
scratch=/dev/shm
[ -w "$scratch" ] || scratch=$W/tmp
# The recorder stands in front of a sanitizer's library; leaks are for unit tests.
export ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0:log_path=$W/asan:${ASAN_OPTIONS-}
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:log_path=$W/ubsan:${UBSAN_OPTIONS-}
export CRASH_MARQUE="marque --state $STATE --config $CONF"
export CRASH_RECORDED="MARQUE_CRASH_LOG=$log LD_PRELOAD=$recorder" CRASH_SOURCE=$SRC
export CRASH_MOUNT="$CRASH_RECORDED $CRASH_MARQUE mount $SRC $MNT"

# Others on the machine look at mounts, and keep one busy for a moment.
export CRASH_UMOUNT="i=0; until env \$([ ! -e $log ] || echo $CRASH_RECORDED) $CRASH_MARQUE umount $MNT || ! mountpoint -q $MNT || [ \$i -gt 300 ]; do
	i=\$((i + 1)); sleep 0.2; done; ! mountpoint -q $MNT"

unmount()
{
	sh -c "$CRASH_UMOUNT" >&2 || die "still mounted: $1"
}

# Mount, with the recorder in front: from the first call on, as the daemon may write to its state
# folder at once.
mount_recorded()
{
	crash-explore on "$log"
	MARQUE_CRASH_LOG=$log LD_PRELOAD=$recorder share_mount
}

sanitizers_are_quiet()
{
	local report
	for report in "$W"/asan.* "$W"/ubsan.*; do
		[ -s "$report" ] || continue
		head -n 60 "$report" >&2
		die "a sanitizer has something to say"
	done
}
