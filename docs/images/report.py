"""Take the picture of the page that the report of the example project is: ``docs/images/report.png``.

    python docs/images/report.py

Needs what `pip install -e ".[browser]"` brings, and a Chromium on PATH.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

__all__ = ["main"]

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "example_project" / "nnviz-artifacts" / "index.html"
SIZE = {"width": 1240, "height": 900}
COLOURS = 128


def main() -> None:
    """Plant the edits of the example, open its page at the first change."""
    subprocess.run([sys.executable, ROOT / "example_project" / "break_it.py"], check=True, stdout=subprocess.DEVNULL)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(PAGE.as_uri())
        page.locator("article h2").first.wait_for()
        shot = Image.open(io.BytesIO(page.screenshot()))
    shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
        Path(__file__).with_suffix(".png"), optimize=True
    )


if __name__ == "__main__":
    main()
