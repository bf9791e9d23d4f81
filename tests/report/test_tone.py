"""HDR on a plain screen: whites stay white, greys grey, and brighter is brighter."""

import numpy as np
import pytest

from react1.pipeline.report.tone import to_sdr


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_greys_stay_grey_and_in_order(transfer):
    """From black to the brightest, no step goes down and none has a colour cast over two steps."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    shown = to_sdr(ramp, transfer).astype(int)[0]

    assert (np.diff(shown[:, 1]) >= 0).all()
    assert np.abs(shown - shown[:, 1:2]).max() <= 2
    assert shown[0].max() == 0


@pytest.mark.parametrize(("transfer", "code"), [("smpte2084", 148), ("arib-std-b67", 191)])
def test_diffuse_white_is_light_but_not_clipped(transfer, code):
    """203 cd/m² is 58 % of PQ and 75 % of HLG (ITU-R BT.2408)."""
    white = np.full((1, 1, 3), code, np.uint8)

    assert 180 <= to_sdr(white, transfer).mean() <= 245
