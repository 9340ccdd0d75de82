"""A place is a URL or a name of places.toml, and nothing that is shown of it holds a secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store import BadInput, MqError, NotFound, open_place
from store.engine.places import Place, read_place

CANARY = "c4n4ry"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of named places, empty and private."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("MQ_PASSWORD", raising=False)
    (tmp_path / "mq").mkdir()
    file = tmp_path / "mq" / "places.toml"
    file.touch(mode=0o600)
    return file


def refusal(text: str) -> str:
    """The error of a place that can't be read, with its hint."""
    with pytest.raises(MqError) as raised:
        read_place(text)
    return f"{raised.value.message}; {raised.value.hint}"


def test_a_url_has_scheme_user_hosts_path_and_options() -> None:
    place = read_place("rabbitmq+tls://app@a:1,b/shop%2Feu?management=https://a:15671")
    assert (place.scheme, place.tls, place.user) == ("rabbitmq", True, "app")
    assert (place.hosts, place.path) == ((("a", 1), ("b", None)), "shop/eu")
    assert place.options == {"management": "https://a:15671"}


@pytest.mark.parametrize(
    "url",
    ["rabbitmq://h", "rabbitmq+tls://app@a:1,b/shop%2Feu", "rabbitmq://[::1]:5672/v?stream=1"],
)
def test_a_place_is_shown_as_its_url(url: str) -> None:
    assert (read_place(url).url, read_place(url).name) == (url, url)


@pytest.mark.parametrize(
    "url",
    [
        f"rabbitmq://app:{CANARY}@host/shop",
        f"rabbitmq://app:{CANARY}@host:port/shop",
        f"rabbitmq://app:{CANARY}@/shop",
        f"rabbit://app:{CANARY}@host/shop",
        f"rabbitmq://host?management=http://app:{CANARY}@host",
        f"rabbitmq://app:{CANARY}@host/shop#frag",
    ],
)
def test_a_url_with_a_password_is_refused_and_not_repeated(url: str) -> None:
    assert CANARY not in refusal(url)


def test_from_the_environment_a_url_may_hold_it_and_shows_nothing_of_it() -> None:
    place = read_place(f"rabbitmq://app:{CANARY}@host/shop", may_hold_password=True)
    assert place.password() == CANARY
    assert CANARY not in f"{place!r} {place.url} {place.name}"


def test_a_named_place_has_its_url_and_keeps_its_name(places: Path) -> None:
    places.write_text('[prod]\nurl = "rabbitmq://host/shop"\nuser = "app"\nca = "/ca.pem"\n')
    place = read_place("@prod")
    assert (place.name, place.url, place.ca) == ("@prod", "rabbitmq://app@host/shop", "/ca.pem")


def test_an_unknown_name_is_not_found_and_the_nearest_is_named(places: Path) -> None:
    places.write_text('[prod]\nurl = "rabbitmq://host"\n')
    with pytest.raises(NotFound) as raised:
        read_place("@prd")
    assert raised.value.hint == "did you mean @prod?"


def test_a_file_that_others_can_read_is_refused(places: Path) -> None:
    places.chmod(0o640)
    assert f"chmod 600 {places}" in refusal("@prod")


@pytest.mark.parametrize(
    "table",
    [
        'url = "rabbitmq://h"\npassword = "x"',
        'user = "app"',
        'url = "rabbitmq://h"\npassword_env = "A"\npassword_command = "b"',
        'url = "rabbitmq://h"\nuser = 1',
        'url = "rabbitmq://u:x@h"',
    ],
)
def test_a_table_that_can_not_be_used_is_refused(places: Path, table: str) -> None:
    places.write_text(f"[prod]\n{table}\n")
    with pytest.raises(BadInput):
        read_place("@prod")


def named(places: Path, way: str) -> Place:
    """The place `@prod`, which gets its password this way."""
    places.write_text(f'[prod]\nurl = "rabbitmq://app@host"\n{way}\n')
    return read_place("@prod")


def test_a_command_prints_the_password(places: Path) -> None:
    assert named(places, f"password_command = \"printf '{CANARY}\\\\nmore'\"").password() == CANARY


@pytest.mark.parametrize("command", ["false", "true", "no-such-command", "'"])
def test_a_command_without_a_password_is_an_error(places: Path, command: str) -> None:
    place = named(places, f'password_command = "{command}"')
    with pytest.raises(BadInput, match="password_command of @prod gave no password"):
        place.password()


def test_a_variable_of_its_own_holds_the_password(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", CANARY)
    monkeypatch.setenv("MQ_PASSWORD", "another")
    place = named(places, 'password_env = "SHOP"')
    assert (place.password(), place.secret_variables) == (CANARY, {"SHOP", "MQ_PASSWORD"})


def test_without_a_way_of_its_own_a_variable_for_all_holds_it(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MQ_PASSWORD", CANARY)
    assert read_place("rabbitmq://app@host").password() == CANARY


def test_a_path_is_opened_as_a_file(tmp_path: Path) -> None:
    from store import Store

    path = tmp_path / "store.db"
    Store.open(path, create=True).close()
    with open_place(os.fspath(path)) as opened:
        assert opened.features.engine == "sqlite"


def test_a_scheme_of_another_tool_is_refused_with_ours() -> None:
    with pytest.raises(BadInput) as raised:
        open_place("amqps://host")
    assert raised.value.hint == "rabbitmq+tls://HOST"
