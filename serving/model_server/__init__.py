"""A model server that speaks TF Serving's protocol.

A request passes through these files: `grpc_adapter` or `rest_adapter` translate, `core` finds the version and with
`steps` a place to compute, `inference` turns protos into arrays and back, `runner` runs a signature by itself and
`batching` together with others, `runtime` says what can run one and `tensorflow_runtime` does. `model_manager`,
`served_model` and `repository` keep the right versions loaded; `server` wires everything.

TensorFlow is imported by `tensorflow_runtime` and `warmup` when the first model loads, not before: the server listens
and reports its state while TensorFlow starts.
"""
