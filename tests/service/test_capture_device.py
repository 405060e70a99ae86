"""What goes with a capture to the layers: its camera, the age of its link, the policy."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import numpy as np
import pytest

from layers.capture.description import CaptureDescription, parse_description
from layers.capture.errors import CaptureDescriptionError, UnreadableMediaError
from layers.capture.types import Challenge, Device
from layers.runner import MediaRequest
from service.analyser import StoredCapture
from service.api.page import PAGE_FOLDER
from service.layer_analyser import LayerAnalyser, media_request
from tests.service.running_service import Service, StartService
from tests.service.service_builders import (
    MP4,
    BuilderAnalyser,
    capture_parts,
    description,
    json_part,
    settings_in,
)
from tests.service.stub_layers import tasks_that_name_their_policy

_DEVICE = {"label": "USB Camera (046d:0825)", "width": 1280, "height": 720, "frame_rate": 29.97}


def test_the_camera_of_frames_is_kept_in_their_json(start_service: StartService) -> None:
    seen: list[CaptureDescription] = []

    def look(stored: StoredCapture) -> None:
        seen.append(parse_description((stored.folder / "capture.json").read_bytes()))

    service = start_service(BuilderAnalyser(look=look))
    created = service.create()
    token = service.token_of(created)
    capture = description(service.steps(token), device=_DEVICE)
    sent = service.client.post(f"/v1/captures/{token}", files=capture_parts(capture))
    assert sent.status_code == 202, sent.text
    service.judged(created["id"])
    stored = service.analyser.analysed[0]
    (kept,) = seen
    assert kept.camera == Device("USB Camera (046d:0825)", 1280, 720, 29.97)
    assert stored.device == kept.camera


def test_the_camera_of_a_video_is_handed_on_with_it(start_service: StartService) -> None:
    requests: list[MediaRequest] = []
    service = start_service(BuilderAnalyser(look=lambda one: requests.append(media_request(one))))
    created = service.create()
    token = service.token_of(created)
    capture = description(service.steps(token), frames=[], audio=None, device={"label": "Front"})
    parts = [("video", ("clip.mp4", MP4, "video/mp4")), json_part(capture)]
    assert service.client.post(f"/v1/captures/{token}", files=parts).status_code == 202
    service.judged(created["id"])
    assert [request.device for request in requests] == [Device("Front")]


def test_a_capture_without_a_camera_is_taken_as_before(service: Service) -> None:
    service.captured()
    assert service.analyser.inspected[0].device is None


def test_the_age_of_the_link_is_that_of_the_first_look(service: Service) -> None:
    created = service.create()
    token = service.token_of(created)
    capture = description(service.steps(token))
    service.client.post(f"/v1/captures/{token}", files=capture_parts(capture))
    record = service.judged(created["id"])
    inspected, analysed = service.analyser.inspected[0], service.analyser.analysed[0]
    assert inspected.open_s == analysed.open_s
    viewed_s = np.datetime64(record["meta_data"]["applicantViewTime"][:-1], "ms").astype(int) / 1000
    assert inspected.open_s == pytest.approx(inspected.received_s - viewed_s, abs=2e-3)


@pytest.mark.parametrize(
    "device", [{"width": -1}, {"label": "x" * 301}, {"frame_rate": "NaN"}, "camera"]
)
def test_a_camera_that_can_not_be_is_refused(device: object) -> None:
    document = {"frames": [{"file": "0.jpg", "t_s": 0.0}], "device": device}
    with pytest.raises(CaptureDescriptionError, match="device"):
        parse_description(json.dumps(document))


def test_the_page_sends_every_field_of_the_camera() -> None:
    script = (PAGE_FOLDER / "capture.js").read_text(encoding="utf-8")
    body = script[script.index("function deviceOf") :]
    body = body[: body.index("\n}\n")]
    sent = set(re.findall(r"^    (\w+)[:,]", body, flags=re.MULTILINE))
    field = CaptureDescription.model_json_schema()["$defs"]["DeviceDescription"]
    assert sent == set(field["properties"])


def test_the_deployments_policy_judges_the_quality_of_a_capture(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'version = "our own"\n[capture.audio.shortest_s]\nvalue = 3\nunit = "s"\n'
        'source = "measured"\nbasis = "a test"\ndate = 2026-11-21\n'
    )

    async def inspected() -> None:
        settings = settings_in(tmp_path, policy_file=own)
        analyser = LayerAnalyser(settings, tasks_that_name_their_policy())
        await analyser.start()
        try:
            await analyser.inspect(StoredCapture("one", tmp_path, Challenge(), 0.0))
        finally:
            await analyser.close()

    with pytest.raises(UnreadableMediaError, match="our own"):
        asyncio.run(inspected())
