"""The `next_token` of lists: where a page ended, by time of creation and id."""

from __future__ import annotations

import base64
import binascii
import re

from service.errors import BadRequestError

# Digits as the tables hold them, and an id of ours: nothing else may reach a query.
_PLACE = re.compile(r"(\d{1,15}):([0-9a-zA-Z-]{1,64})", re.ASCII)


def write_token(created_at: int, row_id: str) -> str:
    """Return the token of a page that ends with this row."""
    return base64.urlsafe_b64encode(f"{created_at}:{row_id}".encode()).decode()


def read_token(token: str) -> tuple[int, str]:
    """Return time of creation and id of the row that the page before ended with.

    Raises
    ------
    BadRequestError
        When `token` is not one that `write_token` made.
    """
    try:
        place = _PLACE.fullmatch(base64.urlsafe_b64decode(token).decode())
    except (ValueError, binascii.Error):
        place = None
    if place is None:
        message = "next_token must be the one that the page before ended with"
        raise BadRequestError(message)
    return int(place[1]), place[2]
