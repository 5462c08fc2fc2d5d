"""Serving: the model server, the gateway in front of it, and the client.

Only `serving.model_server` may import TensorFlow. Everything else reads TF Serving's protocol through
`serving.protos`.
"""
