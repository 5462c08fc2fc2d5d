"""What the gateway does when more is asked of it than it can answer."""
