"""`data.listing`: a table of images with their labels or targets."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from darkroom.configuration.section import Section

# By the ending of the listing's name, in lower case.
FORMATS: dict[str, Literal["csv", "json", "jsonl"]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}

# A name, or without a header the number of a column, from 0.
Column = str | int


class ListingSection(Section):
    """A CSV, JSON or JSON Lines file with a row for each image."""

    path: str = Field(description="The file. Relative to darkroom.yaml, or absolute, or a URL that TensorFlow opens.")
    format: Literal["csv", "json", "jsonl"] | None = Field(
        default=None,
        description="`csv`, `json` (one array of objects) or `jsonl` (an object in each line); by the name's ending "
        "when not given (.csv, .tsv, .json, .jsonl, .ndjson).",
    )
    root: str | None = Field(
        default=None,
        description="Where the images' relative paths start; the listing's own folder when not given.",
    )
    image: Column | None = Field(
        default=None, description="Column with the image's path; `image` when not given, or 0 without a header."
    )
    label: Column | None = Field(
        default=None, description="Column with the class name; `label` when not given, or 1 without a header."
    )
    target: Column | None = Field(
        default=None,
        description="Column with the number that a regression predicts; `target` when not given, or 1 without a "
        "header.",
    )
    header: bool = Field(
        default=True,
        description="CSV only: whether the first row names the columns. Without it columns are numbered from 0, and "
        "image, label and target are numbers.",
    )
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        default=None, description="CSV only: between cells; a comma, or a tab in a .tsv, when not given."
    )
    encoding: str = Field(default="utf-8", description="Of the text; a byte order mark is passed over.")
    extra: tuple[Column, ...] | None = Field(
        default=None,
        description="Columns that are kept with each example, as `image/extra/<column>`, to slice metrics by; all "
        "others when not given, none with [].",
    )

    @property
    def resolved_format(self) -> Literal["csv", "json", "jsonl"]:
        """The format as given, or by the ending."""
        if self.format is not None:
            return self.format
        name = self.path.lower()
        return next(kind for ending, kind in FORMATS.items() if name.endswith(ending))

    @property
    def resolved_delimiter(self) -> str:
        """Between the cells of a CSV."""
        return self.delimiter or ("\t" if self.path.lower().endswith(".tsv") else ",")

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.format is None and not self.path.lower().endswith(tuple(FORMATS)):
            raise ValueError(
                f"path {self.path!r} does not end in {', '.join(FORMATS)}; set format to csv, json or jsonl"
            )
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise ValueError(
                f"encoding {self.encoding!r} is not known; utf-8 and cp1252 are among those that are"
            ) from error
        for key, column in (("image", self.image), ("label", self.label), ("target", self.target)):
            if self.header and isinstance(column, int):
                raise ValueError(f"{key} is a column's number, but header is true; give the column's name")
            if not self.header and column is not None and not (isinstance(column, int) and column >= 0):
                raise ValueError(f"{key} is {column!r}, but without a header columns have numbers, from 0")
        if not self.header and self.resolved_format != "csv":
            raise ValueError("header: false is for CSV; JSON's objects name their keys themselves")
        return self

    def column(self, key: Literal["image", "label", "target"]) -> str:
        """The name of a column as rows have it."""
        given = getattr(self, key)
        if given is not None:
            return str(given)
        if self.header:
            return key
        return "0" if key == "image" else "1"
