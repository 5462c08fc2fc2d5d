"""The rules by which labels move between versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from darkroom.errors import DataError
from serving.model_repository.audit_log import DONE, AuditRecord

# What answers; what is tried; what answered before, kept loaded so that going back takes no time.
STABLE, CANARY, PREVIOUS = "stable", "canary", "previous"

Labels = Mapping[str, int]


def promoted(labels: Labels, version: int, label: str, *, keep_previous: bool = True) -> dict[str, int]:
    """The labels after `version` got `label`.

    Args:
        labels: those that stand.
        version: that is promoted.
        label: `stable` or `canary`.
        keep_previous: whether the version that was stable before stays loaded, labelled `previous`.

    Raises:
        DataError: a canary is asked for and nothing is stable, or the version is stable already.
    """
    if label == CANARY:
        if STABLE not in labels:
            raise DataError(
                "Nothing is labelled stable yet, so the newest version answers everybody. Promote the version that "
                "should go on answering first: darkroom models promote VERSION"
            )
        if labels[STABLE] == version:
            raise DataError(f"Version {version} is stable; a canary is another version")
        return {**labels, CANARY: version}
    return _with_stable(labels, version, labels.get(STABLE) if keep_previous else None)


def rolled_back(labels: Labels, versions: Sequence[int], history: Sequence[AuditRecord]) -> dict[str, int]:
    """The labels after stable went back to the version before.

    That is the one labelled `previous`; else the one that the log says was stable before; else the version that was
    pushed before the stable one. Without labels the newest version answers, and is what is gone back from.

    Args:
        labels: those that stand.
        versions: that the repository has, ascending.
        history: the model's records, oldest first.

    Raises:
        DataError: there is nothing to go back to.
    """
    current = labels.get(STABLE, versions[-1] if versions else None)
    before = [labels.get(PREVIOUS), _stable_before(history, current), _pushed_before(versions, current)]
    found = next((version for version in before if version in versions and version != current), None)
    if found is None:
        there = f"the repository has {', '.join(map(str, versions))}" if versions else "the repository has no version"
        raise DataError(f"There is no version before {current} to roll back to; {there}")
    return _with_stable(labels, found, None)


def _with_stable(labels: Labels, version: int, previous: int | None) -> dict[str, int]:
    """The others' labels stay, but one version does not stand under two."""
    changed = {label: labelled for label, labelled in labels.items() if labelled != version and label != PREVIOUS}
    if previous is not None and previous != version:
        changed[PREVIOUS] = previous
    elif labels.get(STABLE) == version and PREVIOUS in labels:  # nothing moves
        changed[PREVIOUS] = labels[PREVIOUS]
    return {**changed, STABLE: version}


def _stable_before(history: Sequence[AuditRecord], current: int | None) -> int | None:
    """The version below `current` on the pile that promotions make and rollbacks take from."""
    pile: list[int] = []
    for record in history:
        if record.label != STABLE or record.outcome != DONE or record.after is None:
            continue
        if not pile and record.before is not None:
            pile.append(record.before)
        if record.action == "rollback":
            while pile and pile[-1] != record.after:
                pile.pop()
        if not pile or pile[-1] != record.after:
            pile.append(record.after)
    return pile[-2] if len(pile) > 1 and pile[-1] == current else None


def _pushed_before(versions: Sequence[int], current: int | None) -> int | None:
    return max((version for version in versions if current is not None and version < current), default=None)
