"""Faults of the way to a server: no connection, a cut one, silence. What a server says itself is read by `wire`."""

import socket
import ssl

import httpx

from icm_tui.models.server.reply.types import Fault
from icm_tui.text import one_line


def cut_off(failure: Exception, where: str, *, headed: bool) -> Fault:
    """The fault that an exception of httpx tells of, in a sentence of our own: an exception's text may hold addresses
    and headers. `headed` says whether the head of a reply had come."""
    causes = _causes(failure)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        why = next(cause.verify_message for cause in causes if isinstance(cause, ssl.SSLCertVerificationError))
        said = f"its certificate cannot be trusted ({one_line(why)}); SSL_CERT_FILE may name one that it is signed by."
        return Fault("retry", f"No connection to {where}: {said}")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Fault("retry", f"No connection to {where}: it does not speak TLS there; is it http, not https?")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        query = "are model.base_url and the network right?"
        return Fault("retry", f"No connection to {where}: this name has no address; {query}")
    if isinstance(failure, httpx.ConnectTimeout):
        return Fault("retry", f"No connection to {where}: it did not accept one in time; is the server running?")
    if isinstance(failure, httpx.ProxyError):
        return Fault("retry", f"No connection to {where}: the proxy that the environment names refused it.")
    if isinstance(failure, httpx.ConnectError):
        refused = any(isinstance(cause, ConnectionRefusedError) for cause in causes)
        why = "nothing listens there; is the server running?" if refused else "it cannot be reached from here."
        return Fault("retry", f"No connection to {where}: {why}")
    if isinstance(failure, httpx.DecodingError):
        return Fault("retry", f"{where} sent a reply that does not unpack as it says it is packed.")
    if isinstance(failure, httpx.LocalProtocolError | httpx.UnsupportedProtocol | httpx.InvalidURL):
        return Fault("pause", f"No request can be written for {where}; are model.base_url and the key right?")
    if headed:
        return Fault("retry", f"{where} broke the connection off in the middle of its reply.")
    return Fault("retry", f"{where} closed the connection without a reply that can be read.")


def silent(where: str, seconds: float, _: int = 0) -> Fault:
    """Not a byte of a reply came."""
    return Fault("retry", f"{where} was silent: not a byte came within {seconds:g} s; model.timeout_s sets the wait.")


def slow(where: str, seconds: float, heard: int) -> Fault:
    """Some of the reply came, but not all of it."""
    came = f"{heard} bytes" if heard else "the head of a reply"
    return Fault("retry", f"{where} was slow: {came} came, but not all within {seconds:g} s; model.timeout_s sets it.")


def speechless(where: str, seconds: float) -> Fault:
    """A stream that is kept open with comments and brings no token."""
    said = f"it kept the stream open for {seconds:g} s but sent no token"
    return Fault("retry", f"{where} is heard but does not speak: {said}; model.timeout_s sets the wait.")


def stalled(where: str, seconds: float) -> Fault:
    """A stream that brought tokens, and then none."""
    return Fault("retry", f"{where} stopped in the middle of a stream: no token came for {seconds:g} s.")


def endless(where: str, seconds: float) -> Fault:
    """A stream that goes on and on."""
    return Fault("retry", f"{where} did not end its stream within {seconds:g} s, ten times model.timeout_s.")


def too_big(where: str, limit: int) -> Fault:
    """No reply of a model is so long."""
    return Fault("pause", f"{where} sent more than {limit >> 20} MiB; is this the base URL of a model server?")


def sent_on(where: str, status: int, location: str) -> Fault:
    """A redirect. It is not followed: the key would go along."""
    to = one_line(location)[:200].strip() or "nowhere"
    return Fault("pause", f"{where} sends requests on to {to}; if you trust it, change model.base_url to it.", status)


def given_up(fault: Fault, tries: int, seconds: float) -> Fault:
    """The fault of the last of all tries: it pauses the run, since no item is to blame."""
    often = "once" if tries == 1 else f"{tries} times"
    return Fault("pause", f"Tried {often} over {seconds:.0f} s. {fault.message}", fault.status, fault.retry_after)


def _causes(failure: BaseException) -> list[BaseException]:
    """The exception and all it came of; a host with several addresses fails with a group."""
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
