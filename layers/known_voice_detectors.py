"""Published voice detectors that the engine can load: what a deployment may bring, and how."""

from __future__ import annotations

from layers.registry import ModelEntry, Shipping

_AASIST = "16 kHz mono float32 in [-1, 1], windows of 64,600 samples; logit 1 = bona fide"
_CLASSIFIER = "16 kHz mono float32, windows of 4 s; two classes named in its config.json"
_BENCHMARK = (
    "4,524 clips of the public podonos/audio-dfd-benchmark (README at 0a83554), half of them made "
    "by about 25 current systems"
)
_SET_FOLDER = (
    "set BONAFIDE_VOICE_MODEL_FOLDER to the folder, then calibrate --detector transformers"
)

AASIST_FILES = (
    ModelEntry(
        "aasist",
        "aasist/AASIST.pth",
        "51d2d9cf0738172f61e2a384ec50a54a55363240f67c971ed55a92435bc1a1c0",
        Shipping.OPTIONAL,
        "github clovaai/aasist @ a04c9863, models/weights/AASIST.pth",
        "MIT",
        _AASIST,
        f"EER 0.83 % on ASVspoof 2019 LA; accuracy 48.2 % on the {_BENCHMARK}; for comparison",
        install="copy the file to aasist/AASIST.pth in the folder of BONAFIDE_MODELS_FOLDER",
    ),
    ModelEntry(
        "aasist-l",
        "aasist/AASIST-L.pth",
        "814331d088032bb4c3fa61cc014789eadeed464209dd094ab3a2dd6ffbdce27a",
        Shipping.OPTIONAL,
        "github clovaai/aasist @ a04c9863, models/weights/AASIST-L.pth",
        "MIT",
        _AASIST,
        "85 k parameters, EER 0.99 % on ASVspoof 2019 LA; for comparison",
        install="copy the file to aasist/AASIST-L.pth in the folder of BONAFIDE_MODELS_FOLDER",
    ),
)

# None of these was at hand: names, licences and figures as the benchmark and the model pages give
# them. The benchmark's accuracy is at each model's own threshold of one half.
CLASSIFIERS = (
    ModelEntry(
        "xls-r-pellav2",
        "pellav2/model.safetensors",
        "",
        Shipping.OPTIONAL,
        "model hub Sadanie/pellav2-audio-deepfake-detector (XLS-R 300M, Pella Research)",
        "MIT",
        f"{_CLASSIFIER}; made from its checkpoint by layers.voice.convert_layer_mix",
        f"accuracy 95.8 %, FPR 5.5 %, FNR 2.8 % on the {_BENCHMARK}: the recommended detector in "
        "production; not verified here: no checkpoint was at hand",
        install=(
            "hf download Sadanie/pellav2-audio-deepfake-detector pellav2_detector.pt --local-dir "
            "pellav2; hf download facebook/wav2vec2-xls-r-300m config.json --local-dir pellav2; "
            f"python -m layers.voice.convert_layer_mix pellav2; {_SET_FOLDER}"
        ),
    ),
    ModelEntry(
        "xls-r-gustking",
        "gustking/model.safetensors",
        "",
        Shipping.OPTIONAL,
        "model hub Gustking/wav2vec2-large-xlsr-deepfake-audio-classification (XLS-R 300M)",
        "Apache-2.0",
        _CLASSIFIER,
        f"EER 4.0 % on ASVspoof 2019 LA; accuracy 62.9 %, FPR 13.4 %, FNR 60.8 % on the "
        f"{_BENCHMARK}: for comparison, not for production; not verified here",
        install=(
            "hf download Gustking/wav2vec2-large-xlsr-deepfake-audio-classification "
            f"--local-dir gustking; {_SET_FOLDER}"
        ),
    ),
)
