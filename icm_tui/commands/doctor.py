"""`icm-tui doctor`: what a profile's model server can do, and what to change if a run cannot ask it."""

import argparse
import asyncio
import time
from pathlib import Path

from icm_tui.commands.console import print_json
from icm_tui.commands.json import Diagnosis
from icm_tui.errors import STOPPED_SHORT, UserError
from icm_tui.models.server.probe import findings
from icm_tui.models.server.probe.result import ProbeResult
from icm_tui.profile import store
from icm_tui.profile.defaults import resolve_without_data
from icm_tui.profile.presets import find_preset
from icm_tui.profile.schema import Model, Profile
from icm_tui.text import multi_line, one_line


def doctor(args: argparse.Namespace) -> int:
    """Probes the model server of `args.profile` afresh and prints each finding. 0 if a run can be made, else 1."""
    if args.profile is None:
        _only_embedded(args.set)
        report = _embedded()
    else:
        profile = resolve_without_data(store.find(args.profile, args.set)[0])[0]
        report = _embedded() if profile.model.backend == "embedded" else _examined(profile)
    if args.json:
        print_json(report)
    else:
        print("\n".join(_lines(report)))
    return 0 if report.fit else STOPPED_SHORT


def _only_embedded(sets: list[str]) -> None:
    """Raises UserError if a profile must be named: one of a person's own has a server, or there are settings."""
    entries = [entry for entry in store.list_profiles() if entry.own]
    served = [entry.name for entry in entries if entry.profile and entry.profile.model.backend != "embedded"]
    if sets or served:
        names = f" One with a server is {served[0]}." if served else ""
        raise UserError(f"icm-tui doctor needs the name of a profile, such as `icm-tui doctor mine`.{names}")


def _embedded() -> Diagnosis:
    return Diagnosis(True, None, [findings.nothing_needed()], [], 0, 0.0)


def _examined(profile: Profile) -> Diagnosis:
    model, labels = profile.model, profile.prompt.labels
    try:
        probe_result = asyncio.run(_diagnosed(model, labels))
    except UserError as error:
        probe_result = ProbeResult(None, [findings.never_asked(error)], 0, None, time.time(), None, None, None)
    preset = find_preset(model.base_url) if model.backend == "openai" and model.base_url else None
    return Diagnosis(
        probe_result.endpoint is not None,
        probe_result.endpoint,
        probe_result.findings,
        [f"{preset.name}: {said}" for said in preset.says] if preset is not None else [],
        probe_result.calls,
        probe_result.cost_usd,
        dict(zip(labels, probe_result.label_bias, strict=True)) if probe_result.label_bias is not None else None,
        probe_result.latency_s,
        probe_result.tokens_a_second,
    )


async def _diagnosed(model: Model, labels: list[str]) -> ProbeResult:
    from icm_tui.models.server.client import connect, diagnose  # loads httpx, which the embedded model does without

    async with connect(model, Path.cwd()) as connection:
        return await diagnose(connection, model, labels)


def _lines(report: Diagnosis) -> list[str]:
    width = max(len(finding.name) for finding in report.findings)
    lines = []
    for finding in report.findings:
        lines.append(f"{finding.state:<4}  {finding.name:<{width}}  {one_line(finding.says)}")
        if finding.remedy:
            lines.append(f"{'':<{width + 8}}{one_line(finding.remedy)}")
    lines += [multi_line(f"known {limit}") for limit in report.known_limits]
    if report.calls:
        cost = "a cost that is not known" if report.cost_usd is None else f"{report.cost_usd:.6f} USD"
        lines.append(f"{'A run can be made.' if report.fit else 'No run can be made.'} {report.calls} calls, {cost}.")
    return lines
