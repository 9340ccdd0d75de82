"""Features are declared for each engine, and resolved by the version of its server."""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from mq.command_line import run
from store import Unsupported
from store.api.places import all_features
from store.engine.features import NATIVE, Feature, Features, Level, absent, since, version_of


def at(version: str) -> Features:
    """An engine that has priorities from 4.3 on."""
    return Features(
        "rabbit", version, {Feature.PRIORITIES: since("4.3", "no levels", "two queues")}
    )


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("3.10.8", Level.ABSENT),
        ("4.2.9", Level.ABSENT),
        ("4.3", Level.NATIVE),
        ("10", Level.NATIVE),
    ],
)
def test_a_feature_is_there_from_its_version_on(version: str, level: Level) -> None:
    assert at(version)[Feature.PRIORITIES].level is level


def test_where_it_is_absent_the_version_that_has_it_is_told() -> None:
    assert at("3.10.8")[Feature.PRIORITIES].since == "4.3"


def test_a_need_is_refused_with_the_reason_and_the_way_out() -> None:
    with pytest.raises(Unsupported) as raised:
        at("3.10.8").need(Feature.PRIORITIES)
    error = raised.value
    assert (error.message, error.hint) == ("rabbit has no priorities: no levels", "two queues")
    assert (error.code, error.feature) == ("unsupported", "priorities")


def test_versions_compare_as_numbers() -> None:
    assert version_of("3.10.8") < version_of("3.13.0-rc.1") < version_of("4.0")


@pytest.mark.parametrize("engine", all_features())
def test_every_engine_declares_every_feature(engine: str) -> None:
    assert set(all_features()[engine]) == set(Feature)


@pytest.mark.parametrize("engine", all_features())
def test_what_is_not_native_has_a_reason(engine: str) -> None:
    silent = [
        feature.word
        for feature, support in all_features()[engine].items()
        if support.level is not Level.NATIVE and not support.why
    ]
    assert silent == []


def test_words_are_unique() -> None:
    assert len({feature.word for feature in Feature}) == len(Feature)


def test_a_file_has_all_of_them() -> None:
    assert set(all_features()["sqlite"].values()) == {NATIVE}


def test_the_command_shows_them_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["features", "-o", "json"]) == 0
    row = json.loads(capfd.readouterr().out)[0]
    assert row == {
        "feature": "status", "level": "native", "reason": None, "since": None, "instead": None,
        "engine": "sqlite", "version": all_features()["sqlite"].version,
    }  # fmt: skip


def test_absent_is_a_level_with_a_reason() -> None:
    assert absent("why").level is Level.ABSENT


def test_the_page_of_engines_has_the_declared_features() -> None:
    root = Path(__file__).parents[2]
    spec = spec_from_file_location("generate_engines", root / "docs" / "generate_engines.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.TARGET.read_text(encoding="utf-8")
    assert text == module.with_table(text), "run: python docs/generate_engines.py"
