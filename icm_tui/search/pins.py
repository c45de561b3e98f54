"""Pins: labels that a person fixed, and how they change a decision."""

from collections.abc import Mapping, Sequence

from icm_tui.domain.decisions import LabelChange, Proposal
from icm_tui.domain.rules import RULES, nearest
from icm_tui.search.problem import Problem


class Pins:
    """The pinned labels of a run, an item each."""

    def __init__(self, problem: Problem, pinned: Mapping[int, int]) -> None:
        self._problem = problem
        self._pinned = dict(pinned)

    def get(self, item: int) -> int | None:
        """The label that `item` is pinned to, or None."""
        return self._pinned.get(item)

    def put(self, item: int, label: int | None) -> None:
        """Pin `item` to `label`; None removes its pin."""
        if label is None:
            self._pinned.pop(item, None)
        else:
            self._pinned[item] = label

    def against(self, item: int, label: int) -> dict[int, int]:
        """The pinned items of the group, with their labels, because of which the rule forbids `label` for `item`: each
        that does so by itself or, if only several together do, all of them. Empty if `label` is allowed."""
        others = {other: self._pinned[other] for other in self._members(item) if other in self._pinned}
        others.pop(item, None)
        if self._nearest(item, {}, {item: label, **others}) is not None:
            return {}
        by_themselves = {
            other: pinned
            for other, pinned in others.items()
            if self._nearest(item, {}, {item: label, other: pinned}) is None
        }
        return by_themselves or others

    def settle(self, item: int, labels: Sequence[int | None]) -> list[LabelChange]:
        """The changes to a chain's `labels` that make the group of `item` agree with its pins and break nothing."""
        members = self._members(item)
        after = self._nearest(item, {member: labels[member] for member in members}, self._pinned)
        assert after is not None
        return [(member, labels[member], after[member]) for member in members if labels[member] != after[member]]

    def overrule(self, proposal: Proposal, labels: Sequence[int | None], *, skip: bool) -> dict[int, int | None] | None:
        """The labels that a decision commits instead of those drawn, by item, or None to commit those drawn.

        `labels` are its chain's now; with `skip` the decision keeps them. If pins contradict what it would commit, it
        takes the best listed option that agrees with them or, if none does, the nearest labels that agree with them
        and break nothing.
        """
        if not proposal.items:
            return None
        drawn = proposal.options[proposal.chosen].labels
        wanted = dict(zip(proposal.items, [labels[item] for item in proposal.items] if skip else drawn, strict=True))
        if self._agrees(wanted):
            return wanted if skip else None
        if not skip:
            for option in proposal.options:
                listed = dict(zip(proposal.items, option.labels, strict=True))
                if self._agrees(listed):
                    return listed
        for item in proposal.items:
            pinned = self._pinned.get(item, wanted[item])
            if wanted[item] != pinned:
                if not RULES[self._problem.rule].decides_groups:
                    wanted[item] = pinned  # each item of a group is decided alone
                    continue
                members = self._members(item)
                now = {member: wanted.get(member, labels[member]) for member in members}
                after = self._nearest(item, now, self._pinned)
                assert after is not None
                wanted |= {other: after[other] for other in members if other in wanted or after[other] != labels[other]}
        return wanted

    def _agrees(self, labels: Mapping[int, int | None]) -> bool:
        return not self._pinned or all(self._pinned.get(item, label) == label for item, label in labels.items())

    def _members(self, item: int) -> list[int]:
        return self._problem.groups[self._problem.group_of[item]]

    def _nearest(
        self, item: int, labels: Mapping[int, int | None], pinned: Mapping[int, int]
    ) -> dict[int, int | None] | None:
        """`nearest` for the group of `item`, with labels by item."""
        members = self._members(item)
        found = nearest(
            self._problem.rule,
            [labels.get(member) for member in members],
            [self._problem.keys[member] for member in members],
            self._problem.n_labels,
            {place: pinned[member] for place, member in enumerate(members) if member in pinned},
        )
        return None if found is None else dict(zip(members, found, strict=True))
