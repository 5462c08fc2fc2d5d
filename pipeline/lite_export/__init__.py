"""A quantised LiteRT (TensorFlow Lite) file of the network for devices, with an evaluation of its own."""
