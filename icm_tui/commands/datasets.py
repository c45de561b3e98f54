"""`icm-tui datasets`: what can be labelled, on which terms, and what of it is on this machine."""

import argparse
import textwrap
from collections.abc import Iterator

import msgspec

from icm_tui.commands.console import columns, print_json
from icm_tui.commands.json import Dataset, Datasets, DescribedDataset
from icm_tui.profile.store import list_profiles
from icm_tui.tasks.card import Card, Here, Place, Terms, availability, hub_cache, local_folders
from icm_tui.tasks.registry import DATASETS, find_dataset
from icm_tui.text import one_line

_WIDTH = 80
_DESCRIBED = ("item", "gold", "paper", "split", "splits", "traps")
_TERMS: dict[Terms, str] = {"free": "free", "non-commercial": "NON-COMMERCIAL", "no licence": "NO LICENCE"}
_TERMS_IN_FULL: dict[Terms, str] = {
    "free": "may be passed on",
    "non-commercial": "NON-COMMERCIAL: not for business, and not shipped with this program",
    "no licence": "NO LICENCE: nobody has given permission to pass it on, and it is not shipped with this program",
}
_HERE_IN_FULL: dict[str, str] = {
    "local": "in a folder here",
    "cached": "in the Hub's cache here",
    "missing": "not on this machine",
    "ships": "ships with this program",
}


def datasets(args: argparse.Namespace) -> int:
    """Prints the datasets, or with `name` one of them in full. Looks at this machine only; no network is used."""
    if args.name is not None:
        card = find_dataset(args.name).card
        here = _here(args.name, card, args.path)
        if args.json:
            listed = msgspec.structs.asdict(_listed(args.name, card, here))
            print_json(DescribedDataset(**listed | {name: getattr(card, name) for name in _DESCRIBED}))
        else:
            print("\n".join(_full(args.name, card, here)))
        return 0
    found = {name: find_dataset(name).card for name in DATASETS}
    places = {name: _here(name, card, args.path) for name, card in found.items()}
    if args.json:
        print_json(Datasets([_listed(name, card, places[name]) for name, card in found.items()]))
        return 0
    rows = [("NAME", "ITEMS", "RULE", "TERMS", "HERE")]
    rows += [
        (name, _items(card, card.split), card.rule, _TERMS[card.terms], _summed(card, places[name]))
        for name, card in found.items()
    ]
    heading, *lines = columns(rows)
    print(heading)
    for line, card in zip(lines, found.values(), strict=True):
        print(line)
        print(*_wrapped(f"{_sentence(card.groups)} Licence: {_sentence(card.licence)}", "Groups: "), sep="\n")
    return 0


def _here(name: str, card: Card, path: str | None) -> dict[str, Here]:
    if path is not None:
        paths = [path]
    else:
        tasks = [entry.profile.task for entry in list_profiles() if entry.profile is not None]
        paths = [task.path for task in tasks if task.dataset == name and task.path is not None]
    return availability(card, local_folders(name, dict.fromkeys(paths)))


def _summed(card: Card, here: dict[str, Here]) -> str:
    """Where a dataset is, in a word or two."""
    if card.ships:
        return "ships"
    if not here:
        return "yours"
    states = set(here.values())
    if len(states) == 1:
        return states.pop()
    present = sum(state != "missing" for state in here.values())
    return f"{present} of {len(here)} splits" if "missing" in states else "local, cached"


def _listed(name: str, card: Card, here: dict[str, Here]) -> Dataset:
    return Dataset(
        name=name,
        about=card.about,
        items=card.splits[card.split].items if card.splits else None,
        groups=card.groups,
        rule=card.rule,
        licence=card.licence,
        terms=card.terms,
        split=card.split or None,
        here=_summed(card, here),
        splits_here=here,
    )


def _full(name: str, card: Card, here: dict[str, Here]) -> Iterator[str]:
    yield from _wrapped(f"{name}: {card.about}", "", indent="")
    for heading, text in {
        "Item": card.item,
        "Groups": card.groups,
        "Rule": card.rule,
        "Gold": card.gold,
        "Paper": card.paper,
        "Licence": f"{card.licence} ({_TERMS_IN_FULL[card.terms]})",
        "Hub": "; ".join(dict.fromkeys(_repositories(card))),
        "Cache": str(hub_cache()) if any(_repositories(card)) else "",
    }.items():
        if text:
            yield from _wrapped(text, f"{heading}: ", indent="")
    if card.traps:
        yield "Traps:"
        for trap in card.traps:
            yield from _wrapped(trap, "- ", indent="  ")
    if card.splits:
        yield "Splits:"
    for split, parts in card.splits.items():
        default = " (read if task.split names none)" if split == card.split and len(card.splits) > 1 else ""
        state = "ships" if card.ships else here[split]
        yield from _wrapped(f"{_items(card, split)} items, {_HERE_IN_FULL[state]}{default}", f"{split}: ", indent="  ")
        for table, place in parts.tables.items():
            yield from _wrapped(_place(place), f"{table}: ", indent="      ")


def _repositories(card: Card) -> Iterator[str]:
    for split in card.splits.values():
        for place in split.tables.values():
            if place.hub is not None:
                yield f"{place.hub.repository} at {place.hub.revision}"


def _place(place: Place) -> str:
    text = " or ".join(place.files)
    if place.hub is not None:
        text = f"{text}; Hub: {', '.join(place.hub.files)}" if text else f"Hub: {', '.join(place.hub.files)}"
    return text if place.rows is None else f"{text} ({place.rows} rows)"


def _items(card: Card, split: str) -> str:
    counted = card.splits[split].items if split in card.splits else None
    return "?" if counted is None else str(counted)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _wrapped(text: str, first: str, indent: str = "    ") -> list[str]:
    """`first` and `text` in lines of at most 80 cells, further ones indented to where `text` begins."""
    lead = indent + first
    later = " " * len(lead) if len(lead) < _WIDTH // 2 else f"{indent}  "
    return textwrap.wrap(
        one_line(text), _WIDTH, initial_indent=lead, subsequent_indent=later, break_on_hyphens=False
    ) or [lead.rstrip()]
