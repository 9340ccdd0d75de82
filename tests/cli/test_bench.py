"""`mq bench`: a run of mq alone, as small as it may be."""

import json
from pathlib import Path

from tests.cli.conftest import RunMq


def test_it_measures_every_workload_of_mq_beside_the_bare_table(
    call_mq: RunMq, tmp_path: Path
) -> None:
    picture = tmp_path / "chart.svg"
    words = ["--peers", "bare table", "--messages", "1000", "--runs", "1", "--json"]

    run = call_mq("bench", *words, "--chart-file", str(picture))

    figures = json.loads(run.out)["figures"]
    places = {(row["workload"], row["contender"]) for row in figures}
    assert run.code == 0
    assert {("send", "mq"), ("receive+ack x100", "mq"), ("read x1000", "bare table")} <= places
    assert all(row["rate"] > 0 for row in figures)
    assert {row["ratio"] for row in figures if row["contender"] == "mq"} == {None}
    assert picture.read_text().startswith("<svg ")


def test_a_peer_that_nobody_knows_is_refused_with_those_there_are(call_mq: RunMq) -> None:
    run = call_mq("bench", "--peers", "msmq")

    assert run.is_refused(2)
    assert "litequeue" in run.err
