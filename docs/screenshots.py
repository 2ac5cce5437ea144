"""Takes the pictures of the service's page for the README, in Chromium, over an index that is there.

python docs/screenshots.py --index build/demo/index --query build/demo/queries/images/github.svg
"""

import argparse
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from loguru import logger
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from marklens.api.app import add_page, create_app
from marklens.api.service import make_service
from marklens.settings import load_settings

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS: dict[str, dict[str, Any]] = {
    "page-desktop": {"viewport": {"width": 1180, "height": 940}},
    "page-dark": {"viewport": {"width": 1180, "height": 940}, "color_scheme": "dark"},
    "page-phone": {"viewport": {"width": 390, "height": 720}, "device_scale_factor": 2, "has_touch": True},
}
PATIENCE_MS = 300_000


@contextmanager
def serving(index: Path) -> Iterator[str]:
    """The service on a free port of this machine; its address."""
    service = make_service(index, load_settings(serve={"workers": 2}))
    service.index.refresh()
    service.decoder.start()
    app = create_app(service)
    add_page(app)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def search(page: Page, address: str, query: Path) -> None:
    """Search for a picture and wait until every mark is drawn."""
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    page.wait_for_selector("#weight-global")
    page.locator("#file").set_input_files(query)
    page.wait_for_selector("#hits .card")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.tile')].every(each => each.querySelector('img')?.complete)"
    )


def arrange(page: Page, name: str) -> None:
    """Bring into the window what is worth seeing: on a phone the marks, in the dark the reasons of one."""
    if name == "page-phone":
        page.evaluate("document.getElementById('results').scrollIntoView()")
    if name == "page-dark":
        page.locator("button.why").first.click()
        page.locator("#reasons svg.overlay").nth(1).wait_for()


def shoot(page: Page, name: str, out: Path) -> Path:
    """A picture of what the window shows, as WebP."""
    png, webp = out / f"{name}.png", out / f"{name}.webp"
    page.screenshot(path=png)
    with Image.open(png) as picture:
        picture.convert("RGB").save(webp, quality=80, method=6)
    png.unlink()
    return webp


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, default=Path("build/demo/index"))
    parser.add_argument("--query", type=Path, default=Path("build/demo/queries/images/github.svg"))
    parser.add_argument("--out", type=Path, default=HERE / "images")
    given = parser.parse_args()
    logger.disable("marklens")
    with serving(given.index) as address, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, options in SHOTS.items():
            page = browser.new_page(**options)
            search(page, address, given.query)
            arrange(page, name)
            path = shoot(page, name, given.out)
            print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
