from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serving.errors import Code, ServingError
from serving.gateway.image_url import parse_image_url


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("https://Example.org/a.png?x=1#f", ("https", "example.org", 443, "/a.png?x=1")),
        ("http://example.org.:8080", ("http", "example.org", 8080, "/")),
        ("https://[2606:4700::1111]/a", ("https", "[2606:4700::1111]", 443, "/a")),
    ],
)
def test_parts(text, parts):
    url = parse_image_url(text)

    assert (url.scheme, url.host, url.port, url.target) == parts


@pytest.mark.parametrize(
    "text",
    [
        *("file:///etc/passwd", "ftp://example.org/", "//example.org/a", "example.org", ""),
        *("https://user:secret@example.org/", "https://good.example\\@evil.example/", "https://a b/", "https:///x"),
        *("https://example.org:99999/", "https://example.org:0/", "https://[::1", "https://exämple.org/"),
        *(
            "https://example.org/a\r\nHost: x",
            "https://" + "a" * 3000,
            "gopher://example.org",
            "data:image/png;base64,x",
        ),
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ServingError) as failure:
        parse_image_url(text)

    assert failure.value.code is Code.INVALID_ARGUMENT
    assert "secret" not in failure.value.message


@given(st.text(max_size=60) | st.text(alphabet="htps:/@.[]\\?#%a0é", max_size=60))
@example("http://[::1]]")
def test_any_text_is_a_url_or_the_clients_error(text):
    with suppress(ServingError):
        url = parse_image_url(text)
        assert parse_image_url(str(url)) == url
