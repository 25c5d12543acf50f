"""Rows in pictures that share what has not changed: of 100,000, a hundred new ones cost what a few pages cost."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Generic, TypeVar, overload

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
PAGE = 256  # rows that are copied when one of them changes

Pages = tuple[tuple[T, ...], ...]


class Rows(Sequence[T]):
    """Rows of one moment, in the order in which they came; never changes."""

    __slots__ = ("_count", "_pages", "_places")

    def __init__(self, pages: Pages[T], places: Mapping[Any, int], count: int) -> None:
        self._pages, self._places, self._count = pages, places, count

    def get(self, key: Hashable) -> T | None:
        """The row of this key, or None when there is none."""
        place = self._places.get(key)
        return None if place is None or place >= self._count else self._pages[place // PAGE][place % PAGE]

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(self._pages)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(self[place] for place in range(*index.indices(self._count)))
        place = index + self._count if index < 0 else index
        if not 0 <= place < self._count:
            raise IndexError(index)
        return self._pages[place // PAGE][place % PAGE]

    def __eq__(self, other: object) -> bool:
        """Whether the same rows stand in the same order; pages that are shared are not compared."""
        if isinstance(other, Rows):
            return self._pages == other._pages
        return tuple(self) == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._pages)

    def __repr__(self) -> str:
        return f"Rows({len(self)})"


def changed(newer: Sequence[T], older: Sequence[T]) -> list[T]:
    """The rows of `newer` that stand not, or not like this, in their place in `older`: cheap for Rows of one ledger."""
    if not (isinstance(newer, Rows) and isinstance(older, Rows)):
        return _others(newer, older)
    found: list[T] = []
    for number, page in enumerate(newer._pages):
        before = older._pages[number] if number < len(older._pages) else ()
        if page is not before:
            found += _others(page, before)
    return found


def _others(newer: Sequence[T], older: Sequence[T]) -> list[T]:
    same = min(len(newer), len(older))
    others = [one for one, before in zip(newer, older, strict=False) if one is not before]
    return others + list(newer[same:])


class Ledger(Generic[K, T]):
    """The rows that Rows are pictures of: each has a key and keeps its place."""

    def __init__(self) -> None:
        self._places: dict[K, int] = {}
        self._rows: list[T] = []
        self._pages: list[tuple[T, ...]] = []
        self._changed: set[int] = set()
        self._picture: Rows[T] = Rows((), {}, 0)

    def get(self, key: K) -> T | None:
        """The row of this key, or None when there is none."""
        place = self._places.get(key)
        return None if place is None else self._rows[place]

    def __contains__(self, key: K) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[K]:
        return iter(self._places)

    def put(self, key: K, row: T) -> None:
        """Adds a row at the end, or puts it in the place of the one with its key."""
        place = self._places.setdefault(key, len(self._rows))
        if place == len(self._rows):
            self._rows.append(row)
        else:
            self._rows[place] = row
        self._changed.add(place // PAGE)

    def drop(self, keys: Iterable[K]) -> None:
        """Takes rows out; the others move up. Costs a copy of all."""
        gone = set(keys)
        left = [(key, self._rows[place]) for key, place in self._places.items() if key not in gone]
        self._places = {key: place for place, (key, _) in enumerate(left)}
        self._rows = [row for _, row in left]
        self._pages = []
        self._changed = set(range(-(-len(left) // PAGE)))
        self._picture = Rows((), {}, 0)

    def picture(self) -> Rows[T]:
        """All rows as they are now; the same object until something changes."""
        if not self._changed:
            return self._picture
        for number in sorted(self._changed):
            page = tuple(self._rows[number * PAGE : (number + 1) * PAGE])
            if number < len(self._pages):
                self._pages[number] = page
            else:
                self._pages.append(page)
        self._changed.clear()
        self._picture = Rows(tuple(self._pages), self._places, len(self._rows))
        return self._picture
