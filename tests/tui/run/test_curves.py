from icm_tui.tui.run.view import SweepFlips


def test_sweep_flips_begin_again_with_an_item_or_phase() -> None:
    sweeps = SweepFlips()
    assert sweeps.counts() == []
    for phase, item, flips in [("a", 1, 2), ("a", 2, 1), ("a", 1, 1), ("b", 3, 5), ("b", 3, 0)]:
        sweeps.add(phase, item, flips)
    assert sweeps.counts() == [3, 1, 5, 0]
