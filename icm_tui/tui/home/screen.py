"""The screen that icm-tui opens with: the runs there are, and the profiles that can be started."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer

from icm_tui.errors import UserError
from icm_tui.files import read_text
from icm_tui.tui.base_app import BaseApp, OpenForm, OpenFormOf, Opening, OpenRun
from icm_tui.tui.home.listing import (
    RESUMABLE,
    SMALLEST,
    Listing,
    Row,
    Startable,
    advice,
    header,
    place,
    rest,
    row_line,
    rows,
    run_key,
    small,
    told,
)
from icm_tui.tui.text.cells import Line, Style
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView
from icm_tui.tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from textual.binding import BindingType

    from icm_tui.run_dir.listing import RunSummary

_EVERY = 2.0
# Of the time, at most this part is spent on reading a list that takes long.
_SHARE = 0.1
_MOST_SAID = 10
_READ_ONLY = "opened with --read-only: it starts, asks, resumes and removes nothing"


class RunsScreen(Screen[None]):
    """Lists runs and profiles, again every two seconds while it is seen; opens, starts, asks, resumes and removes."""

    DEFAULT_CSS = """
    RunsScreen LineList { height: 1fr; }
    RunsScreen #small { display: none; }
    RunsScreen.-small > * { display: none; }
    RunsScreen.-small > #small { display: block; }
    """
    BINDINGS: ClassVar[list["BindingType"]] = bindings("runs")
    app: BaseApp

    def __init__(self, opening: Opening) -> None:
        super().__init__()
        self._opening = opening
        self._listing: Listing | None = None
        self._rows: list[Row] = []
        self._starting = ""
        self._said: tuple[str, Style] = ("", "plain")
        self._at = 0
        self._seek = ""
        self._reading = False
        self._due = 0.0
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """The list, what can be done with the row under the cursor, and what went wrong."""
        yield LineView(self._small, id="small")
        yield LineView(self._header, id="header")
        yield LineList(lambda: len(self._rows), lambda at, cells: row_line(self._rows[at], cells), id="rows")
        yield LineView(lambda cells, _: self._told(*self._said, cells), id="said")
        yield LineView(lambda cells, _: self._told(self._advice, "dim", cells), id="advice")
        yield StatusLine()
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """The list is read once the screen is there."""
        self._list.focus()
        self._timer = self.set_interval(_EVERY, self._tick)
        self.call_after_refresh(self._read)

    def on_screen_suspend(self) -> None:
        """What is not seen is not read."""
        if self._timer is not None:
            self._timer.pause()

    def on_screen_resume(self) -> None:
        """Seen again: read at once."""
        if self._timer is not None:
            self._timer.resume()
            self._read()

    def on_resize(self) -> None:
        """Below the smallest size there is one line."""
        columns, rows_ = SMALLEST
        self.set_class(self.size.width < columns or self.size.height < rows_, "-small")
        self._redraw()

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        """The cursor passes over headings; what was said of another row goes."""
        before, self._at = self._at, event.index
        self._at = rest(self._rows, event.index, 1 if event.index >= before else -1)
        if self._at != event.index:
            self._list.move_to(self._at)
        self.query_one(StatusLine).say("")
        self._redraw()

    def on_line_list_chosen(self) -> None:
        """A second click does what Enter does."""
        self.action_open()

    # What a person asks

    def run_words(self, word: str, rest: str) -> None:
        """What was typed after the colon with an argument."""
        if word == "import":
            self._import(rest)

    def action_open(self) -> None:
        """Open the run, or start the profile; one that costs money shows first what it would cost."""
        row = self._row
        if row is None:
            return
        if row.run is not None:
            self.app.post_message(OpenRun(Path(row.run.path)))
        elif row.profile is not None and self._may():
            if row.profile.at_once:
                self._begin(row.profile.name, Path(row.profile.path), resumes=False)
            else:
                self.action_edit()

    def action_edit(self) -> None:
        """The profile in a form; of a run, a copy of its profile."""
        row = self._row
        if row is not None and row.profile is not None:
            self.app.post_message(OpenForm(row.profile.path))
        elif row is not None and row.run is not None:
            self.app.post_message(OpenForm(Path(row.run.path) / "profile.toml", frozen=True))

    def action_import(self) -> None:
        """Ask for the file to import."""
        from icm_tui.tui.widgets.question_screen import Prompt

        self.app.push_screen(Prompt("Path of an icm_config.json"), lambda path: self._import(path) if path else None)

    def action_resume(self) -> None:
        """A new runner for a run that has none."""
        run = self._run_under_cursor("resume")
        if run is None or not self._may():
            return
        if run.state not in RESUMABLE:
            self.app.tell(f"{run.name} is {run.state}: only a run without a runner can be resumed here")
        else:
            self._begin(run.name, Path(run.path), resumes=True)

    def action_remove(self) -> None:
        """Delete a run, after a question."""
        from icm_tui.tui.widgets.question_screen import Question

        run = self._run_under_cursor("remove")
        if run is None or not self._may():
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._remove(run))

        self.app.push_screen(Question(f"Remove {run.name} with its labels and all its answers?"), answered)

    def action_doctor(self) -> None:
        """Ask the profile's model what it can do."""
        from icm_tui.tui import children
        from icm_tui.tui.doctor.screen import DoctorScreen

        profile = self._row.profile if self._row is not None else None
        if profile is None:
            self.app.tell("doctor: put the cursor on a profile first")
        elif profile.error:
            self.app.tell("doctor: mend the profile first", "warn")
        elif self._may():
            path = profile.path
            self.app.push_screen(DoctorScreen(profile.name, lambda: children.doctor(path)))

    def action_copy(self) -> None:
        """Copy the path of the run or the profile."""
        from icm_tui.tui.clipboard import copy_and_tell

        row = self._row
        if row is not None and row.run is not None:
            copy_and_tell(self.app, row.run.path)
        elif row is not None and row.profile is not None:
            copy_and_tell(self.app, str(row.profile.path))

    # Inside

    @property
    def _list(self) -> LineList:
        return self.query_one("#rows", LineList)

    @property
    def _row(self) -> Row | None:
        row = self._rows[self._at] if self._at < len(self._rows) else None
        return row if row is not None and row.rests else None

    def _run_under_cursor(self, what: str) -> "RunSummary | None":
        row = self._row
        if row is None or row.run is None:
            self.app.tell(f"{what}: put the cursor on a run first")
            return None
        return row.run

    def _may(self) -> bool:
        if self._opening.read_only:
            self.app.tell(_READ_ONLY, "warn")
        return not self._opening.read_only

    def _tick(self) -> None:
        if time.monotonic() >= self._due:
            self._read()

    def _read(self) -> None:
        if not self._reading:
            self._reading = True
            self.run_worker(self._read_off_the_loop(), group="reading")

    async def _read_off_the_loop(self) -> None:
        """Thousands of runs, or a disk far away, may take their time."""
        began = time.monotonic()
        try:
            self._show(await asyncio.to_thread(_read_listing))
        except UserError as error:
            self._say(str(error), "warn")
        finally:
            self._reading = False
            ended = time.monotonic()
            self._due = ended + (ended - began) / _SHARE

    def _show(self, listing: Listing) -> None:
        known = self._row.key if self._row is not None else None
        self._listing = listing
        self._rows = rows(listing, self._starting, self.app.key)
        if any(row.key == self._seek for row in self._rows):
            known, self._seek = self._seek, ""
        self._at = place(self._rows, known, self._at)
        self._list.redraw()
        self._list.move_to(self._at)
        self._redraw()

    def _begin(self, name: str, path: Path, *, resumes: bool) -> None:
        if self._starting:
            self.app.tell(f"{self._starting} is being started; wait for it")
            return
        self._starting, self._said = name, ("", "plain")
        self._show(self._listing or Listing())
        self.run_worker(self._start(name, path, resumes=resumes), group="starting")

    async def _start(self, name: str, path: Path, *, resumes: bool) -> None:
        from icm_tui.tui import children

        try:
            outcome = await (children.resume(path) if resumes else children.start(path))
        finally:
            self._starting = ""
        if isinstance(outcome, children.Failed):
            self._said = (outcome.why, "warn")
        else:
            self._seek = run_key(outcome.path)  # the cursor is there when the person comes back
            if self.app.screen is self:
                self.app.post_message(OpenRun(outcome.path))
            else:
                self.app.tell(f"{name} has started")
        self._show(self._listing or Listing())
        self._read()

    async def _remove(self, run: "RunSummary") -> None:
        from icm_tui.run_dir.layout import RunDir
        from icm_tui.run_dir.listing import remove

        try:
            await asyncio.to_thread(remove, RunDir(Path(run.path)))
        except UserError as error:
            self._say(str(error), "warn")
        else:
            self.app.tell(f"{run.name} is removed")
            self._read()

    def _import(self, path: str) -> None:
        from icm_tui.profile.importing import import_fork
        from icm_tui.profile.toml import dumps

        source = Path(path.strip()).expanduser()
        try:
            profile, notes = import_fork(read_text(source), str(source))
        except UserError as error:
            self._say(str(error), "warn")
        else:
            self._say("\n".join(notes), "second")
            self.app.post_message(OpenFormOf(dumps(profile, sparse=True), source.parent.name or source.stem))

    # Lines

    @property
    def _advice(self) -> str:
        return advice(self._row, self.app.key, read_only=self._opening.read_only)

    def _say(self, text: str, look: Style) -> None:
        """Say what may take several lines, and keep it there until something else is started."""
        self._said = (text, look)
        self._redraw()

    def _redraw(self) -> None:
        for name, text in (("#said", self._said[0]), ("#advice", self._advice)):
            view = self.query_one(name, LineView)
            view.styles.height = len(self._told(text, "plain", self.size.width))
            view.redraw()
        for name in ("#header", "#small"):
            self.query_one(name, LineView).redraw()

    def _told(self, text: str, look: Style, cells: int) -> list[Line]:
        return told(text, look, cells, min(_MOST_SAID, self.size.height // 3)) if text else []

    def _header(self, cells: int, _: int) -> list[Line]:
        return [header(self._listing, cells, read_only=self._opening.read_only)]

    def _small(self, cells: int, _: int) -> list[Line]:
        return [small(self._listing, cells)]


def _read_listing() -> Listing:
    """What there is on this disk. Raises UserError if a folder cannot be read."""
    from icm_tui.files import runs_dir
    from icm_tui.profile.store import list_profiles
    from icm_tui.run_dir.listing import list_runs

    profiles = []
    for entry in list_profiles():
        profile = entry.profile
        if profile is None:
            profiles.append(Startable(entry.name, entry.path, entry.own, error=entry.error))
            continue
        profiles.append(
            Startable(
                name=entry.name,
                path=entry.path,
                own=entry.own,
                dataset=profile.task.dataset,
                method=profile.search.method,
                model=profile.model.answers,
                at_once=profile.model.backend == "embedded",
                watched=profile.run.watch_seconds is not None,
            )
        )
    return Listing(list_runs(runs_dir()), profiles)
