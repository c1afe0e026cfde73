#!/usr/bin/env python3
"""Writes into production/kustomization.yaml which image is to run: `set_image.py NAME VERSION DIGEST`.

The digest is what runs; the version is for who reads it.
"""

import re
import sys
from pathlib import Path

KUSTOMIZATION = Path(__file__).parent / "production" / "kustomization.yaml"
IMAGES = re.compile(r"^images:\n(?:  .*\n)+", re.MULTILINE)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def with_image(text: str, name: str, version: str, digest: str) -> str:
    """The kustomization with this image. Raises ValueError for a digest that is none, or a text without images."""
    if not DIGEST.fullmatch(digest):
        raise ValueError(f"{digest!r} is no digest")
    images = f"images:\n  - name: lacak\n    newName: {name}\n    digest: {digest} # {version}\n"
    changed, count = IMAGES.subn(lambda _: images, text)
    if count != 1:
        raise ValueError("there is no one `images:` to write to")
    return changed


if __name__ == "__main__":
    KUSTOMIZATION.write_text(with_image(KUSTOMIZATION.read_text(), *sys.argv[1:]))
