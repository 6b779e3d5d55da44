# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# What Debian 12 needs, and how to get it; read by tests/run and packaging/quickstart.

# shellcheck disable=SC2034 # read by those who source this
packages_build='gcc libc6-dev meson ninja-build pkg-config libfuse3-dev libsodium-dev libssl-dev
liblmdb-dev libinih-dev libjose-dev libjansson-dev libseccomp-dev'
# shellcheck disable=SC2034
packages_use='fuse3 attr procps util-linux'
# shellcheck disable=SC2034
packages_test='clang clang-format libclang-rt-14-dev libcmocka-dev cppcheck shellcheck codespell
mandoc reuse gitlint git make rsync sqlite3 vim nano tar python3 python3-cryptography gdb acl
attr jq strace man-db'
# For tests in full size.
# shellcheck disable=SC2034
packages_long='libreoffice-writer-nogui libreoffice-calc-nogui'

# packages_missing LIST: those that are not installed
packages_missing()
{
	for p in $1; do
		# shellcheck disable=SC2016 # a format of dpkg-query
		s=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) || s=
		[ "$s" = installed ] || printf '%s ' "$p"
	done
}

# packages_install LIST: installs what is missing, prints what
packages_install()
{
	missing=$(packages_missing "$1")
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		echo "needs root to install: $missing" >&2
		return 1
	fi
	echo "installing: $missing"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >/dev/null || return 1
	# shellcheck disable=SC2086 # a list
	apt-get install -q -y --no-install-recommends $missing </dev/null >/dev/null
}
