"""Which encoded images Darkroom accepts, decided from their bytes without TensorFlow.

The same rules hold at ingestion and at the gateway: `inspect_image` reads the header and refuses by name what cannot
be decoded rightly or within bounds, `verify_image` finds damage that TensorFlow's decoders would pass over in silence.
"""

from preprocessing.images.errors import ImageRefusedError, Refusal
from preprocessing.images.header import ImageFormat, ImageHeader
from preprocessing.images.inspection import inspect_image
from preprocessing.images.limits import ImageLimits
from preprocessing.images.verification import verify_image

__all__ = [
    "ImageFormat",
    "ImageHeader",
    "ImageLimits",
    "ImageRefusedError",
    "Refusal",
    "inspect_image",
    "verify_image",
]
