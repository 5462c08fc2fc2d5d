"""The contract between training and serving: one graph from encoded image bytes to pixels.

`preprocessing.images` (header rules), `preprocessing.spec`, `preprocessing.statistics` and `preprocessing.version`
import no TensorFlow; `preprocessing.decode`, `preprocessing.graph` and `preprocessing.saved` do. This module imports
none of them, so that a process without TensorFlow can use the first group.
"""
