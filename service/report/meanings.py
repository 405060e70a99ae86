"""What each finding of the vision layer means, for a reader who has never seen one.

One sentence on the artefact and one on what else looks like it: an analyst decides between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from verdict.evidence import SignalCode


@dataclass(frozen=True, slots=True)
class Meaning:
    """Two sentences about a finding."""

    title: str
    means: str
    also: str


SIGNALS: Mapping[SignalCode, Meaning] = {
    SignalCode.BLINK_FAILURE: Meaning(
        "Eyes stay partly open in the blink",
        "In a blink the lids cover the eye; a synthesised face often stops half way, since the "
        "pictures it was made from rarely show closed eyes.",
        "Thick or reflecting glasses, a glance down taken for a blink, or too few frames a second "
        "to catch the closed moment.",
    ),
    SignalCode.BOUNDARY_ARTIFACTS: Meaning(
        "Seam inside the face contour",
        "Where a face is laid over another, colour and detail step along one line all around it.",
        "A fringe, a full beard, a headscarf, the rim of glasses, a hard shadow from the side, or "
        "make-up that ends at the jaw.",
    ),
    SignalCode.FLAT_ROTATION: Meaning(
        "Head turns like a flat picture",
        "On a head the nose moves against the cheeks and one cheek disappears; a photograph or a "
        "screen that is tilted only gets narrower.",
        "A small turn, a strongly blurred turn, or a face so far away that its depth hardly shows.",
    ),
    SignalCode.MOUTH_ANOMALY: Meaning(
        "Mouth does not go with the sound",
        "Somebody speaks on the sound track while the mouth in the picture stays shut or moves to "
        "something else.",
        "Another person or a loudspeaker in the room, sound that is recorded with a delay, a hand "
        "or microphone before the mouth, or a thick moustache.",
    ),
    SignalCode.SKIN_TONE_MISMATCH: Meaning(
        "Face and neck have different colours",
        "A face that was put in keeps some of the light and colour of where it came from; the neck "
        "below it does not have them.",
        "Make-up, a flushed or tanned face, coloured light from a screen; or a collar, scarf or "
        "beard taken for the neck: look whether the dashed outline lies on skin.",
    ),
    SignalCode.TEETH_RENDERING: Meaning(
        "Teeth are one blurred mass",
        "Generated mouths often show teeth as a white band without gaps, while the eyes in the "
        "same frame are sharp.",
        "Lips that move during the exposure, strong compression, braces or veneers, or a "
        "smartphone's beauty filter.",
    ),
    SignalCode.TEMPORAL_INSTABILITY: Meaning(
        "Face trembles or drifts in itself",
        "A face that is made anew for every frame does not sit exactly where the last one did, "
        "even when the head is at rest.",
        "Darkness, blur or a very small face, which make the measurement itself tremble, or a "
        "connection that drops frames.",
    ),
    SignalCode.TEXTURE_SMOOTHING: Meaning(
        "Face is smoother than what surrounds it",
        "Blended and generated skin lacks the pores and grain that camera and light leave on the "
        "neck and hairline of the same frame.",
        "Beauty filters, foundation, a face out of focus before sharp hair, stubble on the neck; "
        "or a patterned collar or background inside the dashed outline.",
    ),
}

_UNUSUAL = (
    "Conditions that the examples lacked: another kind of camera, strong compression, unusual "
    "light. It says how unusual a recording is, not who made it."
)

_HEAT = Meaning(
    "Where the network sees replaced pixels",
    "A network that was taught on faces laid over other frames colours every part of the picture "
    "by how much it looks like one of those.",
    "Every face shows some heat; filters, make-up, glasses and the blocks of compression add to "
    "it. Heat on one eye or at the frame's border says little, heat over the whole face more; how "
    "much is unusual, the learned risk says.",
)

SOURCES: Mapping[str, Meaning] = {
    "learned_risk_replaced": Meaning(
        "Learned risk: a face drawn into the picture",
        "Measurements that a swapped or lip-synced face shifts, weighed against how they lie in "
        "real recordings; the table says what each adds.",
        _UNUSUAL,
    ),
    "learned_risk_animated": Meaning(
        "Learned risk: a picture made to move",
        "Measurements that a photograph driven by sound or by another person shifts, weighed "
        "against how they lie in real recordings; the table says what each adds.",
        f"A person who sits very still and looks straight ahead. {_UNUSUAL}",
    ),
    "artefact_network": _HEAT,
    "presentation": Meaning(
        "Signs of paper or a screen",
        "A screen filmed by a camera leaves a regular pattern, and a photograph moves with what is "
        "around it as one plane.",
        "Patterned clothes or wallpaper close to the face, strong compression blocks, a camera "
        "that moves while the person sits still.",
    ),
    "minifasnet": Meaning(
        "Print or screen",
        "Two published networks look for paper, a screen or its edges around the face.",
        "A face that fills the picture, unusual light, or a poster behind the person.",
    ),
}


def of_source(name: str) -> Meaning:
    """Return what a source of risk means; a signal that is a source by itself says its own."""
    if name in SOURCES:
        return SOURCES[name]
    if name in list(SignalCode):
        return SIGNALS[SignalCode(name)]
    return Meaning(name.replace("_", " ").capitalize(), "", "")
