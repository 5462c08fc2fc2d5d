"""The histograms of one set of images and predictions."""

from __future__ import annotations

from collections import Counter
from typing import Any

from preprocessing.images.header import ImageHeader
from preprocessing.population.histogram import Binning, Histogram
from preprocessing.population.pixel_facts import PixelFacts

FORMAT_VERSION = 1

_LEVELS = Binning(0.0, 256.0, 64)

# Four bins to an octave tell 640 from 760; the confidence's bins are 2 % wide.
NUMERIC = {
    "pixels": Binning(1.0, 2.0**28, 112, "log2"),
    "aspect_ratio": Binning(1 / 16, 16.0, 64, "log2"),
    "encoded_bytes": Binning(16.0, 2.0**26, 88, "log2"),
    "brightness": _LEVELS,
    "red": _LEVELS,
    "green": _LEVELS,
    "blue": _LEVELS,
    "confidence": Binning(0.0, 1.0, 50),
}
CATEGORICAL = ("format", "predicted_class")

# A model with more classes than this is compared by the ones that came first; the rest share this name.
_MAX_CATEGORIES = 10_000
OTHER = "(other)"


class Population:
    """Numbers and categories of a set of images. Each feature counts what it was given, so totals may differ.

    Attributes:
        images: how many images there are.
        numeric: by feature, see `NUMERIC`. Pixels are width times height, the aspect ratio is width by height, both as
            a viewer shows the image; brightness and colours are means over an image, 0..255.
        categorical: by feature, counts by name: `format`, and `predicted_class`, the most probable one.
    """

    def __init__(self) -> None:
        self.images = 0
        self.numeric = {name: Histogram(binning) for name, binning in NUMERIC.items()}
        self.categorical: dict[str, Counter[str]] = {name: Counter() for name in CATEGORICAL}

    def add_image(self, header: ImageHeader, encoded_bytes: int) -> None:
        """Count an image by what its header says."""
        self.images += 1
        self.numeric["pixels"].add(header.width * header.height)
        self.numeric["aspect_ratio"].add(header.width / header.height)
        self.numeric["encoded_bytes"].add(encoded_bytes)
        self.categorical["format"][header.format.value] += 1

    def add_pixels(self, facts: PixelFacts) -> None:
        """Count an image by its pixels; for those images only of which they are known."""
        for name in ("brightness", "red", "green", "blue"):
            self.numeric[name].add(getattr(facts, name))

    def add_prediction(self, label: str, confidence: float) -> None:
        """Count the most probable class of an image and its probability."""
        counts = self.categorical["predicted_class"]
        counts[label if label in counts or len(counts) < _MAX_CATEGORIES else OTHER] += 1
        self.numeric["confidence"].add(confidence)

    def merge(self, other: Population) -> None:
        """Add another population."""
        self.images += other.images
        for name, histogram in self.numeric.items():
            histogram.merge(other.numeric[name])
        for name, counts in self.categorical.items():
            counts.update(other.categorical[name])

    def as_json(self) -> dict[str, Any]:
        """The document that `from_json` reads; features that counted nothing are left out."""
        return {
            "format_version": FORMAT_VERSION,
            "images": self.images,
            "numeric": {name: found.as_json() for name, found in self.numeric.items() if found.total},
            "categorical": {name: dict(counts.most_common()) for name, counts in self.categorical.items() if counts},
        }

    @classmethod
    def from_json(cls, document: Any) -> Population:
        """Read a stored population. Features that this version does not know are passed over.

        Raises:
            ValueError: what is wrong with it.
        """
        if not isinstance(document, dict) or document.get("format_version") != FORMAT_VERSION:
            raise ValueError(f"statistics must be an object of format_version {FORMAT_VERSION}, got {document!r:.80}")
        found = cls()
        images, numeric, categorical = (document.get(key) for key in ("images", "numeric", "categorical"))
        if type(images) is not int or not isinstance(numeric, dict) or not isinstance(categorical, dict):
            raise ValueError("statistics need images (a whole number), numeric and categorical (objects)")
        found.images = images
        for name, binning in NUMERIC.items():
            if name in numeric:
                found.numeric[name] = Histogram.from_json(binning, numeric[name])
        for name in CATEGORICAL:
            counts = categorical.get(name, {})
            if not isinstance(counts, dict) or not all(type(count) is int and count >= 0 for count in counts.values()):
                raise ValueError(f"{name} must be counts by name, got {counts!r:.80}")
            found.categorical[name] = Counter(counts)
        return found
