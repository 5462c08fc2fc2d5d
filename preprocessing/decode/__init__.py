"""Decoding inside the graph: any image that `preprocessing.images` accepts, the same in training and in serving."""

from preprocessing.decode.decode import decode_image

__all__ = ["decode_image"]
