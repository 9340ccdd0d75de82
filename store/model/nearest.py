"""The known names nearest to an unknown one."""

from collections.abc import Iterable

# Above so many names only those with the longest common beginning and end are compared.
_MOST_COMPARED = 250


def nearest(word: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return up to `most` known names that `word` may be a slip of, the nearest first; case is no
    slip.

    Among 100,000 names it takes 0.1 s or so, so it is for the way to an error alone.
    """
    from difflib import get_close_matches

    wanted = word.casefold()
    names = {name.casefold(): name for name in known}
    candidates = list(names)
    if len(candidates) > _MOST_COMPARED:
        candidates = _alike(wanted, candidates)
    return [names[near] for near in get_close_matches(wanted, candidates, most)]


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return the hint for an unknown word: the nearest known one, or `otherwise`."""
    near = nearest(word, known)
    return f"did you mean {near[0]}?" if near else otherwise


def _alike(word: str, names: Iterable[str]) -> list[str]:
    from heapq import nlargest

    return nlargest(_MOST_COMPARED, names, key=lambda name: _in_common(word, name))


def _in_common(word: str, name: str) -> int:
    """Return how long a common beginning and end two words have: all but one letter after one
    slip.
    """
    shorter = min(len(word), len(name))
    begin = 0
    while begin < shorter and word[begin] == name[begin]:
        begin += 1
    end = 0
    while end < shorter - begin and word[-1 - end] == name[-1 - end]:
        end += 1
    return 2 * (begin + end) - len(name)
