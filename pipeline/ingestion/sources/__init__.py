"""Where labelled images come from. A source is one file here, and a line in `IngestionOptions.source`."""
