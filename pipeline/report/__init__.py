"""What a run did, for people: a page, a model card, a table, a comparison."""
