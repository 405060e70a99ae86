"""The vision layer: prepare once, measure eight signals, weigh them into one risk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from layers.capture.types import Capture
from layers.vision import (
    behaviour,
    blink_failure,
    boundary_artifacts,
    confidence,
    flat_rotation,
    minifasnet,
    mouth_anomaly,
    networks,
    presentation,
    risk,
    skin_tone_mismatch,
    teeth_rendering,
    temporal_instability,
    texture_smoothing,
)
from layers.vision.reading import Features, Reading, finite
from layers.vision.scene import Scene, prepare
from verdict.evidence import RiskSource, SignalCode, VisionResult
from verdict.measurement import Measurement
from verdict.policy import Policy

SIGNALS: tuple[ModuleType, ...] = (
    blink_failure,
    boundary_artifacts,
    flat_rotation,
    mouth_anomaly,
    skin_tone_mismatch,
    teeth_rendering,
    temporal_instability,
    texture_smoothing,
)
# Signals whose bona fide and attack values lie far apart: each is a source of risk by itself. The
# others shift the learned risk only.
DECISIVE = (SignalCode.FLAT_ROTATION,)
REPORTED_PARTS = 6


def analyse(
    capture: Capture,
    policy: Policy,
    minifasnet_folder: Path | None = None,
    asked: networks.Networks | None = None,
) -> VisionResult:
    """Judge what the picture shows.

    Parameters
    ----------
    minifasnet_folder
        Folder that holds ``minifasnet/*.pth``; None runs without that optional source.
    asked
        Other networks than the shipped ones, for cross-validation.

    Returns
    -------
    VisionResult
        All eight signals. Without a measurable face score None, risk 0 and confidence 0: silence
        is not innocence, and the verdict treats it so.
    """
    scene = prepare(capture)
    readings = tuple(module.measure(scene, policy) for module in SIGNALS)
    signals = tuple(reading.signal for reading in readings)
    if not scene.views:
        return VisionResult(score=None, p_attack=0.0, confidence=0.0, signals=signals)
    asked = asked or networks.load()
    features = clip_features(scene, readings, asked)
    model = risk.load()
    learned = (_learned(family, features) for family in model.families)
    sources = [*learned, *_decisive(readings)]
    shown_flat = presentation.risk_source(capture, policy)
    sources += [shown_flat] if shown_flat is not None else []
    models = {risk.NAME: model.sha256, **asked.digests}
    if minifasnet_folder is not None:
        pair = minifasnet.load(minifasnet_folder)
        rows = tuple(view.index for view in scene.views)
        source = minifasnet.risk_source(capture, rows, pair, policy)
        models |= dict(pair.digests)
        sources += [source] if source is not None else []
    conditions = confidence.conditions(scene)
    return VisionResult(
        score=-model.log_odds(features),
        p_attack=max(source.p_attack for source in sources),
        confidence=confidence.confidence(scene, conditions, policy),
        signals=signals,
        sources=tuple(sorted(sources, key=lambda s: -s.p_attack)),
        features={**features, **{f"condition_{k}": v for k, v in conditions.items()}},
        models=models,
    )


def clip_features(
    scene: Scene, readings: tuple[Reading, ...], asked: networks.Networks
) -> Features:
    """Every feature that the learned risk may read; None where not measurable."""
    features: dict[str, float | None] = {}
    for reading in readings:
        features |= reading.features
    features |= behaviour.features(scene)
    features |= asked.features(scene)
    return finite(features)


def _decisive(readings: tuple[Reading, ...]) -> list[RiskSource]:
    return [
        RiskSource(reading.signal.code.value, reading.signal.p_attack)
        for reading in readings
        if reading.signal.code in DECISIVE and reading.signal.p_attack is not None
    ]


def _learned(model: risk.FamilyModel, features: Features) -> RiskSource:
    parts: Mapping[str, float] = model.contributions(features)
    raw = float(sum(parts.values()))
    strongest = sorted(parts, key=lambda name: -abs(parts[name]))[:REPORTED_PARTS]
    measurements = tuple(
        Measurement(name, features.get(name), note=f"adds {parts[name]:+.2f} to {raw:+.2f}")
        for name in strongest
    )
    return RiskSource(model.source, model.p_attack(raw), measurements)
