# SPDX-License-Identifier: LGPL-2.1-or-later
"""Content: sparse and large files, mappings, appending, copies, locks."""
import errno
import fcntl
import hashlib
import mmap
import os
import random
import resource
import signal
import struct
import subprocess

from probe import (COLLAPSE, INSERT, KEEP_SIZE, PUNCH_HOLE, UNSHARE, ZERO, as_user, case, child, fallocate,
                   name_of, read, result)

GIB, TIB = 1 << 30, 1 << 40
BLOCK = 4096


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def extents(fd, limit=50):
    """Data as (begin, end), by SEEK_DATA and SEEK_HOLE."""
    found, at, size = [], 0, os.fstat(fd).st_size
    while at < size and len(found) < limit:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as err:
            if err.errno != errno.ENXIO:
                raise
            break
        at = os.lseek(fd, begin, os.SEEK_HOLE)
        found.append((begin, at))
    return found


@case
def allocation(t, who):
    path = t.path("f")
    fd = os.open(path, os.O_CREAT | os.O_RDWR)
    data = random.Random(1).randbytes(20 * BLOCK + 100)
    for mode, off, length in (
            (0, 0, 10), (0, 30 * BLOCK, 5000), (KEEP_SIZE, 90 * BLOCK, 5000), (KEEP_SIZE, 0, 3),
            (PUNCH_HOLE | KEEP_SIZE, 3 * BLOCK, 2 * BLOCK), (PUNCH_HOLE | KEEP_SIZE, 100, 50),
            (PUNCH_HOLE | KEEP_SIZE, 8 * BLOCK - 7, BLOCK + 14), (PUNCH_HOLE | KEEP_SIZE, 10**9, BLOCK),
            (PUNCH_HOLE | KEEP_SIZE, 19 * BLOCK, 10**9), (PUNCH_HOLE, 0, BLOCK), (ZERO, 5 * BLOCK, BLOCK),
            (ZERO, 17, 5), (ZERO, 20 * BLOCK, 9 * BLOCK + 3), (ZERO | KEEP_SIZE, 20 * BLOCK, 90 * BLOCK),
            (ZERO | KEEP_SIZE, 0, BLOCK + 1), (COLLAPSE, 0, BLOCK), (INSERT, BLOCK, BLOCK), (UNSHARE, 0, 9),
            (COLLAPSE, 1, 1), (PUNCH_HOLE | ZERO | KEEP_SIZE, 0, 9), (512, 0, 9), (0, -1, 9), (0, 0, 0),
            (0, 1, -1), (0, 2**63 - 10, 20)):
        os.ftruncate(fd, 0)
        os.pwrite(fd, data, 0)
        t.does(f"mode {mode} at {off} for {length}", fallocate, fd, mode, off, length)
        t.tell(f"after mode {mode} at {off} for {length}", (os.fstat(fd).st_size, digest(read(path))))
    os.ftruncate(fd, 0)
    fallocate(fd, 0, 0, 100 * BLOCK)
    t.tell("allocated is on disk", os.fstat(fd).st_blocks * 512 >= 100 * BLOCK)
    t.tell("and zero", read(path) == bytes(100 * BLOCK))
    t.does("a pipe", fallocate, os.pipe()[1], 0, 0, 10)
    t.does("a folder", fallocate, os.open(t.folder, os.O_RDONLY), 0, 0, 10)
    os.close(fd)


@case
def holes(t, who):
    path = t.path("f")
    fd = os.open(path, os.O_CREAT | os.O_RDWR)
    t.tell("empty", extents(fd))
    for block in (0, 1, 5, 9, 300):
        os.pwrite(fd, b"d" * BLOCK, block * BLOCK)
    os.ftruncate(fd, 500 * BLOCK + 17)
    t.tell("dirty", extents(fd))
    os.fsync(fd)
    t.tell("synced", extents(fd))
    t.tell("on disk", os.fstat(fd).st_blocks * 512 < 100 * BLOCK)
    fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 0, 2 * BLOCK)
    t.tell("punched", extents(fd))
    for off, whence in ((0, os.SEEK_HOLE), (5 * BLOCK + 3, os.SEEK_HOLE), (5 * BLOCK + 3, os.SEEK_DATA),
                        (6 * BLOCK + 3, os.SEEK_DATA), (6 * BLOCK + 3, os.SEEK_HOLE),
                        (301 * BLOCK, os.SEEK_DATA), (500 * BLOCK, os.SEEK_HOLE),
                        (500 * BLOCK + 16, os.SEEK_HOLE), (500 * BLOCK + 17, os.SEEK_HOLE),
                        (500 * BLOCK + 17, os.SEEK_DATA), (10**15, os.SEEK_HOLE), (-1, os.SEEK_DATA),
                        (-1, os.SEEK_SET), (-1, os.SEEK_END), (3, 77)):
        t.does(f"seek {whence} from {off}", os.lseek, fd, off, whence)
    os.lseek(fd, 0, 0)
    subprocess.run(["cp", "--sparse=always", path, path + "2"], check=True)
    t.tell("copied", (read(path) == read(path + "2"), os.stat(path + "2").st_blocks * 512 < 100 * BLOCK))
    os.close(fd)


@case
def large(t, who):
    path = t.path("f")
    fd = os.open(path, os.O_CREAT | os.O_RDWR)
    for off in (4 * GIB - 3, 5 * GIB + 1, TIB - 5000, 7 * TIB + 11):
        t.does(f"write at {off}", os.pwrite, fd, b"far away" * 700, off)
        t.tell("read", (digest(os.pread(fd, 8000, off - 100)), os.fstat(fd).st_size))
    t.tell("sparse", os.fstat(fd).st_blocks * 512 < 16 << 20)
    t.tell("data", sum(1 for _ in extents(fd)))
    os.fsync(fd)
    t.does("shorter", os.ftruncate, fd, 4 * GIB + 1)
    t.tell("its end", (os.fstat(fd).st_size, digest(os.pread(fd, 10000, 4 * GIB - 100))))
    t.does("longer", os.ftruncate, fd, TIB)
    t.tell("zeros", (os.fstat(fd).st_size, os.pread(fd, 10, 4 * GIB + 1), os.pread(fd, 10, TIB - 5)))
    t.does("beyond any", os.ftruncate, fd, 2**63 - 1)
    t.tell("size", os.fstat(fd).st_size)
    os.close(fd)
    t.does("removed", os.unlink, path)  # nobody wants to read it
    t.tell("limit", result(child(limited, path + "2")))


def limited(path):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
    fd = os.open(path, os.O_CREAT | os.O_RDWR)
    told = [os.pwrite(fd, b"x" * 9000, 0), os.pwrite(fd, b"y" * 9000, 9000)]
    for call in (lambda: os.pwrite(fd, b"z", 10000), lambda: os.ftruncate(fd, 10001),
                 lambda: fallocate(fd, 0, 0, 10001), lambda: os.ftruncate(fd, 5)):
        try:
            told.append(call())
        except OSError as err:
            told.append(name_of(err))
    return told, os.fstat(fd).st_size


@case
def mapped(t, who):
    path = t.make("f", b"a" * 3 * BLOCK + b"end")
    fd, other = os.open(path, os.O_RDWR), os.open(path, os.O_RDWR)
    shared, private = mmap.mmap(fd, 0), mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE)
    shared[10:15] = b"MAPPD"
    t.tell("seen by read", os.pread(other, 7, 9))
    os.pwrite(other, b"written", 2 * BLOCK)
    t.tell("seen by the mapping", shared[2 * BLOCK:2 * BLOCK + 9])
    private[0:7] = b"private"
    t.tell("private stays", (private[:9], os.pread(fd, 9, 0), shared[:9]))


    shared.flush()
    t.tell("after msync", digest(read(path)))
    os.ftruncate(fd, BLOCK)
    t.tell("beyond the end", result(child(lambda: bytes(shared[BLOCK:BLOCK + 4]))))
    os.ftruncate(fd, 3 * BLOCK)
    t.tell("grown again", bytes(shared[BLOCK:BLOCK + 4]))
    shared[2 * BLOCK] = 7
    os.ftruncate(fd, 2 * BLOCK)
    os.ftruncate(fd, 3 * BLOCK)
    t.tell("not brought back", shared[2 * BLOCK])
    fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 0, BLOCK)
    t.tell("punched", bytes(shared[:4]))
    shared[1:3] = b"\1\2"
    os.close(fd)
    os.close(other)
    t.tell("by name", read(path)[:4])
    t.tell("writer in another process", result(child(map_and_write, path)))
    t.tell("seen here", bytes(shared[BLOCK:BLOCK + 9]))
    shared.close()
    t.tell("at last", digest(read(path)))
    ro = os.open(path, os.O_RDONLY)
    t.works("shared and writable of a read-only descriptor", mmap.mmap, ro, 0)
    t.works("private and writable", mmap.mmap, ro, 0, mmap.MAP_PRIVATE)
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    t.works("of O_DIRECT", mmap.mmap, fd, 0)
    m = mmap.mmap(fd, 0)
    m[BLOCK:BLOCK + 6] = b"direct"
    buffer = mmap.mmap(-1, BLOCK)
    t.does("O_DIRECT reads what is mapped", os.preadv, fd, [buffer], BLOCK)
    t.tell("it", bytes(buffer[:6]))
    buffer[:6] = b"DIRECT"
    t.does("O_DIRECT writes", os.pwritev, fd, [buffer], BLOCK)
    t.tell("the mapping sees it", bytes(m[BLOCK:BLOCK + 6]))


def map_and_write(path):
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as m:
        m[BLOCK:BLOCK + 9] = b"elsewhere"
    return "written"


@case
def program(t, who):
    path = t.path("true")
    subprocess.run(["cp", "/bin/true", path], check=True)
    os.chmod(path, 0o755)
    t.tell("runs", subprocess.run([path], check=False).returncode)
    t.make("script", b"#!/bin/sh\nexit 7\n", 0o755)
    t.tell("script", subprocess.run([t.path("script")], check=False).returncode)
    t.make("not", b"#!/bin/sh\n", 0o644)
    t.does("without leave", subprocess.run, [t.path("not")], check=False)
    subprocess.run(["cp", "/bin/sleep", t.path("sleep")], check=True)
    with subprocess.Popen([t.path("sleep"), "1000"]) as process:
        t.works("written while it runs", os.open, t.path("sleep"), os.O_RDWR)
        t.does("truncated while it runs", os.truncate, t.path("sleep"), 0)
        process.kill()


@case
def append(t, who):
    path = t.make("log")
    writers = [child(append_lines, path, i) for i in range(4)]
    t.tell("writers", [result(w) for w in writers])
    lines = read(path).splitlines()
    t.tell("every line once", (len(lines), len(set(lines)), all(len(line) == 60 for line in lines)))
    t.tell("in order", all(
        [line for line in lines if line.startswith(b"%d-" % i)] ==
        sorted(line for line in lines if line.startswith(b"%d-" % i)) for i in range(4)))
    fd = os.open(path, os.O_APPEND | os.O_RDWR)
    size = os.fstat(fd).st_size
    t.does("pwrite appends", os.pwrite, fd, b"tail", 0)
    t.tell("it", (read(path)[-4:], os.fstat(fd).st_size - size))
    t.does("truncate", os.ftruncate, fd, 3)
    os.write(fd, b"next")
    t.tell("then", read(path)[1:])
    other = os.open(path, os.O_RDWR)
    os.ftruncate(other, 100)
    os.write(fd, b"!")
    t.tell("after another's growth", (os.fstat(fd).st_size, os.lseek(fd, 0, os.SEEK_CUR)))
    t.does("copied to append", os.copy_file_range, other, fd, 3)
    os.dup2(fd, other)
    fcntl.fcntl(fd, fcntl.F_SETFL, 0)
    os.pwrite(fd, b"front", 0)
    t.tell("without the flag", read(path)[:5])


def append_lines(path, who):
    fd = os.open(path, os.O_APPEND | os.O_WRONLY)
    for n in range(250):
        os.write(fd, (b"%d-%05d " % (who, n)).ljust(59, b".") + b"\n")
        if n % 50 == who:
            os.fsync(fd)
    os.close(fd)
    return "done"


@case
def direct(t, who):
    path = t.path("f")
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_DIRECT)
    buffer = mmap.mmap(-1, 4 * BLOCK)
    buffer[:] = bytes(range(256)) * 64
    t.does("write", os.pwritev, fd, [buffer], 0)
    t.does("far", os.pwritev, fd, [memoryview(buffer)[:BLOCK]], 10 * BLOCK)
    cached = os.open(path, os.O_RDWR)
    t.tell("cached sees it", digest(os.pread(cached, 20 * BLOCK, 0)))
    os.pwrite(cached, b"by the cache", BLOCK + 5)
    back = mmap.mmap(-1, 4 * BLOCK)
    t.does("direct sees the cached", os.preadv, fd, [back], 0)
    t.tell("it", digest(bytes(back)))
    t.does("over the end", os.preadv, fd, [back], 9 * BLOCK)
    t.does("past it", os.preadv, fd, [back], 12 * BLOCK)
    os.ftruncate(cached, 100)
    t.does("short file", os.preadv, fd, [back], 0)
    for flag in ("O_SYNC", "O_DSYNC"):
        sync = os.open(path, os.O_RDWR | getattr(os, flag))
        t.does(flag, os.pwrite, sync, flag.encode(), 50)
        t.tell("reads", os.pread(cached, 10, 48))
    t.does("vectors", os.pwritev, cached, [b"one", b"", b"two" * 3000], 7)
    t.tell("read", digest(read(path)))
    t.does("RWF_APPEND", os.pwritev, cached, [b"app"], 0, os.RWF_APPEND)
    t.does("RWF_DSYNC", os.pwritev, cached, [b"syn"], 0, os.RWF_DSYNC)
    t.tell("all", (digest(read(path)), os.fstat(fd).st_size))
    t.does("fdatasync", os.fdatasync, fd)
    t.does("range", lambda: os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED))
    t.tell("again", digest(read(path)))


@case
def copies(t, who):
    data = random.Random(2).randbytes(300000)
    a, b = t.make("a", data), t.make("b")
    src, dst = os.open(a, os.O_RDONLY), os.open(b, os.O_RDWR)

    def copy(count, off_in=None, off_out=None, source=src, target=dst):
        done = 0
        while done < count:
            n = os.copy_file_range(source, target, count - done,
                                   None if off_in is None else off_in + done,
                                   None if off_out is None else off_out + done)
            if n == 0:
                break
            done += n
        return done
    t.does("whole", copy, 400000)
    t.tell("equal", read(b) == data)
    t.does("part", copy, 5000, 1234, 99999)
    t.tell("part equal", read(b)[99999:104999] == data[1234:6234])
    t.does("beyond the end", copy, 5000, 299000, 500000)
    t.tell("sparse between", (os.fstat(dst).st_size, digest(read(b))))
    t.does("within one file", copy, 1000, 0, 2000, dst)
    t.does("overlapping", copy, 1000, 0, 500, dst)
    t.does("from the end", copy, 10, 300000, 0)
    t.does("to read-only", copy, 10, 0, 0, dst, src)
    t.does("of a folder", copy, 10, 0, 0, os.open(t.folder, os.O_RDONLY))
    t.tell("at last", digest(read(b)))
    os.ftruncate(dst, 0)
    os.lseek(src, 0, 0)
    t.does("sendfile", os.sendfile, dst, src, 0, 100000)
    t.tell("it", read(b) == data[:100000])
    r, w = os.pipe()
    t.does("splice out", os.splice, src, w, 4000, 10) if hasattr(os, "splice") else None
    t.does("splice in", os.splice, r, dst, 4000, None, 7) if hasattr(os, "splice") else None
    t.tell("spliced", digest(read(b)))
    subprocess.run(["cp", "--reflink=auto", a, t.path("c")], check=True)
    t.tell("cp", read(t.path("c")) == data)


@case
def locks(t, who):
    path = t.make("f", b"x" * 100)
    mine = os.open(path, os.O_RDWR)
    for kind in ("posix", "ofd"):
        t.does(f"{kind}: write lock", lock, mine, kind, fcntl.F_WRLCK, 10, 20)
        t.tell("another's within", result(child(try_lock, path, "posix", fcntl.F_WRLCK, 15, 1)))
        t.tell("by the other kind", result(child(try_lock, path, "ofd", fcntl.F_RDLCK, 29, 5)))
        t.tell("beside", result(child(try_lock, path, "posix", fcntl.F_WRLCK, 30, 5)))
        t.tell("asked", result(child(ask, path)))
        t.does("made shared", lock, mine, kind, fcntl.F_RDLCK, 10, 20)
        t.tell("shared by two", result(child(try_lock, path, kind, fcntl.F_RDLCK, 0, 0)))
        t.tell("not to write", result(child(try_lock, path, kind, fcntl.F_WRLCK, 0, 0)))
        t.does("opened in the middle", lock, mine, kind, fcntl.F_UNLCK, 15, 5)
        t.tell("a lock there", result(child(try_lock, path, kind, fcntl.F_WRLCK, 15, 5)))
        t.tell("wider", result(child(try_lock, path, kind, fcntl.F_WRLCK, 15, 6)))
        second = os.open(path, os.O_RDWR)
        os.close(second)
        t.tell("after another descriptor closed", result(child(try_lock, path, kind, fcntl.F_WRLCK, 10, 1)))
        lock(mine, kind, fcntl.F_UNLCK, 0, 0)
        t.tell("given back", result(child(try_lock, path, kind, fcntl.F_WRLCK, 0, 0)))
    own = [os.open(path, os.O_RDWR), os.open(path, os.O_RDWR)]
    lock(own[0], "ofd", fcntl.F_WRLCK, 0, 0)
    t.does("ofd of one process meet", lock, own[1], "ofd", fcntl.F_WRLCK, 0, 0)
    os.close(own[0])
    t.does("closed", lock, own[1], "ofd", fcntl.F_WRLCK, 0, 0)
    os.close(own[1])
    ro = os.open(path, os.O_RDONLY)
    t.does("write lock of a read-only descriptor", lock, ro, "posix", fcntl.F_WRLCK, 0, 0)
    t.does("flock", fcntl.flock, mine, fcntl.LOCK_EX)
    t.tell("another's flock", result(child(try_flock, path, fcntl.LOCK_SH)))
    t.tell("no range lock", result(child(try_lock, path, "posix", fcntl.F_WRLCK, 0, 0)))
    t.does("shared flock", fcntl.flock, mine, fcntl.LOCK_SH)
    t.tell("two", result(child(try_flock, path, fcntl.LOCK_SH)))
    os.close(os.dup(mine))
    t.tell("kept by the other duplicate", result(child(try_flock, path, fcntl.LOCK_EX)))
    lock(mine, "posix", fcntl.F_WRLCK, 0, 0)
    waiter = child(wait_lock, path)
    os.pwrite(mine, b"told", 0)
    lock(mine, "posix", fcntl.F_UNLCK, 0, 0)
    t.tell("who waited", result(waiter))
    lock(mine, "posix", fcntl.F_WRLCK, 0, 0)
    t.tell("interrupted", result(child(interrupted_lock, path)))
    t.tell("deadlock", deadlock(path, mine))
    t.does("folder", fcntl.flock, os.open(t.folder, os.O_RDONLY), fcntl.LOCK_EX)
    t.does("lease", fcntl.fcntl, mine, fcntl.F_GETLEASE)
    os.close(mine)


SETLK = {"posix": fcntl.F_SETLK, "ofd": 37}


def lock(fd, kind, how, off, length, command=None):
    fcntl.fcntl(fd, command or SETLK[kind], struct.pack("hhqqi4x", how, 0, off, length, 0))


def try_lock(path, kind, how, off, length):
    fd = os.open(path, os.O_RDWR)
    lock(fd, kind, how, off, length)
    return "got"


def try_flock(path, how):
    fcntl.flock(os.open(path, os.O_RDWR), how | fcntl.LOCK_NB)
    return "got"


def ask(path):
    fd = os.open(path, os.O_RDWR)
    answer = fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
    how, whence, off, length, pid = struct.unpack("hhqqi4x", answer)
    return how, whence, off, length, "parent" if pid == os.getppid() else pid


def wait_lock(path):
    fd = os.open(path, os.O_RDWR)
    lock(fd, "posix", fcntl.F_WRLCK, 0, 0, fcntl.F_SETLKW)
    return os.pread(fd, 4, 0)


class Rung(Exception):
    pass


def ring(number, frame):
    raise Rung


def interrupted_lock(path):
    fd = os.open(path, os.O_RDWR)
    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
    try:
        lock(fd, "posix", fcntl.F_WRLCK, 0, 0, fcntl.F_SETLKW)
    except Rung:
        return "interrupted"
    return "got"


def deadlock(path, mine):
    lock(mine, "posix", fcntl.F_WRLCK, 0, 0)
    lock(mine, "posix", fcntl.F_UNLCK, 50, 50)
    r, w = os.pipe()
    other = child(cross, path, w)
    os.read(r, 1)
    try:
        lock(mine, "posix", fcntl.F_WRLCK, 50, 10, fcntl.F_SETLKW)
        first = "got"
    except OSError as err:
        first = name_of(err)
    lock(mine, "posix", fcntl.F_UNLCK, 0, 0)
    # which of the two is refused depends on who came last
    return sorted([first, result(other)])


def cross(path, w):
    fd = os.open(path, os.O_RDWR)
    lock(fd, "posix", fcntl.F_WRLCK, 50, 10)
    os.write(w, b"x")
    try:
        lock(fd, "posix", fcntl.F_WRLCK, 0, 10, fcntl.F_SETLKW)
    except OSError as err:
        return name_of(err)
    return "got"


@case
def concurrent(t, who):
    """Whole records by several processes in one file, each reading the others' as whole."""
    path = t.make("f", bytes(64 * 512))
    workers = [child(record_writer, path, i) for i in range(4)]
    t.tell("records", [result(w) for w in workers])
    data = read(path)
    t.tell("whole at last", all(len(set(data[i * 512:(i + 1) * 512])) == 1 for i in range(64)))


def record_writer(path, who):
    fd = os.open(path, os.O_RDWR)
    choose = random.Random(who)
    for n in range(400):
        at = choose.randrange(16) * 4 + who
        os.pwrite(fd, bytes([choose.randrange(256)]) * 512, at * 512)
        other = os.pread(fd, 512, at * 512)
        if len(set(other)) != 1:
            return f"torn record {at}"
        if n % 100 == 0:
            os.fsync(fd)
    return "whole"
