"""Rate limits: the arithmetic, each route's own bucket, and buckets that processes share."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from service.api.schemas import ErrorBody
from service.database import Database
from service.limits.buckets import Buckets, OwnBuckets, SharedBuckets, forget_full_buckets
from service.limits.limiter import Limited, open_limiter
from service.limits.rate import Rate
from service.signing import load_signer
from tests.service.postgres import PostgresServer
from tests.service.running_service import Service, StartService
from tests.service.service_builders import APPLICANT, settings_in
from tests.service.tenants import new_tenant

_S = 1_000_000


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    rate, full_at_us = Rate(3, 60), 0
    now_us = 1000 * _S
    for _ in range(3):
        full_at_us, wait_us = rate.taken(full_at_us, now_us)
        assert wait_us == 0
    full_at_us, wait_us = rate.taken(full_at_us, now_us)
    assert wait_us == 20 * _S
    assert rate.taken(full_at_us, now_us + 20 * _S - 1)[1] == 1
    assert rate.taken(full_at_us, now_us + 20 * _S)[1] == 0
    # After a minute without a request the whole burst is there again, and no more than that.
    later_us = now_us + 3600 * _S
    waits = []
    for _ in range(4):
        full_at_us, wait_us = rate.taken(full_at_us, later_us)
        waits.append(wait_us)
    assert waits == [0, 0, 0, 20 * _S]


@pytest.mark.parametrize("text", ["0/60", "10/0", "ten/60", "10", "10/-1", "", "10/60/60"])
def test_a_limit_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValidationError, match="REQUESTS/SECONDS"):
        settings_in(tmp_path, rate_key=text)


def test_a_limit_is_read_and_can_be_off(tmp_path: Path) -> None:
    assert settings_in(tmp_path, rate_key="50/0.5").rate_key == Rate(50, 0.5)
    assert settings_in(tmp_path, rate_key="off").rate_key is None


def _refused(response: Any) -> int:
    assert response.status_code == 429, response.text
    assert ErrorBody.model_validate(response.json()).error.code == "TOO_MANY_REQUESTS"
    return int(response.headers["retry-after"])


def test_each_key_has_its_bucket(start_service: StartService) -> None:
    service = start_service(rate_key="3/60")
    for _ in range(3):
        assert service.client.get("/v1/sessions", headers=service.auth).status_code == 200
    assert _refused(service.client.get("/v1/sessions", headers=service.auth)) == 20
    assert service.client.get("/v1/sessions", headers=service.new_key()).status_code == 200
    assert service.client.get("/healthz").status_code == 200


def test_a_tenant_has_one_bucket_for_new_sessions_whatever_its_keys(
    start_service: StartService,
) -> None:
    service = start_service(rate_create="2/60")
    service.create()
    service.create()
    again = service.client.post("/v1/sessions", json=APPLICANT, headers=service.new_key())
    assert _refused(again) == 30
    assert service.client.get("/v1/sessions", headers=service.auth).json()["total"] == 2
    other = new_tenant(service.context.database)
    body = APPLICANT | {"workflow_id": other.workflow_id}
    assert service.client.post("/v1/sessions", json=body, headers=other.auth).status_code == 201


def test_voice_has_a_bucket_of_its_own(start_service: StartService) -> None:
    service = start_service(rate_voice="1/60")
    for expected in (422, 429):
        answer = service.client.post("/v1/voice/compare", json={}, headers=service.auth)
        assert answer.status_code == expected
    assert service.client.get("/v1/sessions", headers=service.auth).status_code == 200


def test_looks_and_captures_are_counted_by_address(start_service: StartService) -> None:
    service = start_service(rate_view="2/60", rate_upload="1/60")
    token = service.token_of(service.create())
    path = f"/v1/captures/{token}"
    assert [service.client.get(path).status_code for _ in range(3)] == [200, 200, 429]
    assert service.client.post(path, files={"frames": b""}).status_code == 422
    assert _refused(service.client.post(path, files={"frames": b""})) == 60


def test_wrong_links_keep_no_right_one_of_the_same_address_out(start_service: StartService) -> None:
    service = start_service(rate_view="2/60", rate_upload="1/60", rate_guess="2/60")
    created = service.create()
    token = service.token_of(created)
    wrong = [service.client.get(f"/v1/captures/wrong{index}") for index in range(4)]
    assert [answer.status_code for answer in wrong] == [404, 404, 429, 429]
    sent = service.client.post("/v1/captures/wrong", files={"frames": b""})
    assert sent.status_code == 429
    assert service.client.get(f"/v1/captures/{token}").status_code == 200
    bad = {"frames": b""}
    assert service.client.post(f"/v1/captures/{token}", files=bad).status_code == 422
    assert _refused(service.client.post(f"/v1/captures/{token}", files=bad)) == 60
    # A link that has ended is counted, too.
    path = f"/v1/sessions/{created['id']}"
    service.client.patch(path, json={"status": "VOIDED"}, headers=service.auth)
    assert service.client.get(f"/v1/captures/{token}").status_code == 409
    assert _refused(service.client.get(f"/v1/captures/{token}")) == 30


def test_a_link_may_be_tried_so_often_and_another_still_can(start_service: StartService) -> None:
    service = start_service(rate_link="2/600")
    one, other = (service.token_of(service.create()) for _ in range(2))
    bad = {"frames": b""}
    answers = [service.client.post(f"/v1/captures/{one}", files=bad) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert service.capture(other).status_code == 202


def test_media_are_counted_by_capture_and_address(start_service: StartService) -> None:
    service = start_service(rate_media="2/60")
    one, other = (service.retrieve(service.captured())["resource_links"] for _ in range(2))
    path = "/v1/media/some/file?expires=1&signature=x"
    assert service.client.get(path).status_code == 403  # counted with the guesses
    for link in (one["audio"], one["frame_0000"]):
        assert service.client.get(link, headers={"range": "bytes=0-0"}).status_code == 206
    assert _refused(service.client.get(one["audio"])) == 30
    assert service.client.get(other["audio"]).status_code == 200


def test_guesses_are_refused_and_right_ones_are_not(start_service: StartService) -> None:
    service = start_service(rate_guess="3/60")
    token = service.token_of(service.create())
    wrong_key = {"x-api-key": service.key[:-1] + ("A" if service.key[-1] != "A" else "B")}
    assert service.client.get("/v1/sessions", headers=wrong_key).status_code == 401
    assert service.client.get("/v1/captures/guess").status_code == 404
    media = "/v1/media/some/file?expires=1&signature=x"
    assert service.client.get(media).status_code == 403
    for answer in (
        service.client.get("/v1/sessions", headers=wrong_key),
        service.client.get("/v1/captures/guess"),
        service.client.post("/v1/captures/guess", files={"frames": b""}),
        service.client.get(media),
    ):
        assert 1 <= _refused(answer) <= 20
    assert service.client.get("/v1/sessions").status_code == 401  # no key is no guess
    assert service.client.get("/v1/sessions", headers=service.auth).status_code == 200
    assert service.capture(token).status_code == 202


def test_a_process_forgets_full_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.limits.buckets._MOST_KEPT", 10)
    buckets, slow, quick = OwnBuckets(), Rate(1, 3600), Rate(1, 1e-6)
    for index in range(4):
        assert buckets.take(f"slow-{index}", slow) == 0
    for index in range(100):
        assert buckets.take(f"quick-{index}", quick) == 0
    assert all(buckets.take(f"slow-{index}", slow) > 0 for index in range(4))
    for index in range(100):
        buckets.take(f"more-{index}", slow)
    assert len(buckets._full_at_us) <= 10


def _taken_at_once(each: list[Buckets], rate: Rate, tries: int) -> int:
    counts = [0] * len(each)
    gate = threading.Barrier(len(each))

    def take(index: int, buckets: Buckets) -> None:
        gate.wait()
        counts[index] = sum(buckets.take("one", rate) == 0 for _ in range(tries))

    threads = [threading.Thread(target=take, args=pair) for pair in enumerate(each)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def test_threads_of_a_process_get_no_more_than_the_burst() -> None:
    assert _taken_at_once([OwnBuckets()] * 8, Rate(50, 3600), 40) == 50


def test_processes_on_postgresql_share_a_bucket(tmp_path: Path, postgres: PostgresServer) -> None:
    settings = settings_in(tmp_path, database_url=postgres.new_database())
    databases = [Database(settings, 2) for _ in range(4)]  # each with a pool: as of a process
    databases[0].create()
    shared = [SharedBuckets(one.engine) for one in databases]
    rate = Rate(50, 3600)
    assert _taken_at_once(list(shared), rate, 40) == 50
    wait_us = shared[0].take("one", rate)
    assert 60 * _S < wait_us <= 72 * _S  # one token in 72 s
    quick = Rate(2, 0.2)
    assert [shared[0].take("quick", quick) == 0 for _ in range(3)] == [True, True, False]
    assert shared[1].take("quick", quick) > 0
    time.sleep(0.12)
    assert shared[1].take("quick", quick) == 0
    time.sleep(0.25)
    assert forget_full_buckets(databases[0].engine) == 1
    for one in databases:
        one.close()


def test_the_shared_table_holds_no_address(tmp_path: Path, postgres: PostgresServer) -> None:
    settings = settings_in(tmp_path, database_url=postgres.new_database())
    database = Database(settings)
    database.create()
    limiter = open_limiter(settings, database, load_signer(settings), shared=True)
    limiter.take(Limited.GUESS, "203.0.113.7")
    with database.engine.connect() as connection:
        (name,) = connection.exec_driver_sql("SELECT bucket FROM rate_limits").scalars()
    assert name.startswith("guess:")
    assert "203.0.113.7" not in name
    database.close()


def test_a_network_of_ipv6_is_one_client(service: Service) -> None:
    from starlette.requests import HTTPConnection

    from service.limits.limiter import client_of

    def named(host: str) -> str:
        return client_of(HTTPConnection({"type": "http", "client": (host, 1)}))

    assert named("2001:db8:1:2::1") == named("2001:db8:1:2:ffff::9")
    assert named("2001:db8:1:2::1") != named("2001:db8:1:3::1")
    assert named("::ffff:203.0.113.7") == named("203.0.113.7") != named("203.0.113.8")
