"""Sends requests to an application in this process: no socket, no thread, no ``requests``."""

from __future__ import annotations

import io
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from bunqkit.client.bodies import Bounds, UnusableBodyError, read_body
from bunqkit.client.transport import (
    RawAnswer,
    Request,
    Transport,
    TransportError,
    explain_loss,
    forget_frames,
)
from bunqkit.security.redaction import Headers

Answering = Callable[[str, str, Mapping[str, str], bytes], tuple[int, list[tuple[str, str]], bytes]]
"""Takes method, URL, headers and body, and returns status, headers and body."""


class InProcessTransport(Transport):
    """Calls a function in place of a host.

    Parameters
    ----------
    answer
        Answers a request. An ``OSError`` from it counts as a connection that was cut.
    """

    def __init__(self, answer: Answering) -> None:
        self._answer = answer

    def send(self, request: Request, *, timeout_s: float, bounds: Bounds) -> RawAnswer:
        """Call the function; see ``Transport.send``.

        It can't be stopped on the way: an answer that came too late is thrown away.
        """
        deadline = time.monotonic() + timeout_s
        try:
            status, pairs, content = self._answer(
                request.method, request.url, request.headers, request.body
            )
            headers = _join_headers(pairs)
            announced = headers.get("Content-Length", "")
            length = int(announced) if announced.isdecimal() else None
            body = read_body(
                io.BytesIO(content).read,
                status,
                headers,
                length=length,
                bounds=bounds,
                deadline=deadline,
            )
        except UnusableBodyError:
            raise
        except Exception as error:
            forget_frames(error)
            raise TransportError(explain_loss(error, timeout_s), was_sent=True) from error
        except BaseException as error:
            forget_frames(error)
            raise
        return RawAnswer(status, headers, body, request)

    def close(self) -> None:
        """Do nothing: the application outlives its clients."""


def _join_headers(pairs: list[tuple[str, str]]) -> Headers:
    """Return headers in which those of the same name are one, joined by commas (RFC 9110)."""
    texts = defaultdict[str, list[str]](list)
    for name, text in pairs:
        texts[name.title()].append(text)
    return Headers({name: ", ".join(parts) for name, parts in texts.items()})
