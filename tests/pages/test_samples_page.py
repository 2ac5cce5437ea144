"""The page of training samples shows every pair and family, and escapes what it shows."""

import numpy as np

from marklens.pages.samples_page import FamilySample, PairSample, samples_page

RED, BLUE = np.full((20, 20, 3), (200, 0, 0), np.uint8), np.full((20, 20, 3), (0, 0, 200), np.uint8)


def test_the_page_shows_pairs_by_kind_and_families() -> None:
    pair = PairSample("other_hand", ("<b>.png", "b.png"), (RED, BLUE), (BLUE, RED), (["one_ink", "jpeg"], []))
    shown = samples_page(
        "Samples", {"marks": "12"}, [pair, pair], [FamilySample("one_ink", 0.2, [(RED, BLUE)])], {}
    )
    assert shown.count("Pairs: other hand") == 1 and shown.count('class="pair"') == 2
    assert "one ink, jpeg" in shown and "as it is" in shown and "20 % of the pictures" in shown
    assert shown.count("<img") == 2 * 4 + 2
    assert "&lt;b&gt;.png" in shown and "<b>.png" not in shown and "built-in method" not in shown
