"""Sends calls in the user's session, and opens the next session when the bank has ended one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bunqkit.auth.handshake import session_ended
from bunqkit.auth.sessions import Sessions
from bunqkit.auth.state import Session
from bunqkit.catalogue.drift import DriftLog
from bunqkit.client.answer import Answer
from bunqkit.client.client import Client
from bunqkit.errors import ApiError, SignatureError

_MAX_PAGES = 100_000


class Channel:
    """A client and the sessions that it calls with.

    Attributes
    ----------
    client
        The client, with the keys of both sides.
    sessions
        The sessions of the user.
    drift
        The counts of differences between answers and catalogue, once it is switched on.
    """

    def __init__(self, client: Client, sessions: Sessions) -> None:
        self.client = client
        self.sessions = sessions
        self.drift = DriftLog()

    def send(
        self,
        session: Session,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        **options: Any,
    ) -> Answer:
        """Send a call once in a session, and return its verified answer.

        Parameters
        ----------
        session
            The session whose token is sent.
        method, path, body, options
            As for ``Client.request``.
        """
        try:
            answer = self.client.request(
                method,
                path,
                body,
                token=session.token,
                follow=self.read,
                is_unlocked=True,
                **options,
            )
        except SignatureError as error:
            self.sessions.ask_if_wiped(error, session)
            raise
        if self.drift.is_on and answer.is_json:
            self.drift.add(answer)
        return answer

    def read(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str | int] | None = None,
        is_enveloped: bool = True,
    ) -> Answer:
        """Read a path; if the session has ended, read it again in the next session.

        Parameters
        ----------
        path, body, params, is_enveloped
            As for ``Client.request``.
        """
        session, options = self.sessions.current(), {"params": params, "is_enveloped": is_enveloped}
        try:
            return self.send(session, "GET", path, body, **options)
        except ApiError as error:
            if not session_ended(error):
                raise
            refusal = error.exchange
        session = self.sessions.current(but_not=session)
        return self.send(session, "GET", path, body, earlier=(refusal,), **options)

    def follow(self, first: Answer, *, is_enveloped: bool) -> Iterator[Answer]:
        """Return a page and all older ones, each read when it is asked for.

        Parameters
        ----------
        first
            The newest page.
        is_enveloped
            False if the caller parses the older pages and checks their envelope.

        Raises
        ------
        BadAnswerError
            If a page comes twice, or there are more than 100,000 pages.
        """
        page: Answer | None = first
        paths: set[str] = set()
        while page is not None:
            if page.exchange.path in paths or len(paths) > _MAX_PAGES:
                raise page.exchange.unusable("its page came before, or its list has no end")
            paths.add(page.exchange.path)
            yield page
            url = page.older_url
            page = self.read(url, is_enveloped=is_enveloped) if url else None
