"""What came of a decode in its child: a capture, or why there is none, in words for a client."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError

from pebble import ProcessExpired

from layers.capture.errors import (
    DecodeTimeoutError,
    MediaError,
    MediaLimitError,
    UnreadableMediaError,
)
from layers.capture.types import Capture
from layers.runner.confinement import was_out_of_cpu_time

_LOG = logging.getLogger(__name__)
_FAILED = "the decoder failed on this media; record it again"


def decoded(future: Future[Capture], limit_s: float) -> Capture:
    """Wait for a decode.

    Raises
    ------
    MediaError
        When the media can't be used, also when it crashes the decoder or needs more memory or
        computing than it may; `DecodeTimeoutError` when it took longer than `limit_s`.
    """
    try:
        return future.result()
    except MediaError:
        raise
    except FutureTimeoutError:
        msg = (
            f"decoding took longer than {limit_s:g} s and was stopped; "
            "try again, or send a shorter capture"
        )
        raise DecodeTimeoutError(msg) from None
    except MemoryError:
        msg = "decoding this takes more memory than it may; send a smaller capture"
        raise MediaLimitError(msg) from None
    except ProcessExpired as error:
        _LOG.warning("decoder died", extra={"exit_code": error.exitcode})
        if was_out_of_cpu_time(error.exitcode):
            msg = "decoding this takes more computing than it may; send a smaller capture"
            raise MediaLimitError(msg) from None
        raise UnreadableMediaError(_FAILED) from None
    except (ImportError, OSError, NameError, AttributeError):
        raise  # a broken installation, not a broken file
    except Exception as error:
        # The type only: a message could hold something of the media.
        _LOG.error("decoder failed", extra={"error": type(error).__name__})
        raise UnreadableMediaError(_FAILED) from None
