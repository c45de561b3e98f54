"""How fast a run decides, as its status tells."""

from icm_tui.runner.speed import Throughput


def test_the_rate_is_that_of_the_last_while_of_running() -> None:
    throughput = Throughput()
    assert throughput.rate is None
    for second in range(100):
        throughput.note(float(second), second * (1 if second < 50 else 10), running=True)
    assert throughput.rate == 10.0


def test_nothing_is_said_after_less_than_half_a_second() -> None:
    throughput = Throughput()
    throughput.note(0.0, 0, running=True)
    throughput.note(0.4, 100, running=True)
    assert throughput.rate is None


def test_a_pause_does_not_count() -> None:
    throughput = Throughput()
    throughput.note(0.0, 0, running=True)
    throughput.note(1.0, 10, running=True)
    throughput.note(2.0, 10, running=False)
    assert throughput.rate is None
    throughput.note(100.0, 10, running=True)
    throughput.note(102.0, 30, running=True)
    assert throughput.rate == 10.0
