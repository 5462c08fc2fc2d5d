import threading

import pytest

from pipeline.ingestion.staging import StagingFile
from pipeline.ingestion.staging_progress import progress_text, staged_images, staging_progress
from pipeline.progress import reporting_to


def test_staged_images_are_counted_over_all_files(tmp_path):
    for count in (2, 3):
        file = StagingFile(str(tmp_path))
        for _ in range(count):
            file.append(b"record")
        file.close()
    assert staged_images(str(tmp_path)) == 5


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (500, 2000, 10, "500 of 2,000 images, 50 images/s, 0 min 30 s left"),
        (1000, 1_000_000, 10, "1,000 of 1,000,000 images, 100 images/s, 2 h 46 min left"),
        (500, None, 10, "500 images, 50 images/s"),
    ],
)
def test_speed_and_remaining_time_are_told(done, total, seconds, text):
    assert progress_text(done, total, seconds) == text


def test_progress_reaches_the_reporter_while_images_are_staged(tmp_path):
    told = threading.Event()
    texts = []

    class Reporter:
        def step(self, text):
            texts.append(text)
            told.set()

    file = StagingFile(str(tmp_path))
    file.append(b"record")
    file.close()
    with reporting_to(Reporter()), staging_progress(str(tmp_path), 4, every=0.01):
        assert told.wait(60)
    assert texts[0].startswith("1 of 4 images, ")
