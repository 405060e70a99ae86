"""One try against receivers that misbehave, and a network that lies about where they are."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import threading
import time
from collections.abc import Sequence
from email.utils import format_datetime
from typing import Any

import pytest

from service.webhooks.guard import (
    AddressRefusedError,
    GuardedBackend,
    ResolutionError,
)
from service.webhooks.post import Outcome, Sender
from tests.service.webhook_receiver import (
    ENDLESS,
    HANG,
    Answer,
    Receiver,
    closed_port,
    running_receiver,
)

_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


class _Names:
    """A resolver that answers each question with the next list, and counts the questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if not answer:
            raise ResolutionError
        return answer


def _post(url: str, *, body: bytes = b"{}", **options: Any) -> Outcome:
    chosen: dict[str, Any] = {"timeout_s": 5, "allow_http": True, "allowed": _LOOPBACK}
    sender = Sender(**(chosen | options))
    headers = {"webhook-id": "evt-1", "content-type": "application/json"}
    return asyncio.run(sender.post(url, headers, body))


def _answered(answer: Answer, **options: Any) -> tuple[Outcome, Receiver]:
    with running_receiver() as receiver:
        receiver.otherwise = answer
        outcome = _post(receiver.url, **options)
    return outcome, receiver


def test_a_good_receiver_gets_the_bytes_as_they_are() -> None:
    outcome, receiver = _answered(204, body=b'{"a":"\xc3\xa5"}')
    assert outcome.is_delivered
    assert outcome.status == 204
    (got,) = receiver.got
    assert got.body == b'{"a":"\xc3\xa5"}'
    assert got.path == "/hooks?tenant=a"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["webhook-id"] == "evt-1"


@pytest.mark.parametrize(
    ("status", "word"), [(400, "refused"), (404, "refused"), (500, "refused"), (410, "gone")]
)
def test_only_2xx_counts(status: int, word: str) -> None:
    outcome, _ = _answered(status)
    assert (outcome.status, outcome.error) == (status, word)
    assert outcome.is_gone == (status == 410)


def test_redirects_are_not_followed() -> None:
    with running_receiver() as there:
        outcome, receiver = _answered((307, {"Location": there.url}))
        assert (outcome.status, outcome.error) == (307, "redirected")
        assert len(receiver.got) == 1
        assert there.got == []


def test_a_receiver_that_hangs() -> None:
    begin = time.monotonic()
    outcome, _ = _answered(HANG, timeout_s=0.3)
    assert (outcome.status, outcome.error) == (None, "timed_out")
    assert time.monotonic() - begin < 5
    assert outcome.duration_ms >= 300


def test_an_endless_answer_ends_for_us() -> None:
    outcome, _ = _answered(ENDLESS)
    assert outcome.is_delivered
    assert outcome.duration_ms < 4000


def test_nobody_listens() -> None:
    outcome = _post(f"http://127.0.0.1:{closed_port()}/")
    assert (outcome.status, outcome.error) == (None, "not_connected")


def test_retry_after() -> None:
    for status in (429, 502, 503, 504):
        assert _answered((status, {"Retry-After": "17"}))[0].retry_after_s == 17
    assert _answered((500, {"Retry-After": "17"}))[0].retry_after_s is None
    assert _answered((503, {"Retry-After": "999999999"}))[0].retry_after_s == 24 * 3600
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
    asked = _answered((503, {"Retry-After": format_datetime(soon, usegmt=True)}))[0].retry_after_s
    assert asked is not None
    assert 80 < asked <= 90
    for nonsense in ("soon", "-5", "", "nan", "1e400"):
        assert _answered((503, {"Retry-After": nonsense}))[0].retry_after_s is None


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    assert _answered(204)[0].is_delivered


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],  # one inside is enough to refuse
        ["::ffff:127.0.0.1"],
        ["169.254.169.254"],
        ["fe80::1%eth0"],
        ["64:ff9b::7f00:1"],
        ["not an address"],
    ],
)
def test_names_that_lead_inside_are_not_called(answer: list[str]) -> None:
    with running_receiver() as receiver:
        url = f"http://hooks.example.com:{receiver.port}/"
        outcome = _post(url, allowed=(), resolve=_Names(answer))
        assert (outcome.status, outcome.error) == (None, "address_refused")
        assert receiver.got == []


@pytest.mark.parametrize(
    "host", ["2130706433", "0177.0.0.1", "0x7f000001", "127.1", "[::ffff:127.0.0.1]", "127.0.0.1"]
)
def test_other_ways_to_write_an_address_are_not_called(host: str) -> None:
    with running_receiver() as receiver:
        outcome = _post(f"http://{host}:{receiver.port}/", allowed=())
        assert (outcome.status, outcome.error) == (None, "address_refused")
        assert receiver.got == []


def test_the_guard_checks_whatever_the_systems_resolver_makes_of_a_name() -> None:
    async def connect() -> None:
        # Past the check of the URL: the resolver itself reads 127.0.0.1 here.
        await GuardedBackend(()).connect_tcp("0x7f.1", 80)

    with pytest.raises((AddressRefusedError, ResolutionError)):
        asyncio.run(connect())


def test_a_name_is_asked_once_and_the_answer_is_what_is_called() -> None:
    names = _Names(["127.0.0.1"], ["10.0.0.1"])  # rebinding: the second answer lies elsewhere
    with running_receiver() as receiver:
        outcome = _post(f"http://hooks.example.com:{receiver.port}/", resolve=names)
        assert outcome.is_delivered
        assert names.asked == ["hooks.example.com"]
        assert receiver.got[0].headers["host"] == f"hooks.example.com:{receiver.port}"


def test_a_rebinding_name_is_refused_at_the_try_that_it_turns() -> None:
    names = _Names(["127.0.0.1"], ["10.0.0.1"])
    with running_receiver() as receiver:
        url = f"http://hooks.example.com:{receiver.port}/"
        assert _post(url, resolve=names).is_delivered
        assert _post(url, resolve=names).error == "address_refused"
        assert len(receiver.got) == 1


def test_a_name_that_does_not_resolve_is_not_called() -> None:
    async def empty(host: str, port: int) -> Sequence[str]:
        return []

    for resolve in (_Names([]), empty):
        outcome = _post("http://hooks.example.com/", resolve=resolve)
        assert (outcome.status, outcome.error) == (None, "not_resolved")


def test_slow_name_servers_hold_none_of_the_shared_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()

    def slow(*_arguments: Any, **_options: Any) -> list[Any]:
        released.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)

    async def post_many() -> float:
        sender = Sender(timeout_s=0.5, allow_http=True, allowed=())
        posts = [sender.post(f"http://h{n}.example.com/", {}, b"{}") for n in range(40)]
        running = asyncio.gather(*posts)
        await asyncio.sleep(0.1)
        begin = time.monotonic()
        await asyncio.to_thread(int)  # what the database waits for, too
        took_s = time.monotonic() - begin
        assert {one.error for one in await running} == {"timed_out"}
        return took_s

    try:
        assert asyncio.run(post_many()) < 0.4
    finally:
        released.set()


def test_a_dead_address_beside_a_good_one() -> None:
    with running_receiver() as receiver:
        names = _Names(["127.0.0.9", "127.0.0.1"])  # nobody listens on the first
        assert _post(f"http://hooks.example.com:{receiver.port}/", resolve=names).is_delivered


def test_https_only_unless_configured() -> None:
    with running_receiver() as receiver:
        outcome = _post(receiver.url, allow_http=False)
        assert (outcome.status, outcome.error) == (None, "address_refused")
        assert receiver.got == []
