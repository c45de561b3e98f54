"""`icm-tui profiles …`: list, show, check, make and import profiles."""

import argparse
import sys
from pathlib import Path

import msgspec

from icm_tui.commands.console import columns, print_json
from icm_tui.commands.json import CheckedProfile, ListedProfile, ProfileFault, Profiles, ShownProfile
from icm_tui.errors import UserError
from icm_tui.files import as_text, read_text
from icm_tui.profile import store
from icm_tui.profile.defaults import resolve_without_data, unused
from icm_tui.profile.importing import import_fork, import_paper
from icm_tui.profile.problems import ProfileError
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import dumps
from icm_tui.text import one_line


def list_(args: argparse.Namespace) -> int:
    """Prints the shipped profiles and a person's own. A profile with errors is listed with the first of them."""
    entries = store.list_profiles()
    if args.json:
        print_json(Profiles([_listed(entry) for entry in entries]))
        return 0
    rows = [("NAME", "KIND", "DATASET", "METHOD", "MODEL")]
    for entry in entries:
        kind = "own" if entry.own else "shipped"
        if entry.profile is None:
            rows.append((entry.name, kind, f"has errors: icm-tui profiles check {entry.name}", "", ""))
        else:
            rows.append((entry.name, kind, *_summary(entry.profile)))
    print("\n".join(columns(rows)))
    return 0


def show(args: argparse.Namespace) -> int:
    """Prints a profile with every default that is known before the data is read."""
    profile, path = store.find(args.profile, args.set)
    known, waiting = resolve_without_data(profile)
    if args.json:
        print_json(ShownProfile(args.profile, str(path), msgspec.to_builtins(known), list(waiting)))
    else:
        print(dumps(known).rstrip("\n"))
        _say(f"from {path}")
        if waiting:
            _say(f"set once the data is read: {', '.join(waiting)}")
    return 0


def check(args: argparse.Namespace) -> int:
    """Prints every error of a profile, and the settings that have no effect."""
    try:
        profile, path = store.find(args.profile, args.set)
    except ProfileError as error:
        if not args.json:
            raise
        print_json(CheckedProfile(args.profile, False, [ProfileFault(*fault) for fault in error.faults], []))
        return error.exit_status
    idle = unused(profile)
    if args.json:
        print_json(CheckedProfile(args.profile, True, [], list(idle), str(path)))
        return 0
    for key in idle:
        _say(f"{key} has no effect here: method {profile.search.method} does not use it with these settings")
    print(f"{args.profile} has no errors")
    return 0


def new(args: argparse.Namespace) -> int:
    """Makes a profile from another one, and prints its path."""
    profile, _ = store.find(args.from_profile, args.set)
    print(str(store.save(args.name, profile, overwrite=args.force)))
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
        print(dumps(profile, sparse=True).rstrip("\n"))
    else:
        print(str(store.save(args.name, profile, overwrite=args.force)))
    return 0


def _read(source: str) -> str:
    return as_text(sys.stdin.buffer.read(), source) if source == "-" else read_text(Path(source))


def _listed(entry: store.Entry) -> ListedProfile:
    listed = ListedProfile(entry.name, "own" if entry.own else "shipped", str(entry.path), entry.error or None)
    if entry.profile is None:
        return listed
    dataset, method, model = _summary(entry.profile)
    return msgspec.structs.replace(listed, dataset=dataset, method=method, model=model)


def _summary(profile: Profile) -> tuple[str, str, str]:
    model = profile.model.backend if profile.model.backend != "openai" else f"openai {profile.model.model}"
    return profile.task.dataset, profile.search.method, model


def _say(line: str) -> None:
    print(one_line(line), file=sys.stderr)
