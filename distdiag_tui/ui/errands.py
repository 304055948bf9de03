"""What is done in the background for whoever asks from a pane; what fails is told in one line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from distdiag_tui.model.errors import DistdiagError

if TYPE_CHECKING:
    from distdiag_tui.ui.app import ConsoleApp

YES = "y"


class Errands:
    """Base of what stands between the app and a desk. Nothing is asked twice."""

    def __init__(self, app: ConsoleApp, *, production: bool) -> None:
        self._app, self._production = app, production

    def ask(self, title: str, text: str, yes: str, action: Callable[[], Awaitable[object]]) -> None:
        """Do it once the person has said yes."""
        from distdiag_tui.ui.confirm import Answer, Question  # noqa: PLC0415  not needed for a start

        def answered(answer: str | None) -> None:
            if answer == YES:
                self.begin(action())

        production = "  PRODUCTION" if self._production else ""
        self._app.push_screen(Question(title + production, text, (Answer(YES, yes),)), answered)

    def begin(self, action: Awaitable[object]) -> None:
        """In the background: stopping takes seconds, and the screen goes on."""

        async def run() -> None:
            try:
                await action
            except DistdiagError as error:
                self.tell(error)

        self._app.run_worker(run(), group="errands", exit_on_error=True)

    def tell(self, error: DistdiagError) -> None:
        """Above the keys."""
        self._app.tell(str(error), bad=True)
