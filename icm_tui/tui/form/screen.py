"""The form of a profile: its settings as lines, each with what is wrong beside it, and what a run would cost."""

import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from textual import work
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding
from textual.events import Key, Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer

from icm_tui import files
from icm_tui.commands.json import Catalogue, Expected
from icm_tui.errors import UserError
from icm_tui.profile import store
from icm_tui.tui import children
from icm_tui.tui.base_app import BaseApp, OpenRun
from icm_tui.tui.form import rows
from icm_tui.tui.form.draft import FIELDS, FOR_EDITOR, USUAL_SERVER, Draft, editor, read_draft, remove, write_draft
from icm_tui.tui.form.field_widget import FieldList
from icm_tui.tui.form.rows import Outlook, outlook_lines, probe_lines, question
from icm_tui.tui.form.values import Field
from icm_tui.tui.text.cells import Line, Style, fit, line, span, wrap
from icm_tui.tui.text.typed import Typed
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_view import LineView
from icm_tui.tui.widgets.question_screen import Prompt, Question
from icm_tui.tui.widgets.text_input import TextInput

if TYPE_CHECKING:
    from textual.binding import BindingType


Told = TypeVar("Told")

_REST_SECONDS = 0.5
_SMALLEST = (60, 16)
_ROOMY = 34
_MOST_SAID = 6
_FIND = "find: "
_ADDRESS, _MODEL = ("model", "base_url"), ("model", "model")
_TYPING = "enter takes it · esc drops it · ctrl+u empties it"


class FormScreen(TextInput, Screen[None]):
    """Edits a draft, saves it, and starts a run of it.

    `frozen` says that the settings are those of a run there is: the first change makes them a draft for another one.
    `title` is shown at the top.
    """

    DEFAULT_CSS = """
    FormScreen #fields { height: 1fr; }
    FormScreen.-small #fields, FormScreen.-small #detail, FormScreen.-small #foot { display: none; }
    """
    BINDINGS: ClassVar[list["BindingType"]] = [
        *bindings("form"),
        *(each for each in bindings("everywhere") if isinstance(each, Binding) and each.id == "everywhere.leave"),
        Binding("escape", "leave", show=False),
    ]
    AUTO_FOCUS = "#fields"
    app: BaseApp

    def __init__(self, draft: Draft, *, frozen: bool, title: str) -> None:
        super().__init__()
        self._title = title
        self._draft = draft
        self._shown = draft  # with what is being typed
        self._frozen = frozen
        self._checked = draft.check()
        self._outlook: Outlook = None
        self._rest: Timer | None = None
        self._said: tuple[str, Style] = ("", "plain")
        self._typing: Literal["value", "find"] | None = None
        self._typed_at = 0  # the row on which the typing began
        self._starting = False
        self._probing = False  # the screen above asks the model

    @property
    def draft(self) -> Draft:
        """The settings as they are now, without what is being typed."""
        return self._draft

    def compose(self) -> ComposeResult:
        """The title, the fields, what there is to say of the one under the cursor, and the forecast."""
        yield LineView(self._head, id="head")
        yield FieldList(self._row, self.take, self._turn, id="fields")
        yield LineView(self._detail, id="detail")
        yield LineView(self._foot, id="foot")
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Begin to count."""
        self._await_rest()
        self.call_after_refresh(self._redraw)

    def on_resize(self, event: Resize) -> None:
        """Lay out for another size."""
        self.set_class(event.size.width < _SMALLEST[0] or event.size.height < _SMALLEST[1], "-small")
        self._redraw()

    # Moving and typing

    def on_line_list_moved(self) -> None:
        """The bottom tells of the field under the cursor."""
        self.query_one("#detail", LineView).redraw()

    def on_line_list_chosen(self) -> None:
        """A second click edits."""
        self.action_edit()

    def on_mouse_down(self) -> None:
        """A click elsewhere takes what was typed."""
        self.end_typing(kept=True)

    def action_edit(self) -> None:
        """Edit the field under the cursor; one with choices takes the next."""
        field = self._field
        if field.kind in ("bool", "choice"):
            self._turn(1)
            return
        self._type("value", self._draft.texts.get(field.key, ""))

    def action_find(self) -> None:
        """Type the name of a field to go to."""
        self._type("find", "")

    # Saving, editing as text, starting, leaving

    def action_save(self) -> None:
        """Save as one of the person's own profiles."""
        self.end_typing(kept=True)
        if self._refused("save"):
            return
        self._save()

    def action_editor(self) -> None:
        """Edit the text in an editor."""
        self.end_typing(kept=True)
        self._edit_text()

    def action_start(self) -> None:
        """Start a run."""
        self.end_typing(kept=True)
        if self.app.opening.read_only:
            self.say("read only: no run is started from here", "warn")
        elif not self._starting and not self._refused("start"):
            # The app's worker: a run that is being started is not given up when the form is left.
            self.app.run_worker(self._start(), group="starting")

    def action_models(self) -> None:
        """Choose a model from the server's list."""
        from icm_tui.tui.models.screen import ModelsScreen

        self.end_typing(kept=True)
        if _ADDRESS in self._checked.faults:
            self.say(f"model.base_url: {self._checked.faults[_ADDRESS]}", "warn")
            return
        asking = self._draft.as_asking()

        async def read(fresh: bool) -> Catalogue | children.Failed:
            if asking is None:
                return await children.models(USUAL_SERVER, fresh=fresh)
            return await _with_file(asking, lambda path: children.models(str(path), fresh=fresh))

        server = USUAL_SERVER if asking is None else asking.texts[_ADDRESS]
        self.app.push_screen(ModelsScreen(server, read), self._choose_model)

    def action_doctor(self) -> None:
        """Ask the model what it can do."""
        from icm_tui.tui.doctor.screen import DoctorScreen

        self.end_typing(kept=True)
        if self.app.opening.read_only:
            self.say("read only: no model is asked from here", "warn")
        elif not self._refused("ask the model"):
            draft = self._kept_apart
            self._probing = True
            self.app.push_screen(DoctorScreen(draft.name, lambda: _with_file(draft, children.doctor)))

    def on_screen_resume(self) -> None:
        """What a probe found may change what is expected."""
        if self._probing:
            self._probing = False
            self._await_rest()

    @property
    def asks_before_leaving(self) -> bool:
        """Whether changes would be lost."""
        return self._draft.dirty

    def action_leave(self) -> None:
        """Back to the screen below; asks if changes would be lost."""
        self.end_typing(kept=True)
        self._leave()

    def say(self, text: str, look: Style = "plain") -> None:
        """Show some sentences until the next change; on another screen if the form was left."""
        if not self.is_attached:
            self.app.tell(text, look)
            return
        self._said = (text, look)
        self._redraw()

    def take_command(self, event: Key) -> bool:
        """Begin the typing, or move the cursor, at once: the keys behind this one are already on their way."""
        active = self.active_bindings.get(event.key)
        if active is None:
            return False
        does = {"edit": self.action_edit, "find": self.action_find}.get(active.binding.action)
        if active.node is self._list:
            does = getattr(self._list, f"action_{active.binding.action}")
        if does is not None:
            does()
        return does is not None

    def take_other(self, event: Key) -> bool:
        """Any other key ends the typing and does what it does."""
        self.end_typing(kept=True)
        return self.take_command(event)

    def show_typed(self, typed: Typed) -> None:
        """Check with every letter; go to the field that is named so far."""
        if self._typing == "value":
            self._show(self._with(typed.text))
        else:
            self._go_to_found(typed.text)
            self._redraw()

    def typing_ended(self, text: str | None) -> None:
        typing, self._typing = self._typing, None
        self._list.typing = False
        if text is None:
            self._list.move_to(self._typed_at)
            self._show(self._draft)
        elif typing == "value":
            self._change(self._with(text))
        else:
            self._redraw()

    @property
    def _list(self) -> FieldList:
        return self.query_one(FieldList)

    @property
    def _field(self) -> Field:
        row = rows.ROWS[self._list.cursor]
        assert isinstance(row, Field)  # the cursor rests on no title
        return row

    def _turn(self, step: int) -> None:
        field = self._field
        if field.kind in ("bool", "choice"):
            self._change(
                self._draft.with_text(field.key, rows.turned(field, self._draft.texts.get(field.key, ""), step))
            )

    def _type(self, what: Literal["value", "find"], text: str) -> None:
        self._typing, self._typed_at = what, self._list.cursor
        self._list.typing = what == "value"
        self.typed = Typed.of(text)
        self._redraw()

    def _with(self, text: str) -> Draft:
        row = rows.ROWS[self._typed_at]
        return self._draft.with_text(row.key, text) if isinstance(row, Field) else self._draft

    def _go_to_found(self, text: str) -> None:
        found = rows.find(text, self._typed_at + 1)
        self._list.move_to(self._typed_at if found is None else found)

    def _change(self, draft: Draft) -> None:
        """Take another draft for the one there is."""
        if draft.texts != self._draft.texts or draft.others != self._draft.others:
            if self._frozen:
                self._frozen = False
                draft = draft.as_new(self._draft)
            self._draft = draft
            self._said = ("", "plain")
        self._show(self._draft)
        self._await_rest()

    def _show(self, draft: Draft) -> None:
        """Show a draft, and what is wrong with it."""
        if draft != self._shown:
            self._shown = draft
            self._checked = draft.check()
        self._redraw()

    def _choose_model(self, name: str | None) -> None:
        if name is not None:
            self._change(self._draft.with_model(name))
            self._list.move_to(rows.ROWS.index(FIELDS[_MODEL]))

    def _refused(self, what: str) -> bool:
        """Whether there is something to mend first; then it is shown."""
        if not self._checked.count:
            return False
        faulty = [
            index for index, row in enumerate(rows.ROWS) if isinstance(row, Field) and row.key in self._checked.faults
        ]
        if faulty and self._list.cursor not in faulty:
            self._list.move_to(faulty[0])
        self.say(f"{self._to_mend} before you can {what}", "warn")
        return True

    @property
    def _to_mend(self) -> str:
        count = self._checked.count
        return f"{count} {'thing is' if count == 1 else 'things are'} to be mended"

    @work(group="asking", exclusive=True)
    async def _save(self) -> None:
        name = await self.app.push_screen_wait(Prompt("save as", self._kept_apart.name))
        profile = self._kept_apart.check().profile
        if not name or profile is None:
            return
        try:
            taken = (files.profiles_dir() / f"{name}.toml").is_file()
            if taken and not await self.app.push_screen_wait(
                Question(f"There is a profile {name} already. Replace it?")
            ):
                return
            path = store.save(name, profile, overwrite=taken)
        except UserError as error:
            self.say(str(error), "warn")
            return
        if not self._frozen:
            self._draft = self._shown = self._draft.as_kept(name)
        self.say(f"saved as {path}")

    @property
    def _kept_apart(self) -> Draft:
        """The draft, for another run if it is that of one."""
        return self._draft.as_new() if self._frozen else self._draft

    @work(group="asking", exclusive=True)
    async def _edit_text(self) -> None:
        try:
            path = write_draft(self._draft, FOR_EDITOR)
        except UserError as error:
            self.say(str(error), "warn")
            return
        before = path.read_bytes()
        while True:
            try:
                self._run_editor(path)
                self._change(read_draft(path, self._draft.name).kept_as(self._draft))
            except UserError as error:
                if not path.is_file() or path.read_bytes() == before:
                    self.say(str(error), "warn")
                elif await self.app.push_screen_wait(Question(f"{error} Edit it again?")):
                    continue
                else:
                    self.say(f"nothing was taken over; what you typed is in {path}", "warn")
                    return
            remove(path)
            return

    def _run_editor(self, path: Path) -> None:
        """Give the terminal to the editor until it ends. Raises UserError."""
        words = editor(os.environ)
        # The terminal sends Ctrl+C to both; the editor alone is meant.
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            with self.app.suspend():
                status = subprocess.run([*words, str(path)], check=False).returncode
        except OSError as error:
            raise UserError(f"{words[0]} cannot be started: {error.strerror}; mend $VISUAL or $EDITOR.") from error
        except SuspendNotSupported as error:
            raise UserError(
                "this terminal cannot be given to an editor; save the profile and edit its file."
            ) from error
        finally:
            signal.signal(signal.SIGINT, before)
        if status:
            raise UserError(f"{Path(words[0]).name} ended with status {status}; nothing was taken over.")

    async def _start(self) -> None:
        self._starting = True
        try:
            started = await self._started(self._kept_apart)
        finally:
            self._starting = False
        if started is not None:
            if self.is_current:
                await self.dismiss()
            self.app.post_message(OpenRun(started))

    async def _started(self, draft: Draft) -> Path | None:
        """The run that was started of a draft; None if none was, which then was said."""
        profile = self._checked.profile
        is_paid = profile is not None and profile.model.backend != "embedded"
        if is_paid and not await self._agreed(draft):
            return None
        self.say(f"starting {draft.run_name} …")
        try:
            path = write_draft(draft)
        except UserError as error:
            self.say(str(error), "warn")
            return None
        # If this is cancelled the file stays: the runner may be about to read it.
        result = await children.start(path, agreed=is_paid)
        remove(path)
        if isinstance(result, children.Failed):
            self.say(result.why, "warn")
            return None
        return result.path

    async def _agreed(self, draft: Draft) -> bool:
        """Whether a person wants the run at what it is expected to cost."""
        outlook = self._outlook
        if outlook is None:
            self.say("counting what it would cost…")
            outlook = await _outlook_of(draft)
        if not isinstance(outlook, Expected):
            self.say("It was not started, because what it would cost is not known.", "warn")
            return False
        if outlook.paid and not await self.app.push_screen_wait(Question(question(outlook))):
            self.say("Nothing was started and nothing was spent.")
            return False
        return True

    @work(group="asking", exclusive=True)
    async def _leave(self) -> None:
        if self._draft.dirty and not await self.app.push_screen_wait(
            Question("The changes are not saved. Leave without them?")
        ):
            return
        self.dismiss()

    # Counting what a run would cost

    def _await_rest(self) -> None:
        """Count once the draft has rested; what was being counted is no longer wanted."""
        self.workers.cancel_group(self, "forecast")
        if self._rest is not None:
            self._rest.stop()
            self._rest = None
        self._outlook = None
        if not self._checked.count:
            self._rest = self.set_timer(_REST_SECONDS, self._forecast)
        self._redraw()

    @work(group="forecast", exclusive=True)
    async def _forecast(self) -> None:
        draft = self._draft
        outlook = await _outlook_of(self._kept_apart)
        if self._draft.texts == draft.texts:
            self._outlook = outlook
            self._redraw()

    # Drawing

    def _redraw(self) -> None:
        """Draw what changed, each part as high as it has lines."""
        if not self.is_mounted or not self.size.width:
            return
        width = self.size.width
        self.query_one("#head").styles.height = len(self._head(width, 0))
        self.query_one("#detail").styles.height = 4 if self.size.height >= _ROOMY else 3
        self.query_one("#foot").styles.height = max(1, len(self._foot(width, 0)))
        for view in self.query(LineView):
            view.redraw()
        self._list.redraw()

    def _head(self, width: int, height: int) -> list[Line]:
        if self.has_class("-small"):
            return [line(f"the form needs {_SMALLEST[0]}x{_SMALLEST[1]}")]
        return rows.head_lines(self._title, self._shown, self._checked, self._frozen, width)

    def _row(self, index: int, width: int) -> Line:
        drawn = rows.row_line(rows.ROWS[index], self._shown, self._checked, width)
        if self.typed is not None and self._typing == "value" and index == self._typed_at:
            return (*fit(drawn, rows.VALUE_AT), *self.typed.drawn(width - rows.VALUE_AT))
        return drawn

    def _detail(self, width: int, height: int) -> list[Line]:
        row = rows.ROWS[self._list.cursor]
        if not isinstance(row, Field):
            return []
        lines = rows.detail_lines(row, self._checked, width, height)
        if row.key == _MODEL:
            lines.append(line(span(f"{self.app.key('form.models')} lists the models of the server", "dim")))
        return lines[:height]

    def _foot(self, width: int, height: int) -> list[Line]:
        if self.typed is not None and self._typing == "find":
            return [(*line(span(_FIND, "accent")), *self.typed.drawn(width - len(_FIND)))]
        if self._typing == "value":
            return [line(span(_TYPING, "dim"))]
        text, look = self._said
        said = [line(span(piece, look)) for piece in wrap(text, width)][-_MOST_SAID:] if text else []
        outlook = f"{self._to_mend} before it can start" if self._checked.count else self._outlook
        return [*outlook_lines(outlook, width, 2), *self._probe_result(width), *said]

    def _probe_result(self, width: int) -> list[Line]:
        """What the last probe said of the server, once it is known whether there was one."""
        profile = self._checked.profile
        if profile is None or profile.model.backend != "openai" or not isinstance(self._outlook, Expected):
            return []
        return probe_lines(self._outlook.probe_result, self.app.key("form.doctor"), width)


async def _outlook_of(draft: Draft) -> Outlook:
    result = await _with_file(draft, children.forecast)
    return result.why if isinstance(result, children.Failed) else result


async def _with_file(draft: Draft, what: Callable[[Path], Awaitable[Told | children.Failed]]) -> Told | children.Failed:
    """The result of `what` for the draft, which is in a file meanwhile."""
    try:
        path = write_draft(draft)
    except UserError as error:
        return children.Failed(str(error))
    try:
        return await what(path)
    finally:
        remove(path)
