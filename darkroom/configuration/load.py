"""Reading `darkroom.yaml`: errors that say where, what was found, and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from darkroom.configuration.annotations import section_in
from darkroom.configuration.model import DarkroomConfig
from darkroom.errors import ConfigurationError

DEFAULT_FILE = "darkroom.yaml"

Location = tuple[int | str, ...]


def load_configuration(path: str | Path = DEFAULT_FILE, overrides: Sequence[str] = ()) -> DarkroomConfig:
    """Reads a configuration file and applies `section.key=value` overrides, whose values are read as YAML.

    Raises:
        ConfigurationError: with every problem on a line of its own, as `file:line: key: what is wrong`.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path} does not exist. Write one with 'darkroom init IMAGES', or name another with --config."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    return parse_configuration(text, path, overrides)


def parse_configuration(text: str, path: Path, overrides: Sequence[str] = ()) -> DarkroomConfig:
    """The same from a configuration's text.

    Args:
        text: of the file.
        path: where it is said to be from; relative paths start from its folder.
        overrides: as above.

    Raises:
        ConfigurationError: as above.
    """
    document, origins = _overridden(text, path, overrides)
    try:
        config = DarkroomConfig.model_validate(document)
    except ValidationError as error:
        problems = [_explain(problem, origins, str(path)) for problem in error.errors(include_url=False)]
        raise ConfigurationError("\n".join(problems)) from error
    return config.located_at(path.parent)


def overridden_document(text: str, path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """A configuration's text as a mapping, with overrides applied; its keys and values are not checked.

    Raises:
        ConfigurationError: the text is no YAML, or an override no `section.key=value`.
    """
    return _overridden(text, path, overrides)[0]


def _overridden(text: str, path: Path, overrides: Sequence[str]) -> tuple[dict[str, Any], dict[Location, str]]:
    """The document, and where each of its keys is from."""
    document, lines = _parse_yaml(text, path)
    origins: dict[Location, str] = {location: f"{path}:{line}" for location, line in lines.items()}
    for override in overrides:
        _apply_override(document, override, origins)
    return document, origins


def _parse_yaml(text: str, path: Path) -> tuple[dict[str, Any], dict[Location, int]]:
    """The document and the line (from 1) of each key in it."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigurationError(f"{where}: not valid YAML: {getattr(error, 'problem', None) or error}") from error
    if document is None:
        return {}, {}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: must be a mapping of sections, but is a {type(document).__name__}")
    lines: dict[Location, int] = {}
    _collect_lines(node, (), lines, path)
    return document, lines


def _collect_lines(node: yaml.Node | None, location: Location, lines: dict[Location, int], path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            child, line = (*location, key_node.value), key_node.start_mark.line + 1
            if child in lines:
                raise ConfigurationError(f"{path}:{line}: {_dotted(child)}: given twice, first in line {lines[child]}")
            lines[child] = line
            _collect_lines(value_node, child, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*location, index)] = item.start_mark.line + 1
            _collect_lines(item, (*location, index), lines, path)


def _apply_override(document: dict[str, Any], override: str, origins: dict[Location, str]) -> None:
    key, equals, text = override.partition("=")
    location = tuple(key.strip().split("."))
    shown = f"--set {key}=…" if equals and _is_secret(location) else f"--set {override}"
    if not equals or not all(location):
        raise ConfigurationError(f"{shown}: must read section.key=value, such as training.epochs=5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or error
        raise ConfigurationError(f"{shown}: the value is not valid YAML: {problem}") from error
    target = document
    for part in location[:-1]:
        inner = target.get(part)
        if inner is None:
            inner = target[part] = {}
        if not isinstance(inner, dict):
            raise ConfigurationError(f"{shown}: {part} is a value, not a section")
        target = inner
    target[location[-1]] = value
    origins[location] = shown


def _explain(problem: Mapping[str, Any], origins: Mapping[Location, str], fallback: str) -> str:
    """One of pydantic's problems as `where: key: what is wrong`."""
    location: Location = problem["loc"]
    where = next((origins[location[:n]] for n in range(len(location), 0, -1) if location[:n] in origins), fallback)
    key = _dotted(location)
    if problem["type"] == "extra_forbidden":
        return f"{where}: {key}: unknown key{_suggestion(location)}"
    message = problem["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    found = problem.get("input")
    shown = "" if isinstance(found, (dict, BaseModel)) or problem["type"] == "missing" else _shown(location, found)
    return f"{where}: {key + ': ' if key else ''}{message}{shown}"


# Keys whose values stay out of messages, which end in logs. Keys of files that hold secrets (key_file) are no secrets.
_SECRET = re.compile(r"(password|passwd|passphrase|secret|token|credential|api_?keys?|private_?key|access_?key)", re.I)
_NO_SECRET = re.compile(r"_(file|path|folder|variable|seconds)$")
# The part of a URL before its host that holds a password (RFC 3986, section 3.2.1).
_USER_INFO = re.compile(r"(?<=://)[^/@\s]*@")


def _is_secret(location: Location) -> bool:
    names = [part for part in location if isinstance(part, str)]
    return any(_SECRET.search(name) and not _NO_SECRET.search(name) for name in names)


def _shown(location: Location, found: Any) -> str:
    """The value that is wrong, unless it may be a secret."""
    if _is_secret(location):
        return " (the value is not shown, as it may be a secret)"
    if isinstance(found, (list, tuple)) and any(isinstance(item, dict) for item in found):
        return ""
    return f", found {_USER_INFO.sub('***@', repr(found))}"


def _suggestion(location: Location) -> str:
    """The nearest key that exists: in the same section if one is alike, else anywhere."""
    wrong = str(location[-1])
    siblings = _keys_at(DarkroomConfig, location[:-1])
    near = difflib.get_close_matches(wrong, siblings, n=1)
    if near:
        return f"; did you mean {_dotted((*location[:-1], near[0]))}?"
    everywhere = dict(_all_keys(DarkroomConfig, ()))
    elsewhere = difflib.get_close_matches(wrong, list(everywhere), n=1, cutoff=0.75)
    if elsewhere:
        return f"; did you mean {everywhere[elsewhere[0]]}?"
    return f"; known keys here: {', '.join(sorted(siblings))}" if siblings else ""


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    for part in location:
        field = model.model_fields.get(str(part))
        inner = section_in(field.annotation) if field else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _all_keys(model: type[BaseModel], prefix: Location) -> Iterable[tuple[str, str]]:
    for name, field in model.model_fields.items():
        yield name, _dotted((*prefix, name))
        inner = section_in(field.annotation)
        if inner is not None:
            yield from _all_keys(inner, (*prefix, name))


def _dotted(location: Location) -> str:
    return ".".join(str(part) for part in location)
