"""The TFX pipeline: labelled images in, validated and pushed model out. `pipeline.pipeline` is the DAG on one page."""
