"""What a track is called in a choice of tracks: its language, its channels and its codec, where the files agree."""

from collections.abc import Callable, Iterable

from batch_core.conversions.tracks import of_kind
from batch_core.probe import Probe, Stream

_CHANNELS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_CODECS = {
    "aac": "AAC", "ac3": "AC-3", "eac3": "E-AC-3", "dca": "DTS", "truehd": "TrueHD", "flac": "FLAC", "alac": "ALAC",
    "opus": "Opus", "libopus": "Opus", "vorbis": "Vorbis", "mp2": "MP2", "mp2float": "MP2", "mp3": "MP3",
    "mp3float": "MP3", "subrip": "SRT", "ass": "ASS", "ssa": "ASS", "mov_text": "text", "webvtt": "WebVTT",
    "hdmv_pgs_subtitle": "pictures", "pgssub": "pictures", "dvd_subtitle": "pictures", "dvdsub": "pictures",
    "dvb_subtitle": "pictures", "dvbsub": "pictures",
}  # fmt: skip
_LANGUAGES = {
    "Arabic": "ar ara", "Bulgarian": "bg bul", "Chinese": "zh zho chi", "Croatian": "hr hrv", "Czech": "cs ces cze",
    "Danish": "da dan", "Dutch": "nl nld dut", "English": "en eng", "Finnish": "fi fin", "French": "fr fra fre",
    "German": "de deu ger", "Greek": "el ell gre", "Hebrew": "he heb", "Hindi": "hi hin", "Hungarian": "hu hun",
    "Indonesian": "id ind", "Italian": "it ita", "Japanese": "ja jpn", "Korean": "ko kor", "Norwegian": "no nor nob",
    "Persian": "fa fas per", "Polish": "pl pol", "Portuguese": "pt por", "Romanian": "ro ron rum", "Russian": "ru rus",
    "Serbian": "sr srp", "Slovak": "sk slk slo", "Spanish": "es spa", "Swedish": "sv swe", "Thai": "th tha",
    "Turkish": "tr tur", "Ukrainian": "uk ukr", "Vietnamese": "vi vie",
}  # fmt: skip
_BY_CODE = {code: name for name, codes in _LANGUAGES.items() for code in codes.split()}


def track_name(number: int, kind: str, probes: Iterable[Probe]) -> str:
    """Such as "Track 2: German, 5.1 (AC-3)", of the track of that number, from 1; what files differ in is left out."""
    found = [streams[number - 1] for probe in probes if len(streams := of_kind(probe, kind)) >= number]
    heard = [_agreed(found, _language), _agreed(found, _layout)]
    said, codec = ", ".join(word for word in heard if word), _agreed(found, _codec)
    what = f"{said} ({codec})" if said and codec else said or codec
    return f"Track {number}: {what}" if what else f"Track {number}"


def _agreed(streams: list[Stream], told: Callable[[Stream], str]) -> str:
    words = {told(stream) for stream in streams}
    return words.pop() if len(words) == 1 else ""


def _language(stream: Stream) -> str:
    return _BY_CODE.get(stream.language or "", "")


def _layout(stream: Stream) -> str:
    count = stream.channels
    return _CHANNELS.get(count, f"{count} channels") if count else ""


def _codec(stream: Stream) -> str:
    return _CODECS.get(stream.codec, stream.codec) if stream.readable else "can't be read"
