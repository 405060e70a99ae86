"""Short-lived signed links to captured media: bound to one capture, one file and one time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from service.audit.log import note_once
from service.clock import now_ms
from service.context import Context
from service.errors import ForbiddenError, NotFoundError, NotReadyError
from service.limits.limiter import Limited
from service.media.store import MediaStoreError, MissingObjectError
from service.media.vault import NoMediaKeyError, SealedObject
from service.tables import CaptureRow, SessionRow

# The holder of links that were posted to a tenant's receivers.
WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class MediaLink:
    """What a link says."""

    capture_id: str
    name: str
    expires_s: int
    holder: str
    signature: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LinkedMedia:
    """What a link opens."""

    name: str
    content: SealedObject


def media_links(context: Context, capture: CaptureRow, holder: str) -> dict[str, str]:
    """Return name to signed URL of every file of a capture.

    Parameters
    ----------
    holder
        Whom they are given to: the id of a key, or `WEBHOOK`. Each link says so, signed.
    """
    expires_s = now_ms() // 1000 + round(context.settings.media_link_ttl_s)
    base = f"{context.settings.effective_public_url}/v1/media/{capture.id}"
    links = {}
    for name in capture.files:
        signature = context.signer.media_signature(capture.id, name, expires_s, holder)
        query = f"expires={expires_s}&holder={holder}&signature={signature}"
        links[Path(name).stem] = f"{base}/{name}?{query}"
    return links


def open_media_link(context: Context, link: MediaLink, client: str) -> LinkedMedia:
    """Return the file behind a signed link, and note in the audit log that the link was used.

    A player asks for a file in many parts: only the first request by a link is noted.

    Parameters
    ----------
    client
        What stands for who asks, by which requests are counted.

    Raises
    ------
    ForbiddenError
        When the signature is wrong or the link has run out.
    NotFoundError
        When the media is not there (any more).
    TooManyRequestsError
        When this client asks for this capture too often.
    """
    capture_id, name = link.capture_id, link.name
    if not context.signer.media_signature_is_valid(
        capture_id, name, link.expires_s, link.holder, link.signature
    ):
        message = "this link is not valid; retrieve the session again for a fresh one"
        raise ForbiddenError(message, "LINK_INVALID")
    if link.expires_s * 1000 < now_ms():
        message = "this link has run out; retrieve the session again for a fresh one"
        raise ForbiddenError(message, "LINK_EXPIRED")
    context.limits.take(Limited.MEDIA, f"{capture_id} of {client}")
    gone = NotFoundError("the media is not there any more")
    with context.database.read() as db:
        capture = db.get(CaptureRow, capture_id)
        # Only names that the service itself wrote: a signed name can't leave the capture.
        if capture is None or name not in capture.files:
            raise gone
        session = db.get_one(SessionRow, capture.session_id)
    note_once(
        context.database,
        session.organization_id,
        "media.read",
        "link",
        session.id,
        capture=capture_id,
        file=name,
        expires_s=link.expires_s,
        given_to=link.holder if link.holder == WEBHOOK else f"key:{link.holder}",
    )
    try:
        opened = context.media.open(context.database, session.id, f"{capture.folder}/{name}")
    except (NoMediaKeyError, MissingObjectError):
        raise gone from None
    except MediaStoreError:
        raise NotReadyError("the media store does not answer") from None
    return LinkedMedia(name, opened)
