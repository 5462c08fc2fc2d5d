"""The gateway: images in over REST or gRPC, answers from a model server that speaks TF Serving's protocol.

One protocol-free core (`core.py`) decides; `rest.py` and `grpc_service.py` only translate. What surrounds every
request has one file each: limits, metrics, the request log, health. No module here may import TensorFlow.
"""
