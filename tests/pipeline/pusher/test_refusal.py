"""What speaks against a push."""

from pipeline.pusher.refusal import label_refusal, preprocessing_refusal


def test_the_preprocessing_of_the_run_is_pushed():
    assert preprocessing_refusal({"preprocessing": {"version": "1-abc"}}, "1-abc") is None


def test_another_preprocessing_is_refused():
    sentence = preprocessing_refusal({"preprocessing": {"version": "1-abc"}}, "1-def")
    assert "1-abc" in sentence
    assert "1-def" in sentence


def test_a_first_version_and_the_same_labels_are_pushed():
    assert label_refusal({"labels": ["a", "b"]}, None, allowed=False) is None
    assert label_refusal({"labels": ["a", "b"]}, {"labels": ["a", "b"]}, allowed=False) is None


def test_changed_labels_are_named():
    sentence = label_refusal({"labels": ["a", "c"]}, {"labels": ["a", "b"]}, allowed=False)
    assert "new: c; gone: b" in sentence
    assert "push.allow_label_change" in sentence


def test_another_order_is_a_change():
    assert "another order" in label_refusal({"labels": ["b", "a"]}, {"labels": ["a", "b"]}, allowed=False)


def test_a_change_that_is_meant_is_pushed():
    assert label_refusal({"labels": ["b", "a"]}, {"labels": ["a", "b"]}, allowed=True) is None
