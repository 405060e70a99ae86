"""Children that raise, die or hang cost one row each, and the order stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from layers.capture.errors import EmptyMediaError
from layers.evaluation.manifest import ManifestRow
from layers.evaluation.pool import EvaluationSettings, score_rows
from layers.evaluation.scoring import LayerScore
from layers.runner.tasks import ModelPaths
from verdict.evidence import LayerName
from verdict.policy import Policy, load_policy


def _misbehave(
    _layer: LayerName, row: ManifestRow, _policy: Policy, _models: ModelPaths
) -> LayerScore:
    match row.path:
        case "empty":
            message = "the file is empty; record again"
            raise EmptyMediaError(message)
        case "dies":
            os._exit(3)
        case "hangs":
            time.sleep(60)
        case "odd":
            message = "no such thing"
            raise KeyError(message)
    return LayerScore(0.25, 0.5)


@pytest.mark.timeout(60)
def test_each_row_comes_back_in_order_whatever_its_child_does() -> None:
    names = ["good", "empty", "dies", "odd", "hangs", "good"]
    rows = [ManifestRow(name, Path(name), "bonafide") for name in names]
    settings = EvaluationSettings(jobs=1, file_timeout_s=3.0, scorer=_misbehave)
    scored = list(score_rows(LayerName.VOICE, rows, load_policy(), settings))
    assert [one.row.path for one in scored] == names
    assert [one.score is not None for one in scored] == [True, False, False, False, False, True]
    errors = [one.error.split(":")[0] for one in scored]
    assert errors == ["", "EMPTY_FILE", "CRASHED", "FAILED", "TIMED_OUT", ""]
