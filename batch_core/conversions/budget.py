"""What fits into a number of bytes: bitrates that can't be exceeded, and the size of picture that suits them."""

from dataclasses import dataclass

_SOUND = (128, 96, 64, 48)  # kbit/s
_LEAST_PICTURE = 100  # kbit/s
_OVERHEAD = 8  # kbit/s that an MP4 takes for its index
_SPARE = 0.97
BUFFER = (
    2  # seconds of picture that x264 may take in advance: it never has more bits than these and the time's
)
_LINES = ((1080, 4000), (720, 2000), (540, 1200), (480, 800), (360, 450), (240, 0))


@dataclass(frozen=True)
class Budget:
    """Bitrates in kbit/s, and the lines of picture that they are enough for."""

    picture: int
    sound: int
    lines: int


def budget(most_bytes: int, seconds: float) -> Budget | None:
    """How to stay below `most_bytes` with a film of so many seconds; None when it would look too bad."""
    most = most_bytes * 8 / 1000 * _SPARE
    for sound in _SOUND:
        picture = int((most - (sound * 1.05 + _OVERHEAD) * seconds) / (seconds + BUFFER))
        if picture >= 6 * sound or (sound == _SOUND[-1] and picture >= _LEAST_PICTURE):
            picture = min(picture, 20_000)
            return Budget(picture, sound, next(lines for lines, least in _LINES if picture >= least))
    return None


def longest(most_bytes: int) -> float:
    """The seconds that fit at least in the poorest way."""
    most = most_bytes * 8 / 1000 * _SPARE - _LEAST_PICTURE * BUFFER
    return most / (_SOUND[-1] * 1.05 + _OVERHEAD + _LEAST_PICTURE)
