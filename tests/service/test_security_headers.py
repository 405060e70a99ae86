"""Security headers on every answer of every route, refusals and faults included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from service.api.page import page_headers
from tests.service.every_route import ROUTES
from tests.service.running_service import Service, StartService
from tests.service.service_builders import APPLICANT, settings_in
from tests.service.two_tenants import TwoTenants, two_tenants


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoTenants]:
    with two_tenants(tmp_path_factory.mktemp("headers")) as made:
        yield made


def check_headers(answer: Any, *, page: bool = False) -> None:
    """Fail where an answer lacks one of the headers, or has one that says too much."""
    headers, where = answer.headers, (answer.request.method, str(answer.request.url))
    assert headers["x-content-type-options"] == "nosniff", where
    assert headers["referrer-policy"] == "no-referrer", where
    assert headers["cross-origin-opener-policy"] == "same-origin", where
    assert headers["x-frame-options"] == "DENY", where
    assert headers["strict-transport-security"].startswith("max-age="), where
    assert "no-store" in headers["cache-control"], where
    policy = directives(headers["content-security-policy"])
    assert policy["default-src"] == "'none'", where
    assert policy["frame-ancestors"] == "'none'", where
    devices = headers["permissions-policy"]
    assert ("camera=(self)" in devices) == page, where
    assert ("microphone=(self)" in devices) == page, where
    assert headers["x-request-id"], where
    for name in ("server", "x-powered-by", "set-cookie", "access-control-allow-origin"):
        assert name not in headers, where
    if answer.content and "json" not in headers.get("content-type", "json"):
        assert page or "/page" in str(where) or "/media/" in str(where), where


def directives(policy: str) -> dict[str, str]:
    pairs = (part.strip().partition(" ") for part in policy.split(";"))
    return {name: value for name, _, value in pairs}


def test_every_route_answers_with_the_headers(tenants: TwoTenants) -> None:
    for method, path in ROUTES:
        for headers in ({}, tenants.stranger, {"x-api-key": "wrong"}):
            answer = tenants.call(method, path, headers)
            check_headers(answer, page=path == "/s/{token}")
        if method == "GET" and path not in ("/page",):
            answer = tenants.call(method, path, tenants.owner)
            assert answer.status_code == 200, (path, answer.text)
            check_headers(answer, page=path == "/s/{token}")


def test_refusals_and_faults_have_them_too(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, auth = service.client, service.auth

    def broken(*_: object) -> None:
        raise RuntimeError

    answers = [
        client.get("/nowhere"),
        client.get("/page/capture.js"),
        client.get("/page/nowhere.js"),
        client.put("/v1/sessions", headers=auth),
        client.options("/v1/sessions", headers={"origin": "https://evil.example"}),
        client.post("/v1/sessions", headers=auth, content=b"{"),
        client.post("/v1/sessions", headers=auth, content=b" " * 2_000_000),
        client.get("/v1/sessions", headers=auth | {"origin": "https://evil.example"}),
    ]
    monkeypatch.setattr("service.api.sessions.list_sessions", broken)
    answers.append(client.get("/v1/sessions", headers=auth))
    assert answers[-1].status_code == 500
    for answer in answers:
        check_headers(answer)


def test_a_refused_method_names_every_one_that_the_path_takes(service: Service) -> None:
    for asked in {path for _, path in ROUTES}:
        url = re.sub(r"\{.*?\}", "some", asked)
        answer = service.client.request("TRACE", url)
        assert answer.status_code == 405, url
        named = set(answer.headers["allow"].split(", ")) - {"HEAD"}
        taken = {method for method, path in ROUTES if re.sub(r"\{.*?\}", "some", path) == url}
        assert named == taken, url


def test_hsts_is_only_for_https(start_service: StartService) -> None:
    service = start_service(public_url="http://127.0.0.1:8000")
    assert "strict-transport-security" not in service.client.get("/healthz").headers


def test_the_page_runs_its_own_script_and_no_other(service: Service) -> None:
    first, second = service.client.get("/s/any"), service.client.get("/s/any")
    nonces = []
    for answer in (first, second):
        policy = directives(answer.headers["content-security-policy"])
        (nonce,) = re.fullmatch(r"'nonce-([\w-]{22,})'", policy["script-src"]).groups()  # type: ignore[union-attr]
        assert answer.text.count("<script") == answer.text.count(f'nonce="{nonce}"') == 1
        assert policy["base-uri"] == policy["form-action"] == "'none'"
        assert "unsafe" not in answer.headers["content-security-policy"]
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


def test_the_page_is_framed_by_whom_the_operator_names(start_service: StartService) -> None:
    shop = "https://shop.example.com"
    service = start_service(embed_origins=(shop,))
    framed = service.client.get("/s/any").headers
    assert directives(framed["content-security-policy"])["frame-ancestors"] == shop
    assert "x-frame-options" not in framed
    assert framed["cross-origin-resource-policy"] == "cross-origin"
    rest = service.client.get("/v1/sessions", headers=service.auth).headers
    assert rest["x-frame-options"] == "DENY"
    alone = page_headers("n", ())["Content-Security-Policy"]
    assert directives(alone)["frame-ancestors"] == "'none'"


@pytest.mark.parametrize(
    "origin",
    [
        "http://shop.example.com",
        "https://shop.example.com/path",
        "https://shop.example.com; script-src *",
        "*",
        "https://*",
        "https://shop.example.com\r\nset-cookie: a=b",
        "https://shop.example.com\n",
    ],
)
def test_an_origin_that_would_open_the_policy_is_refused(tmp_path: Any, origin: str) -> None:
    with pytest.raises(ValidationError):
        settings_in(tmp_path, embed_origins=(origin,))


def test_an_address_in_the_host_header_gets_into_no_link(service: Service) -> None:
    headers = service.auth | {"host": "evil.example", "x-forwarded-host": "evil.example"}
    created = service.client.post("/v1/sessions", json=APPLICANT, headers=headers)
    assert created.status_code == 201
    assert "evil" not in created.text
