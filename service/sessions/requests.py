"""What clients send: both casings are read, and camelCase wins where both are there."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, LiteralString
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from service.casing import preferring_camel
from service.tables import SessionStatus

_NO_NUL: LiteralString = "can't hold the character NUL"
_NO_URL: LiteralString = "must be an absolute URL, https://host/path"


def without_nul(text: str) -> str:
    """Return `text`; PostgreSQL can't store one with NUL, so no database is asked to."""
    if "\0" in text:
        raise PydanticCustomError("string_nul", _NO_NUL)
    return text


def _readable(url: str) -> str:
    """Return `url`; the answer to a capture is made from its parts, long after this."""
    try:
        parts = urlsplit(url)
        named = parts.hostname is not None and parts.port != 0
    except ValueError:
        named = False
    if not named:
        raise PydanticCustomError("url_parts", _NO_URL)
    return url


NoNul = AfterValidator(without_nul)
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), NoNul]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=254, pattern=r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"
    ),
    NoNul,
]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+[1-9]\d{6,14}$")]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200), NoNul]
Url = Annotated[
    str,
    StringConstraints(max_length=2000, pattern=r"^https?://[^\s/?#]+\S*$"),
    NoNul,
    AfterValidator(_readable),
]


class BothCasings(BaseModel):
    """Reads snake_case and camelCase; camelCase wins."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _read_both_casings(cls, data: Any) -> Any:
        return preferring_camel(data, frozenset(cls.model_fields))


class CreateSession(BothCasings):
    """Whom to verify. snake_case and camelCase are both read; camelCase wins."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "first_name": "Ada",
                    "last_name": "Example",
                    "email": "ada@example.com",
                    "phone": "+15550100000",
                    "external_id": "customer-4711",
                    "redirect_url": "https://shop.example.com/kyc/done",
                }
            ]
        }
    )

    first_name: Name
    last_name: Name
    email: Email
    phone: Annotated[Phone, Field(description="E.164, for example +15550100000.")]
    external_id: Identifier | None = None
    workflow_id: Identifier | None = None
    redirect_url: Annotated[
        Url | None, Field(description="Where the applicant goes afterwards; https.")
    ] = None
    send_email_invite: Annotated[
        bool, Field(description="Accepted; this deployment sends no e-mail.")
    ] = False
    send_phone_invite: Annotated[
        bool, Field(description="Accepted; this deployment sends no text messages.")
    ] = False


class UpdateStatus(BothCasings):
    """The new status, as ``new_status`` or ``status``: VERIFIED, REJECTED or VOIDED."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"new_status": "VERIFIED"}]})

    _ONE_OF: ClassVar[LiteralString] = "send new_status (or status): VERIFIED, REJECTED or VOIDED"

    new_status: SessionStatus | None = None
    status: SessionStatus | None = None

    @model_validator(mode="after")
    def _needs_one(self) -> UpdateStatus:
        if self.new_status is None and self.status is None:
            raise PydanticCustomError("status_missing", self._ONE_OF)
        return self

    @property
    def wanted(self) -> SessionStatus:
        """The status that was asked for; `new_status` goes first."""
        wanted = self.new_status or self.status
        if wanted is None:  # the validator refuses such a body
            raise ValueError(self._ONE_OF)
        return wanted
