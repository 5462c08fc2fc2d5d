"""`data.validation`: what the data must look like, and how far it may move."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from darkroom.configuration.section import Section

# Both measures go from 0, the same, to 1, nothing in common.
Distance = Annotated[float, Field(ge=0, le=1)] | None

Action = Literal["off", "warn", "block"]


class JensenShannon(Section):
    """Largest Jensen-Shannon divergences, to base 2: 0 for the same distribution, 1 for nothing in common."""

    label: Distance = Field(default=0.1, description="Of the classes; null for no limit, as below.")
    target: Distance = Field(default=0.1, description="Of a regression's targets.")
    format: Distance = Field(default=0.1, description="Of the file formats.")
    # TFDV compares numbers by ten buckets of equal width: where a few are far larger than the rest, so that the largest
    # decides about the buckets, chance moves the divergence more.
    width: Distance = Field(default=0.2, description="Of widths, in pixels.")
    height: Distance = Field(default=0.2, description="Of heights, in pixels.")
    aspect_ratio: Distance = Field(default=0.1, description="Of width over height.")
    channels: Distance = Field(default=0.1, description="Of the numbers of channels.")
    file_size: Distance = Field(default=0.2, description="Of the files' sizes, in bytes.")
    brightness: Distance = Field(default=0.1, description="Of the images' mean grey levels.")
    contrast: Distance = Field(default=0.1, description="Of the deviations of their grey levels.")


class LInfinity(Section):
    """Largest L-infinity distances: by how much the share of any one value may change."""

    label: Distance = Field(default=0.1, description="Of a class; null for no limit.")
    format: Distance = Field(default=0.1, description="Of a file format.")


class ValidationSection(Section):
    """What the data must look like, and how far it may move; `darkroom data` shows it, and never ends over it."""

    schema_file: str | None = Field(
        default=None,
        description="TFDV's schema as text, curated by hand; `darkroom data schema` writes a first one. Without it, "
        "one is inferred from each run's own data.",
    )
    anomalies: Literal["warn", "block"] = Field(
        default="warn", description="What deviations from the schema do: `warn` tells them, `block` ends the run."
    )
    drift: Action = Field(
        default="warn",
        description="What a distance above its limit does, between the training split and that of the data before (of "
        "the newest earlier span, where there are spans): `off`, `warn` or `block`.",
    )
    skew: Action = Field(
        default="warn", description="The same between the training split and the eval and test splits of one run."
    )
    served: str | None = Field(
        default=None,
        description="statistics.json of what was served, as `darkroom data from-requests` writes it. The training "
        "split is compared with it, under `drift`'s rule.",
    )
    jensen_shannon: JensenShannon = Field(
        default_factory=JensenShannon, description="Limits of Jensen-Shannon divergences."
    )
    l_infinity: LInfinity = Field(default_factory=LInfinity, description="Limits of L-infinity distances.")
    min_images: Annotated[int, Field(ge=1)] = Field(
        default=100,
        description="With fewer images on either side distances are shown, but neither warn nor block: chance alone "
        "makes small sets differ.",
    )
