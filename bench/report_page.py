"""How large a run's page is, and how long a browser takes to open it.

    python bench/report_page.py [--config darkroom.yaml]

Draws the page of a configuration's latest run; without one, a page that the tests make, with as many mistakes as a page
shows. Opens it in chromium several times, from the first byte to the `load` event, and prints the median. Writes
bench/results/report_page.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from support.results import ROOT, print_table, write_results

from darkroom.configuration import load_configuration
from pipeline.report.page import render_page
from pipeline.report.run_report import RunReport, gather
from pipeline.runs.history import RunHistory

sys.path.insert(0, str(ROOT))
from tests.pipeline.report.made_report import made_report, write_examples
from tests.serving.gateway.browser import Browser

OPENED = 7
MAX_MEGABYTES, MAX_SECONDS = 3.0, 1.0

_LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def main() -> int:
    """Prints the table; 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--config", help="of the run; a made one when not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        page = render_page(_report(options.config, folder))
        drawn = time.perf_counter() - start
        path = folder / "page.html"
        path.write_text(page, encoding="utf-8")
        found = {
            "megabytes": path.stat().st_size / 1e6,
            "seconds_to_open": statistics.median(_opened(path, folder)),
            "seconds_to_draw": drawn,
        }
    limits = {"megabytes": f"below {MAX_MEGABYTES:g}", "seconds_to_open": f"below {MAX_SECONDS:g}"}
    print_table(found, limits)
    write_results("report_page", found)
    return int(found["megabytes"] >= MAX_MEGABYTES or found["seconds_to_open"] >= MAX_SECONDS)


def _report(config: str | None, folder: Path) -> RunReport:
    if config is None:
        write_examples(folder)
        return made_report(folder)
    return gather(RunHistory.of(load_configuration(config)).find("latest"))


def _opened(path: Path, folder: Path) -> list[float]:
    """Seconds of each time, as the browser measures them."""
    found = []
    with Browser(folder / "browser") as browser:
        for number in range(OPENED):
            browser.open(f"file://{path}?{number}")
            browser.until(f"{_LOADED} > 0")
            found.append(browser.evaluate(_LOADED) / 1000)
    return found


if __name__ == "__main__":
    sys.exit(main())
