"""The adapter to the layers by itself: how many captures are decoded at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from layers.capture.errors import MediaError
from layers.capture.types import Challenge
from service.analyser import AnalyserBusyError, StoredCapture
from service.layer_analyser import LayerAnalyser
from tests.service.service_builders import settings_in
from tests.service.stub_layers import tasks_without_decoder


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
