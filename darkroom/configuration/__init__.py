"""The one configuration: `darkroom.yaml`, read into `DarkroomConfig`."""

from darkroom.configuration.load import load_configuration
from darkroom.configuration.model import DarkroomConfig

__all__ = ["DarkroomConfig", "load_configuration"]
