import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving import tensors
from serving.errors import Code, ServingError
from serving.protos import tensor_pb2, types_pb2

NUMERIC = [
    *("float16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "bool", "complex64", "complex128"),
]
arrays = st.sampled_from(NUMERIC).flatmap(
    lambda name: hnp.arrays(np.dtype(name), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)


def same(left: np.ndarray, right: np.ndarray) -> bool:
    return left.shape == right.shape and left.dtype == right.dtype and left.tobytes() == right.tobytes()


@given(array=arrays, layout=st.sampled_from(["content", "values"]))
def test_numbers_survive_the_round_trip_bit_for_bit(array, layout):
    proto = tensor_pb2.TensorProto.FromString(tensors.to_proto(array, layout=layout).SerializeToString())
    back = tensors.to_array(proto)
    if layout == "values":  # a float's NaN payload is not kept by the typed fields of half the types
        np.testing.assert_array_equal(back, array)
        assert back.dtype == array.dtype
    else:
        assert same(back, array)


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_strings_survive_the_round_trip(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    back = tensors.to_array(tensors.to_proto(array))
    assert back.dtype == object
    assert back.tolist() == values


def test_text_is_encoded_as_utf_8():
    assert list(tensors.to_proto(["é", "猫"]).string_val) == ["é".encode(), "猫".encode()]


def test_scalar_string_keeps_its_trailing_zero():
    back = tensors.to_array(tensors.to_proto(np.array(b"a\0", dtype=object)))
    assert back.shape == ()
    assert back.item() == b"a\0"


@given(st.floats(width=32))
def test_bfloat16_rounds_as_ml_dtypes_does(value):
    proto = tensors.to_proto(np.float32([value]), types_pb2.DT_BFLOAT16)
    expected = np.array([value], dtype=np.float32).astype(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(tensors.to_array(proto), expected)
    assert tensors.to_array(proto).dtype == np.float32


def test_bfloat16_array_of_ml_dtypes_is_written_unchanged():
    array = np.array([1.5, -2.25], dtype=ml_dtypes.bfloat16)
    proto = tensors.to_proto(array)
    assert proto.dtype == types_pb2.DT_BFLOAT16
    assert proto.tensor_content == array.tobytes()


def test_half_values_are_bit_patterns():
    proto = tensors.to_proto(np.float16([1.0]), layout="values")
    assert list(proto.half_val) == [0x3C00]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"dtype": types_pb2.DT_FLOAT, "float_val": [1.0, 2.0]}, [1.0, 2.0, 2.0, 2.0]),
        ({"dtype": types_pb2.DT_FLOAT, "float_val": [7.0]}, [7.0] * 4),
        ({"dtype": types_pb2.DT_INT64}, [0] * 4),
        ({"dtype": types_pb2.DT_BOOL, "bool_val": [True]}, [True] * 4),
        ({"dtype": types_pb2.DT_STRING, "string_val": [b"a", b"b"]}, [b"a", b"b", b"b", b"b"]),
        ({"dtype": types_pb2.DT_STRING}, [b""] * 4),
        ({"dtype": types_pb2.DT_COMPLEX64, "scomplex_val": [1.0, 2.0]}, [1 + 2j] * 4),
        ({"dtype": types_pb2.DT_HALF, "half_val": [0x3C00]}, [1.0] * 4),
        ({"dtype": types_pb2.DT_BFLOAT16, "half_val": [0x3F80]}, [1.0] * 4),
        ({"dtype": types_pb2.DT_UINT8, "int_val": [255]}, [255] * 4),
    ],
)
def test_last_value_repeats_and_none_means_zeros(fields, expected):
    proto = tensor_pb2.TensorProto(**fields)
    for size in (2, 2):
        proto.tensor_shape.dim.add(size=size)
    assert tensors.to_array(proto).ravel().tolist() == expected


def proto_of(shape, **fields) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(**fields)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize(
    ("proto", "words"),
    [
        (proto_of([2], dtype=types_pb2.DT_FLOAT, tensor_content=b"1234"), "needs 8"),
        (proto_of([0], dtype=types_pb2.DT_FLOAT, tensor_content=b"1234"), "needs 0"),
        (proto_of([1], dtype=types_pb2.DT_FLOAT, float_val=[1.0, 2.0]), "holds 1 values, but 2 were sent"),
        (proto_of([-1], dtype=types_pb2.DT_FLOAT, float_val=[1.0]), "not fully known"),
        (proto_of([1], dtype=types_pb2.DT_UINT8, int_val=[256]), "do not fit uint8"),
        (proto_of([1], dtype=types_pb2.DT_HALF, half_val=[65536]), "do not fit half"),
        (proto_of([1], dtype=types_pb2.DT_COMPLEX64, scomplex_val=[1.0]), "pairs"),
        (proto_of([1], dtype=types_pb2.DT_RESOURCE), "resource is not supported"),
        (proto_of([], dtype=types_pb2.DT_INVALID), "invalid is not supported"),
        (proto_of([1] * 65, dtype=types_pb2.DT_FLOAT), "at most 64"),
        (proto_of([2**40, 2**40], dtype=types_pb2.DT_FLOAT, float_val=[1.0]), "repeated"),
        (proto_of([2], dtype=types_pb2.DT_STRING, tensor_content=b"\x01"), "string lengths"),
        (proto_of([1], dtype=types_pb2.DT_STRING, tensor_content=b"\x05ab"), "holds 2"),
        (proto_of([1], dtype=types_pb2.DT_STRING, tensor_content=b"\xff" * 20), "string lengths"),
    ],
)
def test_contradictions_are_invalid_arguments(proto, words):
    with pytest.raises(ServingError) as caught:
        tensors.to_array(proto)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert words in caught.value.message


def test_unknown_rank_is_refused():
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1.0])
    proto.tensor_shape.unknown_rank = True
    with pytest.raises(ServingError, match="not fully known"):
        tensors.to_array(proto)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_strings_in_tensor_content_are_read(values):
    def varint(number: int) -> bytes:
        return bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])

    content = b"".join(varint(len(value)) for value in values) + b"".join(values)
    proto = proto_of([len(values)], dtype=types_pb2.DT_STRING, tensor_content=content)
    assert tensors.to_array(proto).tolist() == values


@given(st.binary(max_size=200))
def test_random_bytes_as_a_tensor_never_raise_anything_else(data):
    try:
        proto = tensor_pb2.TensorProto.FromString(data)
    except Exception:  # noqa: BLE001 - not a proto at all
        return
    try:
        tensors.to_array(proto)
    except ServingError as error:
        assert error.code is Code.INVALID_ARGUMENT  # noqa: PT017


def test_agrees_with_tensorflow_about_every_dtype():
    import tensorflow as tf

    array = np.array([[0, 1], [1, 0]])
    for dtype in (tf.float32, tf.float64, tf.float16, tf.int8, tf.uint16, tf.int64, tf.bool, tf.complex64):
        values = array.astype(dtype.as_numpy_dtype)
        np.testing.assert_array_equal(tensors.to_array(tf.make_tensor_proto(values)), values)
        np.testing.assert_array_equal(tf.make_ndarray(tensors.to_proto(values)), values)
        np.testing.assert_array_equal(tf.make_ndarray(tensors.to_proto(values, layout="values")), values)
    strings = tf.make_tensor_proto([b"a", b"bc"])
    assert tensors.to_array(strings).tolist() == [b"a", b"bc"]


def test_objects_that_are_no_bytes_are_a_type_error():
    with pytest.raises(TypeError, match="int"):
        tensors.to_proto(np.array([1], dtype=object))
