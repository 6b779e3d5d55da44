# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the cases of `compare` share: system calls that Python lacks, and a place for observations."""
import ctypes
import errno
import os
import pickle
import sys
import time
import traceback

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_EMPTY_PATH, AT_SYMLINK_FOLLOW = -100, 0x1000, 0x400
NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4
KEEP_SIZE, PUNCH_HOLE, COLLAPSE, ZERO, INSERT, UNSHARE = 1, 2, 8, 16, 32, 64
TICK = 0.03  # longer than the grain of a file system's clock

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def check(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def long(number):
    return ctypes.c_long(number)


def renameat2(old, new, flags):
    return check(libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags))


def linkat(fd, path, new, flags):
    return check(libc.linkat(fd, os.fsencode(path), AT_FDCWD, os.fsencode(new), flags))


def fallocate(fd, mode, off, length):
    return check(libc.fallocate(fd, mode, long(off), long(length)))


def name_of(err):
    return errno.errorcode.get(err.errno, str(err.errno))


def tick():
    time.sleep(TICK)


class Probe:
    """Observations of one case in one folder; a failing call is one, too."""

    def __init__(self, folder, output):
        self.folder = folder
        self.output = output

    def path(self, name):
        return os.path.join(self.folder, name)

    def tell(self, key, value):
        print(f"{key} = {value!r}", file=self.output)

    def does(self, key, call, *args, **named):
        """Tell what a call returns, or the name of its error; gives it back, or None."""
        try:
            result = call(*args, **named)
        except OSError as err:
            self.tell(key, name_of(err))
            return None
        self.tell(key, result)
        return result

    def works(self, key, call, *args, **named):
        """The same, but only whether it worked, for results that differ, such as descriptors."""
        try:
            result = call(*args, **named)
        except OSError as err:
            self.tell(key, name_of(err))
            return None
        self.tell(key, "ok")
        return result

    def make(self, name, data=b"", mode=0o644):
        path = self.path(name)
        fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        os.write(fd, data)
        os.fchmod(fd, mode)
        os.close(fd)
        return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def child(call, *args):
    """Run in another process; gives (pid, pipe) for `result`."""
    sys.stdout.flush()
    r, w = os.pipe()
    pid = os.fork()
    if pid:
        os.close(w)
        return pid, r
    os.close(r)
    try:
        answer = call(*args)
    except OSError as err:
        answer = name_of(err)
    except BaseException:  # the traceback is all that a test can show
        answer = traceback.format_exc()
    with os.fdopen(w, "wb") as file:
        pickle.dump(answer, file)
    os._exit(0)


def result(handle):
    pid, r = handle
    with os.fdopen(r, "rb") as file:
        data = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return pickle.loads(data) if data else f"signal {-status}"


def apart(call, *args):
    return result(child(call, *args))


def become(uid, gid, groups):
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def as_user(who, call, *args):
    """who: uid, gid, groups"""

    def run():
        become(*who)
        return call(*args)

    return apart(run)
