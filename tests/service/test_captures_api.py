"""The applicant's side over HTTP: invitation, a good capture, attempts and finality."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from layers.capture.description import read_description
from layers.capture.types import Step
from layers.runner import MediaRequest
from service.api.schemas import AttemptStarted, CaptureAccepted, CaptureInvitation
from service.captures.tokens import open_attempt
from service.challenge import ChallengeError
from service.errors import NotFoundError
from service.layer_analyser import media_request
from service.media.keys import KeyRing, MasterKeyError
from service.sessions.links import renew_link
from service.tables import DEFAULT_WORKFLOW_ID, SessionRow, Workflow
from tests.service.running_service import Service, StartService
from tests.service.service_builders import (
    APPLICANT,
    MP4,
    BuilderAnalyser,
    capture_parts,
    deepfake_evidence,
    description,
    evidence,
    json_part,
    wav_bytes,
)
from tests.service.tenants import new_tenant
from verdict.measurement import QualityFinding


def test_invitation_says_what_to_ask(service: Service) -> None:
    created = service.create()
    token = service.token_of(created)
    invitation = service.client.get(f"/v1/captures/{token}").json()
    CaptureInvitation.model_validate(invitation)
    steps = invitation["challenge"]["steps"]
    assert steps[0] == "neutral"
    assert set(steps) == set(Step)
    assert len(invitation["challenge"]["words"]) == 3
    assert " ".join(invitation["challenge"]["words"]) == invitation["challenge"]["phrase"]
    record = service.retrieve(created["id"])["session_record"]
    assert record["session_progress"] == "STARTED"
    assert record["meta_data"]["applicantViewTime"].endswith("Z")
    assert service.client.get(f"/v1/captures/{token}").json() == invitation


def test_an_unreadable_address_of_an_earlier_release_ends_nothing(service: Service) -> None:
    created = service.create()
    with service.context.database.write() as db:
        db.get_one(SessionRow, created["id"]).redirect_url = "https://["
    answer = service.capture(service.token_of(created))
    assert (answer.status_code, answer.json()["redirect_url"]) == (202, None)


def test_another_master_key_takes_no_capture_and_uses_no_link(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another_key(*_: object) -> bytes:
        raise MasterKeyError

    token = service.token_of(service.create())
    with monkeypatch.context() as patch:
        patch.setattr(KeyRing, "unwrap", another_key)
        refused = service.capture(token)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "NOT_READY")
    assert service.capture(token).status_code == 202


def test_capture_is_kept_as_it_was_sent(service: Service) -> None:
    created = service.create(redirect_url="https://shop.example.com/done?order=7")
    token = service.token_of(created)
    accepted = service.client.post(
        f"/v1/captures/{token}",
        files=capture_parts(description(service.steps(token), client_time_s=1.5)),
        headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"},
    )
    assert accepted.status_code == 202, accepted.text
    CaptureAccepted.model_validate(accepted.json())
    assert accepted.json()["redirect_url"] == (
        f"https://shop.example.com/done?order=7&status=SUBMITTED&sessionId={created['id']}"
    )
    record = service.judged(created["id"])
    assert record["capture"]["files"] == 6
    links = service.retrieve(created["id"])["resource_links"]
    assert record["uploads"] == dict.fromkeys(links, True)
    assert record["meta_data"]["applicantSubmissionBrowser"] == "Firefox"
    assert record["submitted_at"].endswith("Z")
    stored = service.context.settings.data_dir / "media"
    (folder,) = stored.glob("captures/*/*/*")
    place, names = str(folder.relative_to(stored)), [file.name for file in folder.iterdir()]
    media, database = service.context.media, service.context.database
    with media.unpacked(database, created["id"], place, names) as unpacked:
        kept = read_description(unpacked)  # the layers read what the service wrote
    assert kept.client_time_s == 1.5
    assert [frame.file for frame in kept.frames] == [f"frame_000{index}.jpg" for index in range(5)]
    assert not list((service.context.settings.data_dir / "staging").iterdir())


def test_layers_get_the_words_and_the_times(service: Service) -> None:
    created = service.create()
    token = service.token_of(created)
    invitation = service.client.get(f"/v1/captures/{token}").json()
    service.capture(token, phrase="what the client claims", mirrored=True)
    service.judged(created["id"])
    seen = service.analyser.analysed[0]
    assert seen.challenge.phrase == invitation["challenge"]["phrase"]
    assert [str(prompt.step) for prompt in seen.challenge.prompts] == (
        invitation["challenge"]["steps"]
    )
    assert seen.challenge.mirrored
    assert seen.received_s == service.analyser.inspected[0].received_s
    assert seen.id == service.analyser.inspected[0].id


def test_video_may_stand_for_the_frames(service: Service) -> None:
    token = service.token_of(service.create())
    capture = description(service.steps(token), frames=[], audio=None)
    parts = [("video", ("clip.mp4", MP4, "video/mp4")), json_part(capture)]
    response = service.client.post(f"/v1/captures/{token}", files=parts)
    assert response.status_code == 202, response.text


def test_media_links_open_for_a_while(start_service: StartService) -> None:
    service = start_service()
    session_id = service.captured()
    links = service.retrieve(session_id)["resource_links"]
    assert set(links) == {"audio", *(f"frame_000{index}" for index in range(5))}
    sound = service.client.get(links["audio"])
    assert sound.content == wav_bytes()
    assert sound.headers["content-type"] == "audio/wav"
    forged = service.client.get(links["audio"].replace("audio.wav", "capture.json"))
    assert (forged.status_code, forged.json()["error"]["code"]) == (403, "LINK_INVALID")
    later = links["audio"].replace("expires=1", "expires=2")
    assert service.client.get(later).json()["error"]["code"] == "LINK_INVALID"


def test_media_link_runs_out(start_service: StartService) -> None:
    service = start_service(media_link_ttl_s=0.001)
    links = service.retrieve(service.captured())["resource_links"]
    time.sleep(1.1)
    assert service.client.get(links["audio"]).json()["error"]["code"] == "LINK_EXPIRED"


def test_rejected_session_is_reopened_until_the_limit(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(evidence=deepfake_evidence()), attempt_limit=2)
    created = service.create()
    service.capture(service.token_of(created))
    first = service.judged(created["id"])
    assert (first["status"], first["attempts_left"], first["is_final"]) == ("REJECTED", 1, False)

    path = f"/v1/sessions/{created['id']}/attempts"
    started = service.client.post(path, headers=service.auth)
    assert started.status_code == 201
    AttemptStarted.model_validate(started.json())
    assert (started.json()["attempt"], started.json()["attempts_left"]) == (2, 0)
    reopened = service.retrieve(created["id"])["session_record"]
    assert (reopened["status"], reopened["session_progress"]) == ("PENDING", "PENDING")
    assert "analysis_data" not in reopened

    old = service.client.get(f"/v1/captures/{service.token_of(created)}")
    assert old.json()["error"]["code"] == "CAPTURE_TOKEN_USED"
    service.capture(service.token_of(started.json()))
    second = service.judged(created["id"])
    assert (second["status"], second["is_final"]) == ("REJECTED", True)
    assert second["sequence"] > first["sequence"]
    refused = service.client.post(path, headers=service.auth)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "SESSION_TERMINAL")


def test_open_attempt_gets_a_new_link_and_the_old_one_ends(service: Service) -> None:
    created = service.create()
    renewed = service.client.post(f"/v1/sessions/{created['id']}/attempts", headers=service.auth)
    assert renewed.json()["attempt"] == 1
    old = service.client.get(f"/v1/captures/{service.token_of(created)}")
    assert (old.status_code, old.json()["error"]["code"]) == (404, "CAPTURE_TOKEN_UNKNOWN")
    assert service.capture(service.token_of(renewed.json())).status_code == 202


def test_a_link_that_is_renewed_while_a_capture_waits_is_not_used(
    start_service: StartService, database_url: str
) -> None:
    service = start_service(database_url=database_url)
    token, database = service.token_of(service.create()), service.context.database

    def open_it() -> str:
        with database.write() as db:
            try:
                return open_attempt(db, token, lock=True).attempt.id
            except NotFoundError as error:
                return error.code

    with ThreadPoolExecutor(1) as pool:
        with database.write() as db:
            opened = open_attempt(db, token, lock=True)
            second = pool.submit(open_it)
            time.sleep(0.4)  # now it waits for the session
            assert not second.done()
            renew_link(service.context, opened.attempt, opened.workflow)
            db.add(opened.attempt)
        assert second.result(10) == "CAPTURE_TOKEN_UNKNOWN"


def test_no_attempt_while_the_last_one_is_analysed(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(analyse_pause_s=0.5))
    session_id = service.captured()
    response = service.client.post(f"/v1/sessions/{session_id}/attempts", headers=service.auth)
    assert response.json()["error"]["code"] == "ANALYSIS_RUNNING"
    service.judged(session_id)
    response = service.client.post(f"/v1/sessions/{session_id}/attempts", headers=service.auth)
    assert response.json()["error"]["code"] == "ATTEMPT_NOT_OPEN"


def test_poor_audio_may_be_tried_again_once(start_service: StartService) -> None:
    noisy = QualityFinding("NOISY_AUDIO", 3.0, 10.0, "Go somewhere quieter.")
    poor = evidence(voice=(0.1, 0.3), voice_findings=[noisy])
    service = start_service(BuilderAnalyser(evidence=poor))
    created = service.create()
    service.capture(service.token_of(created))
    assert service.judged(created["id"])["review_required"]
    path = f"/v1/sessions/{created['id']}/attempts"
    again = service.client.post(path, headers=service.auth)
    assert (again.status_code, again.json()["attempt"]) == (201, 2)
    service.capture(service.token_of(again.json()))
    service.judged(created["id"])
    once_more = service.client.post(path, headers=service.auth)
    assert once_more.json()["error"]["code"] == "ATTEMPT_NOT_OPEN"


def test_two_captures_at_once_one_wins(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(inspect_pause_s=0.3))
    created = service.create()
    token = service.token_of(created)
    capture = description(service.steps(token))

    def send(_: int) -> Any:
        return service.client.post(f"/v1/captures/{token}", files=capture_parts(capture))

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(send, range(3)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409]
    lost = [answer.json()["error"]["code"] for answer in answers if answer.status_code == 409]
    assert lost == ["CAPTURE_TOKEN_USED"] * 2
    assert service.judged(created["id"])["attempt"] == 1
    kept = list((service.context.settings.data_dir / "media").glob("captures/*/*/*"))
    assert len(kept) == 1
    assert len(service.analyser.analysed) == 1


@pytest.mark.parametrize(
    ("limits", "sent", "refused"), [({}, 5, 2), ({"max_uploads": 1}, 3, 2)], ids=["link", "all"]
)
def test_too_many_uploads_at_once_are_sent_away(
    start_service: StartService, limits: dict[str, int], sent: int, refused: int
) -> None:
    service = start_service(BuilderAnalyser(inspect_pause_s=1.5), **limits)
    token = service.token_of(service.create())
    capture = description(service.steps(token))

    def send(_: int) -> Any:
        return service.client.post(f"/v1/captures/{token}", files=capture_parts(capture))

    with ThreadPoolExecutor(sent) as pool:
        answers = list(pool.map(send, range(sent)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(202), statuses.count(429)) == (1, refused)
    late = [answer for answer in answers if answer.status_code == 429]
    assert all(int(answer.headers["retry-after"]) > 0 for answer in late)


def test_decision_by_hand_stands_against_a_late_verdict(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(evidence=deepfake_evidence(), analyse_pause_s=0.5))
    session_id = service.captured()
    service.client.patch(
        f"/v1/sessions/{session_id}", json={"status": "VOIDED"}, headers=service.auth
    )
    record = service.judged(session_id)
    assert record["status"] == "VOIDED"
    assert record["analysis_data"]["deepfake_detection_data"]["verdict"] == "DEEPFAKE"


def test_queue_that_is_full_says_when_to_come_back(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(analyse_pause_s=0.5), max_pending_captures=1)
    service.captured()
    token = service.token_of(service.create())
    response = service.capture(token)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "ANALYSIS_BUSY")
    assert int(response.headers["retry-after"]) > 0


def test_tenant_with_too_many_waiting_is_held_up_alone(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(analyse_pause_s=0.5), max_pending_per_tenant=1)
    other = new_tenant(service.context.database)
    first, second = service.create(), service.create()
    service.key = other.key
    theirs = service.create(workflow_id=other.workflow_id)
    assert service.capture(service.token_of(first)).status_code == 202
    response = service.capture(service.token_of(second))
    assert (response.status_code, response.json()["error"]["code"]) == (429, "TOO_MANY_REQUESTS")
    assert int(response.headers["retry-after"]) > 0
    assert service.capture(service.token_of(theirs)).status_code == 202


def test_no_secret_is_stored_in_the_clear(service: Service) -> None:
    created = service.create()
    token = service.token_of(created)
    service.capture(token)
    service.judged(created["id"])
    stored = b"".join(
        path.read_bytes()
        for path in Path(service.context.settings.data_dir).rglob("*")
        if path.is_file()
    )
    assert created["id"].encode() in stored
    assert token.encode() not in stored
    assert service.key.encode() not in stored


def test_page_of_a_link_carries_its_own_policy(service: Service) -> None:
    page = service.client.get("/s/some-token")
    assert page.status_code == 200
    assert "camera=(self)" in page.headers["permissions-policy"]
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy  # no host but our own
    script = service.client.get("/page/capture.js")
    assert script.status_code == 200
    texts = json.loads(service.client.get("/page/texts.json").content)
    assert texts["en"]


@pytest.mark.parametrize("mode", ["digits", "custom"])
def test_workflow_chooses_what_is_said(service: Service, mode: str) -> None:
    with service.context.database.write() as db:
        workflow = db.get_one(Workflow, DEFAULT_WORKFLOW_ID)
        workflow.phrase_mode, workflow.custom_phrase = mode, "open sesame"
        db.add(workflow)
    token = service.token_of(service.create())
    words = service.client.get(f"/v1/captures/{token}").json()["challenge"]["words"]
    assert (
        words == ["open", "sesame"] if mode == "custom" else all(word.isdigit() for word in words)
    )


def test_workflow_that_cannot_be_heard_is_refused_when_its_session_is_created(
    service: Service,
) -> None:
    token = service.token_of(service.create())
    with service.context.database.write() as db:
        workflow = db.get_one(Workflow, DEFAULT_WORKFLOW_ID)
        workflow.language = "de"
        db.add(workflow)
    response = service.client.post("/v1/sessions", json=APPLICANT, headers=service.auth)
    assert response.status_code == 422
    problem = response.json()["error"]
    assert problem["fields"][0]["field"] == "workflow_id"
    assert "hears English only" in problem["message"]
    # A session made before keeps the challenge that it was given.
    assert service.client.get(f"/v1/captures/{token}").json()["challenge"]["language"] == "en"


def test_sound_start_and_clock_of_a_video_reach_the_analyser(start_service: StartService) -> None:
    requests: list[MediaRequest] = []
    service = start_service(BuilderAnalyser(look=lambda one: requests.append(media_request(one))))
    created = service.create()
    token = service.token_of(created)
    capture = description(
        service.steps(token), frames=[], audio={"file": "voice.wav", "start_s": -0.5}
    )
    parts = [
        ("video", ("clip.mp4", MP4, "video/mp4")),
        ("audio", ("voice.wav", wav_bytes(), "audio/wav")),
        json_part(capture),
    ]
    assert service.client.post(f"/v1/captures/{token}", files=parts).status_code == 202
    service.judged(created["id"])
    (request,) = requests
    assert (request.audio_start_s, request.client_time_s) == (-0.5, capture["client_time_s"])


def test_phrase_of_the_settings(start_service: StartService) -> None:
    service = start_service(phrase_mode="custom", custom_phrase="Blue zebra 42")
    token = service.token_of(service.create())
    challenge = service.client.get(f"/v1/captures/{token}").json()["challenge"]
    assert challenge["phrase"] == "Blue zebra 42"
    with pytest.raises(ChallengeError, match="English only"):
        start_service(challenge_language="de")
