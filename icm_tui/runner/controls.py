"""The commands that people send to a run, in one table, and how far they let it go."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from icm_tui.errors import UserError
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import apply_sets
from icm_tui.run_dir.inbox import Command, read_pin
from icm_tui.run_dir.records import AnyRecord, CommandRecord, Relabelled, StopRecord
from icm_tui.runner.speed import Throttle, read_seconds
from icm_tui.runner.states import Event, Lifecycle, State
from icm_tui.text import one_line

# The settings that a run may change: they bear on what it spends, not on what it decides. model.providers is a special
# case, since log-probabilities of two providers do not compare. But a provider may go away, and a person may prefer
# another one to losing the run. The journal holds the change and the endpoint after it.
CHANGEABLE = (
    "run.budget_usd",
    "run.max_calls",
    "run.max_seconds",
    "model.concurrency",
    "model.timeout_s",
    "model.key_env",
    "model.providers",
    "model.price_in",
    "model.price_out",
    "reasoning.every",
    "reasoning.max_tokens",
    "reasoning.prefill",
)


def renews_endpoint(sets: Sequence[str]) -> bool:
    """Whether a run with these changes has to look for an endpoint anew, which it does when a runner starts."""
    return any(_name(change) == "model.providers" for change in sets)


def with_allowed_sets(profile: Profile, sets: Sequence[str]) -> Profile:
    """The profile with changes like "run.max_calls=500". Raises UserError for one that would change the decisions."""
    for change in sets:
        name = _name(change)
        if name not in CHANGEABLE:
            raise UserError(
                f"{name} cannot be changed while a run is under way; only {', '.join(CHANGEABLE)} can. "
                "Start a new run for anything else."
            )
    return apply_sets(profile, sets) if sets else profile


class Place(NamedTuple):
    """How far a run has come: the number of the next decision, and the journal's `seq` of the last one taken."""

    n: int
    last_decision_seq: int


class Answer(msgspec.Struct, frozen=True):
    """What came of a command and why, the labels that it changed, and the records that follow it in the journal."""

    outcome: Literal["done", "no change", "refused"]
    why: str = ""
    changes: list[Relabelled] = []
    then: list[AnyRecord] = []


DONE = Answer("done")


class Orders(msgspec.Struct):
    """What people asked of earlier runners and still holds: the ids of the commands obeyed, the settings changed, the
    label that each pinned item is pinned to, and whether the next decision is to leave labels as they are."""

    obeyed: set[str] = set()
    sets: list[str] = []
    pinned: dict[int, int] = {}
    skip: bool = False

    def restore(self, record: CommandRecord, names: Sequence[str], n_items: int) -> None:
        """Take a command from the journal; `names` are those of the label set. Raises ValueError if it says nothing
        sensible."""
        self.obeyed.add(record.id)
        command = COMMANDS.get(record.what)
        if command is not None and command.restore is not None and record.outcome == "done":
            command.restore(self, record.args, names, n_items)

    def _restore_sets(self, args: dict[str, Any], names: Sequence[str], n_items: int) -> None:
        self.sets += args.get("set", [])

    def _restore_skip(self, args: dict[str, Any], names: Sequence[str], n_items: int) -> None:
        self.skip = True

    def _restore_pin(self, args: dict[str, Any], names: Sequence[str], n_items: int) -> None:
        item, label = read_pin(args, names, n_items)
        self.pinned.pop(item, None)
        if label is not None:
            self.pinned[item] = label


class Controls:
    """Obeys commands, and says how far the run may go by them.

    `profile` holds the settings with the changes made on the way, `skip` says whether the next decision is to leave
    labels as they are, and `throttle` spreads decisions over time. The runner does what needs more than that: `pin`
    and `ask` obey a command, and `apply` takes over settings or raises UserError.
    """

    def __init__(
        self,
        profile: Profile,
        orders: Orders,
        lifecycle: Lifecycle,
        *,
        pin: Callable[[Command], Answer],
        ask: Callable[[Command], Answer],
        apply: Callable[[Profile], None],
    ) -> None:
        self.profile = profile
        self.skip = orders.skip
        self.throttle = Throttle()
        self._obeyed = orders.obeyed
        self._lifecycle = lifecycle
        self._pin = pin
        self._ask = ask
        self._apply = apply
        self._until: int | None = None
        self._stepping = False

    def asks_only_next(self, n: int) -> bool:
        """Whether only the questions of decision `n`, the next one, may be asked."""
        return self._stepping or (self._until is not None and self._until <= n + 1)

    def pause_due(self, n: int) -> str | None:
        """Why the run is to pause before decision `n`, or None."""
        if self._until is None or n < self._until:
            return None
        return f"paused before decision {self._until}"

    def pause(self, why: str) -> StopRecord:
        """Pause until a command lets the run go on, and return what the journal says of it."""
        self._aim(None)
        self._lifecycle.on(Event.PAUSE, why)
        return StopRecord(state=State.PAUSED.value, why=why)

    def obey(self, command: Command, place: Place) -> Answer:
        """Do what a command asks, or say why not. A command obeyed before changes nothing."""
        if command.refused:
            return Answer("refused", command.refused)
        if command.id in self._obeyed:
            return Answer("no change", "it was obeyed before")
        self._obeyed.add(command.id)
        known = COMMANDS.get(command.what)
        if known is None:
            return Answer("refused", f"this version knows no command {command.what!r}")
        if self._lifecycle.is_stopping:
            return Answer("refused", "the run is ending")
        return known.obey(self, command, place)

    def _obey_pause(self, command: Command, place: Place) -> Answer:
        if self._lifecycle.is_paused:
            return Answer("no change", "the run is paused already")
        return Answer("done", then=[self.pause("paused by command")])

    def _obey_resume(self, command: Command, place: Place) -> Answer:
        sets = command.args.get("set", [])
        if not isinstance(sets, list) or not all(isinstance(change, str) for change in sets):
            return Answer("refused", "its settings are not a list of texts such as run.max_calls=500")
        if renews_endpoint(sets):
            return Answer(
                "refused", "providers are changed when a runner starts: stop the run, then resume it with this setting"
            )
        if not self._lifecycle.is_paused and self._until is None and not sets:
            return Answer("no change", "the run is not paused")
        try:
            profile = with_allowed_sets(self.profile, sets)
        except UserError as error:
            return Answer("refused", str(error))
        try:
            self._apply(profile)
        except UserError as error:
            with contextlib.suppress(UserError):
                self._apply(self.profile)
            return Answer("refused", one_line(str(error)).rstrip("."))
        self.profile = profile
        self._go_to(None)
        return DONE

    def _obey_step(self, command: Command, place: Place) -> Answer:
        # Steps sent faster than they are taken add up.
        under_way = self._until if self._stepping else None
        self._go_to((place.n if under_way is None else under_way) + 1)
        self._stepping = True
        return DONE

    def _obey_to(self, command: Command, place: Place) -> Answer:
        number = command.args.get("n")
        if not isinstance(number, int) or isinstance(number, bool):
            return Answer("refused", "it names no decision; give the number of one as n")
        if number < place.n:
            return Answer("no change", f"decision {number} was taken already")
        self._go_to(number + 1)
        return DONE

    def _obey_skip(self, command: Command, place: Place) -> Answer:
        if command.seen_seq is not None and command.seen_seq < place.last_decision_seq:
            return Answer("refused", "the decision that was on the screen has been taken meanwhile")
        self.skip = True
        if self._lifecycle.is_paused:
            self._go_to(place.n + 1)
        return DONE

    def _obey_stop(self, command: Command, place: Place) -> Answer:
        self._lifecycle.on(Event.STOP, "stopped by command")
        return DONE

    def _obey_throttle(self, command: Command, place: Place) -> Answer:
        try:
            seconds = read_seconds(command.args)
        except ValueError as error:
            return Answer("refused", str(error))
        if seconds is None and self.throttle.seconds is None:
            return Answer("no change", "nothing holds the run back")
        self.throttle.set(seconds)
        return DONE

    def _obey_pin(self, command: Command, place: Place) -> Answer:
        return self._pin(command)

    def _obey_ask(self, command: Command, place: Place) -> Answer:
        return self._ask(command)

    def _go_to(self, until: int | None) -> None:
        """Go on until decision `until` is the next one, then pause; None is to the end."""
        self._lifecycle.on(Event.RESUME)
        self._aim(until)

    def _aim(self, until: int | None) -> None:
        self._until = until
        self._stepping = False


class CommandKind(NamedTuple):
    """How a runner obeys a kind of command, what a later runner restores of it, and whether it may change labels."""

    obey: Callable[[Controls, Command, Place], Answer]
    restore: Callable[[Orders, dict[str, Any], Sequence[str], int], None] | None = None
    relabels: bool = False


COMMANDS: dict[str, CommandKind] = {
    "pause": CommandKind(Controls._obey_pause),
    "resume": CommandKind(Controls._obey_resume, Orders._restore_sets),
    "step": CommandKind(Controls._obey_step),
    "to": CommandKind(Controls._obey_to),
    "skip": CommandKind(Controls._obey_skip, Orders._restore_skip),
    "stop": CommandKind(Controls._obey_stop),
    "throttle": CommandKind(Controls._obey_throttle),
    "pin": CommandKind(Controls._obey_pin, Orders._restore_pin, relabels=True),
    "ask": CommandKind(Controls._obey_ask),
}


def may_relabel(command: Command) -> bool:
    """Whether a command may change labels."""
    return command.what in COMMANDS and COMMANDS[command.what].relabels


def _name(change: str) -> str:
    return change.partition("=")[0].strip()
