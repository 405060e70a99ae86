"""The adapter to the layers by itself: how many captures are decoded at once."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from layers.capture.errors import MediaError
from layers.capture.types import Challenge
from service.analyser import AnalyserBusyError, StoredCapture
from service.layer_analyser import (
    LayerAnalyser,
    model_paths,
    report_recogniser,
    report_voice_detector,
)
from service.voice.layer_ear import ListeningAnalyser
from tests.service.service_builders import settings_in
from tests.service.stub_layers import tasks_with_slow_decoder, tasks_without_decoder
from verdict.policy import Policy, load_policy


def test_more_captures_than_can_be_decoded_in_time_are_sent_away(tmp_path: Path) -> None:
    captures = [StoredCapture(str(n), tmp_path, Challenge(), 0.0) for n in range(10)]

    async def inspected() -> list[BaseException | object]:
        analyser = LayerAnalyser(settings_in(tmp_path), tasks_without_decoder())
        await analyser.start()
        try:
            first = await asyncio.gather(*map(analyser.inspect, captures), return_exceptions=True)
            later = await asyncio.gather(analyser.inspect(captures[-1]), return_exceptions=True)
            return [*first, *later]
        finally:
            await analyser.close()

    answers = asyncio.run(inspected())
    is_busy = [isinstance(answer, AnalyserBusyError) for answer in answers]
    assert is_busy == [False] * 8 + [True] * 2 + [False]
    assert all(isinstance(answer, AnalyserBusyError | MediaError) for answer in answers)


def test_recordings_that_nobody_waits_for_any_more_are_not_decoded(tmp_path: Path) -> None:
    sounds = [tmp_path / f"{n}.wav" for n in range(8)]

    async def heard() -> None:
        ear = ListeningAnalyser(settings_in(tmp_path), tasks_with_slow_decoder())
        await ear.start()
        try:
            async with asyncio.timeout(0.1):
                await asyncio.gather(*map(ear.decode_voice, sounds))
        except TimeoutError:
            await asyncio.sleep(1.2)  # time enough for a third
        finally:
            await ear.close()

    asyncio.run(heard())
    # One child and one in reserve: what a session's capture may have to wait behind.
    assert len(list(tmp_path.glob("*.decoded"))) == 2


def _with_text(tmp_path: Path, name: str, value: str, unit: str) -> Policy:
    own = tmp_path / "own.toml"
    own.write_text(
        f'version = "own"\n[{name}]\nvalue = "{value}"\nunit = "{unit}"\n'
        'source = "measured"\nbasis = "a test"\ndate = 2026-11-21\n'
    )
    return load_policy(own)


def test_start_up_says_which_voice_detector_decides_and_what_it_can_not_catch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="service.layer_analyser"):
        report_voice_detector(load_policy(), settings_in(tmp_path))
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said[0] == ("INFO", "voice detector in force: embedded, calibrated")
    assert said[1][0] == "WARNING"
    assert "the embedded detector decides alone. At its threshold: split dev" in said[1][1]


def test_start_up_says_what_the_bundled_recogniser_misses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="service.layer_analyser"):
        checkpoint = tmp_path / "small.en.pt"
        checkpoint.touch()
        report_recogniser(settings_in(tmp_path, whisper_checkpoint=checkpoint))
        assert not caplog.records
        report_recogniser(settings_in(tmp_path))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "In production set BONAFIDE_WHISPER_CHECKPOINT" in record.getMessage()


def test_start_up_refuses_a_voice_detector_that_can_not_decide(tmp_path: Path) -> None:
    stale = _with_text(tmp_path, "voice.detector.embedded.weights", "0" * 64, "SHA-256")
    with pytest.raises(RuntimeError, match="calibrate MANIFEST --detector embedded"):
        report_voice_detector(stale, settings_in(tmp_path))
    chosen = _with_text(tmp_path, "voice.detector.in_force", "aasist", "name")
    assert model_paths(settings_in(tmp_path), chosen).voice_detectors == ("aasist",)
    with pytest.raises(RuntimeError, match="'aasist' is not here: copy the file to"):
        report_voice_detector(chosen, settings_in(tmp_path, models_folder=tmp_path))
