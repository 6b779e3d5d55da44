# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the meta tests share: the tree, TAP, C without comments."""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]


class Tap:
    """One case per claim; problems are listed below it."""

    def __init__(self):
        self.n = 0
        self.failed = 0

    def case(self, claim, problems):
        self.n += 1
        problems = list(problems)
        self.failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {self.n} - {claim}")
        for problem in problems:
            print(f"#   {problem}")

    def skip(self, claim, why):
        self.n += 1
        print(f"ok {self.n} - {claim} # SKIP {why}")

    def end(self):
        print(f"1..{self.n}")
        sys.exit(1 if self.failed else 0)


def text(path):
    return (TOP / path).read_text(encoding="utf-8", errors="replace")


def files(*patterns):
    """Paths below the top, sorted."""
    found = set()
    for pattern in patterns:
        found.update(p.relative_to(TOP) for p in TOP.glob(pattern) if p.is_file())
    return sorted(found)


def without_comments(source):
    """Comments become blanks, so that lines keep their numbers."""

    def blank(match):
        word = match.group(0)
        return word if word[0] in "\"'" else re.sub(r"[^\n]", " ", word)

    pattern = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*'
    return re.sub(pattern, blank, source, flags=re.S)
