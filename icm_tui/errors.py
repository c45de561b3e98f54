"""The exceptions that a person is meant to read.

Each message is one or more complete sentences: what is wrong, where, and how to mend it. The command line prints
the message alone and ends with the exit status that the class carries; a traceback means a fault of the program.
"""


class UserError(Exception):
    """The request was wrong; the message says what, where, and how to mend it."""

    exit_status = 2


class RunFailed(UserError):
    """The run failed or stopped short for a reason outside the request (a full disk, a lost model)."""

    exit_status = 1
