"""TLS and mTLS of the calls to model servers."""
