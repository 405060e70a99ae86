"""Parts of the webhooks by themselves: signature, addresses, URLs, filter, schedule."""

from __future__ import annotations

import base64
import ipaddress
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from service.database import Database
from service.settings import Settings
from service.tables import DEFAULT_ORGANIZATION_ID
from service.voice.cipher import VoiceprintCipher
from service.webhooks.addresses import may_be_called, read_address
from service.webhooks.event_types import DEFAULT_EVENTS, EVENT_TYPES, is_wanted, names_nothing
from service.webhooks.schedule import pause_after
from service.webhooks.signature import new_secret, signed_headers
from service.webhooks.signing_secrets import SecretBox, live_secrets
from service.webhooks.tables import EndpointRow, SecretRow
from service.webhooks.urls import UrlError, read_url

_BODY = b'{"type":"session.created","data":{"name":"\xc3\x85sa"}}'


def _now_s() -> int:
    return int(datetime.now(UTC).timestamp())


def test_the_published_library_accepts_and_signs_the_same() -> None:
    secret = new_secret()
    headers = signed_headers([secret], "evt-1", _now_s(), _BODY)
    assert Webhook(secret).verify(_BODY, headers) == json.loads(_BODY)
    moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert Webhook(secret).sign("evt-1", moment, _BODY.decode()) == headers["webhook-signature"]


def test_a_vector_computed_by_hand() -> None:
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    headers = signed_headers([secret], "msg_1", 1_700_000_000, b'{"a":1}')
    # printf 'msg_1.1700000000.{"a":1}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0001…1f
    assert headers["webhook-signature"] == "v1,AMaOha7DUT/0J0JMycRuYOBSvbx3WtwLd2khXXbaVj4="


@pytest.mark.parametrize("change", ["body", "id", "timestamp", "signature", "secret"])
def test_the_published_library_rejects_what_was_altered(change: str) -> None:
    secret = new_secret()
    headers, body = signed_headers([secret], "evt-1", _now_s(), _BODY), _BODY
    if change == "body":
        body = _BODY.replace(b"created", b"creatxd")
    elif change == "id":
        headers["webhook-id"] = "evt-2"
    elif change == "timestamp":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    elif change == "signature":
        headers["webhook-signature"] = headers["webhook-signature"][:-4] + "AAA="
    else:
        secret = new_secret()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


@pytest.mark.parametrize("off", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_the_published_library_rejects_what_is_late_or_replayed(off: timedelta) -> None:
    secret = new_secret()
    then = _now_s() + round(off.total_seconds())
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(_BODY, signed_headers([secret], "evt-1", then, _BODY))


def test_during_a_rotation_either_secret_verifies() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers([new, old], "evt-1", _now_s(), _BODY)
    assert len(headers["webhook-signature"].split()) == 2
    for secret in (old, new):
        assert Webhook(secret).verify(_BODY, headers)


def test_secrets_are_long_and_differ() -> None:
    secrets = {new_secret() for _ in range(20)}
    assert len(secrets) == 20
    assert {len(base64.b64decode(one.removeprefix("whsec_"))) for one in secrets} == {32}


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "168.63.129.16", "100.64.0.1", "100.127.255.255"),
        *("192.0.0.9", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1"),
        *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8"),
        *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2001::1"),
        *("fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1"),
        *("2001:db8::1", "3fff::1", "5f00::1", "100::1", "2001:20::1"),
    ],
)
def test_addresses_that_are_not_called(text: str) -> None:
    assert not may_be_called(ipaddress.ip_address(text))
    network = ipaddress.ip_network(text)
    assert may_be_called(ipaddress.ip_address(text), [network])  # unless the operator allows it


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1"])
def test_public_addresses_are_called(text: str) -> None:
    assert may_be_called(ipaddress.ip_address(text))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_gets_through_in_a_coat(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for prefix in ("::", "::ffff:0:0", "64:ff9b::", "64:ff9b:1::", "::ffff:0:0:0"):
        assert not may_be_called(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number))
    six_to_four = ipaddress.IPv6Address((0x2002 << 112) | (number << 80))
    assert not may_be_called(six_to_four)


def test_addresses_are_read_in_their_plain_notation_only() -> None:
    assert str(read_address("8.8.8.8")) == "8.8.8.8"
    for text in ("fe80::1%eth0", "010.8.8.8", "2130706433", "0x7f000001", "127.1", "host"):
        assert read_address(text) is None


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://example.com/", "//example.com/", "example.com", ""),
        *("https:///path", "https://user:pw@example.com/", "https://example.com/#part"),
        *("https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/"),
        *("https://2130706433/", "https://0177.0.0.1/", "https://0x7f.1/", "https://127.1/"),
        *("https://0x7f000001/", "https://a.b.1/", "https://169.254.169.254/latest/"),
        *("https://exa mple.com/", "https://example.com:0/", "https://example.com:99999/"),
        *("https://example.com/\r\nx: y", "https://" + 2000 * "a" + ".com/"),
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(UrlError):
        read_url(url, allow_http=False)


def test_urls_that_are_taken() -> None:
    target = read_url("https://Hooks.Example.com:8443/a?b=c", allow_http=False)
    assert (target.host, target.port, target.path) == (b"hooks.example.com", 8443, b"/a?b=c")
    assert target.authority == b"hooks.example.com:8443"
    assert read_url("https://bücher.example/", allow_http=False).host == b"xn--bcher-kva.example"
    assert read_url("https://8.8.8.8/", allow_http=False).host == b"8.8.8.8"
    inside = ipaddress.ip_network("10.0.0.0/8")
    assert read_url("http://10.0.0.1/", allow_http=True, allowed=[inside]).scheme == b"http"


def test_filters() -> None:
    wanted = [one for one in EVENT_TYPES if is_wanted(one, DEFAULT_EVENTS)]
    of_contract = {"created", *(f"status.{one}" for one in ("submitted", "verified", "rejected"))}
    of_contract |= {"status.failed", "status.voided"}
    assert {f"session.{one}" for one in of_contract} <= set(wanted)
    assert "session.attempt.started" not in wanted
    assert is_wanted("security.deepfake_detected", ["security.*"])
    assert not is_wanted("security_x.y", ["security.*"])
    assert all(is_wanted(one, ["*"]) for one in EVENT_TYPES)
    for pattern in ("session.status.pending", "nothing.*", "session", "*.created", ""):
        assert names_nothing(pattern)


def test_the_published_schedule_with_its_jitter() -> None:
    schedule = Settings().webhook_schedule_s
    hours = [0, 5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    assert list(schedule) == pytest.approx([3600 * hour for hour in hours])
    for failed in range(1, 10):
        pauses = [pause_after(failed, schedule) or 0.0 for _ in range(50)]
        assert schedule[failed] <= min(pauses) < max(pauses) <= 1.2 * schedule[failed]
    assert pause_after(10, schedule) is None


def test_a_receivers_wish_only_draws_the_pause_out() -> None:
    schedule = (0.0, 100.0)
    assert (pause_after(1, schedule, 1000.0) or 0) >= 1000
    assert 100 <= (pause_after(1, schedule, 1.0) or 0) <= 120
    assert pause_after(2, schedule, 1000.0) is None


def test_secrets_at_rest(tmp_path: Path) -> None:
    database = Database(Settings(data_dir=tmp_path))
    database.create()
    box = SecretBox(VoiceprintCipher(bytes(32)))
    with database.write() as db:
        endpoints = [
            EndpointRow(organization_id=DEFAULT_ORGANIZATION_ID, url="https://example.com/")
            for _ in range(2)
        ]
        db.add_all(endpoints)
        db.flush()
        ids = [one.id for one in endpoints]
        first = box.add(db, ids[0])
        second = box.rotate(db, ids[0], 3600)
        assert box.open_live(db, ids[0]) == [second, first]
        row = live_secrets(db, ids[0])[0]
        assert first.encode() not in row.sealed
        assert len([box.rotate(db, ids[0], 3600) for _ in range(8)]) == 8
        assert len(box.open_live(db, ids[0])) == 5  # the header stays short
        only = box.rotate(db, ids[0], 0)
        assert box.open_live(db, ids[0]) == [only]
        # Another endpoint's secret does not open when its row is moved.
        db.add(SecretRow(endpoint_id=ids[1], sealed=live_secrets(db, ids[0])[0].sealed))
        db.flush()
        assert box.open_live(db, ids[1]) == []
        # After a change of the key only what was sealed since can sign.
        other = SecretBox(VoiceprintCipher(bytes(31) + b"1"))
        assert other.open_live(db, ids[0]) == []
        fresh = other.rotate(db, ids[0], 60)
        assert other.open_live(db, ids[0]) == [fresh]
    database.close()
