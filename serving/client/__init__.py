"""Ask a gateway about images, over REST or gRPC, without TensorFlow.

Example:
    with GatewayClient("127.0.0.1:8080") as client:
        for prediction in client.predict([Path("cat.jpg")]):
            print(prediction.label, prediction.confidence)
"""

from serving.client.client import GatewayClient
from serving.client.errors import ImageRefusedError
from serving.client.prediction import Prediction, ScoredClass

__all__ = ["GatewayClient", "ImageRefusedError", "Prediction", "ScoredClass"]
