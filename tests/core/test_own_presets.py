"""Own presets: kept, exported, imported; a file from a stranger is checked to the last value."""

import os
from pathlib import Path

import orjson
import pytest

from batch_core.conversions import CONVERSIONS, Options
from batch_core.errors import InvalidInput, ServiceFailure
from batch_core.presets import KIND, MOST_PRESETS, Preset, Presets, exported, imported

PHONE = Preset("Für das Telefon", "mp4-480p", Options("small", fps=25, volume=3))
OWN = Preset("Mine", "expert-mkv", Options(arguments="-c:v libx264 -crf 18 -c:a copy"))


@pytest.fixture
def presets(tmp_path: Path) -> Presets:
    return Presets(tmp_path / "home")


def test_they_are_kept_by_name_for_their_owner_alone(presets: Presets) -> None:
    assert presets.all() == []
    for one in (OWN, PHONE):
        presets.save(one)
    assert Presets(presets.path.parent).all() == [PHONE, OWN]
    gif = Preset("MINE", "gif", Options(fps=10))
    with pytest.raises(InvalidInput, match="“MINE” is there already"):
        presets.save(gif)
    assert presets.all() == [PHONE, OWN], "nothing is overwritten without a word"
    presets.save(gif, replacing=True)
    assert [one.name for one in presets.all()] == ["Für das Telefon", "MINE"]
    presets.delete("MINE")
    presets.delete("none")
    assert presets.all() == [PHONE]
    assert [path.name for path in presets.path.parent.iterdir() if path.suffix != ".lock"] == ["presets.json"]
    if os.name == "posix":
        assert presets.path.stat().st_mode & 0o077 == 0


def test_what_a_conversion_does_not_take_is_not_kept(presets: Presets) -> None:
    presets.save(Preset("a", "mp3", Options("best", lines=720, arguments="-i x")))
    assert presets.all() == [Preset("a", "mp3", Options("best"))]


def test_exported_and_imported_they_are_the_same(presets: Presets, tmp_path: Path) -> None:
    every = [Preset(made.label, made.id, Options()) for made in CONVERSIONS]
    data = exported([PHONE, OWN, *every])
    assert imported(data) == [PHONE, OWN, *every]
    assert presets.add(data) == [PHONE, OWN, *every]
    assert presets.add(data) == [], "what is there already is not added again"
    other = presets.add(exported([Preset("mine", "mp3", Options())]))
    assert [one.name for one in other] == ["mine (2)"]


def row(**changes: object) -> bytes:
    one = {"name": "x", "conversion": "mp3", "options": {}} | changes
    return orjson.dumps({"kind": KIND, "version": 1, "presets": [one]})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no presets of this app"),
        (b'{"presets": []}', "no presets of this app"),
        (orjson.dumps({"kind": KIND, "version": 1, "presets": {}}), "no presets of this app"),
        (orjson.dumps({"kind": KIND, "version": 2, "presets": []}), "later version"),
        (orjson.dumps({"kind": KIND, "version": 1, "presets": [1]}), "is no preset"),
        (orjson.dumps({"kind": KIND, "version": 1, "presets": [{}] * (MOST_PRESETS + 1)}), "more than"),
        (b" " * 300_000, "too large"),
        (row(more=1), "is no preset"),
        (row(name=""), "name has"),
        (row(name="\u202e\u0000"), "name has"),
        (row(name="x" * 61), "name has"),
        (row(name=["x"]), "name has"),
        (row(conversion="rm -rf"), "does not know"),
        (row(conversion=["mp3"]), "does not know"),
        (row(options=[]), "not known"),
        (row(options={"shell": "id"}), "not known"),
        (row(options={"quality": "best; id"}), "Quality is"),
        (row(options={"quality": ["best"]}), "Quality is"),
        (row(options={"start": "1; id"}), "times between"),
        (row(options={"start": -1}), "times between"),
        (row(options={"lines": 721}), "Size is one of"),
        (row(options={"lines": True}), "whole numbers"),
        (row(options={"fps": 25.5}), "whole numbers"),
        (row(options={"audio": 0}), "Tracks"),
        (row(options={"volume": 900}), "Volume"),
        (row(options={"every": "1"}), "every"),
        (row(options={"every": 0}), "every"),
        (row(options={"arguments": 5}), "text"),
        (row(conversion="expert-mp4", options={"arguments": "-i /etc/passwd"}), "-i can't be taken"),
        (row(conversion="expert-mp4", options={"arguments": "-vf movie=x"}), "filter movie"),
        (row(conversion="expert-mp4", options={}), "no arguments yet"),
    ],
)
def test_a_hostile_file_is_refused_whole(data: bytes, reason: str, presets: Presets) -> None:
    presets.save(PHONE)
    with pytest.raises(InvalidInput, match=reason):
        presets.add(data)
    assert presets.all() == [PHONE]


def test_a_damaged_file_is_named_and_left_alone(presets: Presets) -> None:
    presets.save(PHONE)
    presets.path.write_bytes(b"{")
    for step in (presets.all, lambda: presets.save(OWN), lambda: presets.delete("x")):
        with pytest.raises(ServiceFailure, match=r"presets\.json can't be read"):
            step()
    assert presets.path.read_bytes() == b"{"


def test_there_is_an_end_to_how_many(presets: Presets) -> None:
    presets.add(exported(Preset(f"p{n}", "mp3", Options()) for n in range(MOST_PRESETS)))
    with pytest.raises(InvalidInput, match="100 presets are kept at most"):
        presets.save(PHONE)
    assert len(presets.all()) == MOST_PRESETS
