"""Values -> bytes: pages, embeds, lists, and in `formats/` the feeds.

For other rooms: `formats.FORMATS`, `pages.Pages`, `site_documents.SITE`, `assets`,
`discovery`, `security_headers`. Nothing here asks for the time: equal values
give equal bytes.
"""
