"""An identity provider: keys, their public set, and tokens."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER = "https://id.example"
AUDIENCE = "darkroom"


class Issuer:
    """Signs with one key for each kind; each key's `kid` is its kind."""

    def __init__(self, rsa_bits: int = 2048) -> None:
        self.keys: dict[str, Any] = {
            "rsa": rsa.generate_private_key(65537, rsa_bits),
            "ec": ec.generate_private_key(ec.SECP256R1()),
            "ed": ed25519.Ed25519PrivateKey.generate(),
        }

    def jwk(self, kind: str, **changes: Any) -> dict[str, Any]:
        algorithm = jwt.get_algorithm_by_name({"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}[kind])
        return {**json.loads(algorithm.to_jwk(self.keys[kind].public_key())), "kid": kind, **changes}

    def write(self, path: Path, *kinds: str) -> Path:
        path.write_text(json.dumps({"keys": [self.jwk(kind) for kind in kinds or self.keys]}))
        return path

    def token(
        self,
        kind: str = "rsa",
        algorithm: str = "RS256",
        *,
        headers: dict[str, Any] | None = None,
        key: Any = None,
        without: tuple[str, ...] = (),
        **claims: Any,
    ) -> str:
        found = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "alice",
            "exp": int(time.time()) + 600,
            "scope": "predict",
            **claims,
        }
        for name in without:
            del found[name]
        named = {name: value for name, value in {"kid": kind, **(headers or {})}.items() if value is not None}
        return jwt.encode(found, self.keys[kind] if key is None else key, algorithm, headers=named)
