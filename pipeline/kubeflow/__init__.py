"""The pipeline in Kubeflow Pipelines: one container step for each of its nodes."""
