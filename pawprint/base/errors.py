"""UserError, the one exception whose message is written for the user, its two special cases, and errors on one line."""


class UserError(Exception):
    """Something the user gave cannot be used.

    The message says what happened, what was expected and how to fix it, with the values. A step prints it on one
    line, without a traceback, and exits with 1. Any other exception that leaves a step is a bug and keeps its
    traceback.
    """


class ChoiceError(UserError):
    """The input can be read in several ways: the message has one line for each, with the parameter that chooses it."""


class SecretError(UserError):
    """A parameter holds a secret, and MLflow has already stored it with the run.

    The message names the kind of secret, never the secret itself. Whoever catches this error deletes the run.
    """


def one_line(message: object) -> str:
    """Return the text of an error or of any other object on one line.

    >>> one_line(" no  such   thing ")
    'no such thing'
    """
    return " ".join(str(message).split())
