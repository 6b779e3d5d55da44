# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names, links, folders and what is no regular file."""
import os
import socket
import stat

from probe import (AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW, EXCHANGE, NOREPLACE, WHITEOUT, as_user,
                   case, child, libc, linkat, read, renameat2, result)


@case
def rename_flags(t, who):
    a, b = t.make("a", b"one"), t.make("b", b"two!")
    t.does("noreplace onto a file", renameat2, a, b, NOREPLACE)
    t.tell("both are as they were", (read(a), read(b)))
    t.does("noreplace", renameat2, a, t.path("c"), NOREPLACE)
    t.does("exchange", renameat2, t.path("c"), b, EXCHANGE)
    t.tell("exchanged", (read(b), read(t.path("c")), os.stat(b).st_size))
    os.mkdir(t.path("d"))
    t.make("d/in", b"in")
    t.does("exchange with a folder", renameat2, b, t.path("d"), EXCHANGE)
    t.tell("exchanged kinds", (os.path.isdir(b), read(t.path("d")), read(b + "/in")))
    t.does("exchange with nothing", renameat2, b, t.path("none"), EXCHANGE)
    t.does("both flags", renameat2, b, t.path("d"), NOREPLACE | EXCHANGE)
    t.does("unknown flag", renameat2, b, t.path("d"), 8)
    t.does("whiteout with exchange", renameat2, b, t.path("d"), WHITEOUT | EXCHANGE)
    t.does("whiteout", renameat2, t.path("c"), t.path("moved"), WHITEOUT)
    st = os.lstat(t.path("c"))
    t.tell("what it leaves", (stat.S_ISCHR(st.st_mode), st.st_rdev, read(t.path("moved"))))
    t.does("a folder into itself", os.rename, b, b + "/x/y")
    t.does("a folder onto a file", os.rename, b, t.path("d"))
    t.does("a file onto a folder", os.rename, t.path("d"), b)
    os.link(t.path("d"), t.path("e"))
    t.does("onto another name of the same", os.rename, t.path("d"), t.path("e"))
    t.tell("both names stay", sorted(os.listdir(t.folder)))


@case
def rename_open(t, who):
    a, b = t.make("a", b"old"), t.make("b", b"new")
    with open(a, "r+b", buffering=0) as old, open(b, "r+b", buffering=0) as new:
        os.rename(b, a)
        t.tell("replaced", (os.fstat(old.fileno()).st_nlink, os.fstat(new.fileno()).st_nlink))
        old.write(b"still here")
        new.write(b"NEWER")
        old.seek(0)
        t.tell("the replaced one lives on", old.read())
        t.tell("the other by name", read(a))
        t.tell("same inode", os.stat(a).st_ino == os.fstat(new.fileno()).st_ino)


@case
def unnamed(t, who):
    fd = t.works("O_TMPFILE", os.open, t.folder, os.O_TMPFILE | os.O_RDWR, 0o640)
    if fd is None:
        return
    os.write(fd, b"hidden" * 1000)
    st = os.fstat(fd)
    t.tell("unnamed", (st.st_nlink, st.st_size, oct(st.st_mode), os.listdir(t.folder)))
    t.does("link by /proc", linkat, AT_FDCWD, f"/proc/self/fd/{fd}", t.path("p"), AT_SYMLINK_FOLLOW)
    t.does("link by descriptor", linkat, fd, "", t.path("e"), AT_EMPTY_PATH)
    t.tell("named", (os.fstat(fd).st_nlink, read(t.path("p")) == b"hidden" * 1000,
                     os.stat(t.path("e")).st_ino == os.fstat(fd).st_ino))
    os.write(fd, b"more")
    t.tell("seen by both names", (read(t.path("p"))[-4:], os.stat(t.path("e")).st_size))
    os.close(fd)
    fd = os.open(t.folder, os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o600)
    t.does("exclusive is never linked", linkat, AT_FDCWD, f"/proc/self/fd/{fd}", t.path("x"),
           AT_SYMLINK_FOLLOW)
    os.close(fd)
    t.works("read-only", os.open, t.folder, os.O_TMPFILE | os.O_RDONLY, 0o600)
    t.works("in a file", os.open, t.path("p"), os.O_TMPFILE | os.O_RDWR, 0o600)


@case
def hard_links(t, who):
    a = t.make("a", b"content")
    os.mkdir(t.path("d"))
    for i in range(20):
        os.link(a, t.path(f"d/{i}"))
    t.tell("count", (os.stat(a).st_nlink, os.stat(t.path("d/7")).st_nlink))
    t.tell("identity", len({os.stat(t.path(f"d/{i}")).st_ino for i in range(20)}))
    with open(t.path("d/3"), "ab") as file:
        file.write(b" and more")
    t.tell("by another name", (read(a), os.stat(t.path("d/19")).st_size))
    os.truncate(t.path("d/4"), 3)
    t.tell("truncated", (read(a), os.stat(a).st_size))
    os.chmod(t.path("d/5"), 0o604)
    os.setxattr(t.path("d/6"), "user.x", b"y")
    t.tell("mode and attribute", (oct(os.stat(a).st_mode), os.getxattr(a, "user.x")))
    for i in range(19):
        os.unlink(t.path(f"d/{i}"))
    os.rename(t.path("d/19"), t.path("z"))
    t.tell("left", (os.stat(a).st_nlink, read(t.path("z"))))
    os.unlink(a)
    t.tell("the last", (os.stat(t.path("z")).st_nlink, read(t.path("z"))))
    t.does("of a folder", os.link, t.path("d"), t.path("d2"))
    os.symlink("z", t.path("s"))
    t.does("of a symbolic link", os.link, t.path("s"), t.path("s2"), follow_symlinks=False)
    t.tell("is one", (os.path.islink(t.path("s2")), os.lstat(t.path("s")).st_nlink))
    t.does("of a foreign file", as_user, who["bob"], os.link, t.path("z"), t.path("foreign"))


@case
def unlinked(t, who):
    a = t.make("a", b"x" * 10000)
    with open(a, "r+b", buffering=0) as f:
        fd = f.fileno()
        os.unlink(a)
        t.tell("no link", os.fstat(fd).st_nlink)
        t.does("write", os.pwrite, fd, b"later", 20000)
        t.does("read", lambda: (os.pread(fd, 3, 0), os.pread(fd, 9, 19998), os.fstat(fd).st_size))
        t.does("truncate", os.ftruncate, fd, 5)
        t.does("chmod", os.fchmod, fd, 0o600)
        t.does("chown", os.fchown, fd, who["bob"][0], -1)
        t.does("times", os.utime, fd, ns=(10**18 + 1, 10**18 + 2))
        t.does("attribute", os.setxattr, fd, "user.k", b"v")
        t.does("its value", os.getxattr, fd, "user.k")
        st = os.fstat(fd)
        t.tell("all kept", (oct(st.st_mode), st.st_uid == who["bob"][0], st.st_mtime_ns, st.st_size))
        t.does("link again", linkat, AT_FDCWD, f"/proc/self/fd/{fd}", a, AT_SYMLINK_FOLLOW)
        t.does("sync", os.fsync, fd)
        t.does("open again", lambda: os.close(os.open(f"/proc/self/fd/{fd}", os.O_RDWR)))
        t.make("a", b"another")
        t.tell("two files", (read(a), os.pread(fd, 9, 0)))
    t.does("removed folder", removed_folder, t)


def removed_folder(t):
    os.mkdir(t.path("gone"))
    fd = os.open(t.path("gone"), os.O_RDONLY)
    try:
        os.rmdir(t.path("gone"))
        t.tell("its links", os.fstat(fd).st_nlink)
        t.does("its list", os.listdir, fd)
        t.works("a file in it", os.open, "x", os.O_CREAT | os.O_RDWR, dir_fd=fd)
        t.does("a folder in it", os.mkdir, "x", dir_fd=fd)
        t.does("a link in it", os.symlink, "t", "x", dir_fd=fd)
        t.does("mode", os.fchmod, fd, 0o700)
    finally:
        os.close(fd)


@case
def any_name(t, who):
    for length in (255, 256):
        t.works(f"name of {length} bytes", t.make, "n" * length, b"long")
    names = [bytes([i]) * 3 for i in range(1, 256) if i not in b"/"]
    names += [b"\xff\xfe\x80", b"new\nline", b" ", b"...", b"a" + b"\xc3" * 254, b"-rf", b"x.pfile",
              b"q.txt.pfile", b".marque", b".hidden", b"#unnamed", b"t.ptxt"]
    names.remove(b"...")
    folder = os.fsencode(t.folder)
    for name in names:
        with open(folder + b"/" + name, "wb") as file:
            file.write(name)
    listed = os.listdir(folder)
    t.tell("all are listed", sorted(set(names) - set(listed)))
    t.tell("none besides", sorted(set(listed) - set(names) - {b"n" * 255}))
    t.tell("all are read", all(read(folder + b"/" + name) == name for name in names))
    for name in names:
        os.rename(folder + b"/" + name, folder + b"/~" + name[:200])
    t.tell("renamed", len(os.listdir(folder)))
    t.tell("symbolic link of any bytes", (os.symlink(b"\xff" * 4095, folder + b"/sym"),
                                          os.readlink(folder + b"/sym") == b"\xff" * 4095))
    t.does("of too many", os.symlink, b"s" * 4096, folder + b"/sym2")
    t.does("of none", os.symlink, b"", folder + b"/sym3")


@case
def deep(t, who):
    fds = [os.open(t.folder, os.O_RDONLY)]
    name, levels = "d" * 200, 40
    for _ in range(levels):
        os.mkdir(name, dir_fd=fds[-1])
        fds.append(os.open(name, os.O_RDONLY, dir_fd=fds[-1]))
    fd = os.open("f", os.O_CREAT | os.O_RDWR, 0o644, dir_fd=fds[-1])
    os.write(fd, b"deep down")
    t.tell("beyond PATH_MAX", (os.pread(fd, 99, 0), os.stat("f", dir_fd=fds[-1]).st_size))
    os.close(fd)
    t.does("renamed", os.rename, "f", "g", src_dir_fd=fds[-1], dst_dir_fd=fds[-1])
    fd = t.works("opened again", os.open, "g", os.O_RDWR, dir_fd=fds[-1])
    t.tell("read again", os.pread(fd, 99, 0))
    os.close(fd)
    t.does("moved up", os.rename, "g", "up", src_dir_fd=fds[-1], dst_dir_fd=fds[0])
    t.tell("there", read(t.path("up")))
    t.works("a path beyond PATH_MAX", os.stat, t.folder + "/" + "/".join([name] * levels))
    for i in range(levels, 0, -1):
        os.close(fds.pop())
        os.rmdir(name, dir_fd=fds[-1])
    os.close(fds[0])
    t.tell("removed", os.listdir(t.folder))


@case
def special(t, who):
    t.does("fifo", os.mkfifo, t.path("fifo"), 0o640)
    t.tell("its kind", stat.filemode(os.stat(t.path("fifo")).st_mode))
    writer = child(write_fifo, t.path("fifo"))
    t.tell("through it", read(t.path("fifo")))
    t.tell("the writer", result(writer))
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        folder = os.open(t.folder, os.O_RDONLY)
        at = f"/proc/self/fd/{folder}/sock"
        t.does("socket", server.bind, at)
        server.listen()
        t.does("connect", client.connect, at)
        os.close(folder)
    t.tell("its kind too", stat.filemode(os.stat(t.path("sock")).st_mode)[0])
    t.does("device by root", os.mknod, t.path("null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    st = os.lstat(t.path("null"))
    t.tell("its number", (stat.filemode(st.st_mode), st.st_rdev))
    t.works("opened", os.open, t.path("null"), os.O_RDWR)
    t.tell("device by a user", as_user(who["alice"], os.mknod, t.path("u"), stat.S_IFCHR | 0o666,
                                       os.makedev(1, 3)))
    t.tell("fifo by a user", as_user(who["alice"], os.mkfifo, t.path("uf")))
    t.does("regular by mknod", os.mknod, t.path("reg"), stat.S_IFREG | 0o600)
    t.tell("empty", read(t.path("reg")))
    t.does("renamed", os.rename, t.path("fifo"), t.path("fifo2"))
    t.does("removed", os.unlink, t.path("sock"))


def write_fifo(path):
    with open(path, "wb") as file:
        return file.write(b"through a fifo")


@case
def folder_positions(t, who):
    for i in range(600):
        t.make(f"entry-{i:04}", b"")
    whole = names_from(t, 0)
    t.tell("all, once", (len(whole), len(set(whole))))
    positions = positions_of(t)
    t.tell("every position leads on", all(
        names_from(t, positions[i][1])[:1] == [positions[i + 1][0]] for i in range(0, 590, 37)))
    at = positions[300][1]
    after = [name for name, _ in positions[301:]]
    for name in after[::2] + [name for name, _ in positions[:300:3]]:
        if name not in (b".", b".."):
            os.unlink(t.path(os.fsdecode(name)))
    rest = names_from(t, at)
    t.tell("those that stay are found once after others went",
           [name for name in after[1::2] if rest.count(name) != 1])
    t.tell("none twice", len(rest) == len(set(rest)))
    with os.scandir(t.folder) as entries:
        for entry in entries:
            os.unlink(entry.path)
    t.tell("removed while listing", os.listdir(t.folder))


class Dirent(__import__("ctypes").Structure):
    from ctypes import c_char, c_int64, c_uint16, c_uint64, c_uint8
    _fields_ = [("ino", c_uint64), ("off", c_int64), ("reclen", c_uint16), ("type", c_uint8),
                ("name", c_char * 256)]


def open_folder(t):
    from ctypes import POINTER, c_void_p
    libc.opendir.restype = c_void_p
    libc.readdir.restype = POINTER(Dirent)
    libc.telldir.restype = __import__("ctypes").c_long
    return c_void_p(libc.opendir(os.fsencode(t.folder)))


def names_from(t, position):
    d = open_folder(t)
    if position:
        libc.seekdir(d, __import__("ctypes").c_long(position))
    names = []
    while entry := libc.readdir(d):
        names.append(entry.contents.name)
    libc.closedir(d)
    return names


def positions_of(t):
    """Each name, and where the one after it begins."""
    d = open_folder(t)
    found = []
    while entry := libc.readdir(d):
        found.append((entry.contents.name, libc.telldir(d)))
    libc.closedir(d)
    return found


@case
def folder_changes(t, who):
    fd = os.open(t.folder, os.O_RDONLY)
    t.make("one")
    t.tell("new in an open one", sorted(os.listdir(fd)))
    t.make("two")
    os.unlink(t.path("one"))
    t.tell("changed", sorted(os.listdir(fd)))
    os.close(fd)
    for i in range(5):
        os.mkdir(t.path(f"d{i}"))
    os.rename(t.path("d4"), t.path("d0/in"))
    t.tell("links of folders", [os.stat(t.path(x)).st_nlink for x in (".", "d0", "d1", "d0/in")])
    t.tell("dots", [os.stat(t.path("d0/in/..")).st_ino == os.stat(t.path("d0")).st_ino,
                    os.stat(t.path("d0/.")).st_ino == os.stat(t.path("d0")).st_ino])
    with os.scandir(t.folder) as entries:
        t.tell("kinds and numbers", sorted(
            (e.name, e.is_dir(), e.inode() == os.stat(e.path).st_ino) for e in entries))
    t.does("not empty", os.rmdir, t.path("d0"))
    t.does("onto one not empty", os.rename, t.path("d1"), t.path("d0"))
    t.does("onto an empty one", os.rename, t.path("d0"), t.path("d2"))
    t.tell("after it", sorted(os.listdir(t.folder)))
    t.does("sync", os.fsync, os.open(t.folder, os.O_RDONLY))
