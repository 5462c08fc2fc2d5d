"""Which model server is asked, which is left alone for a while, and when a request is asked again."""
