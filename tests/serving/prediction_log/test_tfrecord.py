"""The framing, held against TensorFlow's own reader and writer."""

import gzip
import os

import pytest

from serving.prediction_log.settings import PredictionLogSettings
from serving.prediction_log.shard_folder import ShardFolder
from serving.prediction_log.tfrecord import CorruptRecordError, TruncatedRecordError, frame, framed_size, read_records
from tests.serving.gateway.pictures import GREEN, RED
from tests.serving.prediction_log.logs import predict_log

RECORDS = [b"", b"a", os.urandom(70_000), bytes(range(256)) * 3]


@pytest.mark.parametrize(("compression", "pack"), [("", lambda data: data), ("GZIP", gzip.compress)])
def test_tensorflow_reads_what_is_framed(tmp_path, compression, pack):
    import tensorflow as tf

    path = tmp_path / "records"
    # Gzip members one after the other, as the shards have them.
    path.write_bytes(b"".join(pack(frame(record)) for record in RECORDS))

    assert [record.numpy() for record in tf.data.TFRecordDataset(str(path), compression)] == RECORDS


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_tensorflow_reads_shards_as_tf_servings_own_proto(tmp_path, compression):
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    folder = ShardFolder(tmp_path, PredictionLogSettings(folder=str(tmp_path), compression=compression))
    folder.open()
    for image in (RED, GREEN):
        folder.append(predict_log([image], [0.9]).SerializeToString())
    folder.finish()

    (shard,) = tmp_path.iterdir()
    records = tf.data.TFRecordDataset(str(shard), "GZIP" if compression == "gzip" else "")
    logs = [prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log for record in records]
    assert [list(log.request.inputs["image_bytes"].string_val) for log in logs] == [[RED], [GREEN]]
    assert [tf.make_ndarray(log.response.outputs["labels"]).tolist() for log in logs] == [[[b"cat", b"dog"]]] * 2


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_what_tensorflow_writes_is_read(tmp_path, compression):
    import tensorflow as tf

    path = tmp_path / "records"
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in RECORDS:
            writer.write(record)

    assert list(read_records(path)) == RECORDS


# Of a gzip member that lacks no more than its end, the record is whole.
@pytest.mark.parametrize(("pack", "first", "spared"), [(lambda data: data, 1, 0), (gzip.compress, 2, 12)])
def test_a_file_that_was_cut_off_anywhere_is_read_up_to_its_last_whole_record(tmp_path, pack, first, spared):
    path = tmp_path / "records"
    whole, cut = pack(frame(b"first")), pack(frame(b"second"))
    for length in range(first, len(cut) - spared):
        path.write_bytes(whole + cut[:length])
        reader = read_records(path)
        assert next(reader) == b"first"
        with pytest.raises(TruncatedRecordError, match="record 1"):
            next(reader)


@pytest.mark.parametrize("place", [0, 9, 14, 20])
def test_a_flipped_bit_is_found(tmp_path, place):
    path = tmp_path / "records"
    data = bytearray(frame(b"the data"))
    data[place] ^= 1
    path.write_bytes(bytes(data))

    with pytest.raises(CorruptRecordError, match="checksum"):
        list(read_records(path))


def test_another_kind_of_file_is_not_taken_for_records(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + os.urandom(100))

    with pytest.raises(CorruptRecordError, match="no TFRecord file"):
        list(read_records(path))


def test_the_size_in_a_file_is_told(tmp_path):
    assert framed_size(b"abc") == len(frame(b"abc"))
