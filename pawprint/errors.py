"""The one exception that is a message to a person."""


class UserError(Exception):
    """Something the user gave cannot be used.

    The message says what happened, what was expected and how to mend it, with the values. A step prints it on
    one line without a traceback and exits with 1; anything else that escapes a step is a bug of ours and keeps
    its traceback.
    """
