"""Hooks of mkdocs: the decisions in the menu, and links that leave docs/."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#]+)\)")


def on_config(config: Any) -> Any:
    """Put each decision into the menu, by its number."""
    pages = sorted(DOCS.glob("decisions/*.md"))
    decisions = [{_title(page): f"decisions/{page.name}"} for page in pages]
    config.nav.append({"Decisions": decisions})
    return config


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Name the files of the repository that a page links to, where they are no part of the site."""
    folder = (DOCS / page.file.src_uri).parent

    def inside(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if target.is_relative_to(DOCS):
            return link[0]
        path = target.relative_to(DOCS.parent)
        return f"`{path}`" if link[1] in {str(path), path.name} else f"{link[1]} (`{path}`)"

    return _LINK.sub(inside, markdown)
