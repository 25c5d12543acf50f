"""Input files: uploads as a browser does them, the list, what is in each, deletion."""

import socket
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from batch_core import files, samples
from batch_core.account import Account
from batch_core.errors import InvalidInput, NotFound, Unreachable
from batch_core.files import VideoFile, safe_name, upload_target
from batch_core.probe import Probe
from batch_core.storage import INPUTS, ensure_containers
from tests.core.media import clip


@pytest.fixture
def inputs(account: Account) -> Iterator[Account]:
    """The account, and afterwards without the files that the test added."""
    ensure_containers(account)
    before = {file.blob for file in files.list_files(account)}
    yield account
    files.delete_files(account, [f for f in files.list_files(account) if f.blob not in before])


def put(account: Account, name: str, data: bytes) -> str:
    """Uploads in blocks as the browser does; the blob's name."""
    target = upload_target(account)
    blob = f"{uuid.uuid4().hex}/{safe_name(name)}"
    url = f"{target.container_url}/{blob}?{target.sas}"
    assert requests.put(f"{url}&comp=block&blockid=MDAw", data=data, timeout=10).status_code == 201
    assert commit(url, name).status_code == 201
    return blob


def commit(url: str, name: str) -> requests.Response:
    headers = {"If-None-Match": "*", "x-ms-meta-name": files.encode_name(name)}
    body = "<BlockList><Latest>MDAw</Latest></BlockList>"
    return requests.put(f"{url}&comp=blocklist", data=body, headers=headers, timeout=10)


def listed(account: Account, blob: str) -> VideoFile:
    return next(file for file in files.list_files(account) if file.blob == blob)


def test_an_upload_is_listed_by_its_true_name(inputs: Account) -> None:
    name = "Ünser Ürlaub, 100% 日本 🎬.MP4"
    blob = put(inputs, name, b"not much")
    file = listed(inputs, blob)
    assert (file.name, file.size, file.probe) == (name, 8, None)
    assert file.id == blob.split("/")[0]
    assert abs(file.uploaded - datetime.now(UTC)) < timedelta(minutes=1)
    assert files.list_files(inputs)[0].uploaded >= files.list_files(inputs)[-1].uploaded
    assert files.is_ours(blob)


def test_an_upload_target_makes_new_blobs_and_nothing_else(inputs: Account) -> None:
    blob = put(inputs, "a.mp4", b"first")
    target = upload_target(inputs)
    url = f"{target.container_url}/{blob}?{target.sas}"
    assert commit(url, "a.mp4").status_code == 409, "nothing is overwritten"
    assert requests.get(url, timeout=5).status_code == 403
    assert requests.delete(url, timeout=5).status_code == 403
    listing = f"{target.container_url}?restype=container&comp=list&{target.sas}"
    assert requests.get(listing, timeout=5).status_code == 403
    assert target.sas not in repr(target)
    assert timedelta(hours=2) <= target.expires - datetime.now(UTC) <= timedelta(hours=3)
    assert inputs.blobs.get_blob_client(INPUTS, blob).download_blob().readall() == b"first"


def test_looking_only_neither_uploads_nor_deletes(account: Account) -> None:
    looking = replace(account, look_only=True)
    with pytest.raises(InvalidInput):
        upload_target(looking)
    with pytest.raises(InvalidInput):
        files.delete_files(looking, [])


def test_files_of_another_program_are_listed(inputs: Account) -> None:
    inputs.blobs.get_blob_client(INPUTS, "folder/theirs.mp4").upload_blob(b"x", overwrite=True)
    file = listed(inputs, "folder/theirs.mp4")
    assert file.name == "folder/theirs.mp4"
    assert len(file.id) == 32
    assert not files.is_ours(file.blob)


@pytest.mark.parametrize(
    "metadata", [{"name": "%%%"}, {"name": ""}, {"name": "gICA"}, {"probe": "e30"}, {"probe": "x"}]
)
def test_odd_metadata_is_no_obstacle(inputs: Account, metadata: dict[str, str]) -> None:
    blob = f"{uuid.uuid4().hex}/odd.mp4"
    inputs.blobs.get_blob_client(INPUTS, blob).upload_blob(
        b"x", metadata={k: v for k, v in metadata.items() if v}
    )
    file = listed(inputs, blob)
    assert file.name == "odd.mp4"
    assert file.probe is None or not file.probe.ok


def test_control_characters_never_reach_the_screen(inputs: Account) -> None:
    blob = put(inputs, "a\u202egpm.4pm\n\x1b[31m.mp4", b"x")
    assert listed(inputs, blob).name == "agpm.4pm [31m.mp4"


def test_a_probe_is_kept_for_every_session(inputs: Account, tmp_path: Path) -> None:
    data = clip(tmp_path / "film.mp4", 1.5).read_bytes()
    file = listed(inputs, put(inputs, "Film.mp4", data))
    probed = files.probe_file(inputs, file)
    assert probed.probe is not None
    assert probed.probe.ok
    assert probed.probe.picture == "160 × 90"
    again = listed(inputs, file.blob)
    assert again == probed, "name, time of upload and probe are all there"


def test_new_files_are_looked_into_and_known_ones_are_not(inputs: Account, tmp_path: Path) -> None:
    good = listed(inputs, put(inputs, "good.mp4", clip(tmp_path / "g.mp4").read_bytes()))
    bad = listed(inputs, put(inputs, "bad.mp4", b"this is no video"))
    known = replace(good, probe=Probe(False, "is known."))
    done = {file.id: file for file in files.probe_new(inputs, [good, bad, known])}
    assert len(done) == 2
    assert done[good.id].probe.ok  # type: ignore[union-attr]
    assert not done[bad.id].probe.ok  # type: ignore[union-attr]
    assert listed(inputs, bad.blob).probe == done[bad.id].probe


def test_one_file_that_is_lost_does_not_hold_up_the_others(inputs: Account, tmp_path: Path) -> None:
    gone = listed(inputs, put(inputs, "gone.mp4", b"x"))
    good = listed(inputs, put(inputs, "good.mp4", clip(tmp_path / "g.mp4").read_bytes()))
    files.delete_files(inputs, [gone])
    assert [file.id for file in files.probe_new(inputs, [gone, good])] == [good.id]
    unreadable = replace(good, size=good.size + 10_000_000)
    with pytest.raises(Unreachable):
        list(files.probe_new(inputs, [unreadable, good], workers=1))
    assert listed(inputs, good.blob).probe


def test_looking_only_probes_without_writing(inputs: Account) -> None:
    file = listed(inputs, put(inputs, "bad.mp4", b"this is no video"))
    assert files.probe_file(replace(inputs, look_only=True), file).probe is not None
    assert listed(inputs, file.blob).probe is None


def test_a_probe_with_many_streams_fits_into_metadata(inputs: Account) -> None:
    streams = tuple(replace(Probe.from_json(STREAM).streams[0], language="eng") for _ in range(64))
    file = VideoFile("0" * 32, "x", "x", 1, datetime.now(UTC), Probe(True, "", "mov", "mp4", 1.0, streams))
    metadata = files.metadata_of(file)
    assert sum(len(key) + len(value) for key, value in metadata.items()) < 8 * 1024
    inputs.blobs.get_blob_client(INPUTS, f"{uuid.uuid4().hex}/x").upload_blob(b"", metadata=metadata)


STREAM = (
    '{"ok":true,"format":"mov","extension":"mp4","streams":'
    '[{"kind":"video","codec":"h264","width":1920,"height":1080,"fps":29.97}]}'
)


def test_deleting_what_is_gone_is_fine(inputs: Account) -> None:
    file = listed(inputs, put(inputs, "a.mp4", b"x"))
    files.delete_files(inputs, [file])
    files.delete_files(inputs, [file])
    assert file.blob not in {f.blob for f in files.list_files(inputs)}
    with pytest.raises(NotFound):
        files.probe_file(inputs, file)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("holiday.MP4", "holiday.mp4"),
        ("Ünser Ürlaub.mov", "Unser-Urlaub.mov"),
        ("日本.mp4", "file.mp4"),
        ("../../etc/passwd", "etc-passwd"),
        ("a.b.c.mkv", "a-b-c.mkv"),
        ("no extension", "no-extension"),
        (".mp4", "file.mp4"),
        ("x.reallylongextension", "x-reallylongextension"),
        ("a" * 300 + ".mp4", "a" * 76 + ".mp4"),
        ("", "file"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert len(safe) <= 80


def test_samples_are_five_good_videos_and_are_made_once(inputs: Account) -> None:
    told: list[tuple[int, int]] = []
    made = samples.make_samples(inputs, lambda done, total: told.append((done, total)))
    assert [file.name for file in made] == list(samples.SAMPLE_NAMES)
    assert told[-1] == (5, 5)
    for file in made:
        assert file.probe is not None
        assert file.probe.ok
        assert file.probe.has_video
        assert file.probe.has_audio
        assert 5 <= (file.probe.duration or 0) <= 8.1
    stored = {file.blob: file for file in files.list_files(inputs)}
    assert all(stored[file.blob].name == file.name for file in made)
    assert all(stored[file.blob].probe == file.probe for file in made)
    again = samples.make_samples(inputs, lambda done, total: told.append((done, total)))
    assert {file.blob for file in again} == {file.blob for file in made}
    assert told[-1] == (5, 5)
    assert len([f for f in files.list_files(inputs) if f.name in samples.SAMPLE_NAMES]) == 5


def test_samples_are_made_without_a_network(inputs: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    samples_there = {f"{samples._id(sample)}/{safe_name(sample.name)}" for sample in samples.SAMPLES}
    files.delete_files(inputs, [file for file in files.list_files(inputs) if file.blob in samples_there])
    connect, asked = socket.socket.connect, []

    def only_here(self: socket.socket, address: tuple) -> None:
        if address[0] != "127.0.0.1":
            asked.append(address)
            raise OSError("no network")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")  # for programs that are started; nothing listens there
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert len(samples.make_samples(inputs)) == 5
    assert asked == []
