"""What to say of a name that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The end of the sentence "there is no `name`", ready for another one that lists what there is.

    Args:
        name: what was asked for, of any type.
        known: the names that there are.

    Returns:
        "; did you mean 'fcn8s'?", the known name that looks most like it; a full stop where none does.
    """
    near = get_close_matches(str(name), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else "."
