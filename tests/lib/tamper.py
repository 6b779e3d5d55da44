# SPDX-License-Identifier: LGPL-2.1-or-later
"""For tests/integration/tamper.sh: copies of a container, each spoilt in one way, and their judge.

make ORIGINAL OTHER FOLDER N SEED   N flips in the header, N in the body, cuts, swaps, exchanges
make-all ...                        the same with every bit of the header, 2,000 of the body
judge PLAIN FOLDER                  reads each; EIO or PLAIN, tells the counts, names what is neither

What no longer begins like a container is a plain file of somebody's; with `plain = deny` it is
refused by EACCES, and counted apart.

Layout by marque-format(5): pages of 4096 bytes, header_pages at byte 10.
"""
import errno
import os
import random
import sys

PAGE = 4096


def put(folder, name, data):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)
    os.chmod(os.path.join(folder, name), 0o666)


def flip(data, bit):
    copy = bytearray(data.ljust(bit // 8 + 1, b"\0"))  # past its end a file is zeros
    copy[bit // 8] ^= 1 << (bit % 8)
    return bytes(copy)


def swap(data, a, b):
    pages = [data[i:i + PAGE] for i in range(0, len(data), PAGE)]
    pages[a], pages[b] = pages[b], pages[a]
    return b"".join(pages)


def bits(rng, start, end, n):
    span = range(start * 8, end * 8)
    return span if n is None else rng.sample(span, min(n, len(span)))


def make(original, other, folder, n, seed):
    rng = random.Random(seed)
    with open(original, "rb") as file:
        data = file.read()
    with open(other, "rb") as file:
        foreign = file.read()
    body = data[10] * PAGE  # header_pages, of one byte as they are at most 20
    everything = n is None
    for bit in bits(rng, 0, body, n):
        put(folder, f"header-{bit}", flip(data, bit))
    if len(data) > body:
        for bit in bits(rng, body, len(data), 2000 if everything else n):
            put(folder, f"body-{bit}", flip(data, bit))
    # Cut to nothing it is an empty file: there is nothing left to tell what it was.
    cuts = range(1, len(data)) if everything and len(data) <= 5 * PAGE else \
        sorted({1, 7, 8, PAGE - 1, PAGE, body - 1, len(data) - 1, len(data) - PAGE,
                *(rng.randrange(len(data)) for _ in range(n or 500))} - {len(data)})
    for cut in cuts:
        if 0 < cut < len(data):
            put(folder, f"cut-{cut}", data[:cut])
    put(folder, "longer", data + bytes(PAGE))
    pages = len(data) // PAGE
    pairs = [(a, b) for a in range(pages) for b in range(a)]
    for a, b in pairs if everything and pages < 64 else rng.sample(pairs, min(n or 300, len(pairs))):
        if data[a * PAGE:][:PAGE] != data[b * PAGE:][:PAGE]:
            put(folder, f"swap-{a}-{b}", swap(data, a, b))
    if foreign[10] == data[10]:
        put(folder, "other-body", data[:body] + foreign[body:])
        put(folder, "other-header", foreign[:body] + data[body:])
    for page in range(1, min(pages, len(foreign) // PAGE)):
        put(folder, f"other-page-{page}",
            data[:page * PAGE] + foreign[page * PAGE:][:PAGE] + data[(page + 1) * PAGE:])


def judge(plain, folder):
    with open(plain, "rb") as file:
        wanted = file.read()
    right = refused = plain_file = wrong = 0
    for name in sorted(os.listdir(folder)):
        try:
            with open(os.path.join(folder, name), "rb", buffering=0) as file:
                got = b""
                while block := file.read(1 << 20):
                    got += block
        except OSError as err:
            if err.errno == errno.EIO:
                refused += 1
            elif err.errno == errno.EACCES:
                plain_file += 1
            else:
                wrong += 1
                print("wrong", name, errno.errorcode.get(err.errno), file=sys.stderr)
            continue
        if got == wanted:
            right += 1
        else:
            wrong += 1
            print("wrong", name, len(got), got[:32], file=sys.stderr)
    print(right, refused, plain_file, wrong)


if sys.argv[1] == "judge":
    judge(sys.argv[2], sys.argv[3])
else:
    everything = sys.argv[1] == "make-all"
    make(*sys.argv[2:5], None if everything else int(sys.argv[5]), int(sys.argv[6]))
