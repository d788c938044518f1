"""Which paths a site may have."""

import pytest

from feeds.export import manifest
from feeds.export.manifest import ManifestError


@pytest.mark.parametrize(
    "address",
    [
        "/../etc/passwd", "/topics/../../x/", "/.feeds/manifest.json", "//x", "/a//b", "/topics/./",
        "/rss.xml?page=2", "/a\\b", "/a\x00b", "/a\nb", f"/{'x' * 256}/", "/a#b",
    ],
)  # fmt: skip
def test_an_address_that_is_no_file_of_a_site_is_refused(address: str) -> None:
    with pytest.raises(ManifestError, match="can be no file of a site"):
        manifest.path_of(address)
