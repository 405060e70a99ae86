"""Media that can't be used, each failure with a stable code.

MediaError
├── EmptyMediaError            EMPTY_FILE
├── UnreadableMediaError       UNREADABLE_MEDIA (not a picture, video or sound; cut off; damaged)
├── MediaLimitError            MEDIA_TOO_LARGE (bytes, pixels, seconds, frames)
├── DecodeTimeoutError         DECODE_TIMED_OUT (stopped after its time: perhaps a busy machine)
└── CaptureDescriptionError    BAD_CAPTURE_JSON (times, steps and files that don't fit together)
"""

from __future__ import annotations


class MediaError(ValueError):
    """The capture can't be used; the message says what to do about it."""

    code = "INVALID_MEDIA"


class EmptyMediaError(MediaError):
    """A file without a byte in it."""

    code = "EMPTY_FILE"


class UnreadableMediaError(MediaError):
    """Bytes that no decoder understands, or that end too early."""

    code = "UNREADABLE_MEDIA"


class MediaLimitError(MediaError):
    """More bytes, pixels, seconds or frames than the limits allow."""

    code = "MEDIA_TOO_LARGE"


class DecodeTimeoutError(MediaError):
    """Decoding was stopped after its time; says nothing of the media: the machine may be busy."""

    code = "DECODE_TIMED_OUT"


class CaptureDescriptionError(MediaError):
    """A capture.json that contradicts itself or the files beside it."""

    code = "BAD_CAPTURE_JSON"
