"""Headings that stand in for a title."""

import pytest

from feeds.records.headings import first_heading


@pytest.mark.parametrize(
    ("body", "heading"),
    [
        ("# Fog #\nText", "Fog"),
        ("Text.\n\n## Fog {#fog}\n", "Fog"),
        ("Fog\n===\n", "Fog"),
        ("```sh\n# no\n```\n   # Fog\n", "Fog"),
        ("~~~~\n# no\n~~~\n# no\n~~~~\n", ""),
        ("```\nno\n```\n===\n", ""),
        ("#\n\n### no\n\n#no\n    # no\n", ""),
        ("", ""),
    ],
)
def test_the_first_heading_outside_of_code(body: str, heading: str) -> None:
    assert first_heading(body) == heading
