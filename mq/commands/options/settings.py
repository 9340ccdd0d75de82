"""The options of commands that create and alter a thing, from its settings."""

from collections.abc import Callable, Collection
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, NamedTuple

import typer

from store.model.settings import Setting, read_settings, settings_of, write_setting

Settings = dict[str, Any]
"""The given settings, as the calls that create and alter take them."""
IfNotExists = Annotated[
    bool, typer.Option("--if-not-exists", help="Success if it exists with these settings.")
]


def with_settings(
    defaults: NamedTuple, *, without: Collection[str] = (), alters: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each setting, in the place of its parameter `settings`.

    A command that alters keeps the others, so its help has no defaults.
    """
    config = type(defaults)
    options = [
        _option(name, setting, getattr(defaults, name), alters)
        for name, setting in settings_of(config).items()
        if name not in without
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            texts = {option.name: given.pop(option.name) for option in options}
            command(**given, settings=read_settings(config, texts))

        own = signature(command, eval_str=True)
        parameters = []
        for parameter in own.parameters.values():
            named = parameter.replace(kind=Parameter.KEYWORD_ONLY)
            parameters += options if parameter.name == "settings" else [named]
        # Typer builds a command from these two.
        run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def _option(name: str, setting: Setting, default: Any, alters: bool) -> Parameter:
    flag = f"--{name.replace('_', '-')}"
    is_flag = isinstance(default, bool)
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if is_flag else flag,
        metavar=setting.notation.metavar or None,
        help=setting.help if alters else _help(setting, default),
    )
    annotation = Annotated[bool | None, option] if is_flag else Annotated[str | None, option]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _help(setting: Setting, default: Any) -> str:
    text = write_setting(setting.notation, default)
    if isinstance(default, bool) or text == setting.notation.nothing:
        return setting.help
    return f"{setting.help.removesuffix('.')} ({text})."
