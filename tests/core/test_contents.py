"""What tells files of the same content from others: a fingerprint of little of each, kept with it."""

import random
from dataclasses import asdict
from pathlib import Path

import pytest

from batch_core import contents, files, manifests
from batch_core.account import Account
from batch_core.manifests import ManifestFile
from batch_core.storage import INPUTS
from tests.core.clips import clip, uploaded

MB = 1024 * 1024


def of(data: bytes) -> str:
    return contents.fingerprint(len(data), lambda offset, length: data[offset : offset + length])


@pytest.mark.parametrize("size", [0, 1, MB, MB + 1, 30 * MB, 10**13])
def test_little_is_read_of_a_file_of_any_size(size: int) -> None:
    read = list(contents.ranges(size))
    assert sum(length for _, length in read) == min(size, contents.WHOLE)
    assert all(start >= 0 and start + length <= size for start, length in read)
    if size > MB:
        assert read[0][0] == 0
        assert sum(read[-1]) == size, "the end is read as well"


def test_other_bytes_or_another_size_make_another_fingerprint() -> None:
    small = random.Random(1).randbytes(1000)
    large = small * 3000
    for data in (small, large):
        others = [data + b"x", data[:-1], b"x" + data[1:], data[:-1] + b"x"]
        assert len({of(data), *map(of, others)}) == 5
    assert of(small) == of(bytes(small))
    assert contents.known(of(large)) == of(large)
    for odd in (None, "", "x", of(small) + "0", of(small).upper() + " "):
        assert contents.known(odd) == ""


def test_the_same_content_has_one_fingerprint_under_any_name_and_every_session_reads_it(
    account: Account, tmp_path: Path
) -> None:
    path = clip(tmp_path / "a.mp4")
    box = (8 + MB).to_bytes(4) + b"free" + bytes(MB)  # makes it one of those that are read in part
    path.write_bytes(path.read_bytes() + box)
    one, two = uploaded(account, path, "one.mp4"), uploaded(account, path, "two.mov")
    other = uploaded(account, clip(tmp_path / "b.mp4", 2))
    assert one.content == two.content == contents.of_path(path) != other.content
    stored = {file.id: file for file in files.list_files(account)}
    assert stored[one.id] == one, "it is kept in storage"
    files.delete_files(account, [one, two, other])


def test_a_file_that_was_looked_into_without_gets_its_fingerprint_later(
    account: Account, tmp_path: Path
) -> None:
    file = uploaded(account, clip(tmp_path / "a.mp4"))
    blob = account.blobs.get_blob_client(INPUTS, file.blob)
    metadata = blob.get_blob_properties().metadata
    blob.set_blob_metadata({key: value for key, value in metadata.items() if key != "content"})
    (found,) = [one for one in files.list_files(account) if one.id == file.id]
    assert found.content == ""
    assert files.with_content(account, found) == file
    assert file in files.list_files(account)
    files.delete_files(account, [file])


def test_a_manifest_of_an_earlier_version_is_read() -> None:
    file = ManifestFile(
        "file-0001", "0" * 32, "x", "a.mp4", 1, 1.0, "a.mp3", "mp4", "ffmpeg", "1-" + "0" * 64
    )
    fields = asdict(file)
    del fields["content"]
    assert ManifestFile(**fields).content == ""
    assert manifests.ManifestFile(**asdict(file)) == file
