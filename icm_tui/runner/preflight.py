"""Looking at a model's server before a run is made: whether it can be asked, and at what price."""

import asyncio
import time
from pathlib import Path

import msgspec

from icm_tui.domain.reply import Price
from icm_tui.models.server.cost import price_of
from icm_tui.models.server.probe.result import ProbeResult, recall
from icm_tui.profile.schema import Profile


class Standing(msgspec.Struct, frozen=True):
    """What is known of a model before its first run: the price that a catalogue names, None without one, the
    seconds that a label takes, None if nothing was measured, and the probe that told them."""

    price: Price | None = None
    latency_s: float | None = None
    probe_result: ProbeResult | None = None


def examine(profile: Profile) -> Standing:
    """Probe the server of a resolved profile, unless a probe of it was kept. A model file is only looked at: its server
    starts with the run. Raises UserError if no run can ask it, with what to change."""
    if profile.model.backend == "gguf" and profile.model.path is not None:
        from icm_tui.models.gguf.launch import check

        check(Path(profile.model.path).expanduser())
    if profile.model.backend != "openai":
        return Standing(price_of(profile.model, None))
    from icm_tui.models.server.client import probe_endpoint
    from icm_tui.models.server.connection import connect

    async def look() -> Standing:
        async with connect(profile.model, Path.cwd()) as connection:
            found = await probe_endpoint(connection, profile.model, profile.prompt.labels)
        price = found.endpoint.price if found.endpoint is not None else None
        return Standing(price_of(profile.model, price), found.latency_s, found)

    return asyncio.run(look())


def recalled(profile: Profile) -> Standing:
    """What an earlier probe told, without asking anybody."""
    known = None
    if profile.model.backend == "openai" and profile.model.base_url is not None:
        known = recall(profile.model.base_url.rstrip("/"), profile.model, profile.prompt.labels, time.time())
    if known is None or known.endpoint is None:
        return Standing(price_of(profile.model, None))
    return Standing(price_of(profile.model, known.endpoint.price), known.latency_s, known)
