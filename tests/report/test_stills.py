"""HDR on an SDR screen: white stays white, grey stays grey, and brighter stays brighter."""

import numpy as np
import pytest

from react1.pipeline.report.stills import to_sdr


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_greys_stay_grey_and_in_order(transfer):
    """From black to the peak the ramp never falls, and no step has a colour cast of more than two levels."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    screen = to_sdr(ramp, transfer).astype(int)[0]

    assert (np.diff(screen[:, 1]) >= 0).all()
    assert np.abs(screen - screen[:, 1:2]).max() <= 2
    assert screen[0].max() == 0


@pytest.mark.parametrize(("transfer", "code"), [("smpte2084", 148), ("arib-std-b67", 191)])
def test_diffuse_white_is_light_but_not_clipped(transfer, code):
    """203 cd/m² is 58 % of PQ and 75 % of HLG (ITU-R BT.2408)."""
    white = np.full((1, 1, 3), code, np.uint8)

    assert 180 <= to_sdr(white, transfer).mean() <= 245


def test_a_waveform_rises_with_the_sound():
    """At most 400 peaks, from silence to the loudest sample of any channel."""
    import numpy as np

    from react1.pipeline.report.before_after import PEAKS, peaks_of

    samples = np.zeros((2, 48000), np.float32)
    samples[1, 24000:] = np.linspace(0, 1, 24000)

    peaks = peaks_of(samples)

    assert len(peaks) == PEAKS
    assert peaks[0] == peaks[199] == 0
    assert peaks[-1] == 255
    assert list(peaks) == sorted(peaks)
