"""Names, keys and ports, the log and the ffmpeg of the local cloud."""

import base64
import json
import logging
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_azure import ffmpeg_link, logs, settings
from local_azure.failures import StartFailure


def test_keys_and_ports_are_made_once_and_kept(tmp_path: Path) -> None:
    made = settings.make(settings.load(tmp_path), None, None)
    settings.save(tmp_path, made)
    assert settings.make(settings.load(tmp_path), None, None) == made
    assert len(base64.b64decode(made.batch.key)) == 64
    assert made.batch.key != made.storage.key
    assert made.batch.port != made.storage.port


def test_the_file_is_private_and_as_the_ready_line(tmp_path: Path) -> None:
    made = settings.make(None, 4001, 4002)
    settings.save(tmp_path, made)
    file = tmp_path / "endpoints.json"
    assert json.loads(file.read_text()) == {
        "batch": {"account": "localbatch", "key": made.batch.key, "url": "http://127.0.0.1:4001"},
        "storage": {
            "account": "localstorage",
            "key": made.storage.key,
            "url": "http://127.0.0.1:4002/localstorage",
        },
    }
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_ports_asked_for_win_and_are_kept(tmp_path: Path) -> None:
    first = settings.make(None, None, None)
    moved = settings.make(first, 4001, None)
    assert (moved.batch.port, moved.storage.port) == (4001, first.storage.port)
    assert moved.batch.key == first.batch.key
    settings.save(tmp_path, moved)
    assert settings.load(tmp_path) == moved


def test_one_port_for_both_is_refused() -> None:
    with pytest.raises(StartFailure, match="can't both use port 4001"):
        settings.make(None, 4001, 4001)


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "{}", '{"batch": {"account": "a", "key": "?", "url": "x"}}']
)
def test_a_damaged_file_is_named_and_not_replaced(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "endpoints.json"
    file.write_text(damage)
    with pytest.raises(StartFailure, match=r"endpoints\.json can't be read"):
        settings.load(tmp_path)
    assert file.read_text() == damage


def test_no_key_in_a_repr() -> None:
    made = settings.make(None, None, None)
    assert made.batch.key not in repr(made)
    assert made.storage.key not in repr(made)


@pytest.fixture
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.usefixtures("root_logger")
def test_the_log_holds_no_key_and_no_signature(tmp_path: Path) -> None:
    handler = logs.set_up(tmp_path)
    logs.hide(handler, ("c2VjcmV0",))
    log = logging.getLogger("test")
    log.info("GET http://127.0.0.1:1/a/b?sv=1&sig=abc%2Fdef%3D&se=2")
    log.info("Authorization: SharedKey localbatch:QUJD/+=")
    try:
        raise ValueError("key c2VjcmV0 and sig=xyz")
    except ValueError:
        log.exception("failed")
    text = (tmp_path / "log.txt").read_text(encoding="utf-8")
    for secret in ("abc%2Fdef", "QUJD", "c2VjcmV0", "xyz"):
        assert secret not in text
    assert "sv=1&sig=…&se=2" in text
    assert "ValueError" in text


def _version(program: Path) -> str:
    return subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stdout


def test_ffmpeg_is_linked_and_runs(tmp_path: Path) -> None:
    program = ffmpeg_link.place_ffmpeg(tmp_path / "bin")
    assert program.stem == "ffmpeg"
    assert "libmp3lame" in _version(program)


def test_ffmpeg_is_copied_where_links_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(os, "link", refuse)
    program = ffmpeg_link.place_ffmpeg(tmp_path)
    assert not program.is_symlink()
    copied = program.stat().st_ino
    assert ffmpeg_link.place_ffmpeg(tmp_path).stat().st_ino == copied
    assert "libmp3lame" in _version(program)


def test_a_link_to_an_older_ffmpeg_is_replaced(tmp_path: Path) -> None:
    name = "ffmpeg.exe" if os.name == "nt" else "ffmpeg"
    (tmp_path / name).write_text("old")
    assert "libmp3lame" in _version(ffmpeg_link.place_ffmpeg(tmp_path))


def test_no_ffmpeg_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(StartFailure, match="no ffmpeg for this computer"):
        ffmpeg_link.place_ffmpeg(tmp_path)
