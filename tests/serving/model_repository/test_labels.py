"""How labels move."""

import pytest

from darkroom.errors import DataError
from serving.model_repository.audit_log import AuditRecord
from serving.model_repository.labels import promoted, rolled_back


def moved(action, before, after, outcome="done"):
    return AuditRecord(
        time="", who="", action=action, model="m", label="stable", before=before, after=after, outcome=outcome
    )


def test_the_first_promotion_makes_a_version_stable():
    assert promoted({}, 5, "stable") == {"stable": 5}


def test_what_was_stable_is_kept_as_previous():
    assert promoted({"stable": 5}, 6, "stable") == {"stable": 6, "previous": 5}
    assert promoted({"stable": 5}, 6, "stable", keep_previous=False) == {"stable": 6}


def test_a_canary_that_becomes_stable_is_no_canary_any_more():
    assert promoted({"stable": 5, "canary": 6, "previous": 4}, 6, "stable") == {"stable": 6, "previous": 5}


def test_promoting_what_is_stable_changes_nothing():
    labels = {"stable": 6, "previous": 5, "canary": 7}
    assert promoted(labels, 6, "stable") == labels


def test_a_canary_leaves_stable_alone():
    assert promoted({"stable": 5, "previous": 4}, 6, "canary") == {"stable": 5, "previous": 4, "canary": 6}


def test_a_canary_without_stable_would_answer_everybody():
    with pytest.raises(DataError, match="Promote the version that should go on answering first"):
        promoted({}, 6, "canary")


def test_a_stable_version_is_no_canary():
    with pytest.raises(DataError, match="5 is stable"):
        promoted({"stable": 5}, 5, "canary")


def test_a_rollback_goes_to_previous_and_leaves_the_canary():
    assert rolled_back({"stable": 6, "previous": 2, "canary": 7}, [2, 5, 6, 7], []) == {"stable": 2, "canary": 7}


def test_a_rollback_without_labels_pins_the_version_before_the_newest():
    assert rolled_back({}, [2, 5, 6], []) == {"stable": 5}


def test_a_second_rollback_goes_on_along_the_log():
    history = [moved("promote", None, 2), moved("promote", 2, 4), moved("promote", 4, 6), moved("rollback", 6, 4)]
    assert rolled_back({"stable": 4}, [2, 3, 4, 6], history) == {"stable": 2}


def test_a_rollback_does_not_go_to_a_version_that_was_deleted_or_whose_promotion_failed():
    history = [moved("promote", None, 2), moved("promote", 2, 5, "failed"), moved("promote", 2, 6)]
    assert rolled_back({"stable": 6}, [2, 5, 6], history) == {"stable": 2}
    assert rolled_back({"stable": 6, "previous": 2}, [5, 6], history) == {"stable": 5}


def test_a_rollback_with_nothing_before_says_so():
    with pytest.raises(DataError, match=r"no version before 6 .* has 6"):
        rolled_back({"stable": 6}, [6], [])
