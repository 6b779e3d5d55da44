# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is in office documents and PDFs, without the time of their making.

office.py FILE...: for each file its name and a digest, for a ZIP one of every member.  Times, what is
made of them, such as the identifier of a PDF, and random numbers of revisions count as equal;
everything else has to be.
"""
import hashlib
import re
import sys
import zipfile

VARYING = (
    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?",
    rb"PT\d+H\d+M\d+(\.\d+)?S|PT[\d.]+S",
    rb"/(CreationDate|ModDate)\(D:[^)]*\)",
    rb"/ID \[ <[0-9A-F]+>\s*<[0-9A-F]+> \]",
    rb'config:name="Rsid(Root)?"[^>]*>\d+',
    rb'w:rsid\w*( w:val)?="[0-9A-F]+"',
    rb"/DocChecksum /[0-9A-F]+",
)


def digest(data):
    for pattern in VARYING:
        data = re.sub(pattern, b"(varies)", data)
    return hashlib.sha256(data).hexdigest()[:16]


for path in sys.argv[1:]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            for info in archive.infolist():
                print(path, info.filename, digest(archive.read(info)))
    else:
        with open(path, "rb") as file:
            print(path, digest(file.read()))
