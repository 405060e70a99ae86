"""Every route, tried with what belongs to somebody else, and with keys that must not open it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from service.clock import now_ms
from service.keys import Scope, create_key, revoke_key
from tests.service.every_route import ROUTES, routes_of
from tests.service.postgres import PostgresServer
from tests.service.two_tenants import TwoTenants, two_tenants

_WITH_KEY = [(at, route) for at, route in ROUTES.items() if route.needs is not None]
_MADE_UP = {
    "session_id": "3f3f0b9e-7a52-4a1c-8f61-f3b1c0de5d24",
    "erased_id": "3f3f0b9e-7a52-4a1c-8f61-f3b1c0de5d24",
    "enrollment_id": "3f3f0b9e-7a52-4a1c-8f61-f3b1c0de5d24",
    "verification_id": "3f3f0b9e-7a52-4a1c-8f61-f3b1c0de5d24",
    "endpoint_id": "3f3f0b9e-7a52-4a1c-8f61-f3b1c0de5d24",
    "delivery_id": "3f3f0b9e-7a52-4a1c-8f61-f3b1c0de5d24",
    "capture_id": "3f3f0b9e-7a52-4a1c-8f61-f3b1c0de5d24",
    "workflow_id": "3f3f0b9e-7a52-4a1c-8f61-f3b1c0de5d24",
    "external_id": "nobody",
    "key_id": "0123456789abcdef",
    "token": "none",
}


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoTenants]:
    """One service for all tests here, which leave what the owner has as it is."""
    with two_tenants(tmp_path_factory.mktemp("tenants")) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TwoTenants]:
    """For the walks that end in the database: on each."""
    if request.param == "sqlite":
        yield request.getfixturevalue("tenants")
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with two_tenants(tmp_path, database_url=server.new_database()) as made:
        yield made


def test_every_route_is_tried(tenants: TwoTenants) -> None:
    assert routes_of(tenants.client.app) == set(ROUTES)
    with_key = {at for at, route in ROUTES.items() if route.needs is not None}
    app: Any = tenants.client.app
    document = app.openapi()
    for method, path in with_key:
        written = path.replace("{erased_id}", "{session_id}")
        assert "security" in document["paths"][written][method.lower()]


def test_a_stranger_with_the_owners_ids_learns_and_changes_nothing(both: TwoTenants) -> None:
    before = both.owned()
    own = [value for name, value in both.things.items() if name not in ("sound", "name")]
    for (method, path), route in _WITH_KEY:
        # To enrol the owner's external_id would be allowed: it is another person's here.
        changes = {"external_id": "mine"} if path == "/v1/voice/enrollments" else {}
        answer = both.call(method, path, both.stranger, **changes)
        assert answer.status_code == route.foreign, (method, path, answer.text)
        assert not [value for value in own if value in answer.text], (method, path)
        if "{" in path or route.foreign == 422:
            made_up = both.call(method, path, both.stranger, **_MADE_UP)
            assert _comparable(made_up) == _comparable(answer), (method, path)
    assert both.owned() == before


def test_a_stranger_finds_the_owner_by_no_filter(tenants: TwoTenants) -> None:
    things = tenants.things
    for query in (
        f"/v1/sessions?external_id=Session-A&workflow_id={things['workflow_id']}",
        f"/v1/audit?subject_id={things['session_id']}",
        f"/v1/audit?actor=key:{things['key_id']}",
    ):
        assert tenants.client.get(query, headers=tenants.stranger).json()["data"] == []
    # The page token of the owner leads the stranger nowhere.
    owner = tenants.client.get("/v1/sessions?limit=1", headers=tenants.owner).json()
    query = f"/v1/sessions?next_token={owner['next_token']}"
    assert tenants.client.get(query, headers=tenants.stranger).json()["data"] == []
    # Nor does an id of the owner under an endpoint of the stranger's own.
    hook = {"url": "https://shop.example.com/hooks"}
    own = tenants.client.post("/v1/webhook-endpoints", json=hook, headers=tenants.stranger).json()
    path = f"/v1/webhook-endpoints/{own['id']}/deliveries/{things['delivery_id']}"
    assert tenants.client.get(path, headers=tenants.stranger).status_code == 404
    assert tenants.client.post(f"{path}/replay", headers=tenants.stranger).status_code == 404


def test_the_same_external_id_is_two_people(tenants: TwoTenants) -> None:
    answer = tenants.call("POST", "/v1/voice/enrollments", tenants.stranger)
    assert answer.status_code == 202
    erased = tenants.call("DELETE", "/v1/voice/voiceprints/{external_id}", tenants.stranger)
    assert erased.status_code == 204
    verified = tenants.call("POST", "/v1/voice/verifications", tenants.owner)
    assert verified.status_code == 202


def test_only_the_right_scope_opens_a_route(tenants: TwoTenants) -> None:
    database = tenants.service.context.database

    def key(*scopes: Scope) -> dict[str, str]:
        return {"x-api-key": create_key(database, name="one", scopes=scopes).text}

    alone = {scope: key(scope) for scope in Scope}
    all_others = {scope: key(*(set(Scope) - {scope})) for scope in Scope}
    for (method, path), route in _WITH_KEY:
        assert route.needs is not None
        for needed in filter(None, (route.needs, route.also)):
            refused = tenants.call(method, path, all_others[needed])
            assert refused.status_code == 403, (method, path, refused.text)
            assert refused.json()["error"]["code"] == "FORBIDDEN"
    for (method, path), route in _WITH_KEY:
        assert route.needs is not None
        opening = alone[route.needs] if route.also is None else key(route.needs, route.also)
        taken = tenants.call(method, path, opening, **_MADE_UP)
        if path == "/v1/api-keys" and method == "POST":
            assert "can't grant" in taken.text
            continue
        assert taken.status_code not in (401, 403), (method, path, taken.text)


def _dead_keys(tenants: TwoTenants) -> dict[str, dict[str, str]]:
    database, every = tenants.service.context.database, list(Scope)
    revoked = create_key(database, name="revoked", scopes=every)
    assert revoke_key(database, revoked.id)
    expired = create_key(database, name="expired", scopes=every, expires_at=now_ms() - 1)
    right = tenants.owner["x-api-key"]
    foreign = tenants.stranger["x-api-key"]
    cut = right[:-1]
    texts = {
        "revoked": revoked.text,
        "expired": expired.text,
        "cut short": cut,
        "one letter off": cut + ("A" if right[-1] != "A" else "B"),
        "longer": right + "A",
        "in capitals": right.upper(),
        "the stranger's id, the owner's secret": foreign[:19] + right[19:],
        "an id without a secret": right[:20],
        "empty": "",
        "in quotes": f"'{right}' OR '1'='1",
        "two keys": f"{right},{foreign}",
    }
    keys = {name: {"x-api-key": text} for name, text in texts.items()}
    return {"none": {}, **keys}


def test_a_dead_key_opens_nothing(tenants: TwoTenants) -> None:
    dead = _dead_keys(tenants)
    before = tenants.owned()
    for (method, path), _ in _WITH_KEY:
        for what in ("none", "revoked", "expired", "the stranger's id, the owner's secret"):
            answer = tenants.call(method, path, dead[what])
            assert answer.status_code == 401, (method, path, what, answer.text)
            assert answer.json()["error"]["code"] == "UNAUTHENTICATED"
    for what, headers in dead.items():
        assert (tenants.client.get("/v1/sessions", headers=headers).status_code, what) == (
            401,
            what,
        )
    # A key is read from its header alone.
    key = tenants.owner["x-api-key"]
    for headers in ({"authorization": f"Bearer {key}"}, {"cookie": f"x-api-key={key}"}):
        assert tenants.client.get("/v1/sessions", headers=headers).status_code == 401
    assert tenants.client.get(f"/v1/sessions?x-api-key={key}").status_code == 401
    assert tenants.owned() == before


def test_a_capture_token_is_no_key_and_a_key_no_token(tenants: TwoTenants) -> None:
    token, key = tenants.things["token"], tenants.owner["x-api-key"]
    headers = {"x-api-key": token}
    assert tenants.client.get("/v1/sessions", headers=headers).status_code == 401
    assert tenants.client.get(f"/v1/captures/{key}").status_code == 404


def test_a_capture_token_is_used_once_and_ends_with_its_link(tenants: TwoTenants) -> None:
    service, client = tenants.service, tenants.client

    def answers(token: str) -> set[tuple[int, str]]:
        path = f"/v1/captures/{token}"
        both = (client.get(path), client.post(path, files={"frames": b""}))
        return {(answer.status_code, answer.json()["error"]["code"]) for answer in both}

    used = service.token_of(service.create())
    assert service.capture(used).status_code == 202
    assert answers(used) == {(409, "CAPTURE_TOKEN_USED")}
    created = service.create()
    renewed = service.token_of(created)
    path = f"/v1/sessions/{created['id']}"
    again = client.post(f"{path}/attempts", headers=tenants.owner).json()
    assert answers(renewed) == {(404, "CAPTURE_TOKEN_UNKNOWN")}
    fresh = again["session_url"].rsplit("/", 1)[1]
    assert client.get(f"/v1/captures/{fresh}").status_code == 200
    client.patch(path, json={"status": "VOIDED"}, headers=tenants.owner)
    assert answers(fresh) == {(409, "SESSION_TERMINAL")}
    for wrong in (fresh[:-1], fresh + "A", fresh.swapcase(), "%20" + fresh):
        assert answers(wrong) == {(404, "CAPTURE_TOKEN_UNKNOWN")}


def test_a_media_link_opens_one_file_until_its_time(tenants: TwoTenants) -> None:
    things, client = tenants.things, tenants.client
    path = f"/v1/media/{things['capture_id']}/{things['name']}"
    assert client.get(f"{path}?{things['signature']}").status_code == 200
    found = re.fullmatch(r"expires=(\d+)&holder=(\w+)&signature=(.+)", things["signature"])
    assert found is not None
    later = f"expires={int(found[1]) + 1}&holder={found[2]}&signature={found[3]}"
    of_another = f"expires={found[1]}&holder=webhook&signature={found[3]}"
    other = path.replace(things["capture_id"], _MADE_UP["capture_id"])
    name = path.replace(things["name"], "voice.wav" if "jpg" in things["name"] else "0.jpg")
    for url in (
        f"{path}?{later}",
        f"{path}?{of_another}",
        f"{path}?expires={found[1]}&signature={found[3]}",
        f"{other}?{things['signature']}",
        f"{name}?{things['signature']}",
        f"{path}?expires={found[1]}&holder={found[2]}&signature={found[3][:-1]}",
        f"{path}?expires={found[1]}&holder={found[2]}&signature=",
    ):
        assert (client.get(url).status_code, url) == (403, url)
    past_s = now_ms() // 1000 - 1
    signer = tenants.service.context.signer
    signature = signer.media_signature(things["capture_id"], things["name"], past_s, "key")
    answer = client.get(f"{path}?expires={past_s}&holder=key&signature={signature}")
    assert answer.json()["error"]["code"] == "LINK_EXPIRED"


_ODD = (
    "..",
    ".",
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/secret.key",
    "..%252f..%252fsecret.key",
    "....//....//secret.key",
    "..\\..\\secret.key",
    "/etc/passwd",
    "file:///etc/passwd",
    "secret.key%00.jpg",
    "%ff%fe",
    "'; DROP TABLE sessions; --",
    "%",
    "*",
    "\u202e\U0001f600",
    "x" * 5000,
    "..%2F..%2F..%2Fetc%2Fpasswd%00",
)


def test_no_part_of_a_path_leads_out_of_it(both: TwoTenants) -> None:
    planted = both.service.context.settings.data_dir / "planted.txt"
    planted.write_bytes(b"planted" * 10)
    odd = {quote(one, safe="/%:'*.") for one in _ODD}
    odd |= {f"..{slash * depth}planted.txt" for slash in ("/..", "%2f..") for depth in (1, 4)}
    for method, path in ROUTES:
        for name in re.findall(r"{(\w+)}", path):
            url = path
            for other, value in both.things.items():
                if other != name:
                    url = url.replace(f"{{{other}}}", value)
            for written in odd:
                _check_odd(both, method, url.replace(f"{{{name}}}", written))
    for written in odd:
        _check_odd(both, "GET", f"/page/{written}")


def _check_odd(both: TwoTenants, method: str, url: str) -> None:
    status, body = both.raw(method, url, both.owner)
    where = (method, url[:300], status, body[:200])
    if method == "GET" and url.startswith("/s/") and status == 200:
        assert body.startswith(b"<!doctype html>"), where
        return
    assert 400 <= status < 500, where
    assert b"planted" not in body, where
    assert b"root:" not in body, where


def _comparable(answer: Any) -> Any:
    shown = answer.json()
    shown["error"].pop("request_id")
    return answer.status_code, shown
