"""Why a model is not pushed, in a sentence for people."""

from __future__ import annotations

from typing import Any

# The custom property of the PushedModel artifact that holds it.
REFUSAL_KEY = "refused"


def preprocessing_refusal(description: dict[str, Any], pipeline_version: str) -> str | None:
    """Whether the model was built with the preprocessing that this pipeline run made.

    Args:
        description: the model's `darkroom.json`.
        pipeline_version: of the preprocessing that the Trainer exported beside the model.
    """
    embedded = description.get("preprocessing", {}).get("version")
    if embedded == pipeline_version:
        return None
    return (
        f"The model says that it was built with preprocessing {embedded}, but this run's is {pipeline_version}: it "
        "would see other pixels than it was trained with. Train it again (pipeline.cache: false)."
    )


def label_refusal(description: dict[str, Any], last_pushed: dict[str, Any] | None, *, allowed: bool) -> str | None:
    """Whether class ids mean what they meant in the version that was pushed last.

    Args:
        description: the model's `darkroom.json`.
        last_pushed: that of the newest version in the repository; None when there is none of Darkroom's.
        allowed: `push.allow_label_change`.
    """
    if allowed or last_pushed is None:
        return None
    now, before = list(description.get("labels") or ()), list(last_pushed.get("labels") or ())
    if now == before:
        return None
    added, gone = [name for name in now if name not in before], [name for name in before if name not in now]
    parts = [f"new: {', '.join(added)}"] if added else []
    parts += [f"gone: {', '.join(gone)}"] if gone else []
    how = "; ".join(parts) or "the same classes in another order"
    return (
        f"The labels differ from those of the last pushed version ({how}), so class ids would mean something else to "
        "clients. Push it with push.allow_label_change: true if that is meant."
    )
