"""Faults on the way to a server: no connection, a broken one, silence. `reply` reads what a server itself says."""

import socket
import ssl

import httpx

from icm_tui.models.server.reply.types import Fault
from icm_tui.text import one_line


def cut_off(failure: Exception, where: str, *, headed: bool) -> Fault:
    """The fault for an exception of httpx, in our own words, since the exception's may contain addresses and headers.
    `headed` says whether the head of a reply had come."""
    causes = _causes(failure)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        why = next(cause.verify_message for cause in causes if isinstance(cause, ssl.SSLCertVerificationError))
        said = f"its certificate cannot be trusted ({one_line(why)}); SSL_CERT_FILE can name the one that signed it."
        return Fault("retry", f"No connection to {where}: {said}")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Fault("retry", f"No connection to {where}: it does not speak TLS there; is it http, not https?")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        query = "are model.base_url and the network right?"
        return Fault("retry", f"No connection to {where}: this name has no address; {query}")
    if isinstance(failure, httpx.ConnectTimeout):
        return Fault("retry", f"No connection to {where}: the server did not accept one in time; is it running?")
    if isinstance(failure, httpx.ProxyError):
        return Fault("retry", f"No connection to {where}: the proxy that the environment names refused it.")
    if isinstance(failure, httpx.ConnectError):
        refused = any(isinstance(cause, ConnectionRefusedError) for cause in causes)
        why = "nothing listens there; is the server running?" if refused else "it cannot be reached from here."
        return Fault("retry", f"No connection to {where}: {why}")
    if isinstance(failure, httpx.DecodingError):
        return Fault("retry", f"{where} sent a reply that is not compressed the way it says.")
    if isinstance(failure, httpx.LocalProtocolError | httpx.UnsupportedProtocol | httpx.InvalidURL):
        return Fault("pause", f"No request can be written for {where}; are model.base_url and the key right?")
    if headed:
        return Fault("retry", f"{where} broke off in the middle of its reply.")
    return Fault("retry", f"{where} closed the connection without a reply that can be read.")


def silent(where: str, seconds: float, _: int = 0) -> Fault:
    """Nothing of a reply came."""
    return Fault("retry", f"{where} was silent: not a byte came within {seconds:g} s; model.timeout_s sets the wait.")


def slow(where: str, seconds: float, heard: int) -> Fault:
    """Only a part of the reply came."""
    came = f"{heard} bytes" if heard else "the head of a reply"
    return Fault("retry", f"{where} was slow: only {came} came within {seconds:g} s; model.timeout_s sets the wait.")


def speechless(where: str, seconds: float) -> Fault:
    """A stream was kept open with comments, but brought no token."""
    said = f"kept the stream open for {seconds:g} s but sent no token"
    return Fault("retry", f"{where} {said}; model.timeout_s sets the wait.")


def stalled(where: str, seconds: float) -> Fault:
    """A stream brought tokens, then no more."""
    return Fault("retry", f"{where} stopped in the middle of a stream: no token came for {seconds:g} s.")


def endless(where: str, seconds: float) -> Fault:
    """A stream did not end."""
    return Fault("retry", f"{where} did not end its stream within {seconds:g} s, ten times model.timeout_s.")


def too_big(where: str, limit: int) -> Fault:
    """The reply is longer than any model's."""
    return Fault("pause", f"{where} sent more than {limit >> 20} MiB; is this the base URL of a model server?")


def sent_on(where: str, status: int, location: str) -> Fault:
    """A redirect, which is not followed, since it would take the key along."""
    to = one_line(location)[:200].strip() or "nowhere"
    return Fault("pause", f"{where} sends requests on to {to}; if you trust it, change model.base_url to it.", status)


def given_up(fault: Fault, tries: int, seconds: float) -> Fault:
    """The fault after the last try. It pauses the run, since no item is to blame."""
    often = "once" if tries == 1 else f"{tries} times"
    return Fault("pause", f"Tried {often} over {seconds:.0f} s. {fault.message}", fault.status, fault.retry_after)


def _causes(failure: BaseException) -> list[BaseException]:
    """The exception and everything that caused it. A host with several addresses fails with an exception group."""
    found: list[BaseException] = []
    open_: list[BaseException | None] = [failure]
    while open_:
        cause = open_.pop()
        if cause is None or cause in found:
            continue
        found.append(cause)
        open_ += [cause.__cause__, cause.__context__]
        if isinstance(cause, BaseExceptionGroup):
            open_ += cause.exceptions
    return found
