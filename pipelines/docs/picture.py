"""The picture of the report in the README: what a store's page says of a table, photographed by a browser."""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from pipelines.docs.pages import ROOT
from warehouse.store import Store

PICTURE = ROOT / "docs" / "images" / "report.png"
BROWSERS = "chromium", "chromium-browser", "google-chrome"
WIDTH = 1000
TABLE, FIGURE = "jiang2024_table_6_9", "jiang2024_figure_6_1"
# Leaves the head of the page, one table and one figure, so that all of them can be seen in one picture.
EXCERPT = """([table, figure]) => {
  const heading = document.getElementById(table), kept = [heading];
  const isTable = one => one.tagName === "TABLE" || one.querySelector("table");
  while (!isTable(kept.at(-1))) kept.push(kept.at(-1).nextElementSibling);
  const picture = [...document.querySelectorAll("figure")].find(one => one.innerText.trim() === figure);
  picture.style.maxWidth = "60%";
  kept.push(picture);
  document.querySelector("main").replaceChildren(...kept);
}"""
OPTIONS = "--no-sandbox", "--disable-gpu", "--hide-scrollbars"


def write_picture(store: Path) -> Path:
    """Photograph the head of a store's report, one table and one figure; returns where the picture lies.

    Raises:
        FileNotFoundError: if there is no report, or no browser.
    """
    report = Store(store.absolute()).report
    if not report.exists():
        raise FileNotFoundError(f"No {report}. Make it: MGC_STORE={store} dagster job execute -j full_repro")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError(f"No browser; expected one of {', '.join(BROWSERS)}. On Debian: apt install chromium")
    PICTURE.parent.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser, args=OPTIONS).new_page(
            viewport={"width": WIDTH, "height": WIDTH // 2}
        )
        page.goto(report.as_uri())
        page.evaluate(EXCERPT, [TABLE, FIGURE.replace("_", " ")])
        page.screenshot(path=PICTURE, full_page=True)
    return PICTURE
