"""The snippets of docs/webhooks.md do what they say; its tables are those of the code."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from service.settings import Settings
from service.webhooks.event_types import EVENT_TYPES
from service.webhooks.signature import new_secret, signed_headers

_TEXT = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
_BODY = '{"type":"session.created","data":{"name":"Åsa"}}'.encode()


def _snippet(language: str) -> str:
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", _TEXT, flags=re.MULTILINE | re.DOTALL)
    return str(code)


def _cases() -> list[tuple[str, dict[str, str], str, bool]]:
    """Name, headers, secret, and whether they verify."""
    old, new = new_secret(), new_secret()
    now = int(time.time())
    good = signed_headers([new], "evt-1", now, _BODY)
    signature = good["webhook-signature"]
    both = signed_headers([new, old], "evt-1", now, _BODY)
    return [
        ("good", good, new, True),
        ("rotated, new secret", both, new, True),
        ("rotated, old secret", both, old, True),
        ("another secret", good, old, False),
        ("another id", good | {"webhook-id": "evt-2"}, new, False),
        ("late", signed_headers([new], "evt-1", now - 301, _BODY), new, False),
        ("early", signed_headers([new], "evt-1", now + 302, _BODY), new, False),
        ("no time", good | {"webhook-timestamp": "x"}, new, False),
        ("no signature", good | {"webhook-signature": "v1,"}, new, False),
        ("another version", good | {"webhook-signature": "v2" + signature[2:]}, new, False),
    ]


def test_the_python_snippet() -> None:
    names: dict[str, Any] = {}
    exec(_snippet("python"), names)
    for name, headers, secret, fits in _cases():
        found = names["read_event"](headers, _BODY, secret)
        assert found == (json.loads(_BODY) if fits else None), name
        assert names["read_event"](headers, _BODY + b" ", secret) is None, name


def test_the_node_snippet(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip(
            "Node is not installed: install Node 20 to test the snippet of docs/webhooks.md"
        )
    (tmp_path / "snippet.mjs").write_text(_snippet("js"), encoding="utf-8")
    (tmp_path / "run.mjs").write_text(
        "import { readEvent } from './snippet.mjs';\n"
        "const cases = JSON.parse(process.argv[2]);\n"
        "const body = Buffer.from(process.argv[3], 'base64');\n"
        "const read = ([, headers, secret]) => [readEvent(headers, body, secret),\n"
        "  readEvent(headers, Buffer.concat([body, Buffer.from(' ')]), secret)];\n"
        "console.log(JSON.stringify(cases.map(read)));\n",
        encoding="utf-8",
    )
    cases = _cases()
    arguments = [json.dumps(cases), base64.b64encode(_BODY).decode()]
    done = subprocess.run(
        [node, str(tmp_path / "run.mjs"), *arguments], capture_output=True, text=True, check=True
    )
    for (name, _, _, fits), (found, altered) in zip(cases, json.loads(done.stdout), strict=True):
        assert found == (json.loads(_BODY) if fits else None), name
        assert altered is None, name


def test_every_event_is_documented() -> None:
    rows = [line for line in _TEXT.splitlines() if line.startswith("| `")]
    named: set[str] = set()
    for row in rows:
        prefix = ""
        for name in re.findall(r"`([a-z_.]+)`", row.split("|")[1]):
            named.add(prefix + name if name.startswith(".") else name)
            if not name.startswith("."):
                prefix = name.rsplit(".", 1)[0]
    assert set(EVENT_TYPES) <= named
    assert {name for name in named if "." in name} <= {*EVENT_TYPES, "webhook.test"}


def test_every_setting_is_documented() -> None:
    fields = {f"BONAFIDE_{name.upper()}" for name in Settings.model_fields if "webhook" in name}
    documented = set(re.findall(r"BONAFIDE_\w*WEBHOOK\w*", _TEXT))
    # How many tries at a time is for the runner without an engine only.
    assert fields - {"BONAFIDE_WEBHOOK_WORKERS"} == documented
