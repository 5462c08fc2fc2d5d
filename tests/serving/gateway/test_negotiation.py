import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.gateway.negotiation import negotiate

OFFERS = ("application/json", "text/csv", "application/vnd.x+json")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV", "text/csv"),
        ("text/*;q=0.5, application/json;q=0.4", "text/csv"),
        ("application/json;q=0, */*", "text/csv"),
        ("application/*", "application/json"),
        ("application/vnd.x+json, */*;q=0.1", "application/vnd.x+json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("image/png", None),
        ("*/*;q=0", None),
        ("nonsense", "application/json"),
    ],
)
def test_the_best_liked_offer_is_chosen(accept, chosen):
    assert negotiate(accept, OFFERS) == chosen


@given(st.text(alphabet="aplictonjsevx/*;q=01.,+ ", max_size=200))
def test_any_header_chooses_an_offer_or_none(accept):
    assert negotiate(accept, OFFERS) in (*OFFERS, None)
