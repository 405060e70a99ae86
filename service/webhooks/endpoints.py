"""Make, read, change and remove endpoints. The tenant is part of every query."""

from __future__ import annotations

from sqlmodel import Session, col, delete, func, select

from service.audit.chain import digest_of
from service.audit.log import note
from service.clock import now_ms
from service.database import hold_name
from service.errors import ConflictError, FieldError, NotFoundError, UnprocessableError
from service.idempotency import Answered, Once
from service.keys import Caller
from service.sessions.views import WireObject
from service.tables import IdempotentAnswer
from service.webhooks.claims import locked_endpoint
from service.webhooks.desk import WebhookDesk
from service.webhooks.disable import disable
from service.webhooks.requests import CreateEndpoint, UpdateEndpoint
from service.webhooks.signing_secrets import live_secrets
from service.webhooks.tables import (
    DeliveryRow,
    DisabledReason,
    EndpointRow,
    SecretRow,
    TryRow,
)
from service.webhooks.urls import UrlError, read_url
from service.webhooks.views import endpoint_view


def create_endpoint(
    desk: WebhookDesk, caller: Caller, asked: CreateEndpoint, repeatable: Once | None = None
) -> Answered:
    """Make an endpoint and return it with its secret, which is shown this once.

    Raises
    ------
    UnprocessableError
        When the URL may not be called.
    ConflictError
        When the tenant has as many endpoints as it may.
    """
    _check_url(desk, asked.url)
    with desk.database.write() as db:
        earlier = repeatable.earlier(db) if repeatable else None
        if earlier is not None:
            return earlier
        hold_name(db, f"webhook endpoints of {caller.organization_id}")
        of_tenant = EndpointRow.organization_id == caller.organization_id
        count = db.exec(select(func.count()).select_from(EndpointRow).where(of_tenant)).one()
        if count >= desk.settings.max_webhook_endpoints:
            message = f"there may be {count} endpoints; remove one first"
            raise ConflictError(message, "TOO_MANY_ENDPOINTS")
        endpoint = EndpointRow(
            organization_id=caller.organization_id,
            url=asked.url,
            description=asked.description,
            events=list(asked.events),
            casing=asked.casing,
            enabled=asked.enabled,
            disabled_reason=None if asked.enabled else DisabledReason.BY_HAND,
            disabled_at=None if asked.enabled else now_ms(),
        )
        db.add(endpoint)
        db.flush()
        secret = desk.box.add(db, endpoint.id)
        answer = endpoint_view(endpoint, live_secrets(db, endpoint.id)) | {"secret": secret}
        if repeatable is not None:
            repeatable.keep(db, answer, endpoint.id)
        _note(db, caller, endpoint, "webhook_endpoint.created")
        return Answered(answer)


def list_endpoints(desk: WebhookDesk, caller: Caller) -> WireObject:
    """Return every endpoint of the tenant, oldest first."""
    query = select(EndpointRow).where(EndpointRow.organization_id == caller.organization_id)
    with desk.database.read() as db:
        rows = db.exec(query.order_by(col(EndpointRow.created_at), col(EndpointRow.id))).all()
        return {"data": [endpoint_view(one, live_secrets(db, one.id)) for one in rows]}


def get_endpoint(desk: WebhookDesk, caller: Caller, endpoint_id: str) -> WireObject:
    """Return one endpoint.

    Raises
    ------
    NotFoundError
        When this tenant has none of that id.
    """
    with desk.database.read() as db:
        endpoint = find_endpoint(db, caller, endpoint_id)
        return endpoint_view(endpoint, live_secrets(db, endpoint.id))


def update_endpoint(
    desk: WebhookDesk, caller: Caller, endpoint_id: str, asked: UpdateEndpoint
) -> WireObject:
    """Change what was sent of an endpoint.

    Raises
    ------
    NotFoundError
        When this tenant has none of that id.
    UnprocessableError
        When the URL may not be called.
    """
    if asked.url is not None:
        _check_url(desk, asked.url)
    with desk.database.write() as db:
        endpoint = find_endpoint(db, caller, endpoint_id, lock=True)
        for name in ("url", "events", "casing"):
            value = getattr(asked, name)
            if value is not None:
                setattr(endpoint, name, value)
        if "description" in asked.model_fields_set:
            endpoint.description = asked.description
        endpoint.updated_at = now_ms()
        db.add(endpoint)
        if asked.enabled is True:
            endpoint.enabled, endpoint.disabled_reason, endpoint.disabled_at = True, None, None
            endpoint.failing_since, endpoint.failures = None, 0
        elif asked.enabled is False and endpoint.enabled:
            disable(db, desk.queue, endpoint, DisabledReason.BY_HAND)
        _note(db, caller, endpoint, "webhook_endpoint.changed")
        db.flush()
        return endpoint_view(endpoint, live_secrets(db, endpoint.id))


def remove_endpoint(desk: WebhookDesk, caller: Caller, endpoint_id: str) -> None:
    """Remove an endpoint with its secrets, deliveries and their log.

    Raises
    ------
    NotFoundError
        When this tenant has none of that id.
    """
    with desk.database.write() as db:
        locked_endpoint(db, endpoint_id, for_removal=True)
        endpoint = find_endpoint(db, caller, endpoint_id)
        own = select(DeliveryRow.id).where(DeliveryRow.endpoint_id == endpoint.id)
        db.exec(delete(TryRow).where(col(TryRow.delivery_id).in_(own)))
        db.exec(delete(DeliveryRow).where(col(DeliveryRow.endpoint_id) == endpoint.id))
        db.exec(delete(SecretRow).where(col(SecretRow.endpoint_id) == endpoint.id))
        _note(db, caller, endpoint, "webhook_endpoint.removed")
        db.exec(delete(IdempotentAnswer).where(col(IdempotentAnswer.subject_id) == endpoint.id))
        db.delete(endpoint)


def rotate_secret(
    desk: WebhookDesk, caller: Caller, endpoint_id: str, overlap_s: float | None
) -> WireObject:
    """Make a new secret and return it once; the earlier ones sign along for a while.

    Raises
    ------
    NotFoundError
        When this tenant has none of that id.
    """
    seconds = desk.settings.webhook_overlap_s if overlap_s is None else overlap_s
    with desk.database.write() as db:
        endpoint = find_endpoint(db, caller, endpoint_id, lock=True)
        secret = desk.box.rotate(db, endpoint.id, seconds)
        _note(db, caller, endpoint, "webhook_endpoint.secret_rotated")
        return endpoint_view(endpoint, live_secrets(db, endpoint.id)) | {"secret": secret}


def find_endpoint(
    db: Session, caller: Caller, endpoint_id: str, *, lock: bool = False
) -> EndpointRow:
    """Return the endpoint of that id.

    Raises
    ------
    NotFoundError
        When this tenant has none of that id.
    """
    endpoint = locked_endpoint(db, endpoint_id) if lock else db.get(EndpointRow, endpoint_id)
    if endpoint is None or endpoint.organization_id != caller.organization_id:
        raise NotFoundError("no such webhook endpoint", "WEBHOOK_ENDPOINT_NOT_FOUND")
    return endpoint


def _note(db: Session, caller: Caller, endpoint: EndpointRow, action: str) -> None:
    """Record a change; of the URL, which may hold a token, only the digest."""
    note(
        db,
        endpoint.organization_id,
        action,
        f"key:{caller.key_id}",
        endpoint.id,
        url_sha256=digest_of(endpoint.url),
        enabled=endpoint.enabled,
    )


def _check_url(desk: WebhookDesk, url: str) -> None:
    settings = desk.settings
    try:
        read_url(
            url, allow_http=settings.webhook_allow_http, allowed=settings.webhook_allowed_networks
        )
    except UrlError as error:
        raise UnprocessableError(f"url {error}", fields=[FieldError("url", str(error))]) from None
