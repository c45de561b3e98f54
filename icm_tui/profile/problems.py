"""What is wrong with a profile: one problem a setting, told together with the place each was written."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from icm_tui.errors import UserError
from icm_tui.text import one_line

KeyPath = tuple[str, ...]


class Problem(NamedTuple):
    """One thing wrong. `path` is the setting to blame; `about` are further settings that it involves."""

    path: KeyPath
    text: str
    about: tuple[KeyPath, ...] = ()


class Fault(NamedTuple):
    """A problem in its place: `where` is "profile.toml:12" or "--set search.shots", `line` the file's line, counted
    from 1, if there is one."""

    where: str
    line: int | None
    key: str
    text: str

    def __str__(self) -> str:
        return one_line(": ".join(part for part in (self.where, self.key, self.text) if part))


class ProfileError(UserError):
    """Everything that is wrong with a profile, a line each; `faults` holds the same for a form."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Places:
    """Where each setting was written: a line of the source, a --set, or nowhere."""

    def __init__(self, source: str, lines: Mapping[KeyPath, int], sets: Iterable[KeyPath] = ()) -> None:
        self._source = source
        self._lines = lines
        self._sets = list(sets)

    def in_order(self, problems: Iterable[Problem]) -> list[Fault]:
        """The problems in their places, in the order of the lines; those of a --set come last."""
        faults = [self._fault(problem) for problem in problems]
        return sorted(faults, key=lambda fault: (fault.where.startswith("--set"), fault.line or 0))

    def _fault(self, problem: Problem) -> Fault:
        path, key = problem.path, ".".join(problem.path)
        for given in self._sets:
            # A section is blamed on a --set only if the source does not have it.
            if path[: len(given)] == given[: len(path)] and (len(path) > 1 or path not in self._lines):
                deeper = given if len(given) > len(path) else path
                return Fault(f"--set {'.'.join(deeper)}", None, "", problem.text)
        # A setting that was not written is placed at its section, and without one at the file.
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return Fault(f"{self._source}:{line}", line, key, problem.text)
        return Fault(self._source, None, key, problem.text)
