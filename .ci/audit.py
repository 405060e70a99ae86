"""Ask for known vulnerabilities of what is installed, and say loudly where nobody answers.

``python .ci/audit.py OUT.json``: 0 where nothing is known or the database can't be had, else 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_LIMIT_S = 300


def main(out: Path) -> int:
    """Run pip-audit and read what it found."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--skip-editable"]
    try:
        ended = subprocess.run(  # noqa: S603
            [*command, "--format=json", f"--output={out}"],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _not_audited(f"no answer within {_LIMIT_S} s")
    if not out.is_file():
        return _not_audited((ended.stderr.strip().splitlines() or ["no output"])[-1])
    packages = json.loads(out.read_text(encoding="utf-8"))["dependencies"]
    audited = [one for one in packages if "skip_reason" not in one]
    if not audited:
        return _not_audited("it knows none of the packages")
    wrong = [one for one in audited if one["vulns"]]
    for one in wrong:
        ids = ", ".join(vulnerability["id"] for vulnerability in one["vulns"])
        sys.stderr.write(f"audit: {one['name']} {one['version']}: {ids}\n")
    unknown = len(packages) - len(audited)
    sys.stderr.write(f"audit: {len(audited)} packages, {unknown} unknown to the database\n")
    return 1 if wrong else 0


def _not_audited(why: str) -> int:
    sys.stderr.write(f"audit: NOT AUDITED, the database could not be had: {why}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
