"""What clients send to the voice endpoints: JSON with base64, or a form with files."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from service.errors import BadRequestError, UnprocessableError, UnsupportedMediaError
from service.field_errors import field_errors
from service.sessions.requests import BothCasings, Identifier
from verdict.speaker import UseCase

_MAX_FILES = 2
_MAX_FIELDS = 8


def _sound(value: Any) -> Any:
    """Decode base64, with or without the head of a data URI; an uploaded file is bytes already."""
    if not isinstance(value, str):
        return value
    text = value.partition(",")[2] if value.startswith("data:") else value
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        message = "Input should be base64, or a file of a multipart form"
        raise PydanticCustomError("base64", message) from None


Sound = Annotated[
    bytes,
    BeforeValidator(_sound),
    Field(min_length=1, json_schema_extra={"format": "byte"}),
]
_WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEA…"


class EnrollVoice(BothCasings):
    """Whose voice, and a recording of it. snake_case and camelCase are both read."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request_uuid": "6f1d3d2e-8a0b-4b6e-9a53-1f7f6a9f2c11",
                    "external_id": "customer-4711",
                    "voice_data": _WAV,
                }
            ]
        }
    )

    request_uuid: Annotated[UUID, Field(description="Makes a repeated request harmless.")]
    external_id: Identifier
    voice_data: Annotated[
        Sound,
        Field(description="WAV, FLAC, MP3, AAC, Ogg, WebM or MP4 sound: 16 kHz, 3 s or more."),
    ]


class VerifyVoice(EnrollVoice):
    """Whose voice it should be, a recording, and what it is for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request_uuid": "0b9c2a55-3f0e-4c6b-8a5c-5d2f7a1e4b90",
                    "external_id": "customer-4711",
                    "use_case": "contact_centre",
                    "voice_data": _WAV,
                }
            ]
        }
    )

    use_case: UseCase = UseCase.CONTACT_CENTRE


class CompareVoices(BothCasings):
    """Two recordings."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"recording_a": _WAV, "recording_b": _WAV}]}
    )

    recording_a: Sound
    recording_b: Sound


_Model = TypeVar("_Model", bound=BothCasings)


async def read_request(request: Request, model: type[_Model]) -> _Model:
    """Read the body as `model`, JSON or form.

    Raises
    ------
    ApiError
        When it is neither, or a field is missing or wrong.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        fields = await _form(request)
    elif kind == "application/json" or kind.endswith("+json"):
        fields = await _json(request)
    else:
        message = "send application/json with base64, or multipart/form-data"
        raise UnsupportedMediaError(message)
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        message = "a field is missing or wrong; see fields"
        raise UnprocessableError(message, fields=field_errors(error.errors())) from None


async def _form(request: Request) -> Mapping[str, Any]:
    async with request.form(max_files=_MAX_FILES, max_fields=_MAX_FIELDS) as form:
        return {
            name: await value.read() if isinstance(value, UploadFile) else value
            for name, value in form.items()
        }


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):  # no JSON, no UTF-8, a number of thousands of digits
        raise BadRequestError("the body is not JSON") from None
