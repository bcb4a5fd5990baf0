"""The one exception that is a message to a person, its two special cases, and how others are told in a line."""


class UserError(Exception):
    """Something the user gave cannot be used.

    The message says what happened, what was expected and how to mend it, with the values. A step prints it on
    one line without a traceback and exits with 1; anything else that escapes a step is a bug of ours and keeps
    its traceback.
    """


class ChoiceError(UserError):
    """What was given can be taken in several ways: the message has a line for each, with its parameter."""


class SecretError(UserError):
    """A parameter holds a secret, which MLflow has written down with the run by the time our code reads it.

    The message names the kind of secret, never the secret; whoever catches this deletes the run.
    """


def one_line(said: object) -> str:
    """Return what an error or a text says, on one line.

    >>> one_line(" no  such   thing ")
    'no such thing'
    """
    return " ".join(str(said).split())
