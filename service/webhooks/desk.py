"""What the webhook routes work with, and the parts that deliver."""

from __future__ import annotations

from dataclasses import dataclass

from service.context import Context
from service.database import Database
from service.outbox import DeliveryQueue
from service.settings import Settings
from service.voice.cipher import load_cipher
from service.webhooks.deliver import Deliverer
from service.webhooks.outbox import WebhookOutbox
from service.webhooks.post import Sender
from service.webhooks.signing_secrets import SecretBox


@dataclass(frozen=True, slots=True)
class WebhookDesk:
    """The parts of the running service that webhooks need."""

    database: Database
    settings: Settings
    queue: DeliveryQueue
    box: SecretBox


def open_desk(context: Context, queue: DeliveryQueue) -> WebhookDesk:
    """Make events of the context's database go to `queue`, and return the desk of the routes."""
    outbox = WebhookOutbox()
    outbox.bind(context, queue)
    context.database.outbox = outbox
    box = SecretBox(load_cipher(context.settings))
    return WebhookDesk(context.database, context.settings, queue, box)


def new_deliverer(desk: WebhookDesk, sender: Sender | None = None) -> Deliverer:
    """Return what makes the tries; `sender` is the guarded one when not given."""
    settings = desk.settings
    chosen = sender or Sender(
        timeout_s=settings.webhook_timeout_s,
        allow_http=settings.webhook_allow_http,
        allowed=settings.webhook_allowed_networks,
    )
    return Deliverer(desk.database, settings, desk.queue, desk.box, chosen)
