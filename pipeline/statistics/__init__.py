"""Statistics: TFDV's options for image examples, and the channel statistics that preprocessing needs."""
