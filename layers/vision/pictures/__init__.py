"""What each finding of the vision layer rests on, as regions of frames.

Made from the capture and the stored result when a report asks for it; the analysis itself never
does, so that it costs nothing there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from layers.capture.types import Capture
from layers.vision.pictures import behaviour, motion, presentation, skin, sources, teeth
from layers.vision.pictures.records import (
    Box,
    Curve,
    Derived,
    Outline,
    Picture,
    Role,
    Shot,
    Swatch,
)
from verdict.evidence import RiskSource, SignalCode, SignalResult

__all__ = [
    "Box",
    "Curve",
    "Derived",
    "Outline",
    "Picture",
    "Role",
    "Shot",
    "Swatch",
    "picture_of",
    "pictures_of_sources",
]

_BUILDERS: Mapping[SignalCode, Callable[[Capture, SignalResult], Picture | None]] = {
    SignalCode.BLINK_FAILURE: behaviour.blink,
    SignalCode.BOUNDARY_ARTIFACTS: skin.seam,
    SignalCode.FLAT_ROTATION: motion.rotation,
    SignalCode.MOUTH_ANOMALY: behaviour.mouth,
    SignalCode.SKIN_TONE_MISMATCH: skin.tone,
    SignalCode.TEETH_RENDERING: teeth.teeth,
    SignalCode.TEMPORAL_INSTABILITY: motion.trembling,
    SignalCode.TEXTURE_SMOOTHING: skin.texture,
}

_SOURCES: Mapping[str, Callable[[Capture, RiskSource], Picture | None]] = {
    "minifasnet": sources.networks_crops,
    "presentation": presentation.presentation,
}


def picture_of(capture: Capture, signal: SignalResult) -> Picture | None:
    """Return the picture of one signal; None when no frame that it rests on was kept.

    Parameters
    ----------
    signal
        As the layer returned it, or read back from the stored evidence.
    """
    return _BUILDERS[signal.code](capture, signal)


def pictures_of_sources(
    capture: Capture, found: tuple[RiskSource, ...], models: Mapping[str, str]
) -> dict[str, Picture]:
    """Return the pictures of the sources of risk that look at pixels, by name.

    Parameters
    ----------
    models
        Name to digest, as in the result: heat is shown of the network that decided only.
    """
    made: dict[str, Picture] = {}
    heat = sources.heat(capture, models) if capture.images else None
    if heat is not None:
        made[heat.name] = heat
    for source in found:
        make = _SOURCES.get(source.name)
        picture = make(capture, source) if make and capture.images else None
        if picture is not None:
            made[source.name] = picture
    return made
