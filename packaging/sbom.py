#!/usr/bin/env python3
"""Writes what a built library is made of and what it needs, as a CycloneDX document:

    packaging/sbom.py LIBRARY.so PLATFORM SWIFT-VERSION >OUT.cdx.json

PLATFORM is that of the tarball, such as linux-x86_64.  What the library needs is read from the library
itself; what is of Swift in it was compiled in, and is named with the compiler's version.  The document is
checked against CycloneDX's schema before it is printed.  Its time is SOURCE_DATE_EPOCH, and its serial
number follows from the library's bytes: the same library gives the same document.
"""

import hashlib
import os
import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent


def needed(library: Path) -> list[str]:
    """The names of the libraries that it is linked with."""
    dynamic = subprocess.run(["readelf", "-d", library], check=True, text=True, capture_output=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)


def document(library: Path, platform: str, swift: str) -> Bom:
    version = subprocess.run([ROOT / "tools/version.sh"], check=True, text=True, capture_output=True).stdout.strip()
    digest = hashlib.sha256(library.read_bytes()).hexdigest()
    this = Component(
        name="cachecore", version=version, type=ComponentType.LIBRARY, bom_ref="cachecore",
        description="A bounded, concurrent, in-process cache",
        purl=PackageURL("generic", name="cachecore", version=version, qualifiers={"platform": platform}),
        licenses=[DisjunctiveLicense(id="Apache-2.0")],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)])
    parts = [Component(
        name="swift-embedded-standard-library", version=swift, type=ComponentType.LIBRARY, bom_ref="swift",
        scope=ComponentScope.REQUIRED, description="Compiled into the library",
        purl=PackageURL("generic", name="swift", version=swift),
        licenses=[LicenseExpression("Apache-2.0 WITH Swift-exception")])]
    parts += [Component(
        name=name, type=ComponentType.LIBRARY, bom_ref=name, scope=ComponentScope.REQUIRED,
        description="Of the system, found when the library is loaded") for name in needed(library)]
    bom = Bom(components=parts, serial_number=uuid.uuid5(uuid.NAMESPACE_OID, digest))
    bom.metadata.timestamp = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    bom.metadata.component = this
    bom.register_dependency(this, parts)
    return bom


def main() -> int:
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    text = JsonV1Dot6(document(Path(sys.argv[1]), sys.argv[2], sys.argv[3])).output_as_string(indent=2)
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        print(f"sbom.py: {error}", file=sys.stderr)
        return 1
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
