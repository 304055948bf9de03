"""Between incidents and the receiver: what is still to be told, tried again until it is."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from distdiag_tui.alerting.notice import Format, Notice, Status, labels_of
from distdiag_tui.alerting.told import Told
from distdiag_tui.alerting.webhook import DeliveryError, Webhook
from distdiag_tui.incidents.incident import Incident

MOST: Final = 1000
"""Incidents that are remembered; of more, those that are over go first."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
GOODBYE: Final = 5.0
"""Seconds for what is still to be told at the end."""

Tell = Callable[[str], None]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Page:
    """One incident: what it is now, and what the receiver was told ("" for nothing), when (monotonic).

    `taken`: it did not refuse that.
    """

    notice: Notice
    known: Status | str = ""
    at: float = 0.0
    taken: bool = False


class Pager:
    """Feed it with the incidents of each tick; `tell` hears what was sent, or why it was not."""

    def __init__(
        self, webhook: Webhook, form: Format, told: Told, tell: Tell, own: Mapping[str, str] | None = None
    ) -> None:
        self._webhook, self._form, self._told, self._tell = webhook, form, told, tell
        self._own = dict(own or {})
        self._pages: dict[str, _Page] = {}
        self._before = told.read()
        self._news = asyncio.Event()
        self._pause = 0.0
        self._task: asyncio.Task[None] | None = None
        self._complaint = ""

    @property
    def waiting(self) -> int:
        """Notices that the receiver does not have yet."""
        return sum(page.known != page.notice.status for page in self._pages.values())

    def begin(self) -> None:
        """From now on what is fed is sent."""
        self._task = asyncio.create_task(self._keep_on())

    def take(self, open_ones: Iterable[Incident], ended: Iterable[Incident]) -> None:
        """Incidents as they are now; of the ended ones those count that we have told of, or meant to."""
        going = {incident.id: incident for incident in open_ones}
        for incident in going.values():
            self._put(incident, "firing")
        for incident in ended:
            if incident.id in self._pages or incident.id in self._before:
                self._put(incident, "resolved")
        for name, page in self._pages.items():
            if name not in going and page.notice.status == "firing":  # merged into another one
                page.notice = Notice(page.notice.incident, "resolved", page.notice.labels)
        if self.waiting:
            self._news.set()

    async def close(self) -> None:
        """Send what is left, if that is quick."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        with suppress(TimeoutError, DeliveryError):
            async with asyncio.timeout(GOODBYE):
                await self._send()

    def _put(self, incident: Incident, status: Status) -> None:
        page = self._pages.get(incident.id)
        if page is not None:
            page.notice = Notice(incident, status, page.notice.labels)
            return
        labels = self._before.pop(incident.id, None)
        notice = Notice(incident, status, labels or labels_of(incident, self._own))
        self._pages[incident.id] = _Page(
            notice, "firing" if labels else "", time.monotonic(), taken=labels is not None
        )
        if len(self._pages) > MOST:
            over = (name for name, each in self._pages.items() if each.notice.status == "resolved")
            self._pages.pop(next(over, next(iter(self._pages))))

    async def _keep_on(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._form.again / 4 or None):
                    await self._news.wait()
            self._news.clear()
            try:
                await self._send()
                self._pause = 0.0
            except DeliveryError as error:
                self._pause = min(LONGEST_PAUSE, 2 * self._pause or FIRST_PAUSE)
                self._complain(f"{error}; {self.waiting} to be told, tried again in {self._pause:.0f} s")
                self._news.set()
                await asyncio.sleep(self._pause * random.uniform(0.75, 1.0))  # noqa: S311  jitter

    async def _send(self) -> None:
        """All that is due. DeliveryError if it is worth trying again."""
        now = time.monotonic()
        due = [page for page in self._pages.values() if self._due(page, now)]
        if not due:
            return
        notices = [page.notice for page in due]
        bodies = self._form.bodies(notices)
        groups = [notices] if len(bodies) == 1 else [[notice] for notice in notices]
        for body, group in zip(bodies, groups, strict=True):
            taken = await self._post(body)
            for notice in group:
                self._note(notice, taken=taken)

    async def _post(self, body: bytes) -> bool:
        """Whether it was taken; if not, it never will be."""
        try:
            await self._webhook.post(self._form.path(self._webhook.path), body)
        except DeliveryError as error:
            if not error.final:
                raise
            self._complain(f"{error}: it does not take this, which is not sent again")
            return False
        self._complaint = ""
        return True

    def _note(self, notice: Notice, *, taken: bool) -> None:
        """The receiver knows, or does not want to."""
        page = self._pages[notice.incident.id]
        if taken and page.known != notice.status:
            words = f"{notice.status} {notice.incident.id} {notice.incident.server} {notice.incident.cause}"
            log.info("told: %s", words)
            self._tell(words)
        page.known, page.at, page.taken = notice.status, time.monotonic(), taken
        if notice.status == "resolved" and page.notice.status == "resolved":
            del self._pages[notice.incident.id]
        firing = {
            name: each.notice.labels
            for name, each in self._pages.items()
            if each.known == "firing" and each.taken  # what was refused is tried again after a restart
        }
        try:
            self._told.write({**self._before, **firing})
        except OSError as error:
            self._complain(f"cannot write {self._told.file}: {error.strerror}")

    def _due(self, page: _Page, now: float) -> bool:
        again = self._form.again and page.notice.status == "firing" and now - page.at >= self._form.again
        return page.known != page.notice.status or bool(again)

    def _complain(self, words: str) -> None:
        """Once for each thing that is wrong, not at every attempt."""
        kind = words.partition(";")[0]
        log.warning("%s", words)
        if kind != self._complaint:
            self._complaint = kind
            self._tell(words)
