# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modes, owners, times, attributes and ACLs."""
import os
import stat
import struct
import time

from probe import (PUNCH_HOLE, KEEP_SIZE, as_user, case, check, fallocate, libc, long, read, tick)


def mode_of(path):
    return oct(stat.S_IMODE(os.stat(path).st_mode))


def open_for(path, flags):
    os.close(os.open(path, flags))
    return "ok"


def write_to(path, data=b"w"):
    fd = os.open(path, os.O_WRONLY)
    try:
        return os.write(fd, data)
    finally:
        os.close(fd)


@case
def set_id(t, who):
    alice, bob = who["alice"], who["bob"]
    acts = {
        "write": lambda p: write_to(p),
        "write nothing": lambda p: write_to(p, b""),
        "truncate": lambda p: os.truncate(p, 1),
        "truncate to its size": lambda p: os.truncate(p, 4),
        "open with truncation": lambda p: open_for(p, os.O_WRONLY | os.O_TRUNC),
        "fallocate": lambda p: with_fd(p, lambda fd: fallocate(fd, 0, 0, 9000)),
        "punch": lambda p: with_fd(p, lambda fd: fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 0, 2)),
        "open for writing": lambda p: open_for(p, os.O_RDWR),
        "read": lambda p: read(p),
        "copied into": copy_into,
        "mapped": write_mapped,
    }
    for by, user in (("root", None), ("a user", bob)):
        for what, act in acts.items():
            for mode in (0o6777, 0o6767, 0o2766, 0o4666):
                path = t.make("f", b"data", 0o600)
                os.chown(path, alice[0], alice[1])
                os.chmod(path, mode)
                done = as_user(user, act, path) if user else act(path)
                t.tell(f"{what} of {oct(mode)} by {by}", (done, mode_of(path)))
                os.unlink(path)
    for mode in (0o6777, 0o6767, 0o2745):
        for what, uid, gid in (("uid", bob[0], -1), ("gid", -1, bob[1]), ("none", -1, -1),
                               ("its own", alice[0], alice[1])):
            path = t.make("f", b"data")
            os.chown(path, alice[0], alice[1])
            os.chmod(path, mode)
            t.does(f"chown {what} of {oct(mode)} by root", os.chown, path, uid, gid)
            t.tell("mode then", mode_of(path))
            os.chmod(path, mode)
            t.tell(f"chown {what} of {oct(mode)} by its owner", as_user(alice, os.chown, path, uid, gid))
            t.tell("mode then", mode_of(path))
            os.unlink(path)
    os.mkdir(t.path("d"))
    os.chmod(t.path("d"), 0o6755)
    os.chown(t.path("d"), alice[0], alice[1])
    t.tell("a folder keeps them", mode_of(t.path("d")))


def with_fd(path, call):
    fd = os.open(path, os.O_RDWR)
    try:
        return call(fd)
    finally:
        os.close(fd)


def copy_into(path):
    def copy(fd):
        source = os.memfd_create("s")
        os.write(source, b"copied")
        os.lseek(source, 0, 0)
        return os.sendfile(fd, source, 0, 6)
    return with_fd(path, copy)


def write_mapped(path):
    import mmap

    def touch(fd):
        with mmap.mmap(fd, 4) as m:
            m[0] = 1
            m.flush()
        os.fsync(fd)
    return with_fd(path, touch)


@case
def set_group(t, who):
    alice, bob = who["alice"], who["bob"]
    os.mkdir(t.path("d"))
    os.chown(t.path("d"), alice[0], bob[1])
    os.chmod(t.path("d"), 0o2777)
    for name, user in (("member", (alice[0], alice[1], [bob[1]])), ("stranger", alice)):
        path = t.path(f"d/{name}")
        as_user(user, lambda: os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o2775)))
        as_user(user, lambda: os.mkdir(path + ".d", 0o755))
        as_user(user, lambda: os.mkfifo(path + ".f", 0o644))
        for at in (path, path + ".d", path + ".f"):
            st = os.stat(at)
            t.tell(os.path.basename(at), (oct(st.st_mode), st.st_gid == bob[1]))
        as_user(user, lambda: os.chmod(path, 0o2755))
        t.tell(f"chmod by a {name}", mode_of(path))


@case
def sticky(t, who):
    alice, bob = who["alice"], who["bob"]
    os.mkdir(t.path("d"))
    os.chmod(t.path("d"), 0o1777)
    path, other = t.path("d/f"), t.path("d/g")
    as_user(alice, lambda: os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o666)))
    as_user(bob, lambda: os.close(os.open(other, os.O_CREAT | os.O_RDWR, 0o666)))
    t.tell("unlink by another", as_user(bob, os.unlink, path))
    t.tell("rename by another", as_user(bob, os.rename, path, path + "2"))
    t.tell("rename onto another's", as_user(bob, os.rename, other, path))
    t.tell("attribute of another's folder", as_user(bob, os.setxattr, t.path("d"), "user.x", b"y"))
    t.tell("open with O_CREAT", as_user(bob, open_for, path, os.O_CREAT | os.O_RDWR))
    t.tell("unlink by its owner", as_user(alice, os.unlink, path))
    t.tell("by the folder's", (as_user(bob, os.chmod, t.path("d"), 0o777), os.unlink(other)))


def changed(t, path, act):
    before = os.lstat(path)
    tick()
    done = None
    try:
        act()
    except OSError as err:
        done = os.strerror(err.errno)
    after = os.lstat(path)
    return done, "".join(letter for letter, a, b in (
        ("m", before.st_mtime_ns, after.st_mtime_ns), ("c", before.st_ctime_ns, after.st_ctime_ns))
        if a != b)


@case
def times_of(t, who):
    path = t.make("f", b"data" * 5000)
    fd = os.open(path, os.O_RDWR)
    acts = {
        "write": lambda: os.pwrite(fd, b"x", 0),
        "write nothing": lambda: os.pwrite(fd, b"", 0),
        "read": lambda: os.pread(fd, 10, 0),
        "truncate to its size": lambda: os.ftruncate(fd, 20000),
        "truncate by path to its size": lambda: os.truncate(path, 20000),
        "truncate": lambda: os.ftruncate(fd, 15000),
        "extend": lambda: os.truncate(path, 16000),
        "fallocate": lambda: fallocate(fd, 0, 0, 17000),
        "fallocate within": lambda: fallocate(fd, 0, 0, 1000),
        "fallocate beyond, same size": lambda: fallocate(fd, KEEP_SIZE, 20000, 1000),
        "punch": lambda: fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 4096, 4096),
        "chmod": lambda: os.chmod(path, 0o640),
        "chmod to the same": lambda: os.chmod(path, 0o640),
        "chown": lambda: os.chown(path, 0, 0),
        "attribute": lambda: os.setxattr(path, "user.x", b"y"),
        "attribute gone": lambda: os.removexattr(path, "user.x"),
        "link": lambda: os.link(path, path + "2"),
        "unlink": lambda: os.unlink(path + "2"),
        "rename": lambda: (os.rename(path, path + "2"), os.rename(path + "2", path)),
        "sync": lambda: os.fsync(fd),
        "open for writing": lambda: open_for(path, os.O_RDWR),
        "times": lambda: os.utime(path, ns=(1, 2)),
        "times of now": lambda: os.utime(path),
        "mapped write": lambda: write_mapped(path),
        "copied into": lambda: os.copy_file_range(fd, fd, 100, 0, 8192),
        "open with truncation": lambda: open_for(path, os.O_RDWR | os.O_TRUNC),
        "again when empty": lambda: open_for(path, os.O_RDWR | os.O_TRUNC),
    }
    for what, act in acts.items():
        t.tell(what, changed(t, path, act))
    os.close(fd)
    st = os.stat(path)
    tick()
    t.tell("closing changes nothing", os.stat(path).st_mtime_ns == st.st_mtime_ns)
    folder = t.path("d")
    os.mkdir(folder)
    acts = {
        "create": lambda: open_for(folder + "/x", os.O_CREAT | os.O_RDWR),
        "write in it": lambda: write_to(folder + "/x"),
        "link in it": lambda: os.link(folder + "/x", folder + "/y"),
        "rename in it": lambda: os.rename(folder + "/x", folder + "/z"),
        "unlink in it": lambda: os.unlink(folder + "/z"),
        "folder in it": lambda: os.mkdir(folder + "/sub"),
        "chmod in it": lambda: os.chmod(folder + "/y", 0o600),
        "list": lambda: os.listdir(folder),
        "rename out of it": lambda: os.rename(folder + "/sub", t.path("sub")),
        "refused": lambda: os.mkdir(folder + "/y"),
    }
    for what, act in acts.items():
        t.tell("folder: " + what, changed(t, folder, act))


@case
def set_times(t, who):
    path = t.make("f", b"data")
    for atime, mtime in ((10**18 + 123456789, 10**18 + 987654321), (0, 1), (-1, -10**9 + 5),
                         (2**31 * 10**9 + 1, 2**32 * 10**9 + 999999999), (4 * 10**18, 17)):
        t.does(f"to {atime} {mtime}", os.utime, path, ns=(atime, mtime))
        st = os.stat(path)
        t.tell("told", (st.st_atime_ns, st.st_mtime_ns))
    fd = os.open(path, os.O_RDWR)
    os.write(fd, b"written")
    t.does("by handle", os.utime, fd, ns=(5, 6))
    t.tell("not undone by what was written before", (os.fstat(fd).st_mtime_ns, os.stat(path).st_mtime_ns))
    os.fsync(fd)
    t.tell("nor by a sync", os.stat(path).st_mtime_ns)
    os.close(fd)
    t.tell("nor by closing", (os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns))
    os.symlink("f", t.path("s"))
    t.does("of a symbolic link", os.utime, t.path("s"), ns=(77, 88), follow_symlinks=False)
    t.tell("its own", (os.lstat(t.path("s")).st_mtime_ns, os.stat(t.path("s")).st_mtime_ns))
    t.does("of a folder", os.utime, t.folder, ns=(7, 8))
    os.chmod(path, 0o622)
    t.tell("by a stranger", as_user(who["bob"], lambda: os.utime(path, ns=(1, 1))))
    t.tell("now, by one who may write", as_user(who["bob"], lambda: os.utime(path)))
    os.chmod(path, 0o644)
    t.tell("now, by one who may not", as_user(who["bob"], lambda: os.utime(path)))
    now, omit = (1 << 30) - 1, (1 << 30) - 2
    for what, times in (("omit both", (0, omit, 0, omit)), ("only the first", (55, 66, 0, omit)),
                        ("only the second", (0, omit, 56, 67)), ("wrong", (0, 10**9, 0, 0))):
        t.does(what, lambda: check(libc.utimensat(-100, os.fsencode(path),
                                                  struct.pack("qqqq", *times), 0)))
        st = os.stat(path)
        t.tell("then", (st.st_atime_ns if st.st_atime_ns < 10**12 else "now",
                        st.st_mtime_ns if st.st_mtime_ns < 10**12 else "now"))
    t.does("the first now", lambda: check(libc.utimensat(-100, os.fsencode(path),
                                                         struct.pack("qqqq", 0, now, 5, 5), 0)))
    st = os.stat(path)
    t.tell("then", (st.st_atime_ns > 10**18, st.st_mtime_ns))


@case
def access_time(t, who):
    path = t.make("f", b"data")
    old = 10**18
    os.utime(path, ns=(old, old + 10**9))
    os.stat(path)
    os.listdir(t.folder)
    t.tell("looking changes nothing", os.stat(path).st_atime_ns)
    open_for(path, os.O_RDONLY)
    t.tell("nor opening", os.stat(path).st_atime_ns)
    open_for(path, os.O_RDWR)
    t.tell("nor for writing", os.stat(path).st_atime_ns)
    read(path)
    end = time.monotonic() + 60  # for as long as attributes are cached, and more
    while os.stat(path).st_atime_ns == old and time.monotonic() < end:
        tick()
    t.tell("reading does", os.stat(path).st_atime_ns > old)


@case
def attributes(t, who):
    alice, bob = who["alice"], who["bob"]
    path, folder = t.make("f", b"data", 0o644), t.path("d")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    os.symlink("f", t.path("s"))
    os.mkfifo(t.path("p"))
    for what, at in (("file", path), ("folder", folder), ("link", t.path("s")), ("fifo", t.path("p"))):
        for name in ("user.a", "trusted.a", "security.a", "system.a", "nothing.a", "user.", "a"):
            def use(call, *args):
                return call(at, name, *args, follow_symlinks=False)
            t.does(f"{what} {name} set", use, os.setxattr, b"value")
            t.does(f"{what} {name} create again", use, os.setxattr, b"v2", os.XATTR_CREATE)
            t.does(f"{what} {name} replace", use, os.setxattr, b"v3", os.XATTR_REPLACE)
            t.does(f"{what} {name} get", use, os.getxattr)
            t.tell(f"{what} {name} get by a user", as_user(bob, use, os.getxattr))
            t.tell(f"{what} {name} set by a user", as_user(bob, use, os.setxattr, b"bob's"))
            t.tell(f"{what} {name} removed by a user", as_user(bob, use, os.removexattr))
        t.does(f"{what} list", lambda: sorted(os.listxattr(at, follow_symlinks=False)))
        t.tell(f"{what} list by a user", as_user(
            bob, lambda: sorted(os.listxattr(at, follow_symlinks=False))))
        t.does(f"{what} remove", os.removexattr, at, "trusted.a", follow_symlinks=False)
        t.does(f"{what} removed", os.getxattr, at, "trusted.a", follow_symlinks=False)
        t.does(f"{what} remove again", os.removexattr, at, "trusted.a", follow_symlinks=False)
    t.does("replace nothing", os.setxattr, path, "user.new", b"x", os.XATTR_REPLACE)
    t.does("empty value", os.setxattr, path, "user.empty", b"")
    t.does("its value", os.getxattr, path, "user.empty")
    for size in (255, 1000, 3000):
        t.does(f"{size} bytes", os.setxattr, folder, "user.big", b"b" * size)
        t.does("back", lambda: len(os.getxattr(folder, "user.big")))
    t.does("too big", os.setxattr, path, "user.huge", b"h" * 65537)
    t.does("name of 255", os.setxattr, folder, "user." + "n" * 250, b"x")
    t.does("name of 256", os.setxattr, path, "user." + "n" * 251, b"x")
    t.does("size only", lambda: libc.getxattr(os.fsencode(path), b"user.a", None, 0))
    t.does("short room", lambda: check(libc.getxattr(os.fsencode(path), b"user.a", b"12", 1)))
    os.chmod(path, 0o600)
    t.tell("unreadable", as_user(bob, os.getxattr, path, "user.a"))
    t.tell("a fourth", as_user(alice, os.listxattr, path))


@case
def capabilities(t, who):
    value = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
    for what, act in (("write", write_to), ("chown", lambda p: os.chown(p, *who["bob"][:2])),
                      ("truncate", lambda p: os.truncate(p, 1)), ("chmod", lambda p: os.chmod(p, 0o777))):
        path = t.make("f", b"data", 0o777)
        t.does("set", os.setxattr, path, "security.capability", value)
        t.does(what, act, path)
        t.does("then", os.getxattr, path, "security.capability")
    t.tell("by a user", as_user(who["alice"], os.setxattr, t.make("g"), "security.capability", value))
    path = t.make("h", b"data", 0o666)
    os.setxattr(path, "security.capability", value)
    t.tell("write by a user", as_user(who["bob"], write_to, path))
    t.does("then", os.getxattr, path, "security.capability")


def acl(*entries):
    """Entries: tag, permissions, id."""
    value = struct.pack("<I", 2)
    for tag, perm, *who in entries:
        value += struct.pack("<HHI", tag, perm, who[0] if who else 0xffffffff)
    return value


USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"


@case
def acls(t, who):
    alice, bob = who["alice"], who["bob"]
    path = t.make("f", b"secret", 0o600)
    t.tell("refused before", as_user(bob, read, path))
    t.does("set", os.setxattr, path, ACCESS, acl((USER_OBJ, 6), (USER, 6, bob[0]), (GROUP_OBJ, 0),
                                                 (MASK, 4), (OTHER, 0)))
    t.tell("mode shows the mask", mode_of(path))
    t.tell("read by its user", as_user(bob, read, path))
    t.tell("write is masked", as_user(bob, write_to, path))
    os.chmod(path, 0o660)
    t.does("after chmod", os.getxattr, path, ACCESS)
    t.tell("write is not masked", as_user(bob, write_to, path))
    t.tell("a third", as_user(alice, read, path))
    t.tell("set by a stranger", as_user(bob, os.setxattr, path, ACCESS,
                                        acl((USER_OBJ, 7), (GROUP_OBJ, 7), (OTHER, 7))))
    t.does("equal to a mode", os.setxattr, path, ACCESS, acl((USER_OBJ, 6), (GROUP_OBJ, 4), (OTHER, 4)))
    t.does("is a mode", os.getxattr, path, ACCESS)
    t.tell("its mode", mode_of(path))
    t.does("wrong", os.setxattr, path, ACCESS, acl((USER_OBJ, 6)))
    t.does("garbage", os.setxattr, path, ACCESS, b"garbage")
    t.does("default of a file", os.setxattr, path, DEFAULT, acl((USER_OBJ, 6), (GROUP_OBJ, 4), (OTHER, 4)))
    folder = t.path("d")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    t.does("default", os.setxattr, folder, DEFAULT, acl(
        (USER_OBJ, 7), (USER, 6, bob[0]), (GROUP_OBJ, 5), (GROUP, 7, alice[1]), (MASK, 7), (OTHER, 0)))
    for umask in (0o022, 0o077, 0):
        old = os.umask(umask)
        t.does("create", lambda: os.close(os.open(folder + "/new", os.O_CREAT | os.O_RDWR, 0o666)))
        t.does("folder", os.mkdir, folder + "/sub", 0o777)
        t.does("fifo", os.mkfifo, folder + "/fifo", 0o606)
        t.does("device", os.mknod, folder + "/reg", 0o100606)
        fd = t.works("unnamed", os.open, folder, os.O_TMPFILE | os.O_RDWR, 0o640)
        t.does("its acl", os.getxattr, fd, ACCESS)
        t.tell("its mode", oct(os.fstat(fd).st_mode))
        os.close(fd)
        os.umask(old)
        for name in ("new", "sub", "fifo", "reg"):
            t.tell(f"{name} under {oct(umask)}", mode_of(f"{folder}/{name}"))
            t.does("access", os.getxattr, f"{folder}/{name}", ACCESS)
            t.does("default", os.getxattr, f"{folder}/{name}", DEFAULT)
        t.tell("by its user", as_user(bob, write_to, folder + "/new"))
        t.tell("by its group", as_user(alice, read, folder + "/new"))
        for name in ("new", "fifo", "reg"):
            os.unlink(f"{folder}/{name}")
        os.rmdir(folder + "/sub")
    os.umask(0o027)
    t.make("plain")
    os.mkdir(t.path("without"))
    fd = os.open(t.path("bare"), os.O_CREAT | os.O_RDWR, 0o666)
    os.close(fd)
    t.tell("umask where there is none", (mode_of(t.path("without")), mode_of(t.path("bare"))))
    os.umask(0o022)
    t.does("removed", os.removexattr, folder, DEFAULT)
    t.does("gone", os.getxattr, folder, DEFAULT)
    t.does("list", lambda: sorted(os.listxattr(folder)))
    os.setxattr(folder, ACCESS, acl((USER_OBJ, 7), (USER, 0, bob[0]), (GROUP_OBJ, 7), (MASK, 7), (OTHER, 7)))
    t.tell("no way in", as_user(bob, os.listdir, folder))
    t.tell("for one", as_user(alice, os.listdir, folder))


@case
def permissions(t, who):
    alice, bob = who["alice"], who["bob"]
    path = t.path("f")
    fd = t.works("made unreadable, open", os.open, path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0)
    t.does("written", os.write, fd, b"data")
    t.tell("mode", mode_of(path))
    os.close(fd)
    os.chown(path, alice[0], alice[1])
    t.tell("its owner", as_user(alice, read, path))
    own = t.path("own")
    os.chmod(t.folder, 0o777)
    t.tell("made by a user", as_user(alice, make_unreadable, own))
    t.tell("again", as_user(alice, open_for, own, os.O_RDWR | os.O_CREAT))
    for mode in (0o600, 0o060, 0o006, 0o640, 0o604, 0o066):
        os.chmod(path, mode)
        for name, user in (("owner", alice), ("group", (bob[0], alice[1], [])),
                           ("by groups", (bob[0], bob[1], [alice[1]])), ("others", bob)):
            t.tell(f"{oct(mode)} {name}", [as_user(user, open_for, path, flags) for flags in
                                           (os.O_RDONLY, os.O_WRONLY, os.O_RDWR,
                                            os.O_RDONLY | os.O_TRUNC)])
    t.tell("chgrp to one's group", as_user((alice[0], alice[1], [bob[1]]), os.chown, path, -1, bob[1]))
    t.tell("to another", as_user(alice, os.chown, path, -1, 1))
    t.tell("chown", as_user(alice, os.chown, path, bob[0], -1))
    t.tell("access", as_user(bob, lambda: [os.access(path, m) for m in (4, 2, 1)]))
    os.mkdir(t.path("closed"), 0o700)
    t.make("closed/in", b"x", 0o666)
    t.tell("behind a closed folder", as_user(alice, read, t.path("closed/in")))
    t.tell("create in it", as_user(alice, os.mkdir, t.path("closed/d")))
    os.chmod(t.path("closed"), 0o711)
    t.tell("passable", (as_user(alice, read, t.path("closed/in")),
                        as_user(alice, os.listdir, t.path("closed"))))


def make_unreadable(path):
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0)
    try:
        return os.write(fd, b"data")
    finally:
        os.close(fd)


@case
def open_flags(t, who):
    path = t.make("f", b"data")
    os.mkdir(t.path("d"))
    os.symlink("f", t.path("s"))
    os.symlink("none", t.path("dangling"))
    o = os
    for what, name, flags in (
            ("exclusive", "f", o.O_CREAT | o.O_EXCL | o.O_RDWR), ("exclusive link", "dangling",
                                                                  o.O_CREAT | o.O_EXCL | o.O_RDWR),
            ("no link", "s", o.O_NOFOLLOW | o.O_RDONLY), ("folder", "f", o.O_DIRECTORY | o.O_RDONLY),
            ("folder to write", "d", o.O_WRONLY), ("create a folder", "d", o.O_CREAT | o.O_RDWR),
            ("slash", "f/", o.O_RDONLY), ("create with slash", "new/", o.O_CREAT | o.O_RDWR),
            ("nothing", "none", o.O_RDONLY), ("below a file", "f/x", o.O_RDONLY),
            ("path", "s", o.O_PATH | o.O_NOFOLLOW), ("truncate read-only", "f", o.O_TRUNC | o.O_RDONLY),
            ("noatime", "f", o.O_NOATIME | o.O_RDONLY), ("async", "f", o.O_ASYNC | o.O_RDWR),
            ("through a dangling link", "dangling", o.O_CREAT | o.O_RDWR),
            ("nonblock", "f", o.O_NONBLOCK | o.O_RDWR), ("synchronous", "f", o.O_SYNC | o.O_RDWR)):
        t.works(what, o.open, t.path(name), flags)
    t.tell("after", (sorted(os.listdir(t.folder)), os.stat(path).st_size))
    t.tell("noatime of another's", as_user(who["bob"], open_for, path, os.O_NOATIME))
    fd = os.open(path, os.O_RDONLY)
    t.does("write to read-only", os.write, fd, b"x")
    t.does("truncate read-only", os.ftruncate, fd, 0)
    t.does("allocate read-only", fallocate, fd, 0, 0, 10)
    fd = os.open(path, os.O_WRONLY)
    t.does("read from write-only", os.read, fd, 1)
    t.does("negative truncation", lambda: check(libc.ftruncate(fd, long(-1))))
    t.does("statvfs", lambda: (os.statvfs(path).f_namemax, os.statvfs(path).f_bsize,
                               os.statvfs(path).f_blocks, os.statvfs(path).f_files))
    t.does("pathconf", lambda: [os.pathconf(path, n) for n in ("PC_NAME_MAX", "PC_LINK_MAX")][0])
    st = os.stat(path)
    t.tell("block size", st.st_blksize)
