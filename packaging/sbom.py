#!/usr/bin/env python3
"""What the program is built of, as CycloneDX 1.6 (JSON): every package that is linked into it or runs while it is built.

    cargo metadata --format-version 1 --locked --filter-platform TARGET | sbom.py Cargo.lock TREE >mailferry.cdx.json

TREE is what `cargo tree --locked --target TARGET -e normal,build --prefix none -f '{p}'` says: metadata alone names what only tests
switch on as well. Only of what cargo says; nothing is fetched. The same sources give the same octets: the time is that of SOURCE_DATE_EPOCH.
"""

import datetime
import hashlib
import json
import os
import sys
import tomllib
import uuid

FACE = "mailferry"


def license_of(package):
    text = (package.get("license") or "").replace("/", " OR ")
    return [{"expression": text}] if text else []


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, checksums):
    kind = "application" if package["name"] == FACE else "library"
    found = {"type": kind, "bom-ref": reference(package), "name": package["name"], "version": package["version"]}
    if package.get("description"):
        found["description"] = " ".join(package["description"].split())
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if license_of(package):
        found["licenses"] = license_of(package)
    found["purl"] = reference(package)
    if package.get("repository"):
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return found


def needed(node):
    """What a package needs to be built and linked, and not what its tests do."""
    return [it["pkg"] for it in node["deps"] if any(kind["kind"] != "dev" for kind in it["dep_kinds"])]


def main():
    metadata = json.load(sys.stdin)
    lock = open(sys.argv[1], "rb").read()
    checksums = {(it["name"], it["version"]): it.get("checksum") for it in tomllib.loads(lock.decode())["package"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    tree = {tuple(line.split()[:2]) for line in open(sys.argv[2]) if line.strip()}
    built = {it for it in nodes if (packages[it]["name"], "v" + packages[it]["version"]) in tree}
    reached, waiting = {root}, [root]
    while waiting:
        for other in needed(nodes[waiting.pop()]):
            if other in built and other not in reached:
                reached.add(other)
                waiting.append(other)
    others = sorted((packages[it] for it in reached if it != root), key=reference)
    made = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.timezone.utc)
    dependencies = [
        {"ref": reference(packages[it]), "dependsOn": sorted({reference(packages[on]) for on in needed(nodes[it]) if on in built})}
        for it in sorted(reached, key=lambda it: reference(packages[it]))
    ]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "urn:uuid:" + str(uuid.UUID(bytes=hashlib.sha256(lock).digest()[:16], version=4)),
        "version": 1,
        "metadata": {
            "timestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": component(packages[root], checksums),
        },
        "components": [component(package, checksums) for package in others],
        "dependencies": dependencies,
    }
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


main()
