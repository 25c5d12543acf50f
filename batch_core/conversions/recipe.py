"""What a row of the table of conversions consists of."""

from dataclasses import dataclass
from typing import Literal

Group = Literal["Audio", "Web and social", "Smaller file", "Editing", "Pictures", "Subtitles", "Expert"]
Need = Literal["audio", "video", "subtitles", "any"]
Kind = Literal["film", "animation", "picture", "pictures", "subtitles"]
Taken = Literal["quality", "part", "size", "fps", "audio", "volume", "subtitle", "every"]


@dataclass(frozen=True)
class Dial:
    """An option of an encoder, and what it is set to for small files, normal ones and the best quality."""

    option: str
    small: str
    normal: str
    best: str


@dataclass(frozen=True)
class Recipe:
    """What a command line is made of. Without `sound` there is no sound in the result, without `video` no picture.

    `lines` is the largest size (1080: within 1920 × 1080, either way up), `channels` the most that sound keeps, and
    `deep` the pixel format for sources of more than 8 bits, which else become 8 bits, unless it is `lossless`.
    `filters` come after the size. `chapters` stay when the whole of a source is converted.
    """

    muxer: tuple[str, ...]
    sound: tuple[str, ...] = ()
    sound_dial: Dial | None = None
    sound_filter: str = ""
    channels: int = 2
    all_tracks: bool = False
    video: tuple[str, ...] = ()
    video_dial: Dial | None = None
    pixels: str = ""
    deep: str = ""
    lines: int | None = None
    fps: float | None = None
    pictures: int | None = None
    filters: tuple[str, ...] = ()
    lossless: bool = False
    chapters: bool = False


@dataclass(frozen=True)
class Conversion:
    """One thing that a file can become; `icon` is a Material icon's name.

    `line` says what it is for, `keeps` what of the source stays, `costs` how long it takes on two cores, roughly.
    `most_bytes` is what a result may have, `longest` how many seconds of a source it takes, `smallest` the least
    width and height.
    """

    id: str
    label: str
    group: Group
    line: str
    extension: str
    needs: Need
    icon: str
    content_type: str
    recipe: Recipe
    keeps: str
    costs: str
    takes: tuple[Taken, ...]
    result: Kind = "film"
    most_bytes: int | None = None
    longest: float | None = None
    smallest: tuple[int, int] = (2, 2)
    becomes: str = ""

    @property
    def in_a_sentence(self) -> str:
        """How it is called after “become”."""
        return self.becomes or self.label
