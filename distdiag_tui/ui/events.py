"""What happened to a cluster, the newest first: a list to be read, of everything or of the selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType

from distdiag_tui.ui.canvas import Line, Run, ScenePane, cut, fit
from distdiag_tui.ui.facts import rule
from distdiag_tui.ui.folding import paragraph
from distdiag_tui.ui.happenings import concerns, sign_of
from distdiag_tui.ui.incident_rows import moment
from distdiag_tui.ui.messages import SubjectWanted
from distdiag_tui.ui.scene import CLUSTER, Scene
from distdiag_tui.ui.screens import PageScreen

if TYPE_CHECKING:
    from distdiag_tui.model.topology import Event

TIME: Final = 9
KIND: Final = 17
WHERE: Final = 20
ROOMY: Final = 100  # width from which the kind has room
WORDS: Final = 3  # lines that the text of the selected one takes at most

KEYS: Final = (("Esc", "back"), ("↑ ↓", "event"), ("⏎", "go there"), ("Tab", "all, or of the selection"),
               ("p", "pause"), ("?", "help"), ("q", "quit"))  # fmt: skip


class EventList(ScenePane):
    """A line each, and below them the whole text of the selected one."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(id="events")
        self.add_class("pane")
        self._scene = scene
        self._every = True
        self._events: list[Event] = []
        self._chosen: Event | None = None  # None: the newest, whichever that is
        self._top = 0

    @property
    def event(self) -> Event | None:
        """The selected one."""
        return self._chosen or next(iter(self._events), None)

    def toggle_every(self) -> None:
        """Of the whole cluster, or only those that concern the selection."""
        self._every, self._chosen, self._top = not self._every, None, 0
        self.redraw()

    def step(self, rows: int) -> None:
        """An older one, or a newer one."""
        if self._events:
            place = max(0, min(len(self._events) - 1, self._place() + rows))
            self._chosen = self._events[place] if place else None
            self.redraw()

    def _place(self) -> int:
        return next((i for i, each in enumerate(self._events) if each is self._chosen), 0)

    def redraw(self) -> None:
        """Draw the rows in sight."""
        width, height = self.size
        snapshot, subject = self._scene.snapshot, self._scene.subject
        if snapshot is None or width < TIME + WHERE or height < 3:
            return
        shown = snapshot.events if self._every else [e for e in snapshot.events if concerns(e, subject)]
        self._events = list(reversed(shown))
        if self._chosen is not None and not any(each is self._chosen for each in self._events):
            self._chosen = None
        of = "" if self._every or subject == CLUSTER else f" · {cut(subject.title, 40)}"
        aside = self._aside(snapshot.time, width) if height > 4 * WORDS else []
        room = height - len(aside)
        place = self._place()
        self._top = max(0, min(self._top, place, len(self._events) - room))
        self._top = max(self._top, place - room + 1)
        more = f"{'↑' if self._top else ''}{'↓' if self._top + room < len(self._events) else ''}"
        self.entitle(
            f"Events of the last hour{of}", f"{len(self._events)} of {len(snapshot.events)} {more}".strip()
        )
        lines = [
            _event_line(each, snapshot.time, width, chosen=index == place)
            for index, each in enumerate(self._events[self._top : self._top + room], self._top)
        ]
        if not lines:
            lines = [(Run(fit("nothing has happened so far", width), "muted"),)]
        self.draw(lines + [(Run(" " * width),)] * (room - len(lines)) + aside)

    def _aside(self, now: float, width: int) -> list[Line]:
        event = self.event
        if event is None:
            return []
        told = "seen by the console" if event.source == "seen" else f"told by {event.source}"
        head = f"{moment(event.time, now)}  {event.kind.value}, {told}"
        lines = [rule(width), (Run(fit(head, width), "muted"),), *paragraph(event.text, width)[:WORDS]]
        return lines + [(Run(" " * width),)] * (WORDS + 2 - len(lines))


def _event_line(event: Event, now: float, width: int, *, chosen: bool) -> Line:
    style = "bad" if event.serious else "busy"
    kind = KIND if width >= ROOMY else 0
    room = width - TIME - 2 - kind - WHERE
    where = event.subject.title
    return (
        Run(fit(moment(event.time, now)[-8:], TIME), "chosen" if chosen else "muted"),
        Run(f"{sign_of(event)} ", style),
        Run(fit(event.kind.value, kind), "muted"),
        Run(f"{fit(where, WHERE - 1)} ", "title"),
        Run(fit(event.text, room), "bad" if event.serious else ""),
    )


class EventsScreen(PageScreen):
    """Over the main screen until Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,e", "app.back", show=False),
        Binding("up,k", "step(-1)", show=False),
        Binding("down,j", "step(1)", show=False),
        Binding("pageup", "step(-10)", show=False),
        Binding("pagedown", "step(10)", show=False),
        Binding("home", "step(-9999)", show=False),
        Binding("end", "step(9999)", show=False),
        Binding("tab,shift+tab", "every", show=False),
        Binding("enter", "go", show=False),
    ]

    def __init__(self, scene: Scene) -> None:
        self.list = EventList(scene)
        super().__init__(self.list, KEYS, scene)

    def action_step(self, rows: int) -> None:
        """Another event."""
        self.list.step(rows)

    def action_every(self) -> None:
        """All, or those of the selection."""
        self.list.toggle_every()

    def action_go(self) -> None:
        """To where it happened, in the topology."""
        if (event := self.list.event) is not None:
            self.post_message(SubjectWanted(event.subject))
