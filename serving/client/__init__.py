"""Ask a gateway about images, over REST or gRPC, waiting or awaiting, without TensorFlow.

Example:
    with GatewayClient("127.0.0.1:8080") as client:
        for prediction in client.predict([Path("cat.jpg")]):
            print(prediction.label, prediction.confidence)
"""

from serving.client.client import AsyncGatewayClient, GatewayClient
from serving.client.connection import Tls
from serving.client.errors import BusyError, ImageRefusedError, NotReadyError
from serving.client.prediction import Prediction, ScoredClass
from serving.client.retry import RetryPolicy

__all__ = [
    "AsyncGatewayClient",
    "BusyError",
    "GatewayClient",
    "ImageRefusedError",
    "NotReadyError",
    "Prediction",
    "RetryPolicy",
    "ScoredClass",
    "Tls",
]
