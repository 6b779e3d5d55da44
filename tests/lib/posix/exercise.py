#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random operations on one file in a share and on a plain one, which must stay equal.

usage: exercise.py PLAIN SHARED SEED OPERATIONS [direct]

Each operation is drawn from the seed and done to both files; what it returns is compared, and after
it the part it touched; every so often, and at the end, the whole.  With direct the shared one is
written and read by O_DIRECT.  Prints the history that led to a difference, else the number of
operations.
"""
import mmap
import os
import random
import sys

from probe import KEEP_SIZE, PUNCH_HOLE, ZERO, fallocate, name_of

SIZE_MAX = 300_000
LENGTH_MAX = 40_000
BLOCK = 4096
HISTORY = 40
WHOLE_EVERY = 200


class Pair:
    """The two files, each with a descriptor and a shared mapping."""

    def __init__(self, paths, direct):
        self.paths = paths
        self.direct = direct
        self.fds = [os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR | flag, 0o644)
                    for path, flag in zip(paths, self.flags())]

    def flags(self):
        return (0, os.O_DIRECT if self.direct else 0)

    def both(self, call):
        told = []
        for fd in self.fds:
            try:
                told.append(call(fd))
            except OSError as err:
                told.append(name_of(err))
        return told

    def size(self):
        return os.fstat(self.fds[0]).st_size

    def reopen(self, flags=0):
        for fd in self.fds:
            os.close(fd)
        self.fds = [os.open(path, os.O_RDWR | flags | flag)
                    for path, flag in zip(self.paths, self.flags())]
        return [0, 0]


def aligned(data):
    """In memory that O_DIRECT takes."""
    memory = mmap.mmap(-1, max(len(data), 1))
    memory[:len(data)] = data
    return memory


def write(pair, rng):
    off, data = rng.randrange(SIZE_MAX), rng.randbytes(rng.randrange(1, LENGTH_MAX))
    if pair.direct:
        off, data = off // BLOCK * BLOCK, data.ljust((len(data) + BLOCK - 1) // BLOCK * BLOCK, b"d")
    memory = aligned(data)
    return pair.both(lambda fd: os.pwritev(fd, [memory], off)), (off, len(data))


def small_write(pair, rng):
    if pair.direct:
        return write(pair, rng)
    off, data = rng.randrange(SIZE_MAX), rng.randbytes(rng.randrange(1, 20))
    return pair.both(lambda fd: os.pwrite(fd, data, off)), (off, len(data))


def read_at(fd, off, length):
    if os.get_blocking(fd) and length:
        begin = off // BLOCK * BLOCK
        memory = mmap.mmap(-1, (off + length - begin + BLOCK - 1) // BLOCK * BLOCK)
        n = os.preadv(fd, [memory], begin)
        return memory[off - begin:min(n, off - begin + length)]
    return b""


def read(pair, rng):
    off, length = rng.randrange(SIZE_MAX), rng.randrange(1, LENGTH_MAX)
    return pair.both(lambda fd: read_at(fd, off, length)), (off, length)


def truncate(pair, rng):
    size = rng.choice([0, rng.randrange(SIZE_MAX), rng.randrange(SIZE_MAX) // BLOCK * BLOCK, pair.size()])
    if rng.randrange(4) == 0:
        for path in pair.paths:
            os.truncate(path, size)
        return [0, 0], (size, 0)
    return pair.both(lambda fd: os.ftruncate(fd, size)), (size, 0)


def allocate(pair, rng):
    mode = rng.choice([0, KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, ZERO,
                       ZERO | KEEP_SIZE])
    off, length = rng.randrange(SIZE_MAX), rng.randrange(1, LENGTH_MAX)
    return pair.both(lambda fd: fallocate(fd, mode, off, length)), (mode, off, length)


def copy(pair, rng):
    off_in, off_out = rng.randrange(SIZE_MAX), rng.randrange(SIZE_MAX)
    length = min(rng.randrange(1, LENGTH_MAX), abs(off_in - off_out), max(pair.size() - off_in, 0))

    def all_of(fd):
        done = 0
        while done < length:
            n = os.copy_file_range(fd, fd, length - done, off_in + done, off_out + done)
            if n == 0:
                break
            done += n
        return done
    return pair.both(all_of), (off_in, off_out, length)


def mapped(pair, rng):
    size = pair.size()
    if size == 0:
        return [0, 0], ()
    off = rng.randrange(size)
    data = rng.randbytes(min(rng.randrange(1, LENGTH_MAX), size - off))
    flush = rng.randrange(3) == 0

    def put(fd):
        with mmap.mmap(fd, size) as m:
            before = m[off:off + len(data)]
            m[off:off + len(data)] = data
            if flush:
                m.flush()
            return before
    return pair.both(put), (off, len(data), flush)


def append(pair, rng):
    if pair.direct or pair.size() > SIZE_MAX:
        return [0, 0], ()
    data = rng.randbytes(rng.randrange(1, 3000))
    told = []
    for path in pair.paths:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND)
        told.append(os.write(fd, data))
        os.close(fd)
    return told, (len(data),)


def sync(pair, rng):
    call = rng.choice([os.fsync, os.fdatasync])
    return pair.both(call), (call.__name__,)


def reopen(pair, rng):
    flags = rng.choice([0, 0, 0, os.O_SYNC, os.O_DSYNC, os.O_TRUNC])
    return pair.reopen(flags), (flags,)


def forget(pair, rng):
    return pair.both(lambda fd: os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)), ()


def rename(pair, rng):
    for path in pair.paths:
        os.rename(path, path + "~")
        os.rename(path + "~", path)
    return [0, 0], ()


OPERATIONS = ([write] * 6 + [small_write] * 4 + [read] * 6 + [truncate] * 2 + [allocate] * 4 + [copy] * 2 +
              [mapped] * 4 + [append] + [sync] + [reopen] + [forget] + [rename])


def whole(pair):
    told = []
    for fd, path in zip(pair.fds, pair.paths):
        with open(path, "rb") as file:
            told.append((os.fstat(fd).st_size, os.stat(path).st_size, file.read()))
    return told


def fail(history, what, told):
    for line in history:
        print(line)
    print("differs:", what)
    for data in told:
        print(repr(data)[:200])
    if all(isinstance(data, tuple) for data in told):
        a, b = told[0][2], told[1][2]
        first = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        print(f"sizes {told[0][:2]} {told[1][:2]}, first difference at {first}")
    sys.exit(1)


def main():
    plain, shared, seed, n = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    rng = random.Random(seed)
    pair = Pair((plain, shared), "direct" in sys.argv[5:])
    history = []
    for i in range(n):
        operation = rng.choice(OPERATIONS)
        told, how = operation(pair, rng)
        history = history[1 - HISTORY:] + [f"{i} {operation.__name__} {how} {repr(told[0])[:60]}"]
        if told[0] != told[1]:
            fail(history, operation.__name__, told)
        if i % WHOLE_EVERY == 0 or i == n - 1:
            told = whole(pair)
            if told[0] != told[1]:
                fail(history, "the whole", told)
    print(n, "operations")


main()
