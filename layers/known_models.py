"""The registered models, each with source, licence, input contract and reported result."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from layers.known_voice_detectors import AASIST_FILES, CLASSIFIERS
from layers.registry import ModelEntry, Shipping

_HERE = Path(__file__).parent

_IN_WHEELS = (
    ModelEntry(
        "face-landmarks",
        "modules/face_landmark/face_landmark_with_attention.tflite",
        "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
        Shipping.WHEEL,
        "mediapipe 0.10.21",
        "Apache-2.0",
        "RGB crop of a face; 478 landmarks in the crop's pixels, z in the same scale",
        "see the MediaPipe Face Mesh model card",
        "mediapipe",
    ),
    ModelEntry(
        "face-detector",
        "modules/face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        Shipping.WHEEL,
        "mediapipe 0.10.21",
        "Apache-2.0",
        "RGB 128x128; boxes and six key points of faces within about two metres",
        "see the MediaPipe BlazeFace short-range model card",
        "mediapipe",
    ),
    ModelEntry(
        "voice-activity",
        "data/silero_vad_16k_sequence.onnx",
        "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
        Shipping.WHEEL,
        "silero-vad 6.2",
        "MIT",
        "16 kHz mono float32 in [-1, 1], frames of 512 samples; probability of speech per frame",
        "see the quality metrics of the silero-vad project",
        "silero_vad",
    ),
    ModelEntry(
        "phones-hama",
        "assets/asr_waveform.hama",
        "a9fcfe73e179ca48e399cd76a90a6b3e1887bf5037ecc52b778d13a149563328",
        Shipping.WHEEL,
        "hama 1.7.0",
        "Apache-2.0",
        "16 kHz mono float32; IPA phones every 20 ms (CTC)",
        "docs/phrase.md: measured here; its makers name no result and no training data",
        "hama",
    ),
    ModelEntry(
        "pocketsphinx-en-us",
        "model/en-us/en-us.lm.bin",
        "db21d0642286677699e6dbc859d2e5395570222361999387ce60f6e1d01995d6",
        Shipping.WHEEL,
        "pocketsphinx 5.1.1",
        "BSD-2-Clause",
        "16 kHz mono int16; words of US English",
        "docs/phrase.md: measured here",
        "pocketsphinx",
    ),
    ModelEntry(
        "speaker-ge2e",
        "pretrained.pt",
        "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
        Shipping.WHEEL,
        "resemblyzer 0.1.4 (installed without its dependencies, never imported)",
        "Apache-2.0",
        "16 kHz mono float32 speech without pauses, 40 mel bands, 1.6 s; 256 values of length one",
        "docs/speaker.md: measured here",
        "resemblyzer",
    ),
)

_OPTIONAL = (
    ModelEntry(
        "speaker-ecapa",
        "spkrec-ecapa-voxceleb/embedding_model.ckpt",
        "",
        Shipping.OPTIONAL,
        "SpeechBrain spkrec-ecapa-voxceleb; in force with the policy entry speaker.encoder = ecapa",
        "Apache-2.0",
        "16 kHz mono float32 speech without pauses, 80 log-mel bands; 192 values of length one",
        "EER 0.80 % on VoxCeleb1 (cleaned) by its makers; not verified here: none was at hand",
    ),
    ModelEntry(
        "whisper",
        "whisper.pt",
        "",
        Shipping.OPTIONAL,
        "openai-whisper checkpoint (tiny.en … large-v3), given by BONAFIDE_WHISPER_CHECKPOINT",
        "MIT",
        "16 kHz mono float32; words. Never told the expected words, never downloaded by us",
        "the recommended recogniser in production; not verified here: no checkpoint was at hand",
    ),
    ModelEntry(
        "minifasnet-v2",
        "minifasnet/2.7_80x80_MiniFASNetV2.pth",
        "a5eb02e1843f19b5386b953cc4c9f011c3f985d0ee2bb9819eea9a142099bec0",
        Shipping.OPTIONAL,
        "github minivision-ai/Silent-Face-Anti-Spoofing @ b6d5f04a",
        "Apache-2.0",
        "BGR float32 0-255, face box enlarged 2.7x, 80x80; class 1 of 3 = live",
        "TPR 97.8 % at FPR 1e-5 on its authors' own data",
    ),
    ModelEntry(
        "minifasnet-v1se",
        "minifasnet/4_0_0_80x80_MiniFASNetV1SE.pth",
        "84ee1d37d96894d5e82de5a57df044ef80a58be2b218b5ed7cdfd875ec2f5990",
        Shipping.OPTIONAL,
        "github minivision-ai/Silent-Face-Anti-Spoofing @ b6d5f04a",
        "Apache-2.0",
        "BGR float32 0-255, face box enlarged 4.0x, 80x80; class 1 of 3 = live",
        "its authors add its softmax to V2's and halve",
    ),
)


@cache
def known_models() -> tuple[ModelEntry, ...]:
    """Return every registered model: our own weights first."""
    return (*_own(), *_IN_WHEELS, *AASIST_FILES, *CLASSIFIERS, *_OPTIONAL)


def _own() -> tuple[ModelEntry, ...]:
    """Read our own weights' entries from the cards that training writes beside them."""
    entries = []
    for card_path in sorted(_HERE.glob("*/weights/*.json")):
        card = json.loads(card_path.read_text(encoding="utf-8"))
        entries.append(
            ModelEntry(
                name=card["name"],
                file=str((card_path.parent / card["file"]).relative_to(_HERE)),
                sha256=card["sha256"],
                shipping=Shipping.OWN,
                source=card["command"],
                licence=card["licence"],
                contract=card["contract"],
                reported=card["reported"],
            )
        )
    return tuple(entries)
