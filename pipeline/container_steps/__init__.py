"""What a container of the compiled pipeline does: one step, told by its command line alone."""
