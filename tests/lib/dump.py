# SPDX-License-Identifier: LGPL-2.1-or-later
"""All memory of a process, also what core dumps leave out; and the AES keys in it.

dump.py PID FILE: every mapping that can be read, one behind the other; tells how many bytes.
dump.py --keys FILE: the AES-256 keys whose expansion lies in a dump, in hexadecimal, one a line.
"""
import struct
import sys

CHUNK = 1 << 20
PAGE = 4096


def dump(pid, path):
    """Mappings of devices and of the kernel's own pages refuse, and are left out."""
    total = 0
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, \
            open(f"/proc/{pid}/mem", "rb", 0) as mem, \
            open(f"/proc/{pid}/pagemap", "rb", 0) as pagemap, open(path, "wb") as out:
        for line in maps:
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if start >= 1 << 63:
                continue
            pagemap.seek(start // PAGE * 8)
            for at in range(start, end, CHUNK):
                stop = min(end, at + CHUNK)
                entries = pagemap.read((stop - at) // PAGE * 8)
                # Present or swapped: what was never touched holds nothing.
                for i in range(7, len(entries), 8):
                    if entries[i] & 0xc0:
                        page = at + i // 8 * PAGE
                        try:
                            mem.seek(page)
                            out.write(mem.read(PAGE))
                            total += PAGE
                        except OSError:
                            pass
    print(total)


def sbox():
    """The S-box of AES: FIPS 197, 5.1.1."""
    table, p, q = [0x63] * 256, 1, 1
    while True:
        p ^= (p << 1 ^ (0x1b if p & 0x80 else 0)) & 0xff
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xff
        q ^= 0x09 if q & 0x80 else 0
        x = q
        for turn in range(1, 5):
            x ^= (q << turn | q >> 8 - turn) & 0xff
        table[p] = x ^ 0x63
        if p == 1:
            return table


def keys(path):
    """Words 8 to 11 of an expansion follow from the first eight: FIPS 197, 5.2."""
    box = sbox()
    with open(path, "rb") as file:
        data = file.read()
    words = struct.unpack(f"<{len(data) // 4}I", data[:len(data) // 4 * 4])
    found = set()
    for i in range(0, len(words) - 60, 2):
        w7 = words[i + 7]
        if w7 == 0:
            continue
        t = box[w7 >> 8 & 255] | box[w7 >> 16 & 255] << 8 | box[w7 >> 24] << 16 | box[w7 & 255] << 24
        if words[i + 8] == words[i] ^ t ^ 1 and words[i + 9] == words[i + 1] ^ words[i + 8] and \
                words[i + 10] == words[i + 2] ^ words[i + 9]:
            found.add(data[i * 4:i * 4 + 32].hex())
    print("\n".join(sorted(found)))


if sys.argv[1] == "--keys":
    keys(sys.argv[2])
else:
    dump(int(sys.argv[1]), sys.argv[2])
