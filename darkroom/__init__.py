"""The command and the configuration of Darkroom."""

from importlib.metadata import version

__version__ = version("darkroom")
