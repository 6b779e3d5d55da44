# SPDX-License-Identifier: LGPL-2.1-or-later
"""For tests/integration/tamper.sh: spoil a container in place, read it, judge what comes.

tamper.py [OPTION...] file NAME PLAIN KEPT OTHER     flips, swaps, exchanges, cuts
tamper.py [OPTION...] older NAME PLAIN STATE...      parts of older states, KEPT the last
tamper.py [OPTION...] journal NAME PLAIN KEPT        flips and cuts of what a killed writer left
tamper.py [OPTION...] deny NAME PLAIN KEPT           what does not begin like a container
tamper.py [OPTION...] copies NAME PLAIN KEPT FOLDER  spoilt copies, for marque-fsck(1); reads nothing

NAME lies in the source and is put back from KEPT, a copy out of reach of the mount.  Each spoilt
state is read through the library and through the mount.  Every block that comes must be that of
PLAIN, which no reader has had a hand in; a refusal is EIO with an audit record of that path; and no
reader may write to the file.  Each change gives the file a time of its own, so the mount must read
it anew; controls show that it does, and that other plaintext is found.

Layout by marque-format(5), for blocks of 4096 bytes.
"""
import argparse
import errno
import json
import mmap
import os
import pwd
import random
import subprocess
import sys
import time

PAGE = 4096
CHUNK = 1 << 20
INLINE = 32
TAGS = 128
FAN = 256
CHECKSUM = 264
DIGEST = 184
LICENCE = 1696
MAGIC = 8
SMALL = 2 << 20  # up to here files are read whole
# Statuses that marquefs(8) answers with EIO, by the names that libmarque(3) has for them.
REFUSALS = {"damaged", "rollback", "format", "forged", "version"}
EVENTS = {"damage", "rollback", "open"}


class Layout:
    """Which blocks a page of the file bears on."""

    def __init__(self, head, size):
        self.header = int.from_bytes(head[10:12], "little")
        assert head[12] == 12, "blocks are not of 4096 bytes"
        self.blocks = -(-size // PAGE)
        self.size = size
        base = self.header + INLINE
        self.users = {self.header + i: ("block", i) for i in range(min(self.blocks, INLINE))}
        for s in range(-(-(self.blocks - INLINE) // TAGS) if self.blocks > INLINE else 0):
            tag = base + s * (1 + TAGS) + sum(s // FAN ** n + 1 for n in range(1, 6))
            self.users[tag] = ("tag", s)
            for n in range(1, 6):
                if s % FAN ** n == 0:
                    self.users[tag - n] = (f"tree{n}", s // FAN ** n)
            first = INLINE + s * TAGS
            for i in range(first, min(first + TAGS, self.blocks)):
                self.users[tag + 1 + i - first] = ("block", i)

    def blocks_of(self, page, rng):
        """Blocks to read when this page is spoilt: all that hang on it, a sample when many do."""
        kind, i = self.users.get(page, ("header", 0))
        found = {0, self.blocks - 1, rng.randrange(self.blocks), rng.randrange(self.blocks)}
        if kind == "block":
            found |= {i - 1, i, i + 1}
        elif kind == "tag":
            found |= set(range(INLINE + i * TAGS, INLINE + (i + 1) * TAGS))
        else:
            found |= {rng.randrange(self.blocks) for _ in range(12)}
        return sorted(b for b in found if 0 <= b < self.blocks)


class Victim:
    """The file in the source, and what it should be."""

    def __init__(self, folder, name, kept):
        self.name = name
        self.fd = os.open(os.path.join(folder, name), os.O_RDWR)
        self.kept = os.open(kept, os.O_RDONLY)
        self.length = os.fstat(self.kept).st_size
        self.changes = 0

    def good(self, off, n):
        return os.pread(self.kept, n, off)

    def stamp(self):
        self.changes += 1
        when = (1_000_000_000 + self.changes) * 10 ** 9
        os.utime(self.fd, ns=(when, when))

    def patch(self, pieces):
        for off, data in pieces:
            os.pwrite(self.fd, data, off)
        self.stamp()

    def cut(self, length):
        os.ftruncate(self.fd, length)
        self.stamp()

    def put(self, fd):
        """All of another file, holes kept."""
        length = os.fstat(fd).st_size
        os.ftruncate(self.fd, 0)
        os.ftruncate(self.fd, length)
        at = 0
        while at < length:
            try:
                at = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(fd, at, os.SEEK_HOLE)
            while at < end:
                data = os.pread(fd, min(CHUNK, end - at), at)
                at += os.pwrite(self.fd, data, at)
        self.stamp()

    def restore(self):
        self.put(self.kept)

    def undo(self, pieces):
        for off, data in pieces:
            os.pwrite(self.fd, self.good(off, len(data)), off)
        os.ftruncate(self.fd, self.length)

    def written(self):
        """What differs after any write."""
        st = os.fstat(self.fd)
        return st.st_size, st.st_mtime_ns, st.st_ctime_ns

    def untouched(self):
        """Nobody but the test changed it."""
        if os.fstat(self.fd).st_size != self.length:
            return False
        return all(os.pread(self.fd, CHUNK, at) == self.good(at, CHUNK)
                   for at in range(0, self.length, CHUNK))


class Mount:
    """The way of an ordinary program."""

    def __init__(self, folder):
        self.folder = folder

    def open(self, name):
        self.fd = os.open(os.path.join(self.folder, name), os.O_RDONLY)
        os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return os.fstat(self.fd).st_size

    def read(self, n, off):
        return os.pread(self.fd, n, off)

    def close(self):
        os.close(self.fd)


class Library:
    """The way of libmarque, in a process and session of its own."""

    def __init__(self, folder, state, config, account):
        self.folder = folder
        self.process = subprocess.Popen(
            ["library-reader", state, config, str(account.pw_uid), str(account.pw_gid)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def ask(self, command):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        status, n = self.process.stdout.readline().decode().split()
        if status in REFUSALS:
            raise OSError(errno.EIO, status)
        if status != "ok":
            raise OSError(errno.EINVAL, status)
        return int(n)

    def open(self, name):
        return self.ask("open " + os.path.join(self.folder, name))

    def read(self, n, off):
        return self.process.stdout.read(self.ask(f"read {off} {n}"))

    def close(self):
        self.ask("close")


class Audit:
    """The log, as it grows."""

    def __init__(self, path):
        self.file = open(path, "rb", buffering=0)
        self.file.seek(0, os.SEEK_END)
        self.rest = b""

    def refusals(self, name):
        *lines, self.rest = (self.rest + self.file.read()).split(b"\n")
        return sum(record["event"] in EVENTS and record.get("status") in REFUSALS and
                   os.path.basename(record.get("path", "")) == name
                   for record in map(json.loads, lines))


class Judge:
    def __init__(self, routes, audit, wanted, leap):
        self.leap = leap  # blocks to go on by within a run of refused ones
        self.routes = routes
        self.audit = audit
        self.wanted = wanted
        self.bad = 0
        self.series("begin")

    def series(self, name):
        self.name = name
        self.began = time.monotonic()
        self.probes = 0
        self.counts = dict.fromkeys(("right", "refused", "wrong", "unrecorded",
                                     "changed"), 0)

    def end(self, enough=0):
        print(f"# {self.name}: {self.probes} states, read twice:",
              ", ".join(f"{n} {what}" for what, n in self.counts.items()),
              f"({time.monotonic() - self.began:.1f} s)", file=sys.stderr)
        self.bad += sum(self.counts[what] for what in ("wrong", "unrecorded", "changed"))
        if self.counts["refused"] < enough * 2 * self.probes:
            self.complain("hardly anything was refused")

    def complain(self, what):
        self.bad += 1
        if self.bad < 30:
            print(f"{self.name}: {what}", file=sys.stderr)

    def sweep(self, route, start, end):
        """None when all is right, "refused", or what is wrong; bytes that come must be right."""
        refused, step, singles, run = None, CHUNK, 0, 0
        at = start
        while at < end:
            n = min(step, end - at)
            try:
                got = route.read(n, at)
            except OSError as err:
                if err.errno != errno.EIO:
                    return f"{err} at {at}"
                refused = "refused"
                if n > PAGE:
                    step, singles = PAGE, CHUNK // PAGE
                else:
                    run += 1
                    at += n * (self.leap if run > 3 else 1)
                continue
            if not got or got != self.wanted[at:at + len(got)]:
                return f"other bytes at {at}: {got[:16].hex()}"
            at += len(got)
            run = 0
            singles -= 1
            if singles <= 0:
                step = CHUNK
        return refused

    def read(self, route, name, blocks):
        size = len(self.wanted)
        try:
            told = route.open(name)
        except OSError as err:
            return "refused" if err.errno == errno.EIO else str(err)
        try:
            if told != size:
                return f"{told} bytes instead of {size}"
            spans = [(0, size)] if blocks is None else \
                [(b * PAGE, min(size, (b + 1) * PAGE)) for b in blocks]
            results = [self.sweep(route, *span) for span in spans]
            if route.read(PAGE, size):
                return "bytes past the end"
        except OSError as err:
            return "refused" if err.errno == errno.EIO else str(err)
        finally:
            route.close()
        return next((r for r in results if r not in (None, "refused")),
                    "refused" if "refused" in results else "right")

    def probe(self, victim, what, blocks=None):
        """One state of the file, by each way."""
        self.probes += 1
        for route in self.routes:
            before = victim.written()
            result = self.read(route, victim.name, blocks)
            if victim.written() != before:
                self.counts["changed"] += 1
                self.complain(f"{what} through the {type(route).__name__}: it wrote to the file")
            records = self.audit.refusals(victim.name)
            if result not in self.counts:
                self.counts["wrong"] += 1
                self.complain(f"{what} through the {type(route).__name__}: {result}")
                continue
            self.counts[result] += 1
            if result == "refused" and not records:
                self.counts["unrecorded"] += 1
                self.complain(f"{what} through the {type(route).__name__}: no record")

    def must(self, victim, what, expected, wanted=None, blocks=None):
        """A control: each way gives this result, when judged by this plaintext."""
        mine, self.wanted = self.wanted, self.wanted if wanted is None else wanted
        for route in self.routes:
            result = self.read(route, victim.name, blocks)
            if not result.startswith(expected):
                self.complain(f"control, {what}: the {type(route).__name__} gives '{result}'")
        self.wanted = mine
        self.audit.refusals(victim.name)


def crc_table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    return table


class Checksum:
    """CRC-32C is linear: what each bit of a header adds to it."""

    def __init__(self, header):
        table = crc_table()
        self.header = header
        self.adds = [None] * (len(header) * 8)
        at_end = [table[1 << bit] for bit in range(8)]
        for byte in range(len(header) - 1, -1, -1):
            self.adds[byte * 8:byte * 8 + 8] = at_end
            at_end = [table[c & 255] ^ c >> 8 for c in at_end]

    def mend(self, off, data):
        """The checksum of the header with data at off."""
        crc = int.from_bytes(self.header[CHECKSUM:CHECKSUM + 4], "little")
        for i, new in enumerate(data, off):
            change = self.header[i] ^ new
            for bit in range(8):
                if change >> bit & 1 and not CHECKSUM <= i < CHECKSUM + 4:
                    crc ^= self.adds[i * 8 + bit]
        return CHECKSUM, crc.to_bytes(4, "little")


def sample(rng, population, n):
    """n of them, or all, in order."""
    return list(population) if n is None or n >= len(population) else \
        sorted(rng.sample(population, n))


def flipped(victim, bit):
    byte = victim.good(bit // 8, 1)[0] ^ 1 << bit % 8
    return bit // 8, bytes([byte])


def data_pages(victim, first):
    """Pages that are no holes."""
    pages, at = [], first * PAGE
    while at < victim.length:
        try:
            at = os.lseek(victim.kept, at, os.SEEK_DATA)
        except OSError:
            break
        end = os.lseek(victim.kept, at, os.SEEK_HOLE)
        pages += range(at // PAGE, -(-end // PAGE))
        at = end
    return pages


class Spoiler:
    def __init__(self, judge, victim, layout, seed, sizes):
        self.judge = judge
        self.victim = victim
        self.layout = layout
        self.rng = random.Random(f"{seed} {victim.name}")
        self.sizes = sizes
        self.whole = layout.size <= SMALL

    def blocks(self, *pages):
        """What to read: all of a small file."""
        if self.whole:
            return None
        return sorted({b for page in pages for b in self.layout.blocks_of(page, self.rng)})

    def tamper(self, what, pieces):
        pieces = [(off, data) for off, data in pieces if data]
        self.victim.patch(pieces)
        self.judge.probe(self.victim, what, self.blocks(*(off // PAGE for off, _ in pieces)))
        self.victim.undo(pieces)

    def end(self, enough=0):
        self.judge.end(enough)
        if not self.victim.untouched():
            self.judge.complain("a reader changed the file")
            self.victim.restore()

    def header_flips(self):
        bits = self.layout.header * PAGE * 8
        self.judge.series("bits of the header")
        for bit in sample(self.rng, range(bits), self.sizes["header"]):
            self.tamper(f"bit {bit}", [flipped(self.victim, bit)])
        self.end(0.99)

    def header_flips_mended(self):
        """The same by one who knows the format: the checksum is right."""
        header = self.victim.good(0, self.layout.header * PAGE)
        checksum = Checksum(header)
        bits = [bit for bit in range(MAGIC * 8, len(header) * 8)
                if not CHECKSUM <= bit // 8 < CHECKSUM + 4]
        self.judge.series("bits of the header, checksum mended")
        some = None if self.layout.size == PAGE + 1 and self.sizes["header"] is None \
            else self.sizes["mended"]
        for bit in sample(self.rng, bits, some):
            off, data = flipped(self.victim, bit)
            self.tamper(f"bit {bit}, mended", [(off, data), checksum.mend(off, data)])
        self.end(0.99)

    def journal(self):
        """What does not count shows an older state, which was seen; what counts heals the header."""
        assert self.victim.length > self.layout.size + (1 << 20), "there is no journal"
        self.judge.must(self.victim, "the file itself", "right")
        header = self.victim.good(0, self.layout.header * PAGE)
        checksum = Checksum(header)
        pages = data_pages(self.victim, self.layout.header)
        journal = [p for p in pages if p * PAGE > self.layout.size + (1 << 20)]
        self.judge.series("bits of the header before a journal")
        for bit in sample(self.rng, range(MAGIC * 8, len(header) * 8), self.sizes["body"]):
            off, data = flipped(self.victim, bit)
            self.tamper(f"bit {bit}", [(off, data)])
            if not CHECKSUM <= off < CHECKSUM + 4:
                self.tamper(f"bit {bit}, mended", [(off, data), checksum.mend(off, data)])
        self.end()
        self.judge.series("bits of a journal")
        for page in journal:
            for bit in sample(self.rng, range(PAGE * 8), self.sizes["body"] // 10):
                self.tamper(f"bit {bit} of page {page}", [flipped(self.victim, page * PAGE * 8 + bit)])
        self.end(0.5)
        self.judge.series("pages of a journal swapped with others")
        for page in journal:
            for other in sample(self.rng, pages, self.sizes["older"]):
                self.swap(page, other)
        self.end(0.5)
        self.judge.series("journal cut off")
        first = journal[0] * PAGE
        lengths = {p * PAGE + d for p in journal for d in (-1, 0, 1, PAGE // 2)}
        for n in sorted(lengths | set(range(first - 5 * PAGE, first, PAGE)), reverse=True):
            self.victim.cut(n)
            self.judge.probe(self.victim, f"cut to {n}")
        self.victim.restore()
        self.end(0.5)
        self.judge.must(self.victim, "the file itself", "right")

    def body_flips(self):
        """Half of them where there is something."""
        first, rng, n = self.layout.header, self.rng, self.sizes["body"]
        pages = data_pages(self.victim, first)
        if not pages:
            return
        bits = {rng.randrange(first * PAGE * 8, self.victim.length * 8) for _ in range(n // 2)}
        while len(bits) < n:
            bits.add(rng.choice(pages) * PAGE * 8 + rng.randrange(PAGE * 8))
        self.judge.series("bits of the body")
        for bit in sorted(bits):
            self.tamper(f"bit {bit}", [flipped(self.victim, bit)])
        self.end(0.3)

    def body_flips_together(self):
        """All at once, and the whole file is read."""
        if self.whole:
            return
        pages = sample(self.rng, data_pages(self.victim, self.layout.header),
                       self.sizes["together"])
        pieces = [flipped(self.victim, (page * PAGE + self.rng.randrange(PAGE)) * 8)
                  for page in pages]
        self.judge.series("bits of the body together")
        self.victim.patch(pieces)
        self.judge.probe(self.victim, "all flips")
        self.victim.undo(pieces)
        self.end(1)

    def swap(self, a, b):
        one, other = (self.victim.good(p * PAGE, PAGE) for p in (a, b))
        if one != other:
            self.tamper(f"pages {a} and {b}", [(a * PAGE, other), (b * PAGE, one)])

    def swaps(self):
        first = self.layout.header
        pages = data_pages(self.victim, first)
        if len(pages) < 2:
            return
        self.judge.series("pairs of pages swapped")
        if self.whole:
            pairs = [(a, b) for a in pages for b in pages if b < a]
            every = self.layout.size < 1 << 20
            for a, b in sample(self.rng, pairs, self.sizes["swaps" if every else "swaps sampled"]):
                self.swap(a, b)
        else:
            tags = [p for p in pages if self.layout.users.get(p, "?")[0] != "block"]
            for _ in range(self.sizes["far"]):
                self.swap(*self.rng.sample(tags, 2))
                self.swap(self.rng.choice(tags), self.rng.choice(pages))
                self.swap(*self.rng.sample(pages, 2))
        self.end(0.9)

    def exchange(self, other):
        """With parts of another file of the same label and size."""
        first = self.layout.header * PAGE
        self.judge.series("parts of another file")
        self.tamper("its header", [(0, os.pread(other, first, 0))])
        if self.victim.length <= SMALL:
            self.tamper("its body", [(first, os.pread(other, self.victim.length - first, first))])
        pages = data_pages(self.victim, 1)
        for page in sample(self.rng, pages, self.sizes["exchange"]):
            self.tamper(f"its page {page}", [(page * PAGE, os.pread(other, PAGE, page * PAGE))])
        # Pairs of a tag page and a block that go together there, but not here.
        tags = [p for p in pages if self.layout.users.get(p, "?")[0] == "tag"]
        for tag in sample(self.rng, tags, self.sizes["far"]):
            self.tamper(f"its pages {tag} and on",
                        [(tag * PAGE, os.pread(other, 3 * PAGE, tag * PAGE))])
        self.end(0.9 if self.layout.size else 0)

    def cuts(self):
        """From the end on, so that each only cuts."""
        length = self.victim.length
        edges = {page * PAGE + d for page in self.edge_pages() for d in (-1, 0, 1)}
        if length <= 5 * PAGE:
            lengths = sample(self.rng, range(2, length), self.sizes["cuts"])
        else:
            lengths = {self.rng.randrange(2, length) for _ in range(self.sizes["cuts sampled"])}
        lengths = {n for n in edges | set(lengths) if 2 <= n < length}
        self.judge.series("tail cut off")
        for n in sorted(lengths, reverse=True):
            self.victim.cut(n)
            self.judge.probe(self.victim, f"cut to {n}",
                             self.blocks(*range(max(0, n // PAGE - 1), n // PAGE + 3)))
        # What is left tells nothing any more: marque-security(7).
        for n in (1, 0):
            self.victim.cut(n)
            self.judge.must(self.victim, f"cut to {n}", "right", self.victim.good(0, n))
        self.victim.restore()
        # A writer that was stopped leaves a longer file.
        for n in (1, PAGE, 3 * PAGE):
            self.victim.cut(length + n)
            self.judge.probe(self.victim, f"{n} bytes longer", self.blocks(0))
            self.victim.cut(length)
        self.end()

    def edge_pages(self):
        last = self.victim.length // PAGE
        pages = sorted({p for p, (kind, _) in self.layout.users.items() if kind != "block"})
        near = {q for p in sample(self.rng, pages, self.sizes["far"]) for q in (p, p + 1)}
        n = self.sizes["edges"] or (None if self.whole else 500)
        inner = sample(self.rng, range(self.layout.header, last + 1), n)
        return near | set(inner) | set(range(self.layout.header + 1)) | {last}

    def older(self, states):
        """What another state of the same file had, in place of what is there."""
        first = self.layout.header
        for state in states:
            with open(state, "rb") as file:
                old = file.read()
            assert old[10:12] == self.victim.good(10, 2), "the header has another length"
            self.judge.series(f"parts of {os.path.basename(state)}")
            self.whole_older(state)
            here = self.victim.good(0, self.victim.length)
            differs = [p for p in range(-(-len(old) // PAGE))
                       if old[p * PAGE:(p + 1) * PAGE] != here[p * PAGE:(p + 1) * PAGE]]
            for page in sample(self.rng, differs, self.sizes["older"]):
                self.older_pages(old, [page])
            tags = [p for p in differs if self.layout.users.get(p, "?")[0] not in "block?"]
            blocks = [p for p in differs if p >= first and p not in tags]
            header = list(range(first))
            for pages in (header, tags, blocks, header + tags, header + blocks, tags + blocks,
                          header + tags + blocks):
                self.older_pages(old, pages)
            for tag in tags:
                self.older_pages(old, header + [tag])
                self.older_pages(old, [tag] + blocks)
            for block in sample(self.rng, blocks, self.sizes["older"] and self.sizes["older"] // 4):
                self.older_pages(old, header + [block])
                self.older_pages(old, tags + [block])
            self.end(0.5)

    def whole_older(self, state):
        fd = os.open(state, os.O_RDONLY)
        self.victim.put(fd)
        os.close(fd)
        self.judge.probe(self.victim, "all of it")
        self.victim.restore()
        if self.judge.counts["refused"] != 2:
            self.judge.complain("all of it was not refused")

    def older_pages(self, old, pages):
        self.tamper(f"older pages {pages[:4]} of {len(pages)}",
                    [(p * PAGE, old[p * PAGE:(p + 1) * PAGE]) for p in pages])


SHORT = {"header": 120, "mended": 120, "body": 80, "together": 100, "swaps": 120,
         "swaps sampled": 60, "far": 8,
         "exchange": 30, "cuts": 120, "cuts sampled": 40, "edges": 12, "older": 12}
LONG = {"header": None, "mended": 10000, "body": 2000, "together": 2000, "swaps": None,
        "swaps sampled": 2000, "far": 100,
        "exchange": None, "cuts": None, "cuts sampled": 1000, "edges": None, "older": None}


def controls(spoiler, victim, other, judge):
    """The judge finds plaintext that is not the right one, each way; and each probe reads anew."""
    judge.series("controls")
    wanted = judge.wanted
    blocks = spoiler.blocks(0)
    judge.must(victim, "the file itself", "right", blocks=blocks)
    if not len(wanted):
        return
    altered = bytearray(wanted[:PAGE])
    altered[-1] ^= 1
    judge.must(victim, "a byte that is another", "other bytes",
               Altered(wanted, bytes(altered)), blocks)
    for _ in range(2):
        victim.put(other)
        judge.must(victim, "the other file in its place", "other bytes", blocks=blocks)
        victim.restore()
        judge.must(victim, "the file again", "right", blocks=blocks)
    judge.must(victim, "a plaintext that is shorter", f"{len(wanted)} bytes instead",
               wanted[:len(wanted) - 1] if spoiler.whole else b"", blocks)


class Altered:
    """Plaintext with another beginning."""

    def __init__(self, plain, beginning):
        self.plain = plain
        self.beginning = beginning

    def __len__(self):
        return len(self.plain)

    def __getitem__(self, span):
        got = bytearray(self.plain[span])
        for i in range(span.start, min(span.stop, len(self.beginning))):
            got[i - span.start] = self.beginning[i]
        return bytes(got)


def plaintext(path):
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) if size else b""


def denied(judge, victim, rng, layout):
    """With `plain = deny` nothing comes of what does not begin like a container."""
    judge.series("no beginning")
    states = [[(0, victim.good(p * PAGE, PAGE)), (p * PAGE, victim.good(0, PAGE))]
              for p in sample(rng, data_pages(victim, 1), 12)]
    for pieces in states + [[(0, bytes(PAGE))]]:
        victim.patch(pieces)
        judge.must(victim, "another first page", f"[Errno {errno.EACCES}]")
        victim.undo(pieces)
    victim.cut(1)
    judge.must(victim, "one byte left", f"[Errno {errno.EACCES}]")
    victim.restore()
    judge.must(victim, "the file again", "right")


def copies(args):
    """Each has one flip, in the header or in a page that is no hole."""
    victim = Victim(args.source, args.name, args.kept[0])
    rng = random.Random(f"{args.seed} copies")
    data = bytearray(victim.good(0, victim.length))
    first = int.from_bytes(data[10:12], "little")
    pages = [*range(first), *data_pages(victim, first)]
    for n in range(40):
        off, new = flipped(victim, (rng.choice(pages) * PAGE + rng.randrange(PAGE)) * 8)
        with open(os.path.join(args.kept[1], str(n)), "wb") as file:
            file.write(data[:off] + new + data[off + 1:])
    return 0


def main():
    parser = argparse.ArgumentParser()
    for name in ("state", "config", "source", "mount", "account", "seed"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seen", action="store_true", help="read the newest state first")
    parser.add_argument("series", choices=("file", "older", "journal", "deny", "copies"))
    parser.add_argument("name")
    parser.add_argument("plain")
    parser.add_argument("kept", nargs="+")
    args = parser.parse_args()

    if args.series == "copies":
        return copies(args)
    account = pwd.getpwnam(args.account)
    library = Library(args.source, args.state, args.config, account)
    audit = Audit(os.path.join(args.state, "audit.log"))
    os.initgroups(args.account, account.pw_gid)
    os.setresgid(*[account.pw_gid] * 3)
    os.setresuid(*[account.pw_uid] * 3)

    kept = args.kept[-1] if args.series == "older" else args.kept[0]
    victim = Victim(args.source, args.name, kept)
    wanted = plaintext(args.plain)
    judge = Judge([library, Mount(args.mount)], audit, wanted, 1 if args.long else 13)
    layout = Layout(victim.good(0, PAGE), len(wanted))
    spoiler = Spoiler(judge, victim, layout, args.seed, LONG if args.long else SHORT)
    if args.series == "file":
        other = os.open(args.kept[1], os.O_RDONLY)
        controls(spoiler, victim, other, judge)
        spoiler.header_flips()
        spoiler.header_flips_mended()
        spoiler.body_flips()
        spoiler.body_flips_together()
        spoiler.swaps()
        spoiler.exchange(other)
        spoiler.cuts()
        controls(spoiler, victim, other, judge)
    elif args.series == "journal":
        spoiler.journal()
    elif args.series == "older":
        if args.seen:
            judge.must(victim, "the newest", "right")
        spoiler.older(args.kept[:-1])
        judge.must(victim, "the newest", "right")
    else:
        judge.routes = judge.routes[1:]
        denied(judge, victim, spoiler.rng, layout)
    library.process.stdin.close()
    if library.process.wait() != 0:
        judge.complain("the library's process did not end well")
    return 1 if judge.bad else 0


if __name__ == "__main__":
    sys.exit(main())
