"""Rows that pictures share: an old picture stays as it was, a new one copies only what has changed."""

import random

import pytest

from batch_core.rows import PAGE, Ledger, Rows, changed


def ledger(count: int) -> Ledger[str, tuple[str, int]]:
    made: Ledger[str, tuple[str, int]] = Ledger()
    for number in range(count):
        made.put(f"k{number}", ("row", number))
    return made


@pytest.mark.parametrize("seed", range(5))
def test_a_picture_is_what_a_copy_would_be_whatever_happened(seed: int) -> None:
    dice = random.Random(seed)
    book: Ledger[int, tuple[int, int]] = Ledger()
    plain: dict[int, tuple[int, int]] = {}
    taken: list[tuple[Rows, tuple]] = []
    for step in range(300):
        for _ in range(dice.randrange(40)):
            key = dice.randrange(2000)
            plain[key] = (key, step)
            book.put(key, (key, step))
        if dice.random() < 0.05:
            gone = dice.sample(sorted(plain), min(len(plain), 30))
            book.drop(gone)
            plain = {key: row for key, row in plain.items() if key not in gone}
        taken.append((book.picture(), tuple(plain.values())))
    for picture, copy in taken:
        assert tuple(picture) == copy
        assert len(picture) == len(copy)
    last, copy = taken[-1]
    assert [last[place] for place in range(len(copy))] == list(copy)
    assert (last[-1], last[5:9], list(book)) == (copy[-1], copy[5:9], list(plain))
    assert all(last.get(key) == row for key, row in plain.items())


def test_a_change_copies_one_page_and_the_same_rows_are_the_same_object() -> None:
    book = ledger(10 * PAGE)
    before = book.picture()
    assert book.picture() is before
    book.put("k5", ("other", 5))
    book.put("new", ("row", -1))
    after = book.picture()
    assert changed(after, before) == [("other", 5), ("row", -1)]
    shared = sum(one is other for one, other in zip(after._pages, before._pages, strict=False))
    assert shared == 9
    assert (before.get("k5"), after.get("k5")) == (("row", 5), ("other", 5))
    assert (before.get("new"), after.get("new"), after.get("never")) == (None, ("row", -1), None)


def test_what_has_changed_is_told_of_any_two_sequences() -> None:
    one, two, three = (1,), (2,), (3,)
    assert changed((one, three), (one, two)) == [three]
    assert changed((one, two), ()) == [one, two]
    assert changed(ledger(3).picture(), ()) == [("row", 0), ("row", 1), ("row", 2)]


def test_rows_are_equal_to_the_same_rows_and_have_an_end() -> None:
    rows = ledger(3).picture()
    assert rows == ledger(3).picture() == (("row", 0), ("row", 1), ("row", 2))
    assert rows != ledger(4).picture()
    assert rows != [("row", 0)]
    with pytest.raises(IndexError):
        rows[3]
    assert ledger(0).picture() == ()
