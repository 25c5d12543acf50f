"""Which originals get a player: those that every current browser plays."""

import pytest

from batch_core.playable import made_of, played_as
from batch_core.probe import Probe, Stream

SOUND, WORDS = Stream("audio", "aac", channels=2), Stream("subtitle", "subrip")


def film(format: str, *codecs: str, bits: int | None = None) -> Probe:
    kinds = {"h264", "hevc", "vp9", "prores", "mpeg4"}
    streams = [
        Stream("video", codec, 64, 36, bits=bits) if codec in kinds else Stream("audio", codec)
        for codec in codecs
    ]
    return Probe(True, "", format, "x", 1.0, (*streams, WORDS))


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (film("mov", "h264", "aac"), "video/mp4"),
        (film("mov", "h264", "aac", "ac3"), "video/mp4"),  # the first sound is what a player takes
        (film("mov", "aac"), "audio/mp4"),
        (film("matroska", "vp9", "opus"), "video/webm"),
        (film("mp3", "mp3"), "audio/mpeg"),
        (film("flac", "flac"), "audio/flac"),
        (film("mov", "h264", "aac", bits=10), ""),
        (film("mov", "prores", "pcm_s16le"), ""),
        (film("mov", "hevc", "aac"), ""),
        (film("matroska", "h264", "aac"), ""),
        (film("avi", "h264", "mp3"), ""),
        (film("mov", "h264", "ac3"), ""),
        (Probe(False, "is not a video"), ""),
    ],
)
def test_only_what_every_browser_plays_gets_a_player(found: Probe, kind: str) -> None:
    assert played_as(found) == kind


def test_what_is_not_played_is_named() -> None:
    assert made_of(film("avi", "mpeg4", "mp3")) == "AVI: mpeg4, mp3"
    assert made_of(film("mov", "prores")) == "MP4 or MOV: prores"
