"""Addresses of objects in buckets as a configuration names them, for which no package is needed."""

import re
from typing import NamedTuple, Self

from simrec.errors import ConfigError

SCHEMES = ("s3", "gs", "gcs", "az", "abfs", "abfss", "file")
ADDRESS = re.compile(rf"({'|'.join(SCHEMES)})://([^/?]*)/?([^?]*)(?:\?(\w+=.*))?\Z", re.DOTALL)


class BucketUrl(NamedTuple):
    """An object, or all below a prefix: `s3://bucket/key?region=eu-north-1`.

    What follows the question mark is how the bucket is reached, and no part of a name.
    """

    scheme: str
    bucket: str
    key: str
    options: str

    @classmethod
    def parse(cls, address: str) -> Self:
        """Return the parts of an address; ConfigError for one with a password, or of no bucket."""
        parts = ADDRESS.match(address)
        scheme = address.partition(":")[0]
        if not parts or not (parts[2] or scheme == "file"):
            raise ConfigError(f"{scheme}: no address of a bucket, such as s3://bucket/prefix")
        user, is_named, _ = parts[2].rpartition("@")
        if is_named and (":" in user or scheme in ("s3", "gs", "gcs")):
            raise ConfigError(
                f"{scheme}://...: an address with a key or a password; give those by the "
                "environment, such as AWS_ACCESS_KEY_ID, or by a profile"
            )
        return cls(parts[1], parts[2], parts[3].rstrip("/"), parts[4] or "")

    @property
    def root(self) -> str:
        """The bucket alone, with its options, as a library takes it."""
        options = f"?{self.options}" if self.options else ""
        slash = "/" if self.scheme == "file" else ""
        return f"{self.scheme}://{self.bucket}{slash}{options}"

    def of(self, key: str) -> str:
        """Return the address of a key of the bucket, without options."""
        return f"{self.scheme}://{self.bucket}/{key}"

    def __str__(self) -> str:
        return self.of(self.key)


def is_bucket(path: str) -> bool:
    """Tell whether a path of the configuration names a bucket."""
    scheme, is_url, _ = path.partition("://")
    return bool(is_url) and scheme in SCHEMES
