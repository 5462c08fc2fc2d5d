"""Dynamic batching: requests of several clients run the model together.

`settings` is TF Serving's parameters file, `scheduler` has the queues and the threads, `batch` puts arrays together and
takes them apart, and `runner` stands in front of a loaded version so that neither requests nor versions know.
"""
