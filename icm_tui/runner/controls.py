"""What people asked of a run, as the runner holds it: pure, told of commands and of how far the run has come."""

import msgspec

from icm_tui.errors import UserError
from icm_tui.profile.schema import Profile
from icm_tui.run_dir.inbox import Command
from icm_tui.runner.changes import renew_endpoint, with_allowed_sets
from icm_tui.runner.throttle import Throttle, read_seconds


class Place(msgspec.Struct, frozen=True):
    """How far a run has come: the number of the next decision, and the journal's `seq` of the last one taken."""

    n: int
    last_decision_seq: int


class Obeyed(msgspec.Struct, frozen=True):
    """What came of a command: "done", "no change" or "refused", and why."""

    outcome: str
    why: str = ""


DONE = Obeyed("done")


class Controls:
    """Whether a run may go on, how far, and what its next decision is told.

    `profile` holds the settings with the changes that came on the way; `paused` and `ending` the reason in words if
    the run is paused or is to end; `skip` whether the next decision is to leave labels as they are; `throttle` spreads
    decisions over time. Commands "pin" and "ask" are only looked at for whether the run takes commands.
    """

    def __init__(self, profile: Profile, skip: bool, obeyed: set[str]) -> None:
        self.profile = profile
        self.skip = skip
        self.paused: str | None = None
        self.ending: str | None = None
        self.throttle = Throttle()
        self._until: int | None = None
        self._stepping = False
        self._known = obeyed

    @property
    def may_go_on(self) -> bool:
        """Whether questions may be sent and decisions taken."""
        return self.paused is None and self.ending is None

    def asks_only_next(self, n: int) -> bool:
        """Whether only what decision `n`, the next one, lacks may be asked."""
        return self._stepping or (self._until is not None and self._until <= n + 1)

    def pause_due(self, n: int) -> str | None:
        """Why the run is to pause before decision `n`, or None."""
        if self._until is None or n < self._until:
            return None
        return f"paused before decision {self._until}"

    def pause(self, why: str) -> None:
        """Pause until a command lets the run go on."""
        self._go_to(None)
        self.paused = why

    def obey(self, command: Command, place: Place) -> Obeyed:
        """Do what a command asks, or say why not. A command obeyed before changes nothing."""
        if command.refused:
            return Obeyed("refused", command.refused)
        if command.id in self._known:
            return Obeyed("no change", "it was obeyed before")
        self._known.add(command.id)
        if command.what not in ("pause", "resume", "step", "to", "skip", "stop", "throttle", "pin", "ask"):
            return Obeyed("refused", f"this version knows no command {command.what!r}")
        if self.ending is not None:
            return Obeyed("refused", "the run is ending")
        match command.what:
            case "pause":
                return self._pause_by_command()
            case "resume":
                return self._resume(command)
            case "step":
                return self._step(place)
            case "to":
                return self._to(command, place)
            case "skip":
                return self._skip(command, place)
            case "throttle":
                return self._throttle(command)
            case "pin" | "ask":
                return DONE
        self.ending = "stopped by command"
        return DONE

    def _pause_by_command(self) -> Obeyed:
        if self.paused is not None:
            return Obeyed("no change", "the run is paused already")
        self.pause("paused by command")
        return DONE

    def _resume(self, command: Command) -> Obeyed:
        sets = command.args.get("set", [])
        if not isinstance(sets, list) or not all(isinstance(change, str) for change in sets):
            return Obeyed("refused", "its settings are not a list of texts such as run.max_calls=500")
        if renew_endpoint(sets):
            return Obeyed(
                "refused", "providers are changed when a runner starts: stop the run, then resume it with this setting"
            )
        if self.paused is None and self._until is None and not sets:
            return Obeyed("no change", "the run is not paused")
        try:
            self.profile = with_allowed_sets(self.profile, sets)
        except UserError as error:
            return Obeyed("refused", str(error))
        self._go_to(None)
        return DONE

    def _step(self, place: Place) -> Obeyed:
        # Steps sent faster than they are taken add up.
        under_way = self._until if self._stepping else None
        self._go_to((place.n if under_way is None else under_way) + 1)
        self._stepping = True
        return DONE

    def _to(self, command: Command, place: Place) -> Obeyed:
        number = command.args.get("n")
        if not isinstance(number, int) or isinstance(number, bool):
            return Obeyed("refused", "it names no decision; give the number of one as n")
        if number < place.n:
            return Obeyed("no change", f"decision {number} was taken already")
        self._go_to(number + 1)
        return DONE

    def _skip(self, command: Command, place: Place) -> Obeyed:
        if command.seen_seq is not None and command.seen_seq < place.last_decision_seq:
            return Obeyed("refused", "the decision that was on the screen has been taken meanwhile")
        self.skip = True
        if self.paused is not None:
            self._go_to(place.n + 1)
        return DONE

    def _throttle(self, command: Command) -> Obeyed:
        try:
            seconds = read_seconds(command.args)
        except ValueError as error:
            return Obeyed("refused", str(error))
        if seconds is None and self.throttle.seconds is None:
            return Obeyed("no change", "nothing holds the run back")
        self.throttle.set(seconds)
        return DONE

    def _go_to(self, until: int | None) -> None:
        """Go on until decision `until` is the next one, then pause; None is to the end."""
        self.paused = None
        self._until = until
        self._stepping = False
