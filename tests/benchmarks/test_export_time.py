"""The benchmark of an export's time: what it calls, in which order, and what it makes of the rounds."""

from pathlib import Path

import pytest

from benchmarks.cost import export_time


@pytest.mark.parametrize(
    ("number", "order"), [(0, ["first", "cached", "optimum"]), (1, ["optimum", "first", "cached"])]
)
def test_answers_are_kept_between_ours_alone(monkeypatch, tmp_path, number, order):
    calls = []
    monkeypatch.setattr(export_time, "timed", lambda command, told: calls.append((command, told)) or {"wall_s": 1.0})
    assert list(export_time.one_round(number, tmp_path, Path("optimum-cli"))) == order
    ours = [told for command, told in calls if command[0] != "optimum-cli"]
    assert ours == [{"BERTPORT_CACHE": str(tmp_path / "answers")}] * 2
    assert not (tmp_path / "answers").exists()


def test_ratios_are_of_medians_within_the_run():
    def rounds(*walls):
        return [{"wall_s": wall, "user_s": 0.0, "system_s": 0.0, "load": 0.0} for wall in walls]

    idle = {"first": rounds(3.0, 99.0, 2.0), "cached": rounds(1.0), "optimum": rounds(5.0)}
    busy = {"first": rounds(3.6), "cached": rounds(2.0), "optimum": rounds(10.0)}
    found = export_time.record_of({"idle": idle, "one core busy": busy})
    assert {name: found["ratios"][name] for name in export_time.ASKED} == {
        "first / optimum": 0.6,
        "cached / optimum": 0.2,
        "first, one core busy / idle": 1.2,
    }
    assert found["rounds"]["idle"]["first"] == idle["first"]
