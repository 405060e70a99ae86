"""Routes of the webhooks: endpoints, their secrets, their deliveries."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from service.api.auth import (
    ContextDep,
    WebhookReader,
    WebhookSubscriber,
    WebhookWriter,
    require_json,
    respond,
)
from service.api.documented import error_responses
from service.api.idempotent import IdempotencyKey, respond_once
from service.api.links import delivery_links, endpoint_links, linked, page_links
from service.api.webhook_schemas import (
    WebhookDelivery,
    WebhookDeliveryPage,
    WebhookDeliveryWithLog,
    WebhookEndpoint,
    WebhookEndpointList,
    WebhookEndpointWithSecret,
    WebhookReplay,
)
from service.idempotency import once
from service.sessions.requests import BothCasings
from service.webhooks.deliveries import (
    DeliveryFilter,
    get_delivery,
    list_deliveries,
    replay_many,
    replay_one,
    send_test,
)
from service.webhooks.desk import WebhookDesk
from service.webhooks.endpoints import (
    create_endpoint,
    get_endpoint,
    list_endpoints,
    remove_endpoint,
    rotate_secret,
    update_endpoint,
)
from service.webhooks.requests import CreateEndpoint, ReplayMany, RotateSecret, UpdateEndpoint
from service.webhooks.tables import DeliveryState

router = APIRouter(prefix="/v1/webhook-endpoints", tags=["Webhooks"])
_JSON = [Depends(require_json)]
_BODY_ERRORS = ("PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")
_NOT_FOUND = "WEBHOOK_ENDPOINT_NOT_FOUND"
_ASKED = "$request.path.endpoint_id"


def _desk(request: Request) -> WebhookDesk:
    desk: WebhookDesk = request.app.state.webhooks
    return desk


DeskDep = Annotated[WebhookDesk, Depends(_desk)]


@router.post(
    "",
    status_code=201,
    response_model=WebhookEndpointWithSecret,
    responses=linked(201, **endpoint_links("id"))
    | error_responses("TOO_MANY_ENDPOINTS", "IDEMPOTENCY_KEY_REUSED", *_BODY_ERRORS),
    dependencies=_JSON,
    summary="Create a webhook endpoint",
)
def create(
    request: Request,
    body: CreateEndpoint,
    desk: DeskDep,
    context: ContextDep,
    caller: WebhookSubscriber,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Have events posted to a URL. The answer holds the signing secret, this once.

    Events hold sessions: the key needs `sessions:read` too, here and to change an endpoint.
    """
    repeatable = once(
        context, caller, idempotency_key, "webhook-endpoints.create", body, holds_secret=True
    )
    return respond_once(request, create_endpoint(desk, caller, body, repeatable), 201)


@router.get(
    "",
    response_model=WebhookEndpointList,
    responses=linked(200, **endpoint_links("data/0/id")) | error_responses(),
    summary="List webhook endpoints",
)
def list_(request: Request, desk: DeskDep, caller: WebhookReader) -> JSONResponse:
    """List every endpoint of the tenant, oldest first."""
    return respond(request, list_endpoints(desk, caller))


@router.get(
    "/{endpoint_id}",
    response_model=WebhookEndpoint,
    responses=error_responses(_NOT_FOUND),
    summary="Retrieve a webhook endpoint",
)
def retrieve(
    request: Request, endpoint_id: str, desk: DeskDep, caller: WebhookReader
) -> JSONResponse:
    """Get an endpoint: whether it is enabled, and since when it fails."""
    return respond(request, get_endpoint(desk, caller, endpoint_id))


@router.patch(
    "/{endpoint_id}",
    response_model=WebhookEndpoint,
    responses=error_responses(_NOT_FOUND, *_BODY_ERRORS),
    dependencies=_JSON,
    summary="Change a webhook endpoint",
)
def update(
    request: Request,
    endpoint_id: str,
    body: UpdateEndpoint,
    desk: DeskDep,
    caller: WebhookSubscriber,
) -> JSONResponse:
    """Change its URL, filter or casing, or enable it again. Disabling cancels what waits."""
    return respond(request, update_endpoint(desk, caller, endpoint_id, body))


@router.delete(
    "/{endpoint_id}",
    status_code=204,
    response_class=Response,
    responses=error_responses(_NOT_FOUND),
    summary="Remove a webhook endpoint",
)
def remove(endpoint_id: str, desk: DeskDep, caller: WebhookWriter) -> Response:
    """Remove an endpoint with its secrets and the log of its deliveries."""
    remove_endpoint(desk, caller, endpoint_id)
    return Response(status_code=204)


@router.post(
    "/{endpoint_id}/rotate-secret",
    response_model=WebhookEndpointWithSecret,
    responses=error_responses(_NOT_FOUND, *_BODY_ERRORS),
    dependencies=_JSON,
    summary="Rotate the signing secret",
)
def rotate(
    request: Request, endpoint_id: str, body: RotateSecret, desk: DeskDep, caller: WebhookWriter
) -> JSONResponse:
    """Make a new secret, shown this once. The earlier ones sign along for `overlap_s` seconds."""
    return respond(request, rotate_secret(desk, caller, endpoint_id, body.overlap_s))


@router.post(
    "/{endpoint_id}/test",
    status_code=202,
    response_model=WebhookDelivery,
    responses=linked(202, **delivery_links("$response.body#/endpoint_id", "id"))
    | error_responses(_NOT_FOUND, "ENDPOINT_DISABLED"),
    summary="Send a test event",
)
def test(request: Request, endpoint_id: str, desk: DeskDep, caller: WebhookWriter) -> JSONResponse:
    """Queue one `webhook.test`, tried once; retrieve the delivery to see how it went."""
    return respond(request, send_test(desk, caller, endpoint_id), 202)


class DeliveryQuery(BothCasings):
    """Which deliveries to list. camelCase names are read too."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    next_token: Annotated[str | None, Field(max_length=200)] = None
    state: DeliveryState | None = None
    type: Annotated[str | None, Field(max_length=100)] = None
    subject_id: Annotated[
        str | None, Field(max_length=100, description="Id of the session or voice request.")
    ] = None

    def as_filter(self) -> DeliveryFilter:
        """Return the filter."""
        return DeliveryFilter(**self.model_dump())


@router.get(
    "/{endpoint_id}/deliveries",
    response_model=WebhookDeliveryPage,
    responses=linked(
        200,
        **delivery_links(_ASKED, "data/0/id"),
        **page_links(
            "deliveries_v1_webhook_endpoints__endpoint_id__deliveries_get", endpoint_id=_ASKED
        ),
    )
    | error_responses(_NOT_FOUND),
    summary="List the deliveries of an endpoint",
)
def deliveries(
    request: Request,
    endpoint_id: str,
    query: Annotated[DeliveryQuery, Query()],
    desk: DeskDep,
    caller: WebhookReader,
) -> JSONResponse:
    """List deliveries, newest first, with how the last try ended."""
    return respond(request, list_deliveries(desk, caller, endpoint_id, query.as_filter()))


@router.get(
    "/{endpoint_id}/deliveries/{delivery_id}",
    response_model=WebhookDeliveryWithLog,
    responses=error_responses(_NOT_FOUND, "DELIVERY_NOT_FOUND"),
    summary="Retrieve a delivery",
)
def delivery(
    request: Request, endpoint_id: str, delivery_id: str, desk: DeskDep, caller: WebhookReader
) -> JSONResponse:
    """Get a delivery and the log of its tries."""
    return respond(request, get_delivery(desk, caller, endpoint_id, delivery_id))


@router.post(
    "/{endpoint_id}/deliveries/{delivery_id}/replay",
    status_code=202,
    response_model=WebhookDelivery,
    responses=error_responses(
        _NOT_FOUND, "DELIVERY_NOT_FOUND", "ENDPOINT_DISABLED", "MESSAGE_EXPIRED"
    ),
    summary="Send a delivery again",
)
def replay(
    request: Request, endpoint_id: str, delivery_id: str, desk: DeskDep, caller: WebhookWriter
) -> JSONResponse:
    """Send it again now, whatever became of it: same webhook-id, same body, fresh signature."""
    return respond(request, replay_one(desk, caller, endpoint_id, delivery_id), 202)


@router.post(
    "/{endpoint_id}/replay",
    status_code=202,
    response_model=WebhookReplay,
    responses=error_responses(_NOT_FOUND, "ENDPOINT_DISABLED", *_BODY_ERRORS),
    dependencies=_JSON,
    summary="Send failed deliveries again",
)
def replay_since(
    request: Request, endpoint_id: str, body: ReplayMany, desk: DeskDep, caller: WebhookWriter
) -> JSONResponse:
    """Send everything again that failed or was cancelled since a moment, at most 1000 at once."""
    return respond(request, replay_many(desk, caller, endpoint_id, body), 202)
