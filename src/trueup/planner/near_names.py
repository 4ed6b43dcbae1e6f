"""Names that a person could take for one another: a copy, another spelling, one wrong letter.

    Fibre Max 100 (1)        copy marks at the end, and `[SKU]`, are left out
    fibre-max 100            case, punctuation and white space do not count
    FibreMax100              nor does where letters are joined or parted
    100 Max Fibre            nor the order of the words
    Fibre Mqx 100            a word of five letters and more may have one slip after its first

Numbers never are near: `Fibre 100` and `Fibre 200` are two products. A slip is found without
comparing names with each other: words with one slip between them are found first, through what is
left of each when one letter is dropped, and then a name is looked up with such a word replaced. So
the work grows with the number of names, not with its square.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from itertools import combinations, groupby
from typing import Generic, TypeAlias, TypeVar

Words: TypeAlias = tuple[str, ...]
T = TypeVar("T", bound=Hashable)

_TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*")
_COPY_BEFORE = re.compile(r"^\s*copy\s+of\b", re.IGNORECASE)
_COPY_AFTER = re.compile(
    r"(?:\[[^\[\]]*\]|\([1-9]\)|\(copy(?:\s+\d{1,2})?\)|(?<=\W)copy(?:\s+\d{1,2})?)[\s\-\u2013\u2014]*$",
    re.IGNORECASE,
)
_SHORTEST = 5  # the longer of two words with a slip between them has at least so many letters
_CROWD = 50  # a remainder that more words share tells nothing: serial numbers in letters


def words_of(name: str) -> Words:
    """The words of a name in one spelling; none where it is nothing but punctuation."""
    left = unicodedata.normalize("NFKC", name)
    for mark in (_COPY_AFTER, _COPY_BEFORE):
        # A name that is nothing but a mark keeps it.
        while (shorter := mark.sub("", left).rstrip()) != left and _tokens(shorter):
            left = shorter
    return _tokens(left)


def _tokens(text: str) -> Words:
    folded = unicodedata.normalize("NFKC", text.casefold())
    return tuple(token.replace(",", ".") for token in _TOKEN.findall(folded))


def near_groups(names: Mapping[T, str]) -> list[set[T]]:
    """The sets of two and more whose names are near; in no order.

    Nearness is passed on: two names that are both near a third one are in one set.
    """
    spelled = {who: words for who, name in names.items() if (words := words_of(name))}
    families: Families[Hashable] = Families()
    for who, words in spelled.items():
        families.join(("who", who), ("words", _in_order(words)))
        families.join(("who", who), ("joined", _joined(words)))
    distinct = {_in_order(words) for words in spelled.values()}
    for one, other in _one_slip_apart(distinct):
        families.join(("words", one), ("words", other))
    sets: dict[Hashable, set[T]] = defaultdict(set)
    for who in spelled:
        sets[families.head(("who", who))].add(who)
    return [found for found in sets.values() if len(found) > 1]


def same_words(names: Iterable[str]) -> bool:
    """Whether names are equal but for case, punctuation and copy marks: no slip, no other order."""
    return len({_joined(words_of(name)) for name in names}) == 1


def _in_order(words: Iterable[str]) -> Words:
    """Words by the alphabet, then the numbers as they stand: 100/50 is not 50/100."""
    known = list(words)
    letters = sorted(word for word in known if not word[0].isdigit())
    return (*letters, *(word for word in known if word[0].isdigit()))


def _joined(words: Words) -> Words:
    """Neighbouring words without the space between them; numbers stay apart."""
    return tuple(
        part
        for numeric, some in groupby(words, key=lambda word: word[0].isdigit())
        for part in (some if numeric else ["".join(some)])
    )


def _one_slip_apart(names: Collection[Words]) -> Iterator[tuple[Words, Words]]:
    """Pairs of names, their words in order, with a slip in one of these."""
    slips = _slips({word for words in names for word in words})
    for words in names:
        for place, word in enumerate(words):
            for other in slips.get(word, ()):
                replaced = _in_order((*words[:place], other, *words[place + 1 :]))
                if replaced in names:
                    yield words, replaced


def _slips(words: Collection[str]) -> Mapping[str, Collection[str]]:
    """For each word those greater than it that a slip of one letter leads to."""
    by_first: dict[str, list[str]] = defaultdict(list)
    for word in words:
        if len(word) >= _SHORTEST - 1 and not word[0].isdigit():
            by_first[word[0]].append(word)
    found: dict[str, set[str]] = defaultdict(set)
    for alike in by_first.values():
        for some in _sharing_a_remainder(alike):
            for one, other in combinations(sorted(some), 2):
                if _is_slip(one, other):
                    found[one].add(other)
    return found


def _sharing_a_remainder(words: Iterable[str]) -> Iterator[set[str]]:
    """Words that become equal when one letter after the first is dropped, or none."""
    by_remainder: dict[str, set[str]] = defaultdict(set)
    for word in words:
        by_remainder[word].add(word)
        for place in range(1, len(word)):
            by_remainder[word[:place] + word[place + 1 :]].add(word)
    return (some for some in by_remainder.values() if 1 < len(some) <= _CROWD)


def _is_slip(one: str, other: str) -> bool:
    """One letter more, one letter wrong, or two neighbours exchanged."""
    short, long = sorted((one, other), key=len)
    if len(long) < _SHORTEST:
        return False
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), None)
    if start is None:
        return True  # the longer one only goes on
    if len(short) < len(long):
        return short[start:] == long[start + 1 :]
    if short[start + 1 :] == long[start + 1 :]:
        return True
    exchanged = long[start : start + 2][::-1] == short[start : start + 2]
    return exchanged and short[start + 2 :] == long[start + 2 :]


class Families(Generic[T]):
    """Sets that grow together: whoever is joined has one head."""

    def __init__(self) -> None:
        self._above: dict[T, T] = {}

    def head(self, one: T) -> T:
        """The member that stands for everyone joined with this one."""
        top = one
        while (above := self._above.get(top, top)) != top:
            top = above
        while one != top:
            self._above[one], one = top, self._above.get(one, top)
        return top

    def join(self, one: T, other: T) -> None:
        """From now on these two, and all joined with either, belong together."""
        mine, theirs = self.head(one), self.head(other)
        if mine != theirs:
            self._above[theirs] = mine
