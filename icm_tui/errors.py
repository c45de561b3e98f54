"""The exceptions that a person is meant to read.

A message is one or more complete sentences: what is wrong, where, and how to mend it. The command line prints the
message alone and exits with the status of the class. A traceback means a bug in the program.
"""

STOPPED_SHORT = 1
WRONG_REQUEST = 2
INTERRUPTED = 130


class UserError(Exception):
    """The request was wrong. The message says what, where, and how to mend it."""

    exit_status = WRONG_REQUEST


class RunFailed(UserError):
    """The run failed or stopped short for a reason outside the request, such as a full disk or a lost model."""

    exit_status = STOPPED_SHORT
