"""Bytes of a file -> a Record; no database.

For other rooms: `scanner.scan` (a folder -> its files), `pool.read_all` (files ->
`outcome.FileReading`s, on all processors), `parser.parse_record` (bytes -> Record).
Of the rest, `fields` reads a mapping field by field, `frontmatter` is YAML with its fast paths
`simple_yaml` and `related_block`, `related` has the rules of other coverage, `checking` tells
what a load needn't know, `fixing` mends it, and `wxr` reads WordPress exports.
"""
