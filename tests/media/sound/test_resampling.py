"""Sound of any rate becomes telephone sound: same pitch, same level, nothing from outside the band."""

from __future__ import annotations

from array import array

from tests.support.cases import every
from tests.support.tones import share, sine
from zrtp.media.sound.resampling import Resampled


class Samples:
    """Sound in memory, read in order."""

    def __init__(self, samples: list[int]) -> None:
        self._samples = array("h", samples)
        self.longest = 0

    def read(self, count: int) -> array[int]:
        self.longest = max(self.longest, count)
        out, self._samples = self._samples[:count], self._samples[count:]
        return out


def resampled(samples: list[int], rate: int, piece: int = 160) -> array[int]:
    sound, out = Resampled(Samples(samples), rate), array("h")
    while more := sound.read(piece):
        out += more
    return out


@every("hertz", [1000, 3000])
def test_the_telephone_band_passes(hertz: int) -> None:
    out = resampled(sine(hertz, 0.2, 48000), 48000)

    assert share(out[200:-200], hertz) > 0.99
    assert 11400 < max(out) < 12600


def test_what_does_not_fit_the_telephone_band_does_not_come_back_as_another_tone() -> None:
    out = resampled(sine(6000, 0.2, 48000), 48000)

    assert max(map(abs, out[200:-200])) < 60


def test_a_loud_sound_is_clipped_not_wrapped() -> None:
    out = resampled(([32767] * 20 + [-32768] * 20) * 40, 16000)

    assert (max(out), min(out)) == (32767, -32768)


@every("rate", [6000, 11025, 44100, 48000, 191_999])
def test_the_length_stays_and_the_pieces_do_not_matter(rate: int) -> None:
    samples = sine(500, 0.05, rate)
    whole = resampled(samples, rate, 100_000)

    assert abs(len(whole) - 400) <= 1
    assert resampled(samples, rate, 37) == whole


def test_no_more_is_read_than_is_needed_soon() -> None:
    sound = Samples(sine(500, 1, 48000))
    Resampled(sound, 48000).read(160)

    assert sound.longest < 160 * 6 + 200
