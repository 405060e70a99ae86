"""Read multipart/form-data straight to disk, under our own file names and within byte limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from service.captures.media_type import HEAD_BYTES, Part
from service.errors import BadRequestError, FieldError, PayloadTooLargeError, UnprocessableError

JSON_FIELD = "capture"
_MAX_HEADER_BYTES = 8192


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much one capture may bring."""

    max_bytes: int
    max_json_bytes: int
    max_files: int


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """One file on disk.

    Parameters
    ----------
    client_name
        What the client called it: only compared with the names in its JSON, never a path.
    head
        The first bytes.
    """

    part: Part
    client_name: str
    path: Path
    head: bytes
    n_bytes: int


class _OpenFile:
    def __init__(self, part: Part, client_name: str, path: Path) -> None:
        self.part, self.client_name, self.path = part, client_name, path
        self.head, self.n_bytes = b"", 0
        self.file: BinaryIO = path.open("wb")

    def write(self, data: bytes) -> None:
        if len(self.head) < HEAD_BYTES:
            self.head += data[: HEAD_BYTES - len(self.head)]
        self.n_bytes += len(data)
        self.file.write(data)

    def close(self) -> ReceivedFile:
        self.file.close()
        return ReceivedFile(self.part, self.client_name, self.path, self.head, self.n_bytes)


class CaptureUpload:
    """Takes the chunks of one request body; blocking, so call it off the event loop.

    Raises
    ------
    BadRequestError, PayloadTooLargeError, UnprocessableError
        From `write` and `finish`, as soon as something is wrong.
    """

    def __init__(self, content_type: str, folder: Path, limits: UploadLimits) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            message = "the body must be multipart/form-data with a boundary"
            raise BadRequestError(message)
        self._folder, self._limits = folder, limits
        self._files: list[ReceivedFile] = []
        self._json = bytearray()
        self._has_json = False
        self._taken = 0
        self._ended = False
        self._reset_part()
        callbacks: dict[str, Callable[..., None]] = {
            "on_part_begin": self._reset_part,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        except FormParserError:
            raise BadRequestError("the boundary of the body is too long") from None

    def write(self, chunk: bytes) -> None:
        """Take the next chunk of the body."""
        self._taken += len(chunk)
        if self._taken > self._limits.max_bytes:
            message = f"a capture may have at most {self._limits.max_bytes} bytes"
            raise PayloadTooLargeError(message)
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise BadRequestError("the body is not valid multipart/form-data") from None

    def finish(self) -> tuple[list[ReceivedFile], bytes | None]:
        """Return the files in order of arrival, and the JSON; None when none was sent."""
        if not self._ended:
            raise BadRequestError("the upload ended early; send it again")
        return self._files, bytes(self._json) if self._has_json else None

    def abandon(self) -> None:
        """Close what is open."""
        if self._open is not None:
            self._open.file.close()

    def _reset_part(self) -> None:
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._open: _OpenFile | None = None

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]
        self._check_header()

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._header_name) + len(self._header_value) > _MAX_HEADER_BYTES:
            raise BadRequestError("a part of the body has too long a header")

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        field = options.get(b"name", b"").decode("utf-8", "replace")
        if field == JSON_FIELD:
            if self._has_json:
                message = "send the capture JSON once"
                raise UnprocessableError(message, fields=[FieldError(JSON_FIELD, message)])
            self._has_json = True
            return
        if field not in set(Part):
            message = "not a field of a capture; send frames or video, audio, and capture"
            raise UnprocessableError(message, fields=[FieldError("body", message)])
        if len(self._files) >= self._limits.max_files:
            raise PayloadTooLargeError(f"at most {self._limits.max_files} files")
        client_name = options.get(b"filename", b"").decode("utf-8", "replace")
        path = self._folder / f"part_{len(self._files):04d}"
        self._open = _OpenFile(Part(field), client_name, path)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._open is not None:
            self._open.write(data[start:end])
            return
        self._json += data[start:end]
        if len(self._json) > self._limits.max_json_bytes:
            message = f"the capture JSON may have at most {self._limits.max_json_bytes} bytes"
            raise PayloadTooLargeError(message)

    def _on_part_end(self) -> None:
        if self._open is not None:
            self._files.append(self._open.close())
            self._open = None

    def _on_end(self) -> None:
        self._ended = True
