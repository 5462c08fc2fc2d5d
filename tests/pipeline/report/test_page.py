"""A run's page, drawn from facts that the tests make, in a real browser."""

import json
import re

import pytest

from darkroom.errors import DarkroomError
from pipeline.report.card import card_of
from pipeline.report.page import render_page
from pipeline.report.run_report import RunReport
from tests.pipeline.report.made_report import made_evaluation, made_report, write_examples
from tests.serving.gateway.browser import CHROMIUM, Browser


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    write_examples(folder)
    return render_page(made_report(folder))


def test_a_browser_shows_all_of_it_without_errors(page, tmp_path_factory, tmp_path):
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    (tmp_path / "page.html").write_text(page)
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        browser.open(f"file://{tmp_path}/page.html")
        browser.until("document.readyState == 'complete'")
        shown = browser.evaluate("document.body.innerText")
        broken = browser.evaluate("[...document.images].filter(image => !image.naturalWidth).length")
        sections = browser.evaluate("[...document.querySelectorAll('section')].map(each => each.id)")
    assert "Blessed, and pushed as version 12." in shown
    assert "<b>dog</b>" in shown
    assert "It must load: passed." in shown
    assert broken == 0
    assert sections == ["verdict", "measures", "slices", "mistakes", "data", "training", "timing", "lineage"]


def test_it_needs_no_network_and_holds_no_script(page):
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert "<script" not in page
    assert "https://" not in page


def test_mistakes_are_shown_as_they_are_and_as_the_network_saw_them(page):
    found, _ = made_evaluation()
    assert found.mistakes
    assert page.count('alt="as the network saw it"') == len(found.mistakes)


def test_distances_to_other_data_are_shown_where_they_are_above_their_limit(page):
    assert "<details open><summary>Distances to span 6 and between splits</summary>" in page
    assert "<td>brightness</td><td>span 7</td><td>span 6</td>" in page
    assert "values missing from the schema: c" in page


def test_a_run_that_failed_has_a_page_of_what_there_is(tmp_path):
    nothing = dict.fromkeys(("model", "history", "evaluation", "data", "fingerprint", "blessed", "pushed_version"))
    text = render_page(made_report(tmp_path, outcome="failed in Transform", artifacts={}, **nothing))
    assert "The run failed in Transform." in text
    assert 'id="measures"' not in text


def test_a_card_survives_names_that_look_like_markdown(tmp_path):
    card = card_of(made_report(tmp_path))
    assert "cat, <b>dog</b>, a\\|b" in card
    rows = [line for line in card.splitlines() if line.startswith("| Accuracy")]
    assert len(rows) == 1
    assert rows[0].count("|") == 6
    with pytest.raises(DarkroomError, match="made no model"):
        card_of(made_report(tmp_path, model=None))


def test_facts_survive_json(tmp_path):
    found = made_report(tmp_path)
    assert RunReport.model_validate(json.loads(found.model_dump_json())) == found
