"""Errors that end a command with a message for people instead of a traceback."""

from __future__ import annotations


class DarkroomError(Exception):
    """Something failed in a way that the message explains; the command exits with `exit_code`."""

    exit_code = 1


class ConfigurationError(DarkroomError):
    """The configuration is wrong; the message says where, what was found, and what would be right."""

    exit_code = 2


class DataError(DarkroomError):
    """The data cannot be used; the message says which, why, and what to do."""

    exit_code = 2


class NotBlessedError(DarkroomError):
    """The model was trained and evaluated, but did not pass its gate."""

    exit_code = 3


class TrainingPausedError(DarkroomError):
    """A training's session had its time; its state is saved, and the next run goes on from there."""

    exit_code = 4
