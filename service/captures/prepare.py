"""Turn an upload into a capture folder: types checked, JSON and files matched, our own names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from service.captures.description import AudioEntry, CaptureDescription
from service.captures.media_type import ACCEPTED, MediaType, Part, recognise
from service.captures.multipart import ReceivedFile
from service.errors import (
    FieldError,
    InvalidMediaError,
    UnprocessableError,
    UnsupportedMediaError,
)
from service.field_errors import field_errors
from verdict.measurement import QualityFinding

DESCRIPTION_FILE = "capture.json"


def prepare_folder(
    folder: Path, files: Sequence[ReceivedFile], json_text: bytes | None, steps: Sequence[str]
) -> tuple[CaptureDescription, list[str]]:
    """Check what was received and write ``capture.json``.

    Parameters
    ----------
    steps
        The steps of the challenge in their order.

    Returns
    -------
    description
        With the names under which the files now lie in `folder`.
    names
        Of the media files.

    Raises
    ------
    ApiError
        When a file is empty or of a kind that is not taken, when JSON and files do not fit
        together, or when the steps are not those that were asked for.
    """
    description = _parse(json_text)
    kinds = [_kind(file) for file in files]
    _check_parts(files)
    _check_frames(description, files)
    _check_audio(description, files)
    _check_steps(description, steps)
    names = _rename(folder, files, kinds)
    stored = _with_our_names(description, files, names)
    (folder / DESCRIPTION_FILE).write_text(stored.model_dump_json(), encoding="utf-8")
    return stored, names


def _parse(json_text: bytes | None) -> CaptureDescription:
    if json_text is None:
        raise _refused("capture", "send the capture JSON as the form field `capture`")
    try:
        return CaptureDescription.model_validate_json(json_text)
    except ValidationError as error:
        fields = field_errors(error.errors(), "capture")
        raise UnprocessableError("the capture JSON is not valid", fields=fields) from None


def _kind(file: ReceivedFile) -> MediaType:
    if file.n_bytes == 0:
        hint = "The file is empty; record again."
        finding = QualityFinding("EMPTY_FILE", 0.0, None, hint, refuses=True)
        raise InvalidMediaError(f"one of the {file.part} files is empty", [finding])
    kind = recognise(file.head)
    if kind is None or kind not in ACCEPTED[file.part]:
        accepted = ", ".join(sorted(kind.extension.upper() for kind in ACCEPTED[file.part]))
        message = f"{file.part} must be one of {accepted}; the content is something else"
        raise UnsupportedMediaError(message, fields=[FieldError(file.part, message)])
    return kind


def _check_parts(files: Sequence[ReceivedFile]) -> None:
    count = Counter(file.part for file in files)
    if count[Part.VIDEO] > 1 or count[Part.AUDIO] > 1:
        raise _refused("body", "send at most one video and one audio file")
    if (count[Part.VIDEO] > 0) == (count[Part.FRAMES] > 0):
        raise _refused("frames", "send either frames or one video")


def _check_frames(description: CaptureDescription, files: Sequence[ReceivedFile]) -> None:
    declared = Counter(frame.file for frame in description.frames)
    sent = Counter(file.client_name for file in files if file.part is Part.FRAMES)
    if declared != sent or any(n > 1 for n in sent.values()):
        message = (
            "capture.frames must name every file of `frames` once: "
            f"{declared.total()} named, {sent.total()} sent"
        )
        raise _refused("capture.frames", message)


def _check_audio(description: CaptureDescription, files: Sequence[ReceivedFile]) -> None:
    sent = [file.client_name for file in files if file.part is Part.AUDIO]
    if description.audio is not None and [description.audio.file] != sent:
        raise _refused("capture.audio.file", "must be the file name of the `audio` part")


def _check_steps(description: CaptureDescription, steps: Sequence[str]) -> None:
    if description.step_order != list(steps):
        message = f"the steps must be those of the challenge, in its order: {', '.join(steps)}"
        raise UnprocessableError(
            message, "STEP_OUT_OF_ORDER", fields=[FieldError("capture.prompts", message)]
        )


def _rename(folder: Path, files: Sequence[ReceivedFile], kinds: Sequence[MediaType]) -> list[str]:
    names, n_frames = [], 0
    for file, kind in zip(files, kinds, strict=True):
        stem = str(file.part)
        if file.part is Part.FRAMES:
            stem = f"frame_{n_frames:04d}"
            n_frames += 1
        name = f"{stem}.{kind.extension}"
        file.path.rename(folder / name)
        names.append(name)
    return names


def _with_our_names(
    description: CaptureDescription, files: Sequence[ReceivedFile], names: Sequence[str]
) -> CaptureDescription:
    ours = {
        file.client_name: name
        for file, name in zip(files, names, strict=True)
        if file.part is Part.FRAMES
    }
    frames = [frame.model_copy(update={"file": ours[frame.file]}) for frame in description.frames]
    audio_name = next(
        (name for file, name in zip(files, names, strict=True) if file.part is Part.AUDIO), None
    )
    audio = None
    if audio_name is not None:
        start_s = 0.0 if description.audio is None else description.audio.start_s
        audio = AudioEntry(file=audio_name, start_s=start_s)
    return description.model_copy(update={"frames": frames, "audio": audio})


def _refused(field: str, message: str) -> UnprocessableError:
    return UnprocessableError(message, fields=[FieldError(field, message)])
