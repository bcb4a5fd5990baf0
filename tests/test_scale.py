"""The table that `make scale` prints."""

from benchmarks.scale import Measured, format_table


def test_a_line_for_each_step() -> None:
    table = format_table([Measured("preprocess", 61.4, 100.2, 812.7), Measured("train", 7.6, 9.5, 1024)])
    assert table.splitlines() == [
        "| step | seconds | processor's seconds | peak memory, MiB |",
        "| --- | ---: | ---: | ---: |",
        "| preprocess | 61 | 100 | 813 |",
        "| train | 8 | 10 | 1024 |",
    ]
