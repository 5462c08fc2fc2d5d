"""What lies beside a model repository's versions: labels, the log of changes, and how they are changed safely.

Imports no TensorFlow, unless the repository lies in an object store.
"""
