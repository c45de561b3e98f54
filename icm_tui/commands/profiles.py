"""`icm-tui profiles …`: list, show, check, make and import profiles."""

import argparse
import sys
from pathlib import Path

import msgspec

from icm_tui.commands.console import columns
from icm_tui.errors import UserError
from icm_tui.profile import store
from icm_tui.profile.defaults import resolve_without_data, unused
from icm_tui.profile.importing import import_fork, import_paper
from icm_tui.profile.problems import ProfileError
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import dumps
from icm_tui.text import one_line


def list_(args: argparse.Namespace) -> int:
    """Prints the profiles that ship and a person's own; one with errors is listed with the first of them."""
    entries = store.list_profiles()
    if args.json:
        _print_json({"profiles": [_entry_object(entry) for entry in entries]})
        return 0
    rows = [("NAME", "KIND", "DATASET", "METHOD", "MODEL")]
    for entry in entries:
        kind = "own" if entry.own else "shipped"
        if entry.profile is None:
            rows.append((entry.name, kind, f"has errors: icm-tui profiles check {entry.name}", "", ""))
        else:
            rows.append((entry.name, kind, *_summary(entry.profile)))
    for line in columns(rows):
        _print(line)
    return 0


def show(args: argparse.Namespace) -> int:
    """Prints a profile with every default filled in that does not wait for the data."""
    profile, path = store.find(args.profile, args.set)
    known, waiting = resolve_without_data(profile)
    if args.json:
        settings = msgspec.to_builtins(known)
        _print_json({"profile": args.profile, "path": str(path), "settings": settings, "from_data": waiting})
    else:
        _print(dumps(known).rstrip("\n"))
        _say(f"from {path}")
        if waiting:
            _say(f"set once the data is read: {', '.join(waiting)}")
    return 0


def check(args: argparse.Namespace) -> int:
    """Tells every error of a profile; with `json`, as one object with a fault a setting."""
    try:
        profile, path = store.find(args.profile, args.set)
    except ProfileError as error:
        if not args.json:
            raise
        faults = [fault._asdict() for fault in error.faults]
        _print_json({"profile": args.profile, "ok": False, "faults": faults, "unused": []})
        return error.exit_status
    idle = unused(profile)
    if args.json:
        _print_json({"profile": args.profile, "ok": True, "path": str(path), "faults": [], "unused": idle})
        return 0
    for key in idle:
        _say(f"{key} has no effect here: method {profile.search.method} does not use it with these settings")
    _print(f"{args.profile} has no errors")
    return 0


def new(args: argparse.Namespace) -> int:
    """Makes a profile of a person's own from another one, and prints its file."""
    profile, _ = store.find(args.from_profile, args.set)
    _print(str(store.save(args.name, profile, overwrite=args.force)))
    return 0


def import_(args: argparse.Namespace) -> int:
    """Makes a profile from another program's settings, says what each became, and prints its file; without a name
    the profile itself is printed."""
    if bool(args.source) == bool(args.flags):
        raise UserError("give either the path of an icm_config.json, or the flags of the paper's code after --.")
    if args.flags:
        profile, notes = import_paper(args.flags)
    else:
        profile, notes = import_fork(_read(args.source), args.source)
    for note in notes:
        _say(note)
    if args.name is None:
        _print(dumps(profile, sparse=True).rstrip("\n"))
    else:
        _print(str(store.save(args.name, profile, overwrite=args.force)))
    return 0


def _read(source: str) -> str:
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{source}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{source}: byte {error.start} is not UTF-8; save the file as UTF-8 text.") from error


def _entry_object(entry: store.Entry) -> dict[str, object]:
    told: dict[str, object] = {
        "name": entry.name,
        "kind": "own" if entry.own else "shipped",
        "path": str(entry.path),
        "error": entry.error or None,
    }
    if entry.profile is not None:
        told |= dict(zip(("dataset", "method", "model"), _summary(entry.profile), strict=True))
    return told


def _summary(profile: Profile) -> tuple[str, str, str]:
    model = profile.model.backend if profile.model.backend != "openai" else f"openai {profile.model.model}"
    return profile.task.dataset, profile.search.method, model


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _print_json(told: object) -> None:
    _print(msgspec.json.encode(told).decode())


def _say(line: str) -> None:
    sys.stderr.write(f"{one_line(line)}\n")
