# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files whose writer was stopped: journals that count, in part or not at all."""
from functools import partial

import marque_codec as codec
import marque_writer as writer
from vector_kit import PAGE, Vector, flip, poke, state_of


class Story:
    """A settled file and the transactions after it; states[n] is the state after n."""

    def __init__(
        self,
        name,
        size,
        blocks=None,
        room=0,
        sequence=1,
        flags=0,
        family=None,
        **more,
    ):
        state = state_of(family or name, size, blocks, **more)
        state.sequence, state.flags = sequence, flags
        self.name, self.family = name, family or name
        self.layout = state.p.layout
        self.image, self.states = writer.at_rest(state), [state]
        start = max(state.data_end(), room) + 3
        self.journal = writer.Journal(self.image, state, start)

    def next(self, size=None, write=(), punch=()):
        """The next state: another size, blocks written anew, holes."""
        new = self.states[-1].next()
        if size is not None:
            new.resize(size)
        for i in punch:
            new.punch(i)
        b = self.layout.block_size
        for i in write:
            n = min(b, new.size - i * b)
            text = f"{self.family} version {len(self.states)}"
            new.encrypt(i, writer.plain_block(text, i, n))
        self.states.append(new)
        return new

    def commit(self, *, size=None, write=(), punch=(), **how):
        self.journal.commit(self.next(size, write, punch), **how)

    def page_of(self, transaction, nth=0):
        """Byte offset of the nth payload page of a transaction, the first being 1."""
        starts = [self.journal.start] + [c + 1 for c in self.journal.commits]
        return (starts[transaction - 1] + nth) * PAGE

    def block_at(self, i):
        return self.layout.block_page(i) * PAGE

    def vector(self, what, counts, **more):
        """The file as it is now; the first counts transactions count."""
        more = {"state": self.states[counts], "journal": counts > 0} | more
        return Vector(self.name, what, **({"image": self.image} | more))

    def copy(self, state, targets):
        """An interrupted settle: these targets of a state are in place."""
        units = state.units() | {0: state.header()[:PAGE]}
        for target in targets:
            self.image.put(target, units[target])


def two(name, **more):
    """Four blocks, 1 rewritten and 4 added, then 0 and 1 rewritten and 5 added."""
    story = Story(name, 4 * 4096, [0, 1], room=16, family="two", **more)
    story.commit(size=5 * 4096, write=[1, 4])
    story.commit(size=6 * 4096 - 9, write=[0, 1, 5])
    return story


def whole():
    s = Story("journal-1", 3 * 4096, family="three", room=16)
    s.commit(write=[1])
    s.vector("one transaction: a block rewritten", 1)
    two("journal-2").vector("two transactions, blocks rewritten and added", 2)
    s = Story("journal-header-first", 3 * 4096, family="three", room=16)
    s.commit(write=[0, 2], header_first=True)
    s.vector("the header is the first page of the payload", 1)
    s = Story("journal-no-change", 3 * 4096, family="three")
    s.commit()
    s.vector("a transaction with nothing but the header", 1)
    s = Story("journal-of-empty", 0, room=8)
    s.commit(size=5000, write=[0, 1])
    s.vector("an empty settled file, all blocks written in place", 1)
    s = Story("journal-unsettled", 4 * 4096, room=8, flags=codec.UNSETTLED)
    s.commit(size=5 * 4096, write=[0, 4])
    s.vector("the transaction carries the flag on", 1)
    s = Story("journal-clears-unsettled", 4 * 4096, room=8, flags=codec.UNSETTLED)
    new = s.next(write=[1])
    new.flags = 0
    s.journal.commit(new)
    s.vector("the transaction clears the flag", 1)
    s = Story("journal-unused", 3 * 4096, family="three")
    s.commit(write=[1], unused=5)
    s.vector("five unused pages in the payload", 1)
    s = Story("journal-descriptor-pages", 3 * 4096, family="three")
    s.commit(write=[1], unused=1500)
    s.commit(write=[2])
    s.vector("a descriptor of two pages", 2)
    s = Story("journal-descriptor-3840", 3 * 4096, family="three")
    s.commit(write=[1], unused=(3840 - 3 * 16) // 4 - 2)
    s.vector("a descriptor that just fits into the commit page", 1)
    s = Story("journal-descriptor-3844", 3 * 4096, family="three")
    s.commit(write=[1], unused=(3840 - 3 * 16) // 4 - 1)
    s.vector("a descriptor that just does not fit into the commit page", 1)
    s = Story("journal-far", 3 * 4096, family="three", room=1 << 20)
    s.commit(write=[1])
    s.vector("the journal begins 4 GiB behind the data", 1)


def shapes(licence):
    s = Story("journal-shrink", 5 * 4096, family="five")
    s.commit(size=4097, write=[1])
    s.vector("the file was made shorter", 1)
    s = Story("journal-shrink-grow", 5 * 4096, family="five")
    s.commit(size=4096)
    s.commit(size=4 * 4096, write=[1, 3])
    s.vector("cut and grown again: blocks go to the payload", 2)
    s = Story("journal-punch", 5 * 4096, family="five")
    s.commit(punch=[1, 2])
    s.commit(write=[2])
    s.vector("two holes, one of them written again", 2)
    n = 200 * 4096
    s = Story("journal-tree-grows", 33 * 4096, [0, 32], room=400)
    s.commit(size=100 * 4096, write=[99])
    s.commit(size=n, write=[32, 199])
    s.vector("a tag page rewritten, then a tree page and a second tag page", 2)
    s = Story("journal-tree-shrinks", n, [0, 32, 199])
    s.commit(size=150 * 4096)
    s.commit(size=31 * 4096)
    s.vector("tree height 1, then 0, then no segment", 2)
    s = Story("journal-first-segment", 10 * 4096, [0], room=400)
    s.commit(size=n, write=[40, 199])
    s.vector("the file grows over 32 blocks: tree and tags in place", 1)
    s = Story("journal-16k", 16384 + 1, [1], room=16, shift=14)
    s.commit(size=3 * 16384, write=[1])
    s.vector("blocks of 16 KiB: the last one rewritten", 1)
    s = Story("journal-16k-added", 16384 + 1, [], room=16, shift=14)
    s.commit(size=3 * 16384, write=[2])
    s.vector("blocks of 16 KiB: one added in place", 1)
    s = Story("journal-licence", 5000, licence=licence)
    new = s.next()
    new.licence = b"another " + licence
    s.journal.commit(new)
    s.commit(write=[0])
    s.vector("another licence, which reaches header page 1", 2)
    s = Story("journal-generation", 3 * 4096, family="three")
    new = s.next()
    new.generation, new.writes = 2, 0
    new.encrypt(1, bytes(4096))
    s.journal.commit(new)
    s.vector("a new generation of block keys", 1)


def stopped():
    """The newest transaction is not whole."""
    s = two("journal-tail")
    s.image.put(s.journal.page, (b"\xa5" * 64).ljust(PAGE, b"\0"))
    s.vector("one more page of a transaction without a commit page", 2)
    s = two("journal-tail-hole")
    s.image.resize(s.journal.page + 1000)
    s.vector("the file goes on with a hole", 2)
    s = two("journal-tail-cut")
    used = len(s.image.get(s.journal.commits[1]).rstrip(b"\0"))
    cut = s.image.get(0, s.journal.commits[1] + 1)[: used - PAGE]
    s.vector("the file ends before the zeros of the last commit page", 2, image=cut)
    s = two("journal-commit-torn")
    poke(s.image, s.journal.commits[1] * PAGE + 512, b"\xa5" * 512)
    s.vector("the second commit page is torn: the first transaction counts", 1)
    s = two("journal-commit-lost")
    poke(s.image, s.journal.commits[1] * PAGE, bytes(PAGE))
    s.vector("the second commit page was lost", 1)
    s = two("journal-payload-torn")
    flip(s.image, s.page_of(2, 1) + 4095)
    s.vector("payload of the second is torn: the first counts", 1)
    s = two("journal-first-payload-torn")
    flip(s.image, s.page_of(1, 0))
    s.vector("payload of the first is torn: the settled state", 0)
    s = two("journal-in-place-lost")
    poke(s.image, s.block_at(5), bytes(PAGE))
    s.vector("block 5 of the second never reached the file", 1)
    s = two("journal-first-in-place-lost")
    poke(s.image, s.block_at(4), bytes(PAGE))
    s.vector("block 4 of the first never reached the file", 0)
    s = Story("journal-descriptor-torn", 3 * 4096, family="three")
    s.commit(write=[1])
    s.commit(write=[2], unused=1500)
    flip(s.image, (s.journal.commits[1] - 1) * PAGE)
    s.vector("the descriptor's last page is torn", 1)
    s = Story("no-journal-tail", 3 * 4096, family="three")
    s.image.put(s.image.npages + 2, (b"\xa5" * 64).ljust(PAGE, b"\0"))
    s.vector("a page past the data end that is no journal", 0)
    s = Story("no-journal-hole", 3 * 4096, family="three")
    s.image.resize(s.image.npages + 500)
    s.vector("a hole past the data end", 0)


def settling():
    """A settle, or a recovery, was stopped while it copied."""
    s = two("settle-blocks-copied")
    s.copy(s.states[2], [s.layout.block_page(i) for i in (0, 1)])
    s.vector("blocks 0 and 1 are copied, the header is not", 2)
    s = two("settle-header-copied")
    s.copy(s.states[2], [0])
    s.vector("the header is copied, the blocks are not", 2)
    s = two("settle-all-copied")
    s.copy(s.states[2], [0] + [s.layout.block_page(i) for i in (0, 1)])
    s.vector("all is copied, the file not yet cut", 2)
    s = two("settle-first-header")
    s.copy(s.states[1], [0])
    s.vector("the in-place header is that of the first transaction", 2)
    s = two("settle-header-torn")
    poke(s.image, 0, s.states[2].header()[:512])
    s.vector("one sector of the new header is in place: no good header", 2)
    s = two("settle-header-rest-torn")
    poke(s.image, 512, s.states[2].header()[512:PAGE])
    s.vector("all but one sector of the new header are in place", 2)
    s = two("settle-header-wrecked")
    poke(s.image, 512, b"\xa5" * 1024)
    s.vector("sectors of the header are garbage", 2)
    s = Story("settle-in-place-replaced", 2 * 4096, family="settle", room=16)
    s.commit(size=3 * 4096, write=[2])
    s.commit(write=[2])
    poke(s.image, s.block_at(2), s.states[2].blocks[2][1][:512])
    s.vector("a unit in place is half replaced by the later payload", 2)
    s = Story("settle-replaced-then-torn", 2 * 4096, family="settle", room=16)
    s.commit(size=3 * 4096, write=[2])
    s.commit(write=[2])
    poke(s.image, s.block_at(2), s.states[2].blocks[2][1][:512])
    flip(s.image, s.page_of(2))
    s.vector("as before, but the later payload is torn: the settled state", 0)


def settling_licence(licence):
    """A settle was stopped; the journal begins with a change of header page 1."""

    def story(name):
        s = Story(name, 5000, licence=licence, family="journal-licence", k=2)
        new = s.next()
        new.licence = b"another " + licence
        s.journal.commit(new)
        s.commit(write=[0])
        return s, s.states[2].header()

    s, new = story("settle-licence-page-1")
    s.image.put(1, new[PAGE:])
    s.vector("page 1 of the header is copied: no good header", 2)
    s, new = story("settle-licence-page-0")
    s.image.put(0, new[:PAGE])
    s.vector("page 0 of the header is copied: no good header", 2)
    s, new = story("settle-licence-torn")
    poke(s.image, 0, new[:512])
    poke(s.image, PAGE, new[PAGE : PAGE + 512])
    s.vector("a sector of each page of the header is copied", 2)
    s, new = story("settle-licence-header")
    s.image.put(0, new)
    s.vector("both pages of the header are copied, the block is not", 2)
    s, new = story("settle-licence-first")
    s.image.put(0, s.states[1].header())
    s.vector("the header of the first transaction is in place", 2)
    s, new = story("settle-licence-last-torn")
    flip(s.image, s.page_of(2))
    s.image.put(1, s.states[1].header()[PAGE:])
    s.vector("page 1 is copied, the second transaction is torn: the first counts", 1)


SCAN = codec.JOURNAL_SCAN // PAGE


def long_journal(name, what, pages, counts):
    """Two transactions that are so many pages long, nearly all of them unused."""
    s = Story(name, 3 * 4096, family="three")
    s.commit(write=[1], unused=30000)
    rest = pages - (s.journal.page - s.journal.start) - 3
    unused = rest - -(-(rest + 2) // 1024)
    s.commit(write=[2], unused=unused)
    assert s.journal.page - s.journal.start == pages
    s.vector(what, counts)


def bounds():
    """As long as a journal may be, and as far from the end of the file."""
    long_journal("journal-scan", "a journal of 160 MiB", SCAN, 2)
    what = "one page more: its first transaction is a journal of its own, and counts"
    long_journal("journal-scan-plus-1", what, SCAN + 1, 1)
    s = two("journal-scan-tail")
    s.image.resize(s.journal.commits[1] + SCAN)
    s.vector("the commit page is the first of the last 160 MiB of the file", 2)
    s = two("journal-scan-tail-plus-1")
    s.image.resize(s.journal.commits[1] + SCAN + 1)
    s.vector("the commit page is further from the end of the file: not found", 0)


def foreign():
    """Journals that are not of this state, or break a rule."""
    s = two("journal-old", sequence=5)
    s.image.put(0, in_place(s, 8))
    s.vector("the in-place header is newer than the journal", 0, state=moved(s, 8))
    s = two("journal-newer", sequence=5)
    s.image.put(0, in_place(s, 4))
    s.vector("the journal begins after the in-place header", 0, state=moved(s, 4))
    falsified("journal-other-file", "commit pages of another file", commit=other_file)
    falsified("journal-page-number", "a wrong page number", commit=wrong_page)
    s = Story("journal-chain-broken", 3 * 4096, family="three")
    s.commit(write=[1])
    s.journal.falsify_commit = lambda c: c.update(before=7, after=8)
    s.commit(write=[2])
    s.vector("the second does not follow the first, which counts", 1)
    s = Story("journal-chain-broken-twice", 3 * 4096, family="three")
    for n in range(3):
        s.commit(write=[n])
        s.journal.falsify_commit = skip_seven
    s.vector("neither the third nor the second follows the first, which counts", 1)
    falsified("journal-before-0", "before is 0", commit=before_zero)
    falsified("journal-after", "after is not before + 1", commit=wrong_after)
    falsified("journal-digest", "the digest is wrong", commit=wrong_digest)
    falsified("journal-payload-short", "too few payload pages", commit=less_payload)
    falsified("journal-payload-max", "too many payload pages", commit=most_payload)
    falsified("journal-records-max", "2^32 - 1 records", commit=most_records)
    falsified("journal-units-max", "2^32 - 1 units", commit=most_units)
    falsified("journal-start-0", "start is 0", commit=start_zero)
    s = Story("journal-header-sequence", 3 * 4096, family="three")
    new = s.next(write=[1])
    new.fields = {"sequence": 9}
    s.journal.commit(new)
    s.vector("its header has another sequence", 0)
    s = Story("journal-header-bad", 3 * 4096, family="three")
    new = s.next(write=[1])
    new.fields = {"flags": 4}
    s.journal.commit(new)
    s.vector("its header has an unknown flag", 0)
    s = Story("journal-first-bad", 3 * 4096, family="three")
    new = s.next(write=[1])
    new.fields = {"flags": 4}
    s.journal.commit(new)
    new.fields = {}
    s.commit(write=[2])
    s.vector("the first is not sound: none counts", 0)


def moved(s, sequence):
    state = s.states[0]
    state.sequence = sequence
    return state


def in_place(s, sequence):
    return moved(s, sequence).header()


def other_file(c):
    c["file_id"] = bytes(range(16))


def wrong_page(c):
    c["page"] += 1


def wrong_after(c):
    c["after"] += 1


def skip_seven(c):
    c["before"] += 7
    c["after"] += 7


def before_zero(c):
    c["before"], c["after"] = 0, 1


def wrong_digest(c):
    c["digest"] = bytes(32)


def less_payload(c):
    c["payload_pages"] -= 1
    c["start"] += 1


def most_payload(c):
    c["payload_pages"] = 0xFFFFFFFF


def most_records(c):
    c["records"] = 0xFFFFFFFF


def most_units(c):
    c["units"] = 0xFFFFFFFF


def start_zero(c):
    c["payload_pages"], c["start"] = c["page"], 0


def falsified(name, what, commit=None, records=None):
    """One transaction (block 1 rewritten, block 3 added) with one defect: ignored."""
    s = Story(name, 3 * 4096, room=8, family="falsified")
    s.journal.falsify_commit, s.journal.falsify_records = commit, records
    s.commit(size=4 * 4096, write=[1, 3])
    s.vector(what + ": ignored", 0)


def descriptors():
    """Records are: block 1, header, block 3 in place."""
    s = Story("journal-header-merged", 3 * 4096, family="three")
    s.commit(write=[0, 2], header_first=True, merge=True)
    s.vector("one record covers the header and block 0: ignored", 0)
    falsified("journal-unit-pages-2", "units of two pages", records=two_pages)
    falsified("journal-header-in-place", "header in place", records=set_to(1, 3, 2))
    falsified("journal-kind-4", "a record of kind 4", records=set_to(0, 3, 4))
    falsified("journal-kind-0", "a record of kind 0", records=set_to(0, 3, 0))
    falsified("journal-units-0", "a record of no units", records=units_zero)
    falsified("journal-unit-pages-0", "units of no pages", records=no_pages)
    top = set_to(0, 0, (1 << 64) - 1)
    falsified("journal-target-max", "target 2^64 - 1", records=top)
    falsified("journal-target-in-journal", "a target at J", records=at_journal)
    falsified("journal-no-header", "no unit has target 0", records=set_to(1, 0, 9))
    falsified("journal-units-missing", "more CRCs than units", records=one_more)
    falsified("journal-unused-target", "unused with a target", records=unused_target)
    falsified("journal-unused-crc", "unused with a CRC", records=unused_crc)
    s = Story("journal-payload-twice", 3 * 4096, family="three")
    s.journal.falsify_records = payload_twice
    s.commit(write=[0, 2])
    s.vector("the same target twice in the payload: ignored", 0)
    for name, what, change in (
        ("journal-target-twice", "payload and in place have the same target", twice),
        ("journal-in-place-order", "in place not ascending", descending),
        ("journal-in-place-twice", "the same target twice in place", repeated),
    ):
        s = Story(name, 3 * 4096, room=8, family="falsified")
        s.journal.falsify_records = partial(change, s.image)
        s.commit(size=4 * 4096, write=[1, 3])
        s.vector(what + ": ignored", 0)


def set_to(record, field, value):
    def falsify(records, crcs):
        records[record][field] = value

    return falsify


def at_journal(records, crcs):
    records[0][0] = 11


def units_zero(records, crcs):
    records.append([5, 0, 1, codec.KIND_IN_PLACE])


def one_more(records, crcs):
    crcs.append(0)


def unused_target(records, crcs):
    records[0] = [records[0][0], 1, 1, codec.KIND_UNUSED]
    crcs[0] = 0


def unused_crc(records, crcs):
    records[0] = [0, 1, 1, codec.KIND_UNUSED]


def no_pages(records, crcs):
    records[2][2] = crcs[2] = 0


def twice(image, records, crcs):
    records[2][0] = records[0][0]
    crcs[2] = codec.crc32c(image.get(records[0][0]))


def two_pages(records, crcs):
    records.append([4, 1, 2, codec.KIND_IN_PLACE])
    crcs.append(0)


def payload_twice(records, crcs):
    records[1][0] = records[0][0]


def descending(image, records, crcs):
    records.append([1, 1, 1, codec.KIND_IN_PLACE])
    crcs.append(codec.crc32c(image.get(1)))


def repeated(image, records, crcs):
    records.append(list(records[-1]))
    crcs.append(crcs[-1])


def all_journals(licence):
    whole()
    shapes(licence)
    stopped()
    settling()
    settling_licence(licence)
    bounds()
    foreign()
    descriptors()
