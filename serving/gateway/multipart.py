"""Images out of a multipart/form-data body that is already in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from serving.errors import Code, ServingError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


def images_from_multipart(body: bytes, content_type: str, max_images: int) -> list[bytes]:
    """The parts' contents, in their order. A part is an image whatever it is called and declares itself to be.

    Raises:
        ServingError: INVALID_ARGUMENT for a body that isn't complete multipart/form-data, has no part, more parts than
            `max_images`, or a form field that is no file.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise _invalid("multipart/form-data needs a boundary in its Content-Type")
    collector = _Collector(max_images)
    try:
        parser = MultipartParser(boundary, collector.callbacks())
        parser.write(body)
        parser.finalize()
    except MultipartParseError as error:
        raise _invalid(f"the body is not multipart/form-data as announced: {error}") from error
    if not collector.ended:
        raise _invalid("the multipart body ends before its closing boundary")
    if not collector.images:
        raise _invalid("the multipart body has no parts; send each image as a file, such as -F image=@cat.jpg")
    return collector.images


class _Collector:
    """Takes the parser's events."""

    def __init__(self, max_images: int) -> None:
        self._max_images = max_images
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._pieces: list[bytes] = []
        self.images: list[bytes] = []
        self.ended = False

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_content,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _part_begin(self) -> None:
        if len(self.images) >= self._max_images:
            raise _invalid(f"the request has more than {self._max_images} images, which is the limit for one request")
        self._disposition = b""
        self._pieces = []

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_content(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        options = parse_options_header(self._disposition)[1]
        if b"filename" not in options:
            name = options.get(b"name", b"").decode("utf-8", errors="replace")[:100]
            raise _invalid(
                f"form field {name!r} is not a file; send images as files (curl -F image=@cat.jpg) and options such as "
                "top_k in the query"
            )

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def _part_end(self) -> None:
        self.images.append(b"".join(self._pieces))

    def _end(self) -> None:
        self.ended = True


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
