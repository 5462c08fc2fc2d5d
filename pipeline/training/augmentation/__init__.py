"""Random changes to training images, inside the input pipeline's graph."""
