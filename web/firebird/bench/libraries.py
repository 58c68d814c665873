"""The fingerprinting libraries that pages load: fetched once by npm, each held to its hash."""

import base64
import hashlib
import pathlib
import subprocess
import tarfile

# Package: (version, hash as npm writes it, {file in the package: name under /lib/}). All three are MIT.
PACKAGES = {
    "@fingerprintjs/fingerprintjs": (
        "5.2.0",
        "sha512-j+2nInkwCQNTJcNhOjvkGM/nLRTuGJTC6xai4quqvUpjob2ssrGwBZjS7k55nOmKvge7qvJT2nS3i/IRvQSTQA==",
        {"dist/fp.umd.min.js": "fp.js"},
    ),
    "@thumbmarkjs/thumbmarkjs": (
        "1.11.0",
        "sha512-aJ7lwzR2sd1EIk8o+T1TATkxbqBPsW3u6AGGg1DGMAQ358yHlVWmBTFj2dJVE4/zuJEtx0gHJPNCErsyplBR7g==",
        {"dist/thumbmark.umd.js": "thumbmark.js"},
    ),
    "fpscanner": (
        "1.0.2",
        "sha512-AfDVyPvQr1uZ0A+feNjecA+Kl7dsiHwLNdGqapwxkngK2URAvo2v0Ld38vIcDc3v2FxgMqy8h9qMHqx2R343gg==",
        {"dist/fpScanner.es.js": "fpscanner.js"},
    ),
}


def versions():
    return [f"{name}=={version}" for name, (version, _, _) in PACKAGES.items()]


def fetched(folder):
    """Returns the folder with the scripts, after fetching those that are not there yet."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for package, (version, integrity, files) in PACKAGES.items():
        archive = folder / f"{package.strip('@').replace('/', '-')}-{version}.tgz"
        if not archive.exists():
            command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{package}@{version}"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != integrity:
            archive.unlink()
            raise SystemExit(f"{archive.name} has the hash {found}, expected {integrity}")
        with tarfile.open(archive) as packed:
            for inside, name in files.items():
                (folder / name).write_bytes(packed.extractfile(f"package/{inside}").read())
    return folder
