"""The Open Inference Protocol, version 2, which KServe's and Triton's clients speak, over REST and gRPC.

https://github.com/kserve/open-inference-protocol describes it. `inference.py` asks the gateway's core; `rest.py` and
`grpc_service.py` translate. Tensors become TF Serving's on the way in and the protocol's on the way out.
"""
