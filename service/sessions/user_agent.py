"""Name the applicant's device and browser from the User-Agent, coarsely: for people to read."""

from __future__ import annotations

# The first that occurs decides: Edge and Opera also say Chrome, Chrome also says Safari.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_DEVICES = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
)


def browser_of(user_agent: str | None) -> str | None:
    """Return the browser's name; ``Other`` for one that is not known."""
    return _first(_BROWSERS, user_agent)


def device_of(user_agent: str | None) -> str | None:
    """Return the kind of device; ``Other`` for one that is not known."""
    return _first(_DEVICES, user_agent)


def _first(table: tuple[tuple[str, str], ...], text: str | None) -> str | None:
    if text is None:
        return None
    return next((name for mark, name in table if mark in text), "Other")
