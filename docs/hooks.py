"""What the site is beyond MkDocs: bars in tables as on GitHub, and no page that asks the network for anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object|link)\b[^>]*?\s(?:src|href|data)=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|url\(["']?((?:https?:)?//[^"')]+)|@import\s+["']((?:https?:)?//[^"']+)"""
)


def on_page_content(html: str, **_: Any) -> str:
    """Show a bar in the code of a table, which Markdown wants escaped, as GitHub does."""
    return re.sub(r"<code>[^<]*</code>", lambda code: code[0].replace("\\|", "|"), html)


def on_post_build(config: Any) -> None:
    """Refuse a page or a style that fetches something from elsewhere when it is read.

    Raises:
        PluginError: there is one; the message says which.
    """
    for path in sorted(Path(config.site_dir).rglob("*")):
        if path.suffix in (".html", ".css", ".svg"):
            found = _FETCHED.search(path.read_text(encoding="utf-8"))
            if found is not None:
                raise PluginError(f"{path}: fetches {next(filter(None, found.groups()))}")
