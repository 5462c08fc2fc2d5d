"""What was asked and answered, kept as TF Serving's `PredictionLog` in TFRecord shards, and images to label out of it.

Nothing here imports TensorFlow: the gateway writes these shards, and `darkroom data from-requests` reads them.
"""
