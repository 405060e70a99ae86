"""Report the licences of everything that an installation brings, and fail on what does not fit.

``python .ci/licences.py OUT.md [EXTRA …]``; it reads what is installed, and asks nobody.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# The second is installed without what it asks for (Makefile).
_ROOTS = ("bonafide", "resemblyzer")
# Each is permissive, or weak copyleft that leaves the program that imports it alone.
_FITS = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla Public|Unlicense|Zlib|HPND|"
    r"CNRI|0BSD|Public Domain|LGPL|Lesser General Public|CC0|BSL|Boost|MIT-CMU|Python-2\.0)",
    re.IGNORECASE,
)
_DOES_NOT_FIT = re.compile(
    r"\b(AGPL|Affero|SSPL|BUSL|Commons Clause|Non-?Commercial|CC-BY-NC|"
    r"(?<!L)GPL|(?<!Lesser )General Public License|Proprietary)",
    re.IGNORECASE,
)
# Read by hand, because the metadata says nothing or says it in a way that no rule gets right.
_READ_BY_HAND: dict[str, str] = {}
_BUNDLED = """
What no metadata says: the wheels of `av` carry FFmpeg with x264 and x265, which are
GPL-2.0-or-later. Nothing here links to them but FFmpeg itself; whoever passes on an image with
these wheels passes on GPL software and owes its source to those who get it.
`opencv-contrib-python` carries FFmpeg and Qt under LGPL. Model weights have licences of their
own: `bonafide models`.
"""


def closure(name: str, extras: frozenset[str]) -> dict[str, Distribution]:
    """Return what `name` brings, by name; what is not installed here is not needed here."""
    found: dict[str, Distribution] = {}
    asked = [(name, extras)]
    while asked:
        one, of = asked.pop()
        try:
            dist = distribution(one)
        except PackageNotFoundError:
            continue
        key = canonicalize_name(one)
        if key in found and not of:
            continue
        found[key] = dist
        for text in dist.requires or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": one}) for one in {"", *of}):
                wanted = frozenset(requirement.extras)
                if canonicalize_name(requirement.name) not in found or wanted:
                    asked.append((requirement.name, wanted))
    return found


def licence_of(dist: Distribution) -> str:
    """Return the licence that a distribution states: expression, classifiers, or the first line."""
    metadata = dist.metadata
    if by_hand := _READ_BY_HAND.get(canonicalize_name(metadata["Name"])):
        return by_hand
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = [
        value.rsplit("::", 1)[-1].strip()
        for value in metadata.get_all("Classifier") or []
        if value.startswith("License ::") and value.rsplit("::", 1)[-1].strip() != "OSI Approved"
    ]
    if classifiers:
        return "; ".join(classifiers)
    stated = (metadata.get("License") or "").strip()
    return stated.splitlines()[0][:80] if stated else ""


def main(out: Path, extras: frozenset[str]) -> int:
    """Write the report; 1 where a licence is unknown or does not fit."""
    rows, wrong = [], []
    found = {name: dist for root in _ROOTS for name, dist in closure(root, extras).items()}
    for name, dist in sorted(found.items()):
        licence = licence_of(dist)
        rows.append(f"| {name} | {dist.version} | {licence or '?'} |")
        if name == "bonafide":
            continue
        if not licence or not _FITS.search(licence):
            wrong.append(f"{name}: unknown licence {licence!r}; read it and add it by hand")
        elif _DOES_NOT_FIT.search(licence):
            wrong.append(f"{name}: {licence} does not fit; replace it, or say by hand why it does")
    out.parent.mkdir(parents=True, exist_ok=True)
    head = "| package | version | licence |\n|---|---|---|\n"
    out.write_text(head + "\n".join(rows) + "\n" + _BUNDLED, encoding="utf-8")
    for line in wrong:
        sys.stderr.write(f"licences: {line}\n")
    sys.stderr.write(f"licences: {len(rows)} packages, report in {out}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), frozenset(sys.argv[2:])))
