"""What contents are known by."""

from __future__ import annotations

try:
    from _blake2 import blake2b  # `hashlib` loads OpenSSL first, which takes as long as reading some files
except ImportError:  # another interpreter
    from hashlib import blake2b

__all__ = ["blake2b", "digest_of"]


def digest_of(data: bytes) -> str:
    """Return what a content is known by."""
    return blake2b(data, digest_size=8).hexdigest()
