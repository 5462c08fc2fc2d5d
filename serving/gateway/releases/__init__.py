"""Which version answers a request that names none: stable, canary, and the shadow that nobody sees."""
