"""Which feeds there are, what is in one, and at which address.

For other rooms: `addresses` (paths and parameters <-> queries), `parameters`,
`builder` (query -> Feed), `stories`, `titles`, `cache_keys`. Queries are values;
what they find comes from the store. Nothing here renders.
"""
