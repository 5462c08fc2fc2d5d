"""Who may do what: TLS, API keys, tokens, scopes and rate limits, decided before a request's body is read.

`operations.py` says which scope each route and gRPC method needs, `access.py` decides, and one guard for each protocol
asks it. What is read from files is read again when they change.
"""
