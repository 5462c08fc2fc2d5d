"""TF Serving's REST JSON, without TensorFlow: requests to tensors and tensors to answers.

The rules are those of https://www.tensorflow.org/tfx/serving/api_rest and of TF Serving's
tensorflow_serving/util/json_tensor.cc, error messages included, so that clients and scripts that look for them work:

- Predict takes `instances` (row format: one element for each item of the batch) or `inputs` (columnar: one value for
  each named input), and answers `predictions` or `outputs`.
- Bytes are `{"b64": "…"}`; in an answer, strings of outputs whose name ends in `_bytes` are.
- Floats are written with six significant digits when those read back as the same value, else with as many as it needs;
  whole numbers keep `.0`; `NaN`, `Infinity` and `-Infinity` stand bare, which Python, C++ and Java clients read
  although RFC 8259 does not know them.
- Classify and Regress take `examples` (and `context`), and answer `results`.

Three differences, each on the strict side: a body must be UTF-8; a string answer that is not UTF-8 is written as
`{"b64": …}` whatever its output is called, because the document would not be JSON otherwise; integers that do not fit
their dtype are refused instead of wrapping around.
"""

from serving.rest_json.answers import render_classification, render_error, render_predict, render_regression
from serving.rest_json.body import JsonBody, parse_body, peek_signature_name
from serving.rest_json.examples_request import parse_examples
from serving.rest_json.predict_request import RequestFormat, parse_predict

__all__ = [
    "JsonBody",
    "RequestFormat",
    "parse_body",
    "parse_examples",
    "parse_predict",
    "peek_signature_name",
    "render_classification",
    "render_error",
    "render_predict",
    "render_regression",
]
